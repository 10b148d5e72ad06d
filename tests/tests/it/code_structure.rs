//! Checks the invariants of `docs/architecture.md` by reading the sources.

mod modules;
mod nouns;
mod sql;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// All files below a folder with this extension, without those of builds.
fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            if name != "target" && !name.starts_with('.') {
                found.extend(files(&path, extension));
            }
        } else if path.extension().is_some_and(|found| found == extension) {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn relative(path: &Path) -> String {
    path.strip_prefix(root()).unwrap().display().to_string()
}

/// The sources below a folder that contain one of these texts, except the listed ones.
fn mentions(folder: &str, texts: &[&str], except: &[&str]) -> Vec<String> {
    let is_guilty = |text: &str| texts.iter().any(|needle| text.contains(needle));
    let mut names = files_where("rs", folder, is_guilty);
    names.retain(|path| !except.contains(&path.as_str()));
    names
}

/// The files below a folder whose text fulfils this.
fn files_where(extension: &str, folder: &str, holds: impl Fn(&str) -> bool) -> Vec<String> {
    let found = files(&root().join(folder), extension);
    assert!(!found.is_empty(), "{folder}");
    let fitting = found.into_iter().filter(|path| holds(&fs::read_to_string(path).unwrap()));
    let mut names: Vec<String> = fitting.map(|path| relative(&path)).collect();
    names.sort();
    names
}

/// Each crate with its permitted dependencies, without those of tests.
#[test]
fn crates_depend_downwards_only() {
    let below: BTreeMap<&str, &[&str]> = BTreeMap::from([
        ("domain", &[][..]),
        ("store", &["domain"]),
        ("projections", &["domain", "store"]),
        ("migrator", &["domain", "store", "projections"]),
        ("api", &["domain", "store", "projections"]),
        ("embedded", &[]),
        ("cli", &["domain", "store", "projections", "migrator", "api", "embedded"]),
    ]);
    for (name, allowed) in below {
        let manifest = fs::read_to_string(root().join(name).join("Cargo.toml")).unwrap();
        let own =
            manifest.split("\n[").find(|section| section.starts_with("dependencies]")).unwrap_or_default();
        let used = own.lines().filter_map(|line| line.strip_prefix("phaseline-"));
        for dependency in used.map(|line| line.split(['.', ' ', '=']).next().unwrap()) {
            assert!(allowed.contains(&dependency), "{name} depends on {dependency}");
        }
    }
}

/// A pool's connection would have no transaction behind a pooler, and no settings.
#[test]
fn services_and_single_commands_connect_by_sessions_only() {
    for folder in ["store/src", "projections/src", "migrator/src", "api/src", "cli/src"] {
        let pools = ["PgPool,", "PgPool;", "PgPool>", "PgPool}", "PoolConnection", "pool.acquire"];
        let own = ["store/src/sessions.rs", "store/src/sessions/kept.rs", "store/src/sessions/server.rs"];
        assert_eq!(mentions(folder, &pools, &own), Vec::<String>::new());
    }
}

#[test]
fn pages_and_reports_of_the_program_import_no_command() {
    for folder in ["cli/src/render", "cli/src/report"] {
        assert_eq!(mentions(folder, &["crate::command"], &[]), Vec::<String>::new());
    }
    // Only main, the dispatcher and the check of options use the parser; a test of the exit codes reads its help.
    assert_eq!(
        mentions("cli/src", &["crate::args"], &[]),
        ["cli/src/command.rs", "cli/src/effect.rs", "cli/src/exit.rs"]
    );
}

/// Whether a literal is a SQLSTATE, or the class of one: of PostgreSQL or of schema phaseline.
fn is_sqlstate(literal: &str) -> bool {
    let classes = ["08", "22", "23", "25", "28", "3D", "3F", "40", "42", "53", "55", "57", "58", "P0", "PL"];
    let is_class = literal.len() == 2 && classes.contains(&literal) && literal != "PL";
    is_class
        || literal.len() == 5
            && literal.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase())
            && literal.bytes().any(|byte| byte.is_ascii_digit())
            && classes.iter().any(|class| literal.starts_with(class))
}

#[test]
fn one_file_interprets_sqlstates() {
    let mut guilty = Vec::new();
    for folder in ["domain/src", "store/src", "projections/src", "migrator/src", "api/src", "cli/src"] {
        for path in files(&root().join(folder), "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]\nmod tests").next().unwrap();
            let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
            for line in lines {
                if line.split('"').any(is_sqlstate) || line.contains("DatabaseError::code") {
                    guilty.push(relative(&path));
                }
            }
        }
    }
    guilty.dedup();
    assert_eq!(guilty, ["store/src/sqlstate.rs"], "match on the variants of phaseline_store::SqlState");
}

/// The anchor that a heading gets.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

fn without_code(text: &str) -> String {
    let mut inside = false;
    text.lines()
        .filter(|line| {
            let fence = line.trim_start().starts_with("```");
            inside ^= fence;
            !inside && !fence
        })
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn links_in_the_documents_lead_somewhere() {
    let mut links = 0;
    let mut broken = Vec::new();
    for page in files(&root(), "md") {
        let text = without_code(&fs::read_to_string(&page).unwrap());
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if target.starts_with("http") || target.starts_with("mailto:") {
                continue;
            }
            links += 1;
            let (path, fragment) = target.split_once('#').unwrap_or((target, ""));
            let file = if path.is_empty() { page.clone() } else { page.parent().unwrap().join(path) };
            let Ok(file) = file.canonicalize() else {
                broken.push(format!("{}: {target}", relative(&page)));
                continue;
            };
            if !fragment.is_empty() && file.extension().is_some_and(|extension| extension == "md") {
                let text = without_code(&fs::read_to_string(&file).unwrap());
                let mut headings = text.lines().filter(|line| line.starts_with('#'));
                if !headings.any(|line| anchor(line.trim_start_matches('#').trim()) == fragment) {
                    broken.push(format!("{}: {target}", relative(&page)));
                }
            }
        }
    }
    assert!(links > 50, "{links}");
    assert_eq!(broken, Vec::<String>::new());
}

/// A page that is not read to its end is no documentation.
#[test]
fn the_first_pages_stay_short() {
    for page in ["README.md", "docs/architecture.md"] {
        let lines = fs::read_to_string(root().join(page)).unwrap().lines().count();
        assert!(lines <= 150, "{page} has {lines} lines: move a part to a page of its own");
    }
}

#[test]
fn modules_name_each_other_in_one_direction() {
    for crate_name in ["domain", "store", "projections", "migrator", "api", "embedded", "cli", "bench"] {
        let graph = modules::graph(&modules::sources(&format!("{crate_name}/src")));
        let edges: usize = graph.values().map(BTreeSet::len).sum();
        assert!(edges > graph.len(), "{crate_name}: {edges} edges of {} modules", graph.len());
        assert_eq!(modules::circles(&graph), Vec::<String>::new(), "{crate_name}");
        let deepest = graph.keys().map(Vec::len).max().unwrap();
        for depth in 1..=deepest {
            // The parser has the arguments of every command, and the dispatcher has the parser.
            let left = if (crate_name, depth) == ("cli", 1) { &["args", "command"][..] } else { &[] };
            let folders = modules::of_folders(&graph, depth);
            assert_eq!(modules::circles(&folders), left, "{crate_name}, folders of depth {depth}");
        }
    }
}

/// A test's name states its behaviour, and fits into a line of output.
#[test]
fn names_of_tests_have_at_most_70_characters() {
    let mut long = Vec::new();
    for path in files(&root(), "rs") {
        let text = fs::read_to_string(&path).unwrap();
        let after_attribute = text.split("#[test]").chain(text.split("#[tokio::test")).skip(1);
        for rest in after_attribute {
            let name = rest.split("fn ").nth(1).and_then(|rest| rest.split('(').next()).unwrap_or_default();
            if name.len() > 70 && !name.contains(char::is_whitespace) {
                long.push(format!("{}: {name}", relative(&path)));
            }
        }
    }
    assert_eq!(long, Vec::<String>::new());
}

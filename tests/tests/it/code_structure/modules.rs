//! The graph of a crate's modules, one per file: which one names an item of which other.
//!
//! An item that a module re-exports counts as the module's that defines it. A module declares those in its own folder, and they may use
//! what it defines: these edges are left out, and a second graph has each folder as one.

use super::{files, root};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

/// The path of a module below the crate's root, such as `auth::keys`; empty for the root itself.
type Module = Vec<String>;

/// Each module with the others whose items it names.
pub(super) type Graph = BTreeMap<Module, BTreeSet<Module>>;

/// One name that a `use` brings into a module.
struct Import {
    name: String,
    path: Vec<String>,
}

struct Source {
    imports: Vec<Import>,
    /// The paths from `crate`, `self` or `super` outside of imports.
    paths: Vec<Vec<String>>,
}

/// The sources of a crate: its modules with their code.
pub(super) fn sources(folder: &str) -> BTreeMap<Module, String> {
    let source = root().join(folder);
    let texts = files(&source, "rs").into_iter().map(|path| {
        let below = path.strip_prefix(&source).unwrap().with_extension("");
        let mut module: Module = below.iter().map(|name| name.to_string_lossy().into_owned()).collect();
        if module == ["lib"] || module == ["main"] {
            module.clear();
        }
        (module, fs::read_to_string(&path).unwrap())
    });
    texts.collect()
}

/// The graph of these sources, without tests and comments.
pub(super) fn graph(sources: &BTreeMap<Module, String>) -> Graph {
    let parsed: BTreeMap<Module, Source> =
        sources.iter().map(|(module, text)| (module.clone(), parse(text))).collect();
    let edges = parsed.iter().map(|(module, source)| {
        let named = source.imports.iter().map(|import| &import.path).chain(&source.paths);
        let targets = named.filter_map(|path| defining(&parsed, module, path, 0));
        (module.clone(), targets.filter(|target| !is_within(target, module)).collect())
    });
    edges.collect()
}

/// The same with each folder as one with the file of its name: the modules that the crate's root declares.
pub(super) fn of_folders(graph: &Graph) -> Graph {
    let folder = |module: &Module| module.iter().take(1).cloned().collect::<Module>();
    let mut found = Graph::new();
    for (module, targets) in graph {
        let edges = found.entry(folder(module)).or_default();
        edges.extend(targets.iter().map(folder).filter(|target| *target != folder(module)));
    }
    found
}

/// The modules that lie on circles, each as one text.
pub(super) fn circles(graph: &Graph) -> Vec<String> {
    let on_circle = graph.keys().filter(|module| reached(graph, module).contains(*module));
    on_circle.map(|module| module.join("::")).collect()
}

fn reached(graph: &Graph, module: &Module) -> BTreeSet<Module> {
    let mut found = BTreeSet::new();
    let mut next = vec![module];
    while let Some(module) = next.pop() {
        for target in &graph[module] {
            if found.insert(target.clone()) {
                next.push(target);
            }
        }
    }
    found
}

/// Whether the target is the module itself, one of its folder, or the crate's root, which declares all.
fn is_within(target: &Module, module: &Module) -> bool {
    target.is_empty() || target.starts_with(module)
}

fn parse(text: &str) -> Source {
    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap();
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    let code = lines.collect::<Vec<_>>().join("\n");
    let mut imports = Vec::new();
    let mut rest = String::new();
    let mut statements = code.split_inclusive([';', '{', '}']).peekable();
    while let Some(part) = statements.next() {
        let words = part.trim_start();
        let words = words.rsplit("]\n").next().unwrap();
        let without_pub = words.find("use ").filter(|at| *at == 0 || words.starts_with("pub"));
        match without_pub {
            Some(at) if !words[..at].contains('\n') => {
                let mut statement = words[at + 4..].to_owned();
                while !statement.ends_with(';') {
                    let Some(more) = statements.next() else { break };
                    statement.push_str(more);
                }
                let statement: String = statement.split_whitespace().collect::<Vec<_>>().join(" ");
                expand("", statement.trim_end_matches(';'), &mut imports);
            }
            _ => rest.push_str(part),
        }
    }
    let is_path = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    let paths = rest
        .split(|c| !is_path(c))
        .filter(|word| ["crate::", "self::", "super::"].iter().any(|prefix| word.starts_with(prefix)));
    Source { paths: paths.map(segments).collect(), imports }
}

/// Takes the tree of an import apart, such as `a::{b, c::{self, d as e}}`.
fn expand(prefix: &str, tree: &str, imports: &mut Vec<Import>) {
    let tree = tree.trim();
    if let Some((before, list)) = tree.split_once('{') {
        let mut depth = 0;
        let inner = list.trim_end().strip_suffix('}').unwrap_or(list);
        let parts = inner.split(|c| {
            depth += i32::from(c == '{') - i32::from(c == '}');
            c == ',' && depth == 0
        });
        for part in parts.filter(|part| !part.trim().is_empty()) {
            expand(&format!("{prefix}{before}"), part, imports);
        }
        return;
    }
    let (path, alias) = tree.split_once(" as ").unwrap_or((tree, ""));
    let whole = format!("{prefix}{path}");
    let path = segments(whole.strip_suffix("::self").unwrap_or(&whole));
    let last = path.last().cloned().unwrap_or_default();
    imports.push(Import { name: if alias.is_empty() { last } else { alias.trim().to_owned() }, path });
}

fn segments(path: &str) -> Vec<String> {
    path.split("::").map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

/// The module that defines what a path names, seen from a module; none if it is of another crate.
fn defining(
    sources: &BTreeMap<Module, Source>,
    from: &Module,
    path: &[String],
    depth: usize,
) -> Option<Module> {
    let mut at = from.clone();
    let mut rest = path;
    match rest.first()?.as_str() {
        "crate" => at.clear(),
        "self" => {}
        "super" => {
            at.pop();
        }
        first => {
            at.push(first.to_owned());
            if !sources.contains_key(&at) {
                return None;
            }
        }
    }
    rest = &rest[1..];
    while let Some(name) = rest.first() {
        if name == "super" {
            at.pop();
        } else {
            at.push(name.clone());
            if !sources.contains_key(&at) {
                at.pop();
                break;
            }
        }
        rest = &rest[1..];
    }
    let exported =
        rest.first().and_then(|item| sources[&at].imports.iter().find(|import| import.name == *item));
    match exported {
        Some(import) if depth < 10 => defining(sources, &at, &import.path, depth + 1).or(Some(at)),
        _ => Some(at),
    }
}

#[test]
fn a_circle_through_a_re_export_is_found() {
    let source = |module: &str, text: &str| (segments(module), text.to_owned());
    let mut sources = BTreeMap::from([
        source("", "mod a;\nmod b;\npub use b::{Deep, deeper::Other as Alias};"),
        source("a", "use crate::{Alias, Deep};\n// crate::c::Comment\nfn f() {}"),
        source("b", "mod deeper;\npub(crate) use deeper::Deep;\nfn g() { self::deeper::f() }"),
        source("b::deeper", "struct Deep;\nfn h() { let _ = super::super::c::x(); }"),
        source("c", "fn x() {}\n#[cfg(test)]\nmod tests { use crate::a; }"),
    ]);
    let found = graph(&sources);
    assert_eq!(found[&segments("a")], BTreeSet::from([segments("b::deeper")]));
    assert_eq!(found[&segments("b::deeper")], BTreeSet::from([segments("c")]));
    assert_eq!(circles(&found), Vec::<String>::new());
    sources.insert(segments("c"), "use std::fmt;\n#[cfg(unix)]\nuse crate::{\n    a::f,\n};".to_owned());
    assert_eq!(circles(&graph(&sources)), ["a", "b::deeper", "c"]);
    // Through a folder, though its own file and the file within are on no circle by themselves.
    let sources = BTreeMap::from([
        source("", "mod p;\nmod x;"),
        source("p", "mod c;\npub use c::C;\nstruct P;"),
        source("p::c", "use crate::x::X;\nstruct C;"),
        source("x", "use crate::p::P;\nstruct X;"),
    ]);
    assert_eq!(circles(&graph(&sources)), Vec::<String>::new());
    assert_eq!(circles(&of_folders(&graph(&sources))), ["p", "x"]);
}

//! Pages and errors on terminals of 80 and of 44 columns: nothing is wider, no word is broken, nothing is lost, and colours are verdicts.

use crate::program::{legacy, migrated, on, project_and_phase};
use crate::terminal::{lines_at, shown_at};
use phaseline_embedded::testing::TestDatabase;
use std::collections::BTreeSet;
use unicode_width::UnicodeWidthStr;

const WIDTHS: [u16; 2] = [80, 44];
/// Wider than a column of a table, with characters of two columns.
const NAME: &str = "Entwurf und Ausführung der nördlichen Erweiterung 設計と建設 🚧 zweiter Teil";

/// What a page must keep.
#[derive(Clone, Copy, PartialEq)]
enum Keeps {
    /// All words in their order.
    Order,
    /// All words: a table may become records, or names how to see what is cut.
    Words,
}

/// The words without rules across the page, the marks of continued commands, and durations.
fn words(text: &str) -> Vec<String> {
    let is_rule = |word: &str| word.chars().all(|character| matches!(character, '=' | '-' | '\\'));
    let lines = text.lines().filter(|line| !line.trim_start().starts_with("took "));
    lines.flat_map(str::split_whitespace).filter(|word| !is_rule(word)).map(str::to_owned).collect()
}

/// Fails if a line is wider than the terminal, unless it is a single word without wide characters: ids and digests are never broken.
#[track_caller]
fn fits(lines: &[String], width: u16, command: &str) {
    for line in lines {
        let is_narrow = line.width() == line.chars().count();
        let is_one_word = !line.trim().trim_end_matches(" \\").contains(' ') && is_narrow;
        assert!(line.width() <= usize::from(width) || is_one_word, "{command} at {width}: {line:?}");
    }
}

#[track_caller]
fn fits_and_keeps(database: &TestDatabase, command: &str, keeps: Keeps) {
    let arguments: Vec<&str> = command.split(' ').collect();
    let piped = on(database, &arguments);
    let piped = words(&format!("{}{}", piped.stdout, piped.stderr));
    for width in WIDTHS {
        let lines = lines_at(width, database, command);
        fits(&lines, width, command);
        let shown = words(&lines.join("\n"));
        match keeps {
            Keeps::Order => assert_eq!(shown, piped, "{command} at {width}: {lines:#?}"),
            Keeps::Words if lines.iter().any(|line| line.contains("--wide shows all")) => {
                let wide = lines_at(width, database, &format!("{command} --wide"));
                assert_eq!(words(&wide.join("\n")), piped, "{command} --wide at {width}");
            }
            Keeps::Words => {
                let shown: BTreeSet<&String> = shown.iter().collect();
                let lost: Vec<&String> = piped.iter().filter(|word| !shown.contains(word)).collect();
                assert_eq!(lost, Vec::<&String>::new(), "{command} at {width}: {lines:#?}");
            }
        }
    }
}

#[test]
fn pages_fit_the_terminal_and_keep_every_word() {
    let (old, new) = (legacy(), migrated());
    let (project, phase) = project_and_phase(&new);
    let reason = "--reason=the-steering-committee-decided-it";
    on(&new, &["phase", "rename", &phase, NAME, reason]).exits_with(0);
    let text = format!("{NAME}; {NAME}; {NAME}");
    on(&new, &["phase", "describe", &phase, &text]).exits_with(0);
    old.psql(
        "INSERT INTO projects (id, program_id, name, business_sponsor, project_manager, technical_lead, start_date,
             end_date, cost_center_code, created_at, updated_at)
           SELECT '0f0e1d0c-0000-4000-8000-000000000001', program_id, 'Annex', 's', 'm', 't', '2023-01-01',
             '2023-06-30', 'CC-900001', '2022-12-01', '2022-12-01' FROM projects LIMIT 1;
         UPDATE projects SET end_date = 'infinity' WHERE id = (SELECT project_id FROM project_phases LIMIT 1)",
    );
    let history = format!("history {project} --quiet");
    for (database, command, keeps) in [
        (&old, "plan --quiet", Keeps::Words),
        (&old, "status", Keeps::Order),
        (&old, "verify --quiet", Keeps::Order),
        (&old, "doctor", Keeps::Order),
        (&new, "plan --quiet", Keeps::Order),
        (&new, "status", Keeps::Order),
        (&new, "verify --quiet", Keeps::Order),
        (&new, "doctor", Keeps::Order),
        (&new, history.as_str(), Keeps::Order),
        (&new, "drift --quiet", Keeps::Order),
        (&new, "adopt --quiet", Keeps::Order),
        (&new, "rebuild --check --quiet", Keeps::Order),
        (&new, "quarantine list --quiet", Keeps::Order),
        (&new, "rollback --dry-run --quiet", Keeps::Order),
        (&new, "config show", Keeps::Words),
        (&new, "upgrade --check", Keeps::Order),
    ] {
        fits_and_keeps(database, command, keeps);
    }
    // Rows that differ from the log.
    new.psql(&format!(
        "UPDATE project_phases SET name = name || ' and further words behind it' WHERE id = '{phase}'"
    ));
    fits_and_keeps(&new, "drift --quiet", Keeps::Order);
    fits_and_keeps(&new, "rebuild --check --quiet", Keeps::Order);
    fits_and_keeps(&new, "verify --quiet", Keeps::Order);
}

#[test]
fn errors_and_remedies_fit_the_terminal_and_keep_every_word() {
    let (old, new) = (legacy(), migrated());
    let (_, phase) = project_and_phase(&new);
    on(&new, &["phase", "rename", &phase, NAME]).exits_with(0);
    let stale = format!("migrate --yes --quiet --plan sha256:{}", "0".repeat(64));
    let missing = format!("phase rename {} Design", uuid::Uuid::nil());
    let resize = format!("phase resize {phase} 1990-01-01 1990-01-02");
    for (database, command) in [
        (&old, stale.as_str()),
        (&new, "quarantine skip 00000000-0000-0000-0000-000000000000 --all --reason test --quiet"),
        (&old, "phase describe not-an-id text"),
        (&old, "migrate --yes --no-such-option"),
        (&old, "drift --quiet"),
        (&new, missing.as_str()),
        (&new, resize.as_str()),
        (&new, "rollback --yes --quiet"),
        (&new, "token --subject ada --database-url postgres://planner@database.example.org/planner"),
        (&new, "status --database-url postgres://nobody@127.0.0.1:1/planner"),
    ] {
        fits_and_keeps(database, command, Keeps::Order);
    }
}

#[test]
fn a_long_name_is_cut_in_a_table_and_shown_whole_with_wide() {
    let database = migrated();
    let (project, phase) = project_and_phase(&database);
    on(&database, &["phase", "rename", &phase, NAME]).exits_with(0);
    let show = format!("timeline show {project}");
    let piped = on(&database, &["timeline", "show", &project]).stdout;
    let at_80 = lines_at(80, &database, &show);
    fits(&at_80, 80, &show);
    let page = at_80.join("\n");
    assert!(page.contains("Entwurf und…") && !page.contains(NAME) && page.contains("--wide"), "{page}");
    assert!(at_80.contains(&format!("    id {phase}")), "the id is whole: {page}");
    let wide = lines_at(80, &database, &format!("{show} --wide"));
    assert_eq!(wide.join("\n").trim_end(), piped.trim_end(), "as without a terminal");
    assert!(piped.contains(NAME));
    // Each row is a record, and nothing is cut.
    let at_44 = lines_at(44, &database, &show);
    fits(&at_44, 44, &show);
    let page = at_44.join("\n");
    assert!(page.contains("Entwurf und Ausführung") && page.contains("zweiter Teil"), "{page}");
    assert!(!page.contains('…') && page.contains(&phase), "{page}");
    assert_eq!(at_44.iter().filter(|line| line.starts_with("  start ")).count(), 2, "{page}");
}

#[test]
fn wide_characters_without_spaces_are_broken_between_them() {
    let (old, new) = (legacy(), migrated());
    let (project, phase) = project_and_phase(&new);
    let (name, text) = ("設計と建設の段階".repeat(8), "次の段階の詳しい説明、".repeat(30));
    on(&new, &["phase", "rename", &phase, &name]).exits_with(0);
    on(&new, &["phase", "describe", &phase, &text]).exits_with(0);
    old.psql(&format!("UPDATE projects SET name = '{name}', end_date = 'infinity'"));
    let (show, history) = (format!("timeline show {project}"), format!("history {project} --quiet"));
    let missing = format!("phase resize {phase} 1990-01-01 1990-01-02");
    for (database, command, whole) in [
        (&new, show.as_str(), None),
        (&new, history.as_str(), Some(&text)),
        (&new, "drift --quiet", None),
        (&new, missing.as_str(), Some(&name)),
        (&old, "plan --quiet", None),
        (&old, "projects", None),
    ] {
        for width in WIDTHS {
            let lines = lines_at(width, database, command);
            fits(&lines, width, command);
            let joined: String = lines.join("").split_whitespace().collect();
            assert!(whole.is_none_or(|whole| joined.contains(whole)), "{command} at {width}: {lines:#?}");
        }
    }
}

#[test]
fn settings_keep_their_names_on_a_narrow_terminal() {
    let database = migrated();
    for width in WIDTHS {
        let page = lines_at(width, &database, "config show").join("\n");
        for key in ["jwt_secret_file", "jwt_public_key_file", "shutdown_timeout"] {
            assert!(page.contains(key), "{key} at {width}: {page}");
        }
    }
}

#[test]
fn columns_of_the_environment_count_on_a_terminal_only() {
    let database = migrated();
    let (project, _) = project_and_phase(&database);
    let show = format!("timeline show {project}");
    let piped = on(&database, &["timeline", "show", &project]).stdout;
    let shown = shown_at(44, &database, &show, &[("COLUMNS", "300"), ("NO_COLOR", "1")]);
    // Prose is no wider than it is easy to read.
    assert_eq!(words(&shown), words(&piped));
    let rows = |text: &str| text.lines().filter(|line| line.contains("  20")).count();
    assert_eq!(rows(&shown), rows(&piped), "rows are whole: {shown}");
}

#[test]
fn bars_stay_on_one_line_of_the_terminal() {
    let database = migrated();
    for width in WIDTHS {
        // The last question is not answered, which means no.
        for command in ["verify", "rebuild --check", "drift", "rollback --yes", "migrate --yes", "rollback"] {
            let shown = shown_at(width, &database, command, &[]);
            // A bar is drawn over the last one; an escape sequence moves to it.
            let drawn = shown.replace('\u{1b}', "\n\u{1b}");
            for line in anstream::adapter::strip_str(&drawn).to_string().split(['\r', '\n']) {
                // A completed line is filled up to the terminal's edge, behind which the next one begins.
                let mut rest = line;
                while rest.width() > usize::from(width) && rest.trim().contains(' ') {
                    let edge = rest.char_indices().nth(width.into()).unwrap().0;
                    assert!(rest[..edge].ends_with(' '), "{command} at {width}: {line:?}");
                    rest = &rest[edge..];
                }
            }
        }
    }
}

/// The texts in red, green or yellow.
fn coloured(shown: &str) -> BTreeSet<String> {
    let mut texts = BTreeSet::new();
    let mut colour = false;
    let mut text = String::new();
    for part in shown.split('\u{1b}').skip(1) {
        let Some((codes, after)) = part.strip_prefix('[').and_then(|part| part.split_once('m')) else {
            continue;
        };
        if !codes.chars().all(|code| code.is_ascii_digit() || code == ';') {
            continue;
        }
        for code in codes.split(';') {
            match code {
                "" | "0" => {
                    if colour {
                        texts.insert(std::mem::take(&mut text).trim().to_owned());
                    }
                    colour = false;
                }
                "1" | "2" | "4" => {}
                _ => colour = true,
            }
        }
        if colour {
            text.push_str(after);
        }
    }
    texts
}

#[test]
fn only_verdicts_have_a_colour_and_none_with_no_color() {
    let (old, new) = (legacy(), migrated());
    let (project, phase) = project_and_phase(&new);
    on(&new, &["phase", "rename", &phase, NAME]).exits_with(0);
    let (history, show) = (format!("history {project}"), format!("timeline show {project}"));
    let stale = format!("migrate --yes --plan sha256:{}", "0".repeat(64));
    let mut seen = BTreeSet::new();
    for (database, command) in [
        (&old, "plan --quiet"),
        (&old, "doctor"),
        (&old, stale.as_str()),
        (&old, "plam"),
        (&new, "status"),
        (&new, "verify --quiet"),
        (&new, history.as_str()),
        (&new, show.as_str()),
        (&new, "drift --quiet"),
        (&new, "rollback --dry-run --quiet"),
        (&new, "rollback --yes --quiet"),
    ] {
        let plain = shown_at(80, database, command, &[("NO_COLOR", "1")]);
        if command.contains("--quiet") || !command.contains("migrate") {
            assert!(!plain.contains('\u{1b}'), "{command}: {plain:?}");
        }
        seen.extend(coloured(&shown_at(80, database, command, &[])));
    }
    let is_verdict = |text: &String| {
        let is_shouted = text.chars().any(char::is_alphabetic) && *text == text.to_uppercase();
        is_shouted
            || ["ok", "warn", "fail", "error", "error:", "missing", "goes", "comes"].contains(&text.as_str())
    };
    let others: Vec<&String> = seen.iter().filter(|text| !is_verdict(text)).collect();
    assert_eq!(others, Vec::<&String>::new(), "{seen:?}");
    assert!(seen.contains("READY") && seen.contains("✓ PASS") && seen.contains("ok"), "{seen:?}");
}

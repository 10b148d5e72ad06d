//! `docs/messages.md` lists every message of an error, collected from the sources, with its code and its remedy, so that they can be read
//! as a whole. Messages must follow the style of `docs/contributing.md`.

mod collect;

use collect::{Message, Origin, collect};
use std::fmt::Write;
use std::fs;
use std::path::Path;

const PAGE: &str = "docs/messages.md";

/// What the page says about each origin.
const SECTIONS: [(Origin, &str, &str); 3] = [
    (Origin::Program, "The program", "| code | message | hint |\n|---|---|---|\n"),
    (Origin::Service, "The service", "| code | title and detail |\n|---|---|\n"),
    (Origin::Library, "Texts of both", "| error | text |\n|---|---|\n"),
];

fn cell(texts: &[String]) -> String {
    let texts: Vec<String> =
        texts.iter().map(|text| text.replace('|', "\\|").replace('\n', "<br>")).collect();
    texts.join("<br>")
}

fn page(messages: &[Message]) -> String {
    let mut page = String::from(
        "# Messages of errors\n\n\
         Collected from the sources by a test. `{name}` stands for a value; several lines are alternatives or parts. Messages of \
         PostgreSQL are passed on with their SQLSTATE. Rules are in [rules.md](rules.md), anomalies of a plan in its own output.\n",
    );
    for (origin, title, head) in SECTIONS {
        let _ = write!(page, "\n## {title}\n{head}");
        for message in messages.iter().filter(|message| message.origin == origin) {
            let code = message.code.as_deref().map_or_else(String::new, |code| format!("`{code}`"));
            let _ = match origin {
                Origin::Program => {
                    writeln!(page, "| {code} | {} | {} |", cell(&message.texts), cell(&message.remedies))
                }
                Origin::Service | Origin::Library => writeln!(page, "| {code} | {} |", cell(&message.texts)),
            };
        }
    }
    page
}

#[test]
fn the_page_of_messages_has_every_message_of_the_sources() {
    let messages = collect();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join(PAGE);
    let page = page(&messages);
    if std::env::var_os("PHASELINE_BLESS").is_some() {
        fs::write(&path, &page).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(written == page, "{PAGE} differs from the sources (PHASELINE_BLESS=1 writes it)");
    for (origin, least) in [(Origin::Program, 80), (Origin::Service, 40), (Origin::Library, 80)] {
        let found = messages.iter().filter(|message| message.origin == origin).count();
        assert!(found >= least, "{origin:?}: only {found} were found");
    }
}

/// Words and forms that `docs/contributing.md` replaces, or that tell the reader nothing.
const AVOIDED: [&str; 12] = [
    " is no ",
    "somebody",
    "nobody",
    "whoever",
    "whatever",
    " anew",
    "as it stands",
    " is told",
    "asked for",
    "Oops",
    "!",
    "please",
];

#[test]
fn messages_follow_the_style() {
    let mut faults = Vec::new();
    for message in collect() {
        for text in message.texts.iter().chain(&message.remedies) {
            // Not "there is no key", and not the user of that name.
            let text = text.replace("there is no ", "").replace("`nobody`", "");
            for avoided in AVOIDED.iter().filter(|avoided| text.contains(**avoided)) {
                faults.push(format!("{avoided:?} in {text:?}"));
            }
            if text.trim() != text && text.trim().is_empty() {
                faults.push(format!("an empty message with code {:?}", message.code));
            }
        }
        // A remedy is a sentence of its own.
        for remedy in &message.remedies {
            if remedy.starts_with(char::is_lowercase) && remedy.contains(". ") {
                faults.push(format!("the remedy {remedy:?} begins like a part of a sentence"));
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

//! One noun, one type: the name of a type is defined once in all crates.

use super::{files, relative, root};
use std::collections::BTreeMap;
use std::fs;

/// Names with a second type in the model of the tests, which restates these terms without using the product's types.
const RESTATED_BY_THE_MODEL: [&str; 4] = ["Budget", "Phase", "Shape", "Timeline"];

/// The name of the type that a line defines. Associated types and aliases inside functions are not names of the crate.
fn defined_type(line: &str) -> Option<&str> {
    let code = line.trim_start();
    let is_nested = code.len() < line.len();
    let code = match code.strip_prefix("pub") {
        Some(rest) => rest.trim_start_matches(|c| c != ' ').trim_start(),
        None => code,
    };
    let (keyword, rest) = code.split_once(' ')?;
    let defines = matches!(keyword, "struct" | "enum" | "trait" | "union") || keyword == "type" && !is_nested;
    let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
    (defines && rest.starts_with(char::is_uppercase)).then_some(&rest[..end])
}

#[test]
fn each_name_of_a_type_is_defined_once() {
    let mut types: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for folder in ["domain", "store", "projections", "migrator", "api", "embedded", "cli", "bench", "tests"] {
        for path in files(&root().join(folder).join("src"), "rs") {
            for name in fs::read_to_string(&path).unwrap().lines().filter_map(defined_type) {
                types.entry(name.to_owned()).or_default().push(relative(&path));
            }
        }
    }
    assert!(types.len() > 500, "{}", types.len());
    for name in RESTATED_BY_THE_MODEL {
        let defined_in = types.get_mut(name).unwrap();
        let all = defined_in.len();
        defined_in.retain(|path| !path.starts_with("tests/src/model"));
        assert_eq!(defined_in.len(), all - 1, "{name} has no second type any more");
    }
    types.retain(|_, defined_in| defined_in.len() > 1);
    assert!(types.is_empty(), "rename one of each: {types:#?}");
}

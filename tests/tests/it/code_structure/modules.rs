//! The graph of a crate's modules, one per file: which one names an item of which other.
//!
//! An item that a module re-exports counts as the module's that defines it. `mod` and `pub use` alone are no edges to a module's own
//! folder, nor is an import of a module: the paths through it are. A method is not seen: a child may add methods to its parent's type
//! (`impl Parent`), which the parent calls without naming the child.

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
    is_public: bool,
}

struct Source {
    imports: Vec<Import>,
    /// The paths outside of imports.
    paths: Vec<Vec<String>>,
    /// All words outside of imports.
    words: BTreeSet<String>,
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
    let edges = parsed.iter().map(|(module, source)| (module.clone(), targets(&parsed, module, source)));
    edges.collect()
}

/// The modules that define what a module names.
fn targets(parsed: &BTreeMap<Module, Source>, module: &Module, source: &Source) -> BTreeSet<Module> {
    let imports = source.imports.iter().filter(|import| !is_module(parsed, module, &import.path));
    let imported = imports.filter_map(|import| {
        let target = defining(parsed, module, &import.path, 0)?;
        // A re-export of its own folder, unless the name occurs elsewhere in the file.
        let is_used = !import.is_public || !target.starts_with(module) || source.words.contains(&import.name);
        is_used.then_some(target)
    });
    // A module alone is the place of a `pub(in …)`.
    let paths = source.paths.iter().filter(|path| !is_module(parsed, module, path));
    let named = paths.filter_map(|path| defining(parsed, module, path, 0));
    imported.chain(named).filter(|target| target != module && !target.is_empty()).collect()
}

/// The same with each folder as one with the file of its name: the folders of this depth, of which the crate's root declares the first.
pub(super) fn of_folders(graph: &Graph, depth: usize) -> Graph {
    let folder = |module: &Module| module.iter().take(depth).cloned().collect::<Module>();
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
                let at = imports.len();
                expand("", statement.trim_end_matches(';'), &mut imports);
                imports[at..].iter_mut().for_each(|import| import.is_public = words.starts_with("pub"));
            }
            _ if words.split_whitespace().rev().nth(1) == Some("mod") && part.ends_with(';') => {}
            _ => rest.push_str(part),
        }
    }
    let is_path = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    let paths = rest.split(|c| !is_path(c)).filter(|word| word.contains("::"));
    let words = rest.split(|c: char| !c.is_alphanumeric() && c != '_').map(str::to_owned);
    Source { paths: paths.map(segments).collect(), words: words.collect(), imports }
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
    let name = if alias.is_empty() { last } else { alias.trim().to_owned() };
    imports.push(Import { name, path, is_public: false });
}

fn segments(path: &str) -> Vec<String> {
    path.split("::").map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

/// Whether a path is the name of a module.
fn is_module(sources: &BTreeMap<Module, Source>, from: &Module, path: &[String]) -> bool {
    located(sources, from, path, 0).is_some_and(|(_, item)| item.is_none())
}

/// The module that defines what a path names, seen from a module; none if it is of another crate.
fn defining(
    sources: &BTreeMap<Module, Source>,
    from: &Module,
    path: &[String],
    depth: usize,
) -> Option<Module> {
    located(sources, from, path, depth).map(|(module, _)| module)
}

/// The same with the item's name; without a name it is the module itself.
fn located(
    sources: &BTreeMap<Module, Source>,
    from: &Module,
    path: &[String],
    depth: usize,
) -> Option<(Module, Option<String>)> {
    let (first, mut rest) = path.split_first()?;
    let mut at = from.clone();
    match first.as_str() {
        "crate" => at.clear(),
        "self" => {}
        "super" => {
            at.pop();
        }
        _ => rest = path,
    }
    while let Some((name, after)) = rest.split_first() {
        let mut inner = at.clone();
        inner.push(name.clone());
        if name == "super" {
            at.pop();
        } else if sources.contains_key(&inner) {
            at = inner;
        } else {
            let import = sources[&at].imports.iter().find(|import| import.name == *name);
            return match import {
                Some(import) if depth < 10 => {
                    let whole: Vec<String> = import.path.iter().chain(after).cloned().collect();
                    located(sources, &at, &whole, depth + 1)
                }
                // Not through a module: an item of its own, or of another crate.
                _ if rest.len() == path.len() => None,
                _ => Some((at, Some(name.clone()))),
            };
        }
        rest = after;
    }
    Some((at, None))
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
    assert_eq!(circles(&of_folders(&graph(&sources), 1)), ["p", "x"]);
}

#[test]
fn a_circle_between_a_module_and_its_folder_is_found() {
    let circles_with = |parent: &str, child: &str| {
        let root = "mod p;\npub use p::c::C;".to_owned();
        let sources =
            [(vec![], root), (segments("p"), parent.to_owned()), (segments("p::c"), child.to_owned())];
        circles(&graph(&BTreeMap::from(sources)))
    };
    let circle = ["p", "p::c"].map(str::to_owned);
    let child = "use super::P;\nstruct C(P);";
    for parent in [
        "mod c;\nuse c::C;\nstruct P(C);",
        "mod c;\npub use c::C;\nstruct P(C);",
        "mod c;\nstruct P;\nfn f() { c::g() }",
        "mod c;\nstruct P;\nfn f() { self::c::g() }",
    ] {
        assert_eq!(circles_with(parent, child), circle, "{parent}");
    }
    let parent = "pub(crate) mod c;\npub use c::C;\npub struct P;";
    assert_eq!(circles_with(parent, child), Vec::<String>::new(), "declarations only");
    let parent = "mod c;\nuse c::C;\nuse std::io::Error;\nstruct P;\nfn f(c: C) -> Error {}";
    for child in ["struct C;", "use super::Error;\nstruct C;", "pub(in crate::p) struct C;"] {
        assert_eq!(circles_with(parent, child), Vec::<String>::new(), "{child}");
    }
    assert_eq!(circles_with(parent, "struct C;\nfn f() -> crate::p::P {}"), circle);
    let parent = "mod c;\nstruct P;\nfn f(p: P) { p.added() }";
    assert_eq!(circles_with(parent, "use super::P;\nimpl P { fn added() {} }"), Vec::<String>::new());
}

//! Collects the messages of errors from the sources.

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use syn::visit::{self, Visit};
use syn::{Attribute, Expr, ExprCall, ExprMethodCall, ItemEnum, ItemStruct, LitStr};

/// Where a message is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Origin {
    /// A failure of the command line.
    Program,
    /// A problem of the service.
    Service,
    /// An error of a library, which both show.
    Library,
}

/// A message with its alternatives.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Message {
    pub(super) origin: Origin,
    /// The code for programs; for errors of libraries the type and the variant.
    pub(super) code: Option<String>,
    pub(super) texts: Vec<String>,
    pub(super) remedies: Vec<String>,
}

/// Every message, by origin and code.
pub(super) fn collect() -> Vec<Message> {
    let mut found = Vec::new();
    for folder in ["cli", "api", "migrator", "projections", "store", "domain", "embedded"] {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join(folder).join("src");
        for path in sources(&root) {
            let text = fs::read_to_string(&path).unwrap();
            let file = syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            let own = own_type(&path);
            let mut collector =
                Collector { folder, own, found: Vec::new(), seen: HashSet::new(), variables: HashMap::new() };
            collector.visit_file(&file);
            found.extend(collector.found);
        }
    }
    found.sort();
    found.dedup();
    found
}

/// The type with constructors of errors that a file implements.
fn own_type(path: &Path) -> Option<&'static str> {
    let path = path.display().to_string();
    let of = [("cli/src/failure", "Failure"), ("api/src/problem", "Problem")];
    of.into_iter().find(|(place, _)| path.contains(place)).map(|(_, own)| own)
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

struct Collector {
    /// The crate's folder.
    folder: &'static str,
    /// The type that `Self` is in an implementation of errors.
    own: Option<&'static str>,
    found: Vec<Message>,
    /// The calls that a chain of methods has added with their remedies.
    seen: HashSet<*const ExprCall>,
    /// The texts of the local variables so far.
    variables: HashMap<String, Vec<String>>,
}

/// Shown where the message is the text of another error, which has a row of its own.
const OWN_TEXT: &str = "(the error's own text)";

impl Collector {
    fn add(&mut self, call: &ExprCall, remedies: Vec<String>) {
        let Some(name) = called(call) else { return };
        let name = match (self.own, name.strip_prefix("Self::")) {
            (Some(own), Some(function)) => format!("{own}::{function}"),
            _ => name,
        };
        let arguments: Vec<Vec<String>> = call.args.iter().map(|argument| self.texts_of(argument)).collect();
        let (origin, code, from) = match (self.folder, name.as_str()) {
            ("cli", "Failure::usage") => (Origin::Program, Some("usage".to_owned()), 0),
            ("cli", "Failure::unexpected") => (Origin::Program, Some("unexpected".to_owned()), 0),
            ("cli", "Failure::legacy_shape") => (Origin::Program, Some("legacy_shape".to_owned()), 0),
            ("cli", "Failure::refused") => (Origin::Program, first(&arguments, 0), 1),
            ("cli", "Failure::new") => (Origin::Program, first(&arguments, 1), 2),
            ("api", "Problem::new") if call.args.len() == 4 => (Origin::Service, first(&arguments, 1), 2),
            ("api", "conflict" | "unavailable" | "problem::conflict" | "problem::unavailable") => {
                (Origin::Service, first(&arguments, 0), 1)
            }
            ("api", "not_found" | "bad_request" | "invalid") => (Origin::Service, Some(name.clone()), 0),
            _ => return,
        };
        let mut texts: Vec<String> = arguments.into_iter().skip(from).flatten().collect();
        if texts.is_empty() {
            texts.push(OWN_TEXT.to_owned());
        }
        // Constructors pass their arguments on.
        if code.is_some() || !remedies.is_empty() || texts != [OWN_TEXT] {
            self.found.push(Message { origin, code, texts, remedies });
        }
    }

    /// The literals of an expression; of a variable those of its value.
    fn texts_of(&self, expression: &Expr) -> Vec<String> {
        let found = literals(expression.to_token_stream());
        let known = expression.to_token_stream().into_iter().filter_map(|token| match token {
            TokenTree::Ident(name) => self.variables.get(&name.to_string()),
            _ => None,
        });
        if found.is_empty() { known.flatten().cloned().collect() } else { found }
    }

    fn of_attributes(&mut self, name: &str, attributes: &[Attribute]) {
        for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("error")) {
            let texts = literals(attribute.meta.to_token_stream());
            if !texts.is_empty() {
                let (code, remedies) = (Some(name.to_owned()), Vec::new());
                self.found.push(Message { origin: Origin::Library, code, texts, remedies });
            }
        }
    }
}

impl<'ast> Visit<'ast> for Collector {
    fn visit_expr_method_call(&mut self, call: &'ast ExprMethodCall) {
        if call.method == "remedy"
            && let Some(root) = root_of(&call.receiver)
            && self.seen.insert(std::ptr::from_ref(root))
        {
            let remedies = call.args.iter().flat_map(|argument| self.texts_of(argument)).collect();
            self.add(root, remedies);
        }
        visit::visit_expr_method_call(self, call);
    }

    fn visit_expr_call(&mut self, call: &'ast ExprCall) {
        if self.seen.insert(std::ptr::from_ref(call)) {
            self.add(call, Vec::new());
        }
        visit::visit_expr_call(self, call);
    }

    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        self.variables.clear();
        visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        self.variables.clear();
        visit::visit_impl_item_fn(self, function);
    }

    fn visit_local(&mut self, local: &'ast syn::Local) {
        visit::visit_local(self, local);
        let Some(init) = &local.init else { return };
        let texts = self.texts_of(&init.expr);
        let mut names = Vec::new();
        idents(local.pat.to_token_stream(), &mut names);
        for name in names {
            self.variables.insert(name, texts.clone());
        }
    }

    fn visit_item_enum(&mut self, item: &'ast ItemEnum) {
        for variant in &item.variants {
            self.of_attributes(&format!("{}::{}", item.ident, variant.ident), &variant.attrs);
        }
        visit::visit_item_enum(self, item);
    }

    fn visit_item_struct(&mut self, item: &'ast ItemStruct) {
        self.of_attributes(&item.ident.to_string(), &item.attrs);
        visit::visit_item_struct(self, item);
    }

    /// Not the modules of unit tests.
    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        if module.ident != "tests" {
            visit::visit_item_mod(self, module);
        }
    }
}

fn idents(tokens: TokenStream, found: &mut Vec<String>) {
    for token in tokens {
        match token {
            TokenTree::Group(group) => idents(group.stream(), found),
            TokenTree::Ident(name) => found.push(name.to_string()),
            TokenTree::Literal(_) | TokenTree::Punct(_) => {}
        }
    }
}

/// The call at the beginning of a chain of methods.
fn root_of(mut expression: &Expr) -> Option<&ExprCall> {
    loop {
        match expression {
            Expr::MethodCall(call) => expression = &call.receiver,
            Expr::Call(call) => return Some(call),
            _ => return None,
        }
    }
}

/// The last two segments of the called path.
fn called(call: &ExprCall) -> Option<String> {
    let Expr::Path(path) = &*call.func else { return None };
    let segments: Vec<String> = path.path.segments.iter().map(|segment| segment.ident.to_string()).collect();
    Some(segments[segments.len().saturating_sub(2)..].join("::"))
}

fn first(arguments: &[Vec<String>], at: usize) -> Option<String> {
    arguments.get(at).and_then(|literals| literals.first().cloned())
}

/// The string literals in an expression, in their order, without those that only join other texts.
fn literals(tokens: TokenStream) -> Vec<String> {
    let mut found = Vec::new();
    for token in tokens {
        match token {
            TokenTree::Group(group) => found.extend(literals(group.stream())),
            TokenTree::Literal(literal) => {
                if let Ok(text) = syn::parse_str::<LitStr>(&literal.to_string()) {
                    found.push(text.value());
                }
            }
            TokenTree::Ident(_) | TokenTree::Punct(_) => {}
        }
    }
    found.retain(|text| text.chars().any(char::is_alphabetic));
    found
}

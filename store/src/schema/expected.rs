//! The objects that this program installs, read from its own scripts, so that no second list must be kept.

use super::statements::{dollar_quoted, listed, parenthesised, statements, type_name};
use std::collections::{BTreeMap, BTreeSet};

/// A function as its script defines it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Function {
    /// The types of its arguments, as the catalogue lists them.
    pub(super) arguments: String,
    /// `pg_proc.prosrc`.
    pub(super) source: String,
    pub(super) language: String,
    pub(super) security_definer: bool,
    /// `pg_proc.provolatile`: `i`, `s` or `v`.
    pub(super) volatility: char,
    pub(super) parallel: char,
    /// Settings of its own, `name=value` in lower case.
    pub(super) settings: BTreeSet<String>,
}

/// A trigger as its script defines it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Trigger {
    pub(super) table: String,
    /// `pg_trigger.tgtype`.
    pub(super) kind: i16,
    pub(super) function: String,
    /// `pg_trigger.tgenabled`.
    pub(super) state: char,
}

/// A table's columns, each with its type and whether it may be null, and the names of its constraints.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ExpectedTable {
    pub(super) columns: Vec<(String, String, bool)>,
    pub(super) constraints: BTreeSet<String>,
}

/// Everything that scripts make in schema `phaseline`.
#[derive(Clone, Debug, Default)]
pub(super) struct Expected {
    pub(super) functions: BTreeMap<String, Function>,
    pub(super) triggers: BTreeMap<String, Trigger>,
    pub(super) tables: BTreeMap<String, ExpectedTable>,
    pub(super) views: BTreeSet<String>,
    pub(super) indexes: BTreeSet<String>,
    /// What is granted on functions, tables and the schema: name, role, privilege.
    pub(super) grants: BTreeSet<(String, String, String)>,
}

const SCHEMA: &str = "phaseline.";

impl Expected {
    /// Adds what a script makes. A statement of a known kind that cannot be read is an error, so that nothing is left unchecked.
    pub(super) fn add(&mut self, script: &str) -> Result<(), String> {
        for statement in statements(script) {
            let words: Vec<&str> = statement.split_whitespace().collect();
            let read = match words[..] {
                ["CREATE", "OR", "REPLACE", "FUNCTION", ..] => self.function(&statement),
                ["CREATE", "OR", "REPLACE", "TRIGGER", ..] => self.trigger(&words[4..]),
                ["CREATE", "OR", "REPLACE", "VIEW", name, ..] => {
                    self.views.insert(own(name)?.to_owned());
                    Ok(())
                }
                ["CREATE", "TABLE", ..] => self.table(&statement),
                ["CREATE", "INDEX" | "UNIQUE", ..] => self.index(&words),
                ["DROP", "INDEX", .., name] => {
                    self.indexes.remove(own(name)?);
                    Ok(())
                }
                ["ALTER", "TABLE", name, "ENABLE", "ALWAYS", "TRIGGER", trigger] => {
                    self.always(name, trigger)
                }
                ["ALTER", "TABLE", name, "ADD" | "DROP", ..] => self.alter(name, &statement),
                ["GRANT", ..] => self.grant(&words),
                ["DO", ..] => self.block(&statement),
                _ => Ok(()),
            };
            read.map_err(|what| format!("{what} in: {}", statement.chars().take(120).collect::<String>()))?;
        }
        Ok(())
    }

    fn function(&mut self, statement: &str) -> Result<(), String> {
        let (head, body) = dollar_quoted(statement).ok_or("a function without a body in dollar quotes")?;
        let open = head.find('(').ok_or("a function without arguments")?;
        let name = own(head[..open].split_whitespace().last().unwrap_or_default())?.to_owned();
        let (arguments, rest) = parenthesised(&head[open..]).ok_or("arguments that do not end")?;
        let mut types = Vec::new();
        for argument in listed(arguments) {
            // The names of returned columns are not part of a function's identity.
            if argument.starts_with("OUT ") {
                continue;
            }
            let argument = argument.strip_prefix("INOUT ").unwrap_or(argument);
            let argument = argument.split(" DEFAULT ").next().unwrap_or_default();
            let (_, written) =
                argument.split_once(char::is_whitespace).ok_or("an argument without a name")?;
            types.push(type_name(written.trim()));
        }
        let mut function = Function {
            arguments: types.join(", "),
            source: body.to_owned(),
            volatility: 'v',
            parallel: 'u',
            ..Function::default()
        };
        let mut words = rest.split_whitespace().peekable();
        while let Some(word) = words.next() {
            match word {
                "LANGUAGE" => words.next().unwrap_or_default().clone_into(&mut function.language),
                "SECURITY" => function.security_definer = words.next() == Some("DEFINER"),
                "IMMUTABLE" => function.volatility = 'i',
                "STABLE" => function.volatility = 's',
                "VOLATILE" => function.volatility = 'v',
                "PARALLEL" => function.parallel = if words.next() == Some("SAFE") { 's' } else { 'r' },
                "RETURNS" => while words.next_if(|word| !CLAUSES.contains(word)).is_some() {},
                "SET" => {
                    let name = words.next().unwrap_or_default();
                    words.next_if(|word| *word == "=").ok_or("a setting without =")?;
                    let mut value = Vec::new();
                    while let Some(word) = words.next_if(|word| !CLAUSES.contains(word)) {
                        value.push(word);
                    }
                    let value = value.join(" ").replace('\'', "");
                    function.settings.insert(format!("{name}={value}").to_lowercase());
                }
                "AS" => {}
                other => return Err(format!("an unknown clause, {other},")),
            }
        }
        self.functions.insert(name, function);
        Ok(())
    }

    fn trigger(&mut self, words: &[&str]) -> Result<(), String> {
        let on = words.iter().position(|word| *word == "ON").ok_or("a trigger on nothing")?;
        let ([name, events @ ..], [_, table, rest @ ..]) = words.split_at(on) else {
            return Err("a trigger without a table".to_owned());
        };
        let ["FOR", "EACH", level, "EXECUTE", "FUNCTION", function] = rest else {
            return Err("a trigger of another form".to_owned());
        };
        let mut kind = i16::from(*level == "ROW");
        for event in events {
            kind |= match *event {
                "BEFORE" => 2,
                "INSERT" => 4,
                "DELETE" => 8,
                "UPDATE" => 16,
                "TRUNCATE" => 32,
                "AFTER" | "OR" => 0,
                other => return Err(format!("a trigger at {other}")),
            };
        }
        let function = own(function.trim_end_matches("()"))?.to_owned();
        let trigger = Trigger { table: own(table)?.to_owned(), kind, function, state: 'O' };
        self.triggers.insert((*name).to_owned(), trigger);
        Ok(())
    }

    fn always(&mut self, table: &str, trigger: &str) -> Result<(), String> {
        let table = own(table)?;
        let known = self.triggers.get_mut(trigger).filter(|known| known.table == table);
        known.ok_or("an unknown trigger")?.state = 'A';
        Ok(())
    }

    fn table(&mut self, statement: &str) -> Result<(), String> {
        let open = statement.find('(').ok_or("a table without columns")?;
        let name = own(statement[..open].split_whitespace().last().unwrap_or_default())?.to_owned();
        let (members, _) = parenthesised(&statement[open..]).ok_or("columns that do not end")?;
        let mut table = ExpectedTable::default();
        for member in listed(members) {
            table.member(member);
        }
        self.tables.insert(name, table);
        Ok(())
    }

    fn alter(&mut self, name: &str, statement: &str) -> Result<(), String> {
        let table = self.tables.get_mut(own(name)?).ok_or("an unknown table")?;
        let (_, actions) = statement.split_once(name).unwrap_or_default();
        for action in listed(actions) {
            let words: Vec<&str> =
                action.split_whitespace().filter(|word| !["IF", "EXISTS"].contains(word)).collect();
            match words[..] {
                ["ADD", "COLUMN", "NOT", ..] => table.member(&words[3..].join(" ")),
                ["ADD", "COLUMN", ..] => table.member(&words[2..].join(" ")),
                ["ADD", "CONSTRAINT", ..] => table.member(&words[1..].join(" ")),
                ["DROP", "COLUMN", column] => table.columns.retain(|(name, ..)| name != column),
                ["DROP", "CONSTRAINT", constraint] => drop(table.constraints.remove(constraint)),
                _ => return Err("an unknown action".to_owned()),
            }
        }
        Ok(())
    }

    fn index(&mut self, words: &[&str]) -> Result<(), String> {
        let on = words.iter().position(|word| *word == "ON").ok_or("an index on nothing")?;
        let name = on.checked_sub(1).and_then(|at| words.get(at)).ok_or("an index without a name")?;
        self.indexes.insert((*name).to_owned());
        Ok(())
    }

    /// The grants of a block that runs if the role exists.
    fn block(&mut self, statement: &str) -> Result<(), String> {
        let (_, body) = dollar_quoted(statement).ok_or("a block without a body")?;
        for inner in statements(body) {
            let words: Vec<&str> = inner.split_whitespace().collect();
            if let Some(at) = words.iter().position(|word| *word == "GRANT") {
                self.grant(&words[at..])?;
            }
        }
        Ok(())
    }

    fn grant(&mut self, words: &[&str]) -> Result<(), String> {
        let on = words.iter().position(|word| *word == "ON").ok_or("a grant on nothing")?;
        let Some(([.., "TO"], [role])) = words.split_last_chunk::<1>() else {
            return Err("a grant without a role".to_owned());
        };
        let privileges = words[1..on].join(" ");
        let objects = words[on + 1..words.len() - 2].join(" ");
        for object in listed(&objects) {
            let object = object.trim_start_matches("FUNCTION ").trim_start_matches("TABLE ");
            let name = object.split('(').next().unwrap_or_default();
            // Grants on the schema itself or on one of its objects; others are ignored.
            let Some(name) = name.strip_prefix("SCHEMA ").or_else(|| name.strip_prefix(SCHEMA)) else {
                continue;
            };
            for privilege in listed(&privileges) {
                self.grants.insert((name.to_owned(), (*role).to_owned(), privilege.to_owned()));
            }
        }
        Ok(())
    }
}

impl ExpectedTable {
    /// A column or a constraint.
    fn member(&mut self, member: &str) {
        let words: Vec<&str> = member.split_whitespace().collect();
        match words[..] {
            ["CONSTRAINT", name, ..] => drop(self.constraints.insert(name.to_owned())),
            [name, ref rest @ ..] => {
                let kind: Vec<&str> =
                    rest.iter().take_while(|word| !TYPE_ENDS.contains(word)).copied().collect();
                let not_null = rest.windows(2).any(|pair| pair == ["NOT", "NULL"]);
                self.columns.push((name.to_owned(), type_name(&kind.join(" ")), not_null));
            }
            [] => {}
        }
    }
}

/// The words that end the type of a column.
const TYPE_ENDS: [&str; 6] = ["NOT", "DEFAULT", "GENERATED", "CHECK", "REFERENCES", "CONSTRAINT"];

/// The words that begin another clause of a function's head.
const CLAUSES: [&str; 9] =
    ["LANGUAGE", "SECURITY", "IMMUTABLE", "STABLE", "VOLATILE", "PARALLEL", "RETURNS", "SET", "AS"];

/// The name of one of the schema's own objects.
fn own(name: &str) -> Result<&str, String> {
    name.strip_prefix(SCHEMA).ok_or_else(|| format!("{name} is not in schema phaseline"))
}

//! Names beside ids in what the program prints: people know projects by their names, and commands take ids.

use crate::render::clean;
use phaseline_domain::ProjectId;
use phaseline_projections::planner_view::{EntityNames, names_of, project_names};
use phaseline_store::SqlState;
use serde::Serialize;
use serde_json::{Map, Value};
use sqlx::PgConnection;
use std::collections::{BTreeSet, HashMap};
use std::io::{self, Write};
use uuid::Uuid;

/// The length of an id as text.
const ID_LENGTH: usize = 36;

/// How many ids are looked up for one report.
const MOST_IDS: usize = 10_000;

/// The bytes of JSON that are searched at once.
const COLLECT_AT: usize = 1 << 16;

/// The words in front of an id that is named.
const WORDS: [(&str, NamedKind); 3] =
    [("project ", NamedKind::Project), ("Project ", NamedKind::Project), ("phase ", NamedKind::Phase)];

#[derive(Clone, Copy, Debug)]
enum NamedKind {
    Project,
    Phase,
}

/// The names of the projects and phases in a report.
#[derive(Clone, Debug, Default)]
pub(crate) struct KnownNames(EntityNames);

impl KnownNames {
    /// Those of a report, in one query. Without a right to the planner's tables, and while another session locks them, there are none:
    /// the report is complete without them.
    pub(crate) async fn within(connection: &mut PgConnection, report: &impl Serialize) -> Self {
        let mut found = IdCollector { text: Vec::new(), ids: BTreeSet::new(), left: MOST_IDS };
        // It ends early once there are enough.
        let _ = serde_json::to_writer(&mut found, report);
        found.collect(found.text.len());
        let ids = found.ids;
        if ids.is_empty() {
            return Self::default();
        }
        let ids: Vec<Uuid> = ids.into_iter().collect();
        match look_up(connection, &ids).await {
            Ok(names) => Self(names),
            Err(error) => {
                tracing::debug!(%error, "names are not shown");
                Self::default()
            }
        }
    }

    /// Those of projects, however many; without a right to the planner's tables there are none.
    pub(crate) async fn of_projects(connection: &mut PgConnection, projects: &[ProjectId]) -> Self {
        let mut known = EntityNames::default();
        for part in projects.chunks(MOST_IDS) {
            let ids: Vec<Uuid> = part.iter().map(|project| project.uuid()).collect();
            match look_up(connection, &ids).await {
                Ok(names) => known.projects.extend(names.projects),
                Err(error) => {
                    tracing::debug!(%error, "names are not shown");
                    break;
                }
            }
        }
        Self(known)
    }

    /// Whether no name is known.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.projects.is_empty() && self.0.phases.is_empty()
    }

    /// The names of projects, for a column of ids.
    pub(crate) fn projects(&self) -> HashMap<Uuid, String> {
        self.0.projects.clone()
    }

    /// A text in which `project ID` has become `project NAME (ID)`, and `phase ID` the same. Ids in suggested commands stay alone.
    pub(crate) fn beside(&self, text: String) -> String {
        if self.is_empty() {
            return text;
        }
        let (mut named, mut done) = (String::with_capacity(text.len()), 0);
        for (at, id) in ids(&text) {
            let Some(name) = self.name_at(&text[..at], id) else { continue };
            named.push_str(&text[done..at]);
            named.push_str(&format!("{} ({})", shown(name), &text[at..at + ID_LENGTH]));
            done = at + ID_LENGTH;
        }
        named.push_str(&text[done..]);
        named
    }

    /// The name of an id behind this text, if it is to be shown.
    fn name_at(&self, before: &str, id: Uuid) -> Option<&str> {
        let (word, kind) = WORDS.iter().find(|(word, _)| before.ends_with(word))?;
        let front = before.strip_suffix(word)?.chars().next_back();
        // An option `--project ID`, or another word that ends so.
        if front.is_some_and(|character| character == '-' || character.is_alphanumeric()) {
            return None;
        }
        let names = match kind {
            NamedKind::Project => &self.0.projects,
            NamedKind::Phase => &self.0.phases,
        };
        names.get(&id).map(String::as_str)
    }

    /// An object in which each `project_id` with a known name has a `project_name` beside it.
    pub(crate) fn added_to(&self, value: &mut Value) {
        match value {
            Value::Array(elements) => elements.iter_mut().for_each(|element| self.added_to(element)),
            Value::Object(fields) => self.added_to_fields(fields),
            _ => {}
        }
    }

    fn added_to_fields(&self, fields: &mut Map<String, Value>) {
        fields.values_mut().for_each(|value| self.added_to(value));
        let id = fields.get("project_id").and_then(Value::as_str).and_then(|id| id.parse().ok());
        if let Some(name) = id.and_then(|id: Uuid| self.0.projects.get(&id)) {
            fields.entry("project_name").or_insert_with(|| Value::from(name.as_str()));
        }
    }
}

/// The names among these ids. A role without a right to the planner's tables may have one to a function for names of projects.
async fn look_up(connection: &mut PgConnection, ids: &[Uuid]) -> Result<EntityNames, sqlx::Error> {
    match names_of(connection, ids).await {
        Err(error) if SqlState::of(&error) == Some(SqlState::InsufficientPrivilege) => {
            let projects: Vec<ProjectId> = ids.iter().map(|id| (*id).into()).collect();
            let found = project_names(connection, &projects).await?;
            let named = found.into_iter().filter_map(|(id, found)| Some((id.uuid(), found.name?)));
            Ok(EntityNames { projects: named.collect(), ..EntityNames::default() })
        }
        found => found,
    }
}

/// The name of a project, as it is shown beside its id.
pub(crate) fn shown(name: &str) -> String {
    clean(name).into_owned()
}

/// Collects the ids of JSON that is written to it, in little memory.
struct IdCollector {
    /// What is not searched yet.
    text: Vec<u8>,
    ids: BTreeSet<Uuid>,
    /// How many more are wanted.
    left: usize,
}

impl IdCollector {
    /// Searches the text up to here.
    fn collect(&mut self, end: usize) {
        let text = String::from_utf8_lossy(&self.text[..end]);
        for (_, id) in ids(&text).take(self.left) {
            self.ids.insert(id);
            self.left -= 1;
        }
        self.text.drain(..end);
    }
}

impl Write for IdCollector {
    fn write(&mut self, json: &[u8]) -> io::Result<usize> {
        self.text.extend(json);
        // No id has a quotation mark.
        if self.text.len() >= COLLECT_AT
            && let Some(last) = self.text.iter().rposition(|byte| *byte == b'"')
        {
            self.collect(last + 1);
        }
        if self.left == 0 { Err(io::Error::other("there are enough ids")) } else { Ok(json.len()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The ids in a text, and where they begin.
fn ids(text: &str) -> impl Iterator<Item = (usize, Uuid)> + '_ {
    // The first dash of an id is behind its eighth character.
    text.match_indices('-').filter_map(|(dash, _)| {
        let at = dash.checked_sub(8)?;
        let id = text.get(at..at + ID_LENGTH)?;
        let is_whole =
            |other: Option<char>| !other.is_some_and(|other| other == '-' || other.is_ascii_alphanumeric());
        let alone =
            is_whole(text[..at].chars().next_back()) && is_whole(text[at + ID_LENGTH..].chars().next());
        Some((at, Uuid::try_parse(id).ok().filter(|_| alone)?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const A: &str = "6f9619ff-8b86-4011-b42d-00c04fc964ff";
    const B: &str = "1b4e28ba-2fa1-41d2-883f-0016d3cca427";

    fn names() -> KnownNames {
        let mut names = EntityNames::default();
        names.projects.insert(A.parse().unwrap(), "Alpha \u{1b}[31m".to_owned());
        names.phases.insert(B.parse().unwrap(), "Design".to_owned());
        KnownNames(names)
    }

    #[test]
    fn ids_of_a_long_report_are_collected_up_to_a_limit() {
        let report: Vec<_> = (0..MOST_IDS).map(|n| json!({ "é": Uuid::from_u128(n as u128) })).collect();
        let collected = |report: &[Value], left| {
            let mut found = IdCollector { text: Vec::new(), ids: BTreeSet::new(), left };
            let written = serde_json::to_writer(&mut found, report);
            assert!(found.text.len() < 2 * COLLECT_AT);
            found.collect(found.text.len());
            (written.is_ok(), found.ids)
        };
        let (written, ids) = collected(&report, MOST_IDS + 1);
        assert!(written && ids == (0..MOST_IDS).map(|n| Uuid::from_u128(n as u128)).collect());
        let (written, ids) = collected(&report, 7);
        assert!(!written && ids.len() == 7);
    }

    #[test]
    fn a_name_stands_before_the_id_of_a_project_or_a_phase() {
        for (text, named) in [
            (
                format!("phase {B} of project {A}: x"),
                format!("phase Design ({B}) of project Alpha \\u{{1b}}[31m ({A}): x"),
            ),
            (format!("Project {A}."), format!("Project Alpha \\u{{1b}}[31m ({A}).")),
            (format!("phaseline rebuild --project {A}"), format!("phaseline rebuild --project {A}")),
            (format!("phaseline phase resize {B}"), format!("phaseline phase resize {B}")),
            (format!("subproject {A}"), format!("subproject {A}")),
            (format!("project {B}, phase {A}"), format!("project {B}, phase {A}")),
            (format!("project {A}-1"), format!("project {A}-1")),
            ("a-b-c-".to_owned(), "a-b-c-".to_owned()),
        ] {
            assert_eq!(names().beside(text), named);
        }
    }

    #[test]
    fn an_object_with_a_projects_id_gets_its_name() {
        let mut value =
            json!({"format": "f/1", "project_id": A, "rows": [{"project_id": A}, {"project_id": B}]});
        names().added_to(&mut value);
        let name = "Alpha \u{1b}[31m";
        assert_eq!(
            value,
            json!({"format": "f/1", "project_id": A, "project_name": name,
                   "rows": [{"project_id": A, "project_name": name}, {"project_id": B}]})
        );
    }

    #[test]
    fn a_long_name_stays_whole() {
        assert_eq!(shown(&"ä".repeat(255)), "ä".repeat(255));
    }
}

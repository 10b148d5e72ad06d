//! Which project or phase an argument means: an id, the beginning of one, a name, or a project's cost centre.

use crate::failure::Failure;
use crate::names;
use phaseline_domain::{PhaseId, ProjectId};
use phaseline_projections::planner_view::{IdRange, Match, matching_phases, matching_projects};
use phaseline_store::{SqlState, schema, stream};
use sqlx::{Connection, PgConnection};
use std::fmt::Display;
use std::str::FromStr;
use uuid::Uuid;

/// The fewest characters of an id that can stand for it.
const FEWEST: usize = 4;

/// The number of listed candidates.
const CANDIDATES_SHOWN: usize = 20;

/// A project on the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ProjectArg {
    /// Its id.
    Id(ProjectId),
    /// The beginning of its id, its name, or its cost centre.
    Text(String),
}

/// A phase on the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PhaseArg {
    /// Its id.
    Id(PhaseId),
    /// The beginning of its id.
    Beginning(String),
    /// Its name, and its project.
    Named(ProjectArg, String),
}

impl FromStr for ProjectArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match (text.parse(), text.trim()) {
            (Ok(id), _) => Ok(Self::Id(id)),
            (Err(_), "") => Err(
                "empty: expected a project's id, the first 4 or more characters of its id, its name or its cost centre"
                    .to_owned(),
            ),
            (Err(_), trimmed) => Ok(Self::Text(trimmed.to_owned())),
        }
    }
}

impl FromStr for PhaseArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(id) = text.parse() {
            return Ok(Self::Id(id));
        }
        match text.split_once('/') {
            Some((project, name)) if !name.trim().is_empty() => {
                Ok(Self::Named(project.parse()?, name.trim().to_owned()))
            }
            _ if id_range(text).is_some() => Ok(Self::Beginning(text.to_owned())),
            _ => Err(
                "not a phase: expected its id, the first 4 or more characters of its id, or PROJECT/NAME, such as 'Alpha/Design'"
                    .to_owned(),
            ),
        }
    }
}

/// The ids that begin with this text; none if it is too short, or is not the beginning of an id.
fn id_range(text: &str) -> Option<IdRange> {
    const FORM: &str = "00000000-0000-0000-0000-000000000000";
    let fits = |(character, form): (char, char)| {
        if form == '-' { character == '-' } else { character.is_ascii_hexdigit() }
    };
    if text.len() < FEWEST || text.len() > FORM.len() || !text.chars().zip(FORM.chars()).all(fits) {
        return None;
    }
    let rest = &FORM[text.len()..];
    let filled = |with: &str| Uuid::try_parse(&format!("{text}{}", rest.replace('0', with))).ok();
    Some([filled("0")?, filled("f")?])
}

impl ProjectArg {
    /// The project. An id is not looked up: the command finds out whether it exists.
    pub(crate) async fn resolve(&self, connection: &mut PgConnection) -> Result<ProjectId, Failure> {
        let text = match self {
            Self::Id(id) => return Ok(*id),
            Self::Text(text) => text,
        };
        let range = id_range(text);
        let (mut found, readable) = match matching(connection, text, range).await? {
            Some(found) => (found, true),
            None => (Vec::new(), false),
        };
        if let Some(range) = range {
            let in_log = in_log(connection, range).await?;
            let unknown = in_log.into_iter().filter(|id| !found.iter().any(|found| found.id == *id));
            let unknown: Vec<_> = unknown.map(|id| Match { id, name: None, cost_center: None }).collect();
            found.extend(unknown);
        }
        match found.as_slice() {
            [only] => Ok(only.id),
            [] => {
                let not_found = Failure::refused(
                    "not_found",
                    format!("no project has the id, the name or the cost centre {text:?}"),
                );
                Err(not_found.remedy(if readable {
                    "`phaseline projects` lists the projects with their ids."
                } else {
                    "This role has no SELECT on public.projects, so only ids of projects with a timeline are found."
                }))
            }
            several => Err(ambiguous("project", text, several)),
        }
    }
}

impl PhaseArg {
    /// The phase. An id is not looked up: the command finds out whether it exists.
    pub(crate) async fn resolve(&self, connection: &mut PgConnection) -> Result<PhaseId, Failure> {
        let (text, found) = match self {
            Self::Id(id) => return Ok(*id),
            Self::Beginning(text) => (text, matching_phases(connection, None, id_range(text)).await?),
            Self::Named(project, name) => {
                let project = project.resolve(connection).await?;
                (name, matching_phases(connection, Some((project, name)), id_range(name)).await?)
            }
        };
        one_phase(text, &found)
    }
}

/// The phase that a text means: the beginning of its id, or one of its names. `phases` has a phase once for each of its names.
pub(crate) fn phase_among(text: &str, phases: &[Match<PhaseId>]) -> Result<PhaseId, Failure> {
    let range = id_range(text);
    let fits = |phase: &&Match<PhaseId>| {
        range.is_some_and(|[first, last]| (first..=last).contains(&phase.id.uuid()))
            || phase.name.as_ref().is_some_and(|name| name.to_lowercase() == text.to_lowercase())
    };
    let mut found: Vec<Match<PhaseId>> = Vec::new();
    for phase in phases.iter().filter(fits) {
        if !found.iter().any(|known| known.id == phase.id) {
            found.push(phase.clone());
        }
    }
    one_phase(text, &found)
}

fn one_phase(text: &str, found: &[Match<PhaseId>]) -> Result<PhaseId, Failure> {
    match found {
        [only] => Ok(only.id),
        [] => Err(Failure::refused("not_found", format!("no phase has the id or the name {text:?}"))
            .remedy("`phaseline timeline show PROJECT` lists a project's phases.")),
        several => Err(ambiguous("phase", text, several)),
    }
}

fn ambiguous<Id: Display>(what: &str, text: &str, found: &[Match<Id>]) -> Failure {
    let listed = found.iter().take(CANDIDATES_SHOWN).map(|one| {
        let name = one.name.as_deref().map_or_else(|| "not in the planner's tables".to_owned(), names::shown);
        match &one.cost_center {
            Some(cost_center) => format!("{}  {name}, cost centre {}", one.id, names::shown(cost_center)),
            None => format!("{}  {name}", one.id),
        }
    });
    let more = found.len().saturating_sub(CANDIDATES_SHOWN);
    let more = (more > 0).then(|| format!("and {more} more"));
    Failure::refused("ambiguous", format!("{text:?} means {} {what}s; nothing was written", found.len()))
        .detail(listed.chain(more))
        .remedy("Give one of these ids, or more of its characters.")
}

/// The planner's projects that a text means; none if this role may not read them.
async fn matching(
    connection: &mut PgConnection,
    text: &str,
    range: Option<IdRange>,
) -> Result<Option<Vec<Match<ProjectId>>>, Failure> {
    // Behind a pooler, its error must not end the transaction.
    let mut attempt = connection.begin().await?;
    let found = matching_projects(&mut attempt, text, range).await;
    attempt.rollback().await?;
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) if SqlState::of(&error) == Some(SqlState::InsufficientPrivilege) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The log's projects with such an id: also those that the planner deleted.
async fn in_log(connection: &mut PgConnection, range: IdRange) -> Result<Vec<ProjectId>, Failure> {
    if schema::installed(connection).await? {
        Ok(stream::projects_between(connection, range).await?)
    } else {
        Ok(Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beginning_of_an_id_is_a_range_of_ids() {
        let range = |text| id_range(text).map(|range| range.map(|id| id.to_string()));
        let of = |first: &str, last: &str| Some([first.to_owned(), last.to_owned()]);
        assert_eq!(
            range("6F96"),
            of("6f960000-0000-0000-0000-000000000000", "6f96ffff-ffff-ffff-ffff-ffffffffffff")
        );
        assert_eq!(
            range("6f9619ff-8b86-4"),
            of("6f9619ff-8b86-4000-0000-000000000000", "6f9619ff-8b86-4fff-ffff-ffffffffffff")
        );
        assert_eq!(
            range("6f9619ff-"),
            of("6f9619ff-0000-0000-0000-000000000000", "6f9619ff-ffff-ffff-ffff-ffffffffffff")
        );
        for text in
            ["6f9", "alpha", "6f9619ff8", "6f96-19ff", "6f9ß", "6f9619ff-8b86-d011-b42d-00c04fc964ff1"]
        {
            assert_eq!(range(text), None, "{text}");
        }
    }

    #[test]
    fn a_phase_is_an_id_the_beginning_of_one_or_a_name_in_a_project() {
        let id = "1b4e28ba-2fa1-11d2-883f-0016d3cca427";
        assert_eq!(id.parse(), Ok(PhaseArg::Id(id.parse().unwrap())));
        assert_eq!("1b4e28".parse(), Ok(PhaseArg::Beginning("1b4e28".to_owned())));
        let named = PhaseArg::Named(ProjectArg::Text("Alpha".to_owned()), "Design / Build".to_owned());
        assert_eq!("Alpha/Design / Build".parse(), Ok(named));
        for text in ["", "1b4", "Design", "Alpha/", "/Design"] {
            assert!(text.parse::<PhaseArg>().is_err(), "{text}");
        }
    }
}

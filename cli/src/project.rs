//! Which project or phase an argument means: an id, an id prefix, a name, or a project's cost centre.

use crate::failure::Failure;
use crate::names;
use crate::target::quoted;
use phaseline_domain::{PhaseId, ProjectId};
use phaseline_projections::planner_view::{
    IdRange, Match, are_names_readable, matching_named_projects, matching_phases, matching_projects,
    phases_of_project,
};
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
    /// An id prefix, its name, or its cost centre.
    Text(String),
}

/// A phase on the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PhaseArg {
    /// Its id.
    Id(PhaseId),
    /// An id prefix.
    IdPrefix(String),
    /// Its project and its name. Both may have slashes, so there is a pair for each slash.
    Named(Vec<(ProjectArg, String)>),
}

impl FromStr for ProjectArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match (text.parse(), text.trim()) {
            (Ok(id), _) => Ok(Self::Id(id)),
            (Err(_), "") => Err(
                "empty: expected a project's id, an id prefix (4 characters or more), its name or its cost centre"
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
        let pair = |(slash, _)| {
            let (project, name) = (&text[..slash], text[slash + 1..].trim());
            Some((project.parse().ok()?, name.to_owned())).filter(|_| !name.is_empty())
        };
        let pairs: Vec<(ProjectArg, String)> = text.match_indices('/').filter_map(pair).collect();
        match pairs.as_slice() {
            [_, ..] => Ok(Self::Named(pairs)),
            _ if id_range(text).is_some() => Ok(Self::IdPrefix(text.to_owned())),
            _ => Err(
                "not a phase: expected its id, an id prefix (4 characters or more), or PROJECT/NAME, such as 'Alpha/Design'"
                    .to_owned(),
            ),
        }
    }
}

/// The ids with this prefix; none if it is too short, or is not the prefix of an id.
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
        Ok(self.find(connection).await?.id)
    }

    /// As it is given in another command.
    pub(crate) fn word(&self) -> String {
        match self {
            Self::Id(id) => id.to_string(),
            Self::Text(text) => quoted(text),
        }
    }

    /// The project with its name, if it was looked up.
    async fn find(&self, connection: &mut PgConnection) -> Result<Match<ProjectId>, Failure> {
        let text = match self {
            Self::Id(id) => return Ok(Match { id: *id, name: None, cost_center: None }),
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
            [only] => Ok(only.clone()),
            [] => {
                let not_found = Failure::refused(
                    "not_found",
                    format!("no project has the id, the name or the cost centre {text:?}"),
                );
                Err(if readable {
                    not_found.remedy(format!(
                        "`phaseline projects {}` lists the projects with this text in name, cost centre or id. \
                         An id prefix has {FEWEST} or more characters.",
                        quoted(text)
                    ))
                } else {
                    not_found.remedy(
                        "This role has no SELECT on public.projects, so only ids of projects with a timeline are found.",
                    )
                })
            }
            several => Err(ambiguous("project", text, several)),
        }
    }
}

impl PhaseArg {
    /// The phase. An id is not looked up: the command finds out whether it exists.
    pub(crate) async fn resolve(&self, connection: &mut PgConnection) -> Result<PhaseId, Failure> {
        match self {
            Self::Id(id) => Ok(*id),
            Self::IdPrefix(text) => {
                let found = matching_phases(connection, None, id_range(text)).await?;
                if found.is_empty()
                    && let Ok(project) = ProjectArg::Text(text.clone()).find(connection).await
                {
                    return Err(is_a_project(project.id));
                }
                one_phase(text, &found)
            }
            Self::Named(pairs) => among_pairs(connection, pairs).await,
        }
    }
}

/// The phase that one of the pairs means.
async fn among_pairs(
    connection: &mut PgConnection,
    pairs: &[(ProjectArg, String)],
) -> Result<PhaseId, Failure> {
    let mut found: Vec<Match<PhaseId>> = Vec::new();
    let mut named = pairs.first().map_or("", |(_, name)| name);
    let (mut without_it, mut refused) = (None, None);
    for (project, name) in pairs {
        match project.find(connection).await {
            Ok(project) => {
                let more = matching_phases(connection, Some((project.id, name)), id_range(name)).await?;
                if more.is_empty() {
                    without_it = Some((project, name));
                } else {
                    named = name;
                    found.extend(more);
                }
            }
            Err(failure) if matches!(failure.code(), "not_found" | "ambiguous") => {
                refused = refused.filter(|_| failure.code() == "not_found").or(Some(failure));
            }
            Err(failure) => return Err(failure),
        }
    }
    match (found.is_empty(), without_it, refused) {
        (true, Some((project, name)), _) => Err(no_such_phase(connection, &project, name).await?),
        (true, None, Some(refused)) => Err(refused),
        _ => one_phase(named, &found),
    }
}

/// The failure for a name that no phase of the project has: with the names that they have.
async fn no_such_phase(
    connection: &mut PgConnection,
    project: &Match<ProjectId>,
    name: &str,
) -> Result<Failure, Failure> {
    let phases = phases_of_project(connection, project.id).await?;
    let shown = match &project.name {
        Some(known) => format!("{} ({})", names::shown(known), project.id),
        None => project.id.to_string(),
    };
    let failure = Failure::refused("not_found", format!("project {shown} has no phase {name:?}"));
    if phases.is_empty() {
        return Ok(failure.remedy("`phaseline projects` lists the projects with the number of their phases."));
    }
    Ok(failure.detail(listed(&phases)).remedy("Give the name or the id of one of these phases."))
}

/// The failure for a project's id where a phase's is expected.
pub(crate) fn is_a_project(project: ProjectId) -> Failure {
    Failure::refused("not_found", format!("{project} is the id of a project, and no phase has it")).remedy(
        format!("To list the project's phases with their ids, run: phaseline timeline show {project}"),
    )
}

/// The phase that a text means: an id prefix, or one of its names. `phases` has a phase once for each of its names.
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

/// A line each, up to a limit.
fn listed<Id: Display>(found: &[Match<Id>]) -> Vec<String> {
    let listed = found.iter().take(CANDIDATES_SHOWN).map(|one| {
        let name = one.name.as_deref().map_or_else(|| "not in the planner's tables".to_owned(), names::shown);
        match &one.cost_center {
            Some(cost_center) => format!("{}  {name}, cost centre {}", one.id, names::shown(cost_center)),
            None => format!("{}  {name}", one.id),
        }
    });
    let more = found.len().saturating_sub(CANDIDATES_SHOWN);
    listed.chain((more > 0).then(|| format!("and {more} more"))).collect()
}

fn ambiguous<Id: Display>(what: &str, text: &str, found: &[Match<Id>]) -> Failure {
    let begins = |one: &Match<Id>| one.id.to_string().starts_with(&text.to_lowercase());
    Failure::refused("ambiguous", format!("{text:?} means {} {what}s", found.len()))
        .detail(listed(found))
        .remedy(if found.iter().all(begins) {
            "Give one of these ids, or more of its characters."
        } else {
            "Give one of these ids."
        })
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
        Err(error) if SqlState::of(&error) != Some(SqlState::InsufficientPrivilege) => Err(error.into()),
        Err(_) if !are_names_readable(connection).await? => Ok(None),
        Err(_) => Ok(Some(matching_named_projects(connection, text, range).await?)),
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
    fn an_id_prefix_is_a_range_of_ids() {
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
    fn a_phase_is_an_id_an_id_prefix_or_a_name_in_a_project() {
        let id = "1b4e28ba-2fa1-11d2-883f-0016d3cca427";
        assert_eq!(id.parse(), Ok(PhaseArg::Id(id.parse().unwrap())));
        assert_eq!("1b4e28".parse(), Ok(PhaseArg::IdPrefix("1b4e28".to_owned())));
        let pair = |project: &str, name: &str| (ProjectArg::Text(project.to_owned()), name.to_owned());
        assert_eq!("Alpha/Design".parse(), Ok(PhaseArg::Named(vec![pair("Alpha", "Design")])));
        let named = PhaseArg::Named(vec![pair("Alpha", "Design / Build"), pair("Alpha/Design", "Build")]);
        assert_eq!("Alpha/Design / Build".parse(), Ok(named));
        for text in ["", "1b4", "Design", "Alpha/", "/Design"] {
            assert!(text.parse::<PhaseArg>().is_err(), "{text}");
        }
    }
}

//! The dates of projects, for runs: a role with SELECT on `public.projects`.

use chrono::NaiveDate;
use phaseline_domain::{DateRange, ProjectId};
use phaseline_store::{StoreError, copy};
use sqlx::PgConnection;
use std::collections::{BTreeMap, HashSet};
use std::fmt;

/// A query names up to this number of projects; for more it reads the whole table.
pub(crate) const FEW: usize = 1000;

/// A project's `start_date` and `end_date` as text, since they may be NULL, infinite or beyond the year 9999.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProjectDates([Option<String>; 2]);

impl ProjectDates {
    /// These dates.
    pub(crate) const fn of(dates: [Option<String>; 2]) -> Self {
        Self(dates)
    }

    /// The dates, if both are dates of the calendar and in order.
    pub fn range(&self) -> Option<DateRange> {
        range_of(&self.0)
    }
}

impl fmt::Display for ProjectDates {
    /// `2025-01-01 to 2025-12-31`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [start, end] = self.0.each_ref().map(|date| date.as_deref().unwrap_or("NULL"));
        write!(f, "{start} to {end}")
    }
}

pub(super) fn range_of([start, end]: &[Option<String>; 2]) -> Option<DateRange> {
    let parse = |text: &Option<String>| text.as_deref()?.parse::<NaiveDate>().ok();
    DateRange::new(parse(start)?, parse(end)?).ok()
}

/// The dates of all projects, or of the requested ones, in the caller's snapshot.
///
/// # Errors
/// The database's own, `42501` without SELECT on `public.projects`.
pub async fn project_dates(
    connection: &mut PgConnection,
    only: Option<&HashSet<ProjectId>>,
) -> Result<BTreeMap<ProjectId, ProjectDates>, StoreError> {
    let among = only.filter(|only| only.len() <= FEW).map_or_else(String::new, |only| {
        let ids: Vec<String> = only.iter().map(ToString::to_string).collect();
        format!("WHERE p.id = ANY ('{{{}}}'::pg_catalog.uuid[])", ids.join(","))
    });
    let query = format!(
        "SELECT p.id, pg_catalog.to_json(p.start_date) #>> '{{}}', pg_catalog.to_json(p.end_date) #>> '{{}}'
           FROM public.projects p {among}"
    );
    let mut dates = BTreeMap::new();
    copy::read(connection, &query, |row| {
        let project = row.uuid(0)?.into();
        if only.is_none_or(|only| only.contains(&project)) {
            let text = |index| row.nullable_text(index).map(|text| text.map(str::to_owned));
            dates.insert(project, ProjectDates([text(1)?, text(2)?]));
        }
        Ok::<_, StoreError>(())
    })
    .await?;
    Ok(dates)
}

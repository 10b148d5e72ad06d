//! The form of the portfolio: what is searched, of which moment, compared with which day.

use crate::pages::parameters::{FormFaults, PageParameters, end_of_day};
use crate::problem::Problem;
use crate::routes::moment::requested_moment;
use crate::routes::portfolio::{PageQuery, day};
use chrono::NaiveDate;
use phaseline_store::moment::Moment;
use std::collections::HashMap;

/// All parameters of the page.
pub(super) const PARAMETERS: [&str; 9] =
    ["q", "on", "since", "at", "as_of", "drift", "totals", "limit", "cursor"];
/// The parameters that need the right to look back.
pub(super) const OF_THE_PAST: [&str; 4] = ["since", "at", "as_of", "drift"];

/// What the form asks for.
#[derive(Debug)]
pub(super) struct PortfolioForm {
    pub(super) parameters: PageParameters,
    /// The past moment; none for now.
    pub(super) requested: Option<Moment>,
    /// The day since which changes are shown.
    pub(super) since: Option<NaiveDate>,
    pub(super) has_totals: bool,
    pub(super) has_drift: bool,
    pub(super) faults: FormFaults,
}

impl PortfolioForm {
    /// Reads the parameters; everything that is wrong is in the faults.
    pub(super) fn of(parameters: PageParameters) -> Self {
        let mut faults = FormFaults::default();
        for field in ["q", "on", "limit"] {
            if let Err(problem) = PageQuery::without_cursor("/", &parameters.only(&[field]), None) {
                faults.add(field, problem.detail());
            }
        }
        let requested = requested(&parameters, &mut faults);
        let since = parameters.get("since").and_then(|text| match day("since", text) {
            Ok(day) => Some(day),
            Err(problem) => {
                faults.add("since", problem.detail());
                None
            }
        });
        let mut flag = |name: &'static str| match parameters.get(name) {
            None | Some("0" | "false") => false,
            Some("1" | "true") => true,
            Some(_) => {
                faults.add(name, format!("{name} must be 1, or left out"));
                false
            }
        };
        let (has_totals, has_drift) = (flag("totals"), flag("drift"));
        if has_drift && (requested.is_some() || since.is_some()) {
            faults.add("drift", "the planner's tables have the present only: to see differences from the log, leave out the past moment and the day to compare with");
        }
        Self { parameters, requested, since, has_totals, has_drift, faults }
    }

    /// The query as the list's route reads it.
    pub(super) fn query(&self) -> HashMap<String, String> {
        let mut query = self.parameters.only(&["q", "on", "limit", "cursor"]);
        if self.has_totals {
            query.insert("totals".to_owned(), "true".to_owned());
        }
        query
    }

    /// Adds what is wrong with the moment of a field.
    pub(super) fn refuse(&mut self, field: &'static str, problem: &Problem) {
        self.faults.add(field, problem.detail());
    }

    /// The value of a field, for the form.
    pub(super) fn value(&self, name: &str) -> &str {
        self.parameters.get(name).unwrap_or_default()
    }

    /// The field of the past moment.
    pub(super) fn moment_field(&self) -> &'static str {
        if self.parameters.has("at") { "at" } else { "as_of" }
    }
}

fn requested(parameters: &PageParameters, faults: &mut FormFaults) -> Option<Moment> {
    let field = if parameters.has("at") && !parameters.has("as_of") { "at" } else { "as_of" };
    let as_day =
        parameters.get("as_of").filter(|_| !parameters.has("at")).and_then(|text| day("as_of", text).ok());
    if let Some(day) = as_day {
        return Some(Moment::Time(end_of_day(day)));
    }
    match requested_moment(&parameters.only(&["at", "as_of"])) {
        Ok(moment) => moment,
        Err(problem) => {
            faults.add(field, problem.detail());
            None
        }
    }
}

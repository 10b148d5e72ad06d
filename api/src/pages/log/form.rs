//! The form of the log: which events, of which part, in which order.

use crate::pages::parameters::{FormFaults, PageParameters, end_of_day};
use crate::routes::log::LogRequest;
use chrono::{NaiveDate, SecondsFormat, Utc};
use std::collections::HashMap;

/// All parameters of the page.
pub(super) const PARAMETERS: [&str; 11] =
    ["type", "actor", "project", "since", "until", "from", "to", "order", "limit", "before", "after"];
/// Those that the route of the log has, too.
const OF_ROUTE: [&str; 8] = ["type", "actor", "project", "since", "until", "from", "to", "limit"];
/// The ends of the range.
pub(super) const ENDS: [&str; 4] = ["from", "since", "to", "until"];

/// What the form asks for.
pub(super) struct LogForm {
    pub(super) parameters: PageParameters,
    /// The request; none if something is wrong with it.
    pub(super) request: Option<LogRequest>,
    pub(super) is_oldest_first: bool,
    /// The page before this position, newest first.
    pub(super) before: Option<i64>,
    /// The page behind this position, oldest first.
    pub(super) after: Option<i64>,
    pub(super) faults: FormFaults,
}

impl LogForm {
    /// Reads the parameters; everything that is wrong is in the faults.
    pub(super) fn of(parameters: PageParameters) -> Self {
        let mut faults = FormFaults::default();
        for field in OF_ROUTE {
            if let Err(problem) = LogRequest::of(&query(&parameters, &[field])) {
                faults.add(field, problem.detail());
            }
        }
        let mut position = |name: &'static str| {
            let text = parameters.get(name)?;
            let position = text.parse().ok().filter(|position: &i64| *position >= 0);
            if position.is_none() {
                faults.add(name, format!("{name} must be a position of the log, a whole number from 0"));
            }
            position
        };
        let (before, after) = (position("before"), position("after"));
        let is_oldest_first = match parameters.get("order") {
            None | Some("newest") => false,
            Some("oldest") => true,
            Some(_) => {
                faults.add("order", "order must be newest or oldest");
                false
            }
        };
        let request = match LogRequest::of(&query(&parameters, &OF_ROUTE)) {
            Ok(request) => Some(request).filter(|_| !faults.any()),
            Err(problem) => {
                if !faults.any() {
                    faults.add("form", problem.detail());
                }
                None
            }
        };
        Self { parameters, request, is_oldest_first, before, after, faults }
    }

    /// The request for one end of the range only, which shows whether the log has it.
    pub(super) fn request_of_end(&self, end: &str) -> Option<LogRequest> {
        self.parameters.get(end).and_then(|_| LogRequest::of(&query(&self.parameters, &[end])).ok())
    }

    /// The value of a field, for the form.
    pub(super) fn value(&self, name: &str) -> &str {
        self.parameters.get(name).unwrap_or_default()
    }
}

/// The query as the route of the log reads it: days become their first or last time in UTC.
fn query(parameters: &PageParameters, names: &[&str]) -> HashMap<String, String> {
    let mut query = parameters.only(names);
    let day = |text: Option<&String>| text.and_then(|text| text.parse::<NaiveDate>().ok());
    if let Some(day) = day(query.get("since")) {
        query.insert("since".to_owned(), format!("{day}T00:00:00Z"));
    }
    if let Some(day) = day(query.get("until")) {
        let end = end_of_day(day);
        // What happens until the end of a day that is not over is all that the log has.
        if end < Utc::now() {
            query.insert("until".to_owned(), end.to_rfc3339_opts(SecondsFormat::Micros, true));
        } else {
            query.remove("until");
        }
    }
    query
}

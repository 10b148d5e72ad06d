//! The query of a page: what a form sends, and the links to the same page with something else.

use axum::extract::Query;
use chrono::{DateTime, Days, NaiveDate, NaiveTime, TimeDelta, Utc};
use std::collections::{BTreeMap, HashMap};

/// The parameters of a page that it knows and that are not empty: a form sends all its fields.
#[derive(Clone, Debug, Default)]
pub(super) struct PageParameters(Vec<(&'static str, String)>);

impl PageParameters {
    /// Those with these names.
    pub(super) fn of(names: &[&'static str], Query(query): &Query<HashMap<String, String>>) -> Self {
        let given = names.iter().filter_map(|name| Some((*name, query.get(*name)?.trim().to_owned())));
        Self(given.filter(|(_, value)| !value.is_empty()).collect())
    }

    /// The value of a parameter.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }

    /// Whether a parameter is given.
    pub(super) fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Those of these names, as the routes read them.
    pub(super) fn only(&self, names: &[&str]) -> HashMap<String, String> {
        let chosen = self.0.iter().filter(|(name, _)| names.contains(name));
        chosen.map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
    }

    /// The same without some, and with other values of others.
    pub(super) fn with(&self, without: &[&str], others: &[(&'static str, String)]) -> Self {
        let is_kept = |name: &str| !without.contains(&name) && others.iter().all(|(other, _)| *other != name);
        let kept = self.0.iter().filter(|(name, _)| is_kept(name)).cloned();
        Self(kept.chain(others.iter().cloned()).collect())
    }

    /// The path of a page with them.
    pub(super) fn link(&self, path: &str) -> String {
        if self.0.is_empty() {
            return path.to_owned();
        }
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.0).finish();
        format!("{path}?{query}")
    }
}

/// What is wrong with the fields of a form, by their names; of none for the form itself.
#[derive(Clone, Debug, Default)]
pub(super) struct FormFaults(BTreeMap<&'static str, String>);

impl FormFaults {
    /// Adds the message about a field, unless it has one.
    pub(super) fn add(&mut self, field: &'static str, message: impl Into<String>) {
        self.0.entry(field).or_insert_with(|| message.into());
    }

    /// Whether there is one.
    pub(super) fn any(&self) -> bool {
        !self.0.is_empty()
    }

    /// The message about a field.
    pub(super) fn of(&self, field: &str) -> Option<&str> {
        self.0.get(field).map(String::as_str)
    }
}

/// The end of a day in UTC: the last time that the log can have.
pub(super) fn end_of_day(day: NaiveDate) -> DateTime<Utc> {
    let next = day.checked_add_days(Days::new(1)).unwrap_or(NaiveDate::MAX);
    next.and_time(NaiveTime::MIN).and_utc() - TimeDelta::microseconds(1)
}

#[cfg(test)]
mod tests {
    use super::end_of_day;

    #[test]
    fn a_day_ends_with_its_last_microsecond_in_utc() {
        let day = "2024-02-29".parse().unwrap();
        assert_eq!(end_of_day(day).to_rfc3339(), "2024-02-29T23:59:59.999999+00:00");
    }
}

//! A draft: all phases of a timeline as someone shapes them in a browser, not yet saved. The browser holds it, sends it with each edit,
//! and gets it back with the edit applied, checked and compared with what is saved. Saving is one command: the complete list.

mod edit;
mod merge;

pub(crate) use edit::{DraftEdit, edited, timeline_of};
pub(crate) use merge::merged;

use crate::pages::words;
use chrono::NaiveDate;
use phaseline_domain::{Phase, PhaseDraft, PhaseId, ReplacementPhase, Timeline, TimelineCommand};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// A phase of a draft, as it was typed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DraftRow {
    /// Its id; of a new phase one that is valid in this draft only.
    pub(crate) id: PhaseId,
    /// Whether saving creates it.
    #[serde(default)]
    pub(crate) is_new: bool,
    /// Its name.
    pub(crate) name: String,
    /// Its description; empty for none.
    #[serde(default)]
    pub(crate) description: String,
    /// Its first day.
    pub(crate) start_date: String,
    /// Its last day.
    pub(crate) end_date: String,
    /// The capital part of its budget.
    pub(crate) capital_budget: String,
    /// The expense part of its budget.
    pub(crate) expense_budget: String,
    /// The sum, if both parts are amounts. The browser only sends it on.
    #[serde(default)]
    pub(crate) total_budget: Option<String>,
}

/// What is wrong with a field of a row: it cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RowFault {
    /// The row.
    pub(crate) id: PhaseId,
    /// The field, as in [`DraftRow`].
    pub(crate) field: &'static str,
    /// What is wrong, and what to write.
    pub(crate) message: String,
}

impl DraftRow {
    /// The row of a phase.
    pub(crate) fn of(phase: &Phase) -> Self {
        Self::of_draft(&PhaseDraft::from(phase), false)
    }

    /// The row of a phase that may be new.
    pub(crate) fn of_draft(draft: &PhaseDraft, is_new: bool) -> Self {
        Self {
            id: draft.id,
            is_new,
            name: draft.name.clone(),
            description: draft.description.clone().unwrap_or_default(),
            start_date: draft.start_date.to_string(),
            end_date: draft.end_date.to_string(),
            capital_budget: two_decimals(draft.capital_budget),
            expense_budget: two_decimals(draft.expense_budget),
            total_budget: Some(two_decimals(draft.total_budget)),
        }
    }

    /// The row with what cannot be read as it is in `base`.
    pub(crate) fn as_read(&self, base: &[Self]) -> Self {
        let mut row = self.clone();
        let Some(base) = base.iter().find(|base| base.id == self.id) else { return row };
        for fault in self.parse().err().unwrap_or_default() {
            match fault.field {
                "start_date" => row.start_date.clone_from(&base.start_date),
                "end_date" => row.end_date.clone_from(&base.end_date),
                "capital_budget" => row.capital_budget.clone_from(&base.capital_budget),
                _ => row.expense_budget.clone_from(&base.expense_budget),
            }
        }
        row
    }

    /// The requested phase, or what cannot be read.
    pub(crate) fn parse(&self) -> Result<PhaseDraft, Vec<RowFault>> {
        let mut faults = Vec::new();
        let mut date = |field, text: &str| {
            let day = day(text);
            if day.is_none() {
                let message = format!("{:?} is no date: write it as 2026-01-31", words::shown(text.trim()));
                faults.push(RowFault { id: self.id, field, message });
            }
            day
        };
        let dates = (date("start_date", &self.start_date), date("end_date", &self.end_date));
        let mut amount = |field, text: &str| {
            let amount = amount(text);
            if amount.is_none() {
                let message = format!("{:?} is no amount: write it as 1,234.50", words::shown(text.trim()));
                faults.push(RowFault { id: self.id, field, message });
            }
            amount
        };
        let amounts =
            (amount("capital_budget", &self.capital_budget), amount("expense_budget", &self.expense_budget));
        let ((Some(start_date), Some(end_date)), (Some(capital), Some(expense))) = (dates, amounts) else {
            return Err(faults);
        };
        let description = self.description.trim();
        Ok(PhaseDraft {
            id: self.id,
            name: self.name.trim().to_owned(),
            start_date,
            end_date,
            description: (!description.is_empty()).then(|| description.to_owned()),
            capital_budget: capital,
            expense_budget: expense,
            total_budget: capital + expense,
        })
    }
}

/// A day of ten characters. Anything else than `2026-01-31` is none, also a day that the calendar does not have.
fn day(text: &str) -> Option<NaiveDate> {
    let text = text.trim();
    let is_form = text.len() == 10
        && text.bytes().enumerate().all(|(at, byte)| match at {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    text.parse().ok().filter(|_| is_form)
}

/// An amount, with commas between thousands or without, and with two decimals at most written. More decimals are for the rules.
fn amount(text: &str) -> Option<Decimal> {
    let text = text.trim().replace('\u{2212}', "-");
    if text.is_empty() {
        return Some(Decimal::ZERO);
    }
    let (whole, decimals) = text.split_once('.').unwrap_or((&text, ""));
    let digits = whole.strip_prefix('-').unwrap_or(whole);
    let groups: Vec<&str> = digits.split(',').collect();
    let is_grouped = groups.len() == 1
        || groups
            .iter()
            .enumerate()
            .all(|(at, group)| if at == 0 { (1..=3).contains(&group.len()) } else { group.len() == 3 });
    let are_digits = !digits.is_empty()
        && groups.iter().all(|group| group.bytes().all(|byte| byte.is_ascii_digit()))
        && decimals.bytes().all(|byte| byte.is_ascii_digit());
    let plain = text.replace(',', "");
    plain.trim_end_matches('.').parse().ok().filter(|_| is_grouped && are_digits)
}

/// The amount with at least two decimals; more stay, for the rules to refuse.
fn two_decimals(mut amount: Decimal) -> String {
    if amount.scale() < 2 {
        amount.rescale(2);
    }
    amount.to_string()
}

/// The rows that can be read, and what is wrong with the others.
pub(crate) fn parsed(rows: &[DraftRow]) -> (Vec<(PhaseDraft, bool)>, Vec<RowFault>) {
    let (mut drafts, mut faults) = (Vec::with_capacity(rows.len()), Vec::new());
    for row in rows {
        match row.parse() {
            Ok(draft) => drafts.push((draft, row.is_new)),
            Err(found) => faults.extend(found),
        }
    }
    (drafts, faults)
}

/// The command that saves a draft.
pub(crate) fn command(drafts: &[(PhaseDraft, bool)]) -> TimelineCommand {
    let phase = |(draft, is_new): &(PhaseDraft, bool)| match is_new {
        true => ReplacementPhase::New(draft.clone()),
        false => ReplacementPhase::Existing(draft.clone()),
    };
    TimelineCommand::ReplaceAll { phases: drafts.iter().map(phase).collect() }
}

/// The rows of a timeline, in its order; `is_new` tells the phases that saving creates.
pub(crate) fn rows_of(timeline: &Timeline, is_new: impl Fn(PhaseId) -> bool) -> Vec<DraftRow> {
    let rows = timeline.phases().iter();
    rows.map(|phase| DraftRow { is_new: is_new(phase.id), ..DraftRow::of(phase) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_as_people_write_them() {
        for (text, amount_text) in [
            ("0", "0"),
            ("", "0"),
            ("1234.5", "1234.5"),
            ("1,234.50", "1234.50"),
            ("12,345,678", "12345678"),
            (" 7. ", "7"),
            ("-1", "-1"),
            ("\u{2212}1", "-1"),
            ("0.001", "0.001"),
        ] {
            assert_eq!(amount(text), amount_text.parse().ok(), "{text:?}");
        }
        for text in [
            "1,23",
            "1234,567",
            ",5",
            ".",
            "-",
            "1e3",
            "1 000",
            "12.5.1",
            "1.234,50",
            "+1",
            "$5",
            "NaN",
            "1,234.5,0",
            "--1",
        ] {
            assert_eq!(amount(text), None, "{text:?}");
        }
    }

    #[test]
    fn days_have_ten_characters() {
        assert_eq!(day(" 2024-02-29 "), NaiveDate::from_ymd_opt(2024, 2, 29));
        for text in [
            "2023-02-29",
            "2024-2-29",
            "29.02.2024",
            "2024-02-29T00:00:00",
            "+024-02-29",
            "20240229",
            "",
            "0000-01-01x",
        ] {
            assert_eq!(day(text), None, "{text:?}");
        }
    }
}

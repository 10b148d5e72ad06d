//! Puts the changes of a draft on top of what others have saved since it was begun, field by field.

use super::DraftRow;
use crate::pages::words;
use phaseline_domain::PhaseId;
use std::collections::{HashMap, HashSet};

/// A field that both changed, or a phase that one side removed and the other changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MergeNote {
    /// The phase.
    pub(crate) id: PhaseId,
    /// The result, in a sentence.
    pub(crate) words: String,
}

/// The rows of the draft on top of the saved ones. `base` are the rows from which the draft began. Where both sides changed the same
/// field, the draft's value stays, and a note says so.
pub(crate) fn merged(
    base: &[DraftRow],
    ours: &[DraftRow],
    theirs: &[DraftRow],
) -> (Vec<DraftRow>, Vec<MergeNote>) {
    let by_id = |rows: &'_ [DraftRow]| -> HashMap<PhaseId, DraftRow> {
        rows.iter().map(|row| (row.id, row.clone())).collect()
    };
    let (before, mine, saved) = (by_id(base), by_id(ours), by_id(theirs));
    let (mut rows, mut notes) = (Vec::new(), Vec::new());
    for theirs in theirs {
        match (before.get(&theirs.id), mine.get(&theirs.id)) {
            (Some(base), Some(ours)) => rows.push(row(base, ours, theirs, &mut notes)),
            // The draft removes it.
            (Some(base), None) => {
                if is_changed(base, theirs) {
                    let words = format!("You remove {}, which was changed meanwhile", name(theirs));
                    notes.push(MergeNote { id: theirs.id, words });
                }
            }
            // Someone else's new phase.
            (None, _) => rows.push(theirs.clone()),
        }
    }
    let kept: HashSet<PhaseId> = rows.iter().map(|row| row.id).collect();
    for ours in ours.iter().filter(|ours| !kept.contains(&ours.id)) {
        let gone = before.get(&ours.id).filter(|_| !saved.contains_key(&ours.id));
        match gone {
            Some(base) if is_changed(base, ours) => {
                let words = format!("{} was removed meanwhile; your changes to it are left out", name(ours));
                notes.push(MergeNote { id: ours.id, words });
            }
            Some(_) => {}
            None if ours.is_new => rows.push(ours.clone()),
            None => {}
        }
    }
    rows.sort_by(|a, b| (&a.start_date, &a.end_date).cmp(&(&b.start_date, &b.end_date)));
    (rows, notes)
}

fn name(row: &DraftRow) -> String {
    words::shown(row.name.trim())
}

/// The fields of a row, with their names for people.
fn fields(row: &DraftRow) -> [(&'static str, &str); 6] {
    [
        ("name", row.name.trim()),
        ("description", row.description.trim()),
        ("start", &row.start_date),
        ("end", &row.end_date),
        ("capital budget", &row.capital_budget),
        ("expense budget", &row.expense_budget),
    ]
}

fn is_changed(before: &DraftRow, after: &DraftRow) -> bool {
    fields(before) != fields(after)
}

fn row(base: &DraftRow, ours: &DraftRow, theirs: &DraftRow, notes: &mut Vec<MergeNote>) -> DraftRow {
    let mut both = Vec::new();
    let mut choose = |index: usize| {
        let [(field, before), (_, mine), (_, saved)] = [base, ours, theirs].map(|row| fields(row)[index]);
        if mine != before && saved != before && mine != saved {
            both.push(format!("{field} (theirs: {})", words::shown(saved)));
        }
        if mine == before { saved.to_owned() } else { mine.to_owned() }
    };
    let [name, description, start_date, end_date, capital_budget, expense_budget] =
        [0, 1, 2, 3, 4, 5].map(&mut choose);
    if !both.is_empty() {
        let words = format!("Both changed {}: {}; yours is kept", self::name(theirs), both.join(", "));
        notes.push(MergeNote { id: theirs.id, words });
    }
    DraftRow {
        id: theirs.id,
        is_new: false,
        name,
        description,
        start_date,
        end_date,
        capital_budget,
        expense_budget,
        total_budget: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row_of(id: u128, name: &str, dates: [&str; 2], capital: &str) -> DraftRow {
        DraftRow {
            id: PhaseId::from(uuid::Uuid::from_u128(id)),
            is_new: false,
            name: name.to_owned(),
            description: String::new(),
            start_date: dates[0].to_owned(),
            end_date: dates[1].to_owned(),
            capital_budget: capital.to_owned(),
            expense_budget: "0.00".to_owned(),
            total_budget: None,
        }
    }

    fn base() -> Vec<DraftRow> {
        vec![
            row_of(1, "Design", ["2024-01-01", "2024-01-31"], "1.00"),
            row_of(2, "Build", ["2024-02-01", "2024-02-29"], "2.00"),
        ]
    }

    #[test]
    fn changes_of_different_fields_come_together() {
        let (mut ours, mut theirs) = (base(), base());
        ours[0].name = "Drawing".to_owned();
        theirs[0].capital_budget = "5.00".to_owned();
        theirs[1].end_date = "2024-03-10".to_owned();
        let (rows, notes) = merged(&base(), &ours, &theirs);
        assert_eq!(notes, []);
        assert_eq!((rows[0].name.as_str(), rows[0].capital_budget.as_str()), ("Drawing", "5.00"));
        assert_eq!(rows[1].end_date, "2024-03-10");
    }

    #[test]
    fn where_both_changed_a_field_ours_stays_and_theirs_is_named() {
        let (mut ours, mut theirs) = (base(), base());
        ours[1].name = "Ours".to_owned();
        theirs[1].name = "Theirs".to_owned();
        let (rows, notes) = merged(&base(), &ours, &theirs);
        assert_eq!(rows[1].name, "Ours");
        assert_eq!(notes.len(), 1);
        assert!(notes[0].words.contains("name (theirs: Theirs)"), "{notes:?}");
        theirs[1].name = "Ours".to_owned();
        assert_eq!(merged(&base(), &ours, &theirs).1, [], "the same change on both sides");
    }

    #[test]
    fn phases_come_and_go_on_both_sides() {
        let new = |id, is_new| DraftRow { is_new, ..row_of(id, "New", ["2024-02-10", "2024-02-29"], "0.00") };
        let mut ours = vec![base()[0].clone(), new(8, true)];
        let theirs = vec![base()[0].clone(), base()[1].clone(), new(9, false)];
        let ids = |rows: &[DraftRow]| rows.iter().map(|row| row.id.uuid().as_u128()).collect::<Vec<_>>();
        let (rows, notes) = merged(&base(), &ours, &theirs);
        assert_eq!((ids(&rows), notes), (vec![1, 9, 8], vec![]));
        // They removed what we changed, and changed what we removed.
        ours = vec![DraftRow { name: "Changed".to_owned(), ..base()[0].clone() }];
        let theirs = vec![DraftRow { name: "Changed too".to_owned(), ..base()[1].clone() }];
        let (rows, notes) = merged(&base(), &ours, &theirs);
        assert_eq!(ids(&rows), Vec::<u128>::new());
        let words: Vec<&str> = notes.iter().map(|note| note.words.as_str()).collect();
        assert_eq!(
            words,
            [
                "You remove Changed too, which was changed meanwhile",
                "Changed was removed meanwhile; your changes to it are left out",
            ]
        );
    }
}

//! A writer's commands: lists, resizes, new phases and removals, some of them invalid.

use chrono::{Days, NaiveDate};
use phaseline_tests::http::Method;
use phaseline_tests::random::SeededRandom;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use uuid::Uuid;

/// A project, and the days that its phases must cover.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Project {
    pub(crate) id: Uuid,
    pub(crate) start: NaiveDate,
    pub(crate) end: NaiveDate,
    /// A phase of another project.
    pub(crate) foreign: Uuid,
}

/// A request for a change, which is the same each time it is sent.
#[derive(Clone, Debug)]
pub(crate) struct Command {
    pub(crate) key: String,
    pub(crate) project: Uuid,
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) body: Option<Value>,
    /// The version in `If-Match`.
    pub(crate) expected: Option<i64>,
}

/// The greatest number of phases.
const MANY: usize = 7;

/// Commands by frequency.
const KINDS: [(u64, Kind); 6] = [
    (22, Kind::List),
    (16, Kind::WrongList),
    (28, Kind::Resize),
    (12, Kind::Create),
    (14, Kind::Remove),
    (8, Kind::Rename),
];

#[derive(Clone, Copy)]
enum Kind {
    List,
    WrongList,
    Resize,
    Create,
    Remove,
    Rename,
}

impl Project {
    /// Fails unless phases cover its days, each day once.
    #[track_caller]
    pub(crate) fn is_covered_by(&self, phases: &[Value]) {
        let day = |phase: &Value, name: &str| phase[name].as_str().unwrap().parse::<NaiveDate>().unwrap();
        let mut days: Vec<_> =
            phases.iter().map(|phase| (day(phase, "start_date"), day(phase, "end_date"))).collect();
        days.sort_unstable();
        let mut next = self.start;
        for (start, end) in &days {
            assert!(*start == next && end >= start, "{days:?} of {self:?}");
            next = *end + Days::new(1);
        }
        assert_eq!(next, self.end + Days::new(1), "{days:?} of {self:?}");
    }

    /// A command on the project with these phases at a version.
    pub(crate) fn command(
        &self,
        random: &mut SeededRandom,
        key: String,
        phases: &[Value],
        version: i64,
    ) -> Command {
        let phase = random.one_of(phases).unwrap();
        let id = phase["id"].as_str().unwrap();
        let of_project = |rest: &str| format!("/api/v1/projects/{}/phases{rest}", self.id);
        let of_phase = format!("/api/v1/phases/{id}");
        let mut kind = random.weighted(&KINDS);
        if matches!(kind, Kind::Create) && phases.len() >= MANY {
            kind = Kind::Remove;
        }
        let neighbours = if random.hits(20) { "refuse" } else { "adjust" };
        let (method, path, body) = match kind {
            Kind::List | Kind::WrongList => {
                let mut list = self.list(random, phases);
                if matches!(kind, Kind::WrongList) {
                    self.corrupt(random, &mut list);
                }
                (Method::POST, of_project("/batch"), Some(json!({ "phases": list })))
            }
            Kind::Resize => {
                let [start, end] = self.near(random, phase_days(&phase));
                let body = json!({ "start_date": start, "end_date": end, "neighbours": neighbours });
                (Method::PATCH, of_phase, Some(body))
            }
            Kind::Rename => {
                let name = if random.hits(30) { String::new() } else { format!("renamed by {key}") };
                (Method::PATCH, of_phase, Some(json!({ "name": name })))
            }
            Kind::Create => {
                let [start, end] = self.within(random, phase_days(&phase));
                let body = json!({ "name": format!("made by {key}"), "start_date": start, "end_date": end,
                    "neighbours": neighbours });
                (Method::POST, of_project(""), Some(body))
            }
            Kind::Remove => (Method::DELETE, format!("{of_phase}?neighbours={neighbours}"), None),
        };
        let seen = version - i64::from(random.hits(10));
        let expected = random.hits(30).then_some(seen);
        Command { key, project: self.id, method, path, body, expected }
    }

    /// A list of existing and new phases that covers the project.
    fn list(&self, random: &mut SeededRandom, phases: &[Value]) -> Vec<Value> {
        let pieces = 1 + random.below(MANY as u64) as usize;
        let mut starts = BTreeSet::from([self.start]);
        while starts.len() < pieces {
            starts.insert(self.day(random));
        }
        let starts: Vec<NaiveDate> = starts.into_iter().collect();
        let mut known: Vec<&Value> = phases.iter().map(|phase| &phase["id"]).collect();
        (0..starts.len())
            .map(|at| {
                let end = starts.get(at + 1).map_or(self.end, |next| *next - Days::new(1));
                let id = match known.len() {
                    0 => Value::Null,
                    _ if random.hits(25) => Value::Null,
                    count => known.swap_remove(random.below(count as u64) as usize).clone(),
                };
                let (capital, expense) = (random.below(9_000_000), random.below(9_000_000));
                let money = |cents: u64| format!("{}.{:02}", cents / 100, cents % 100);
                json!({ "id": id, "name": format!("Phase {}", at + 1), "start_date": starts[at], "end_date": end,
                    "description": null, "capital_budget": money(capital), "expense_budget": money(expense),
                    "total_budget": money(capital + expense) })
            })
            .collect()
    }

    /// Changes a list so that it must be refused.
    fn corrupt(&self, random: &mut SeededRandom, list: &mut Vec<Value>) {
        let at = random.below(list.len() as u64) as usize;
        match random.below(6) {
            0 => list.clear(),
            1 => list[at]["total_budget"] = "0.01".into(),
            2 => list[at]["name"] = "".into(),
            3 => list[at]["id"] = self.foreign.to_string().into(),
            4 => list[at]["start_date"] = (self.start - Days::new(1)).to_string().into(),
            _ => list[at]["end_date"] = "soon".into(),
        }
    }

    fn day(&self, random: &mut SeededRandom) -> NaiveDate {
        let days = (self.end - self.start).num_days() as u64;
        self.start + Days::new(random.below(days + 1))
    }

    /// The last days of a phase; sometimes any days, which may be refused.
    fn within(&self, random: &mut SeededRandom, [first, last]: [NaiveDate; 2]) -> [NaiveDate; 2] {
        let days = (last - first).num_days() as u64;
        if days == 0 || random.hits(30) {
            let start = self.day(random);
            return [start, start + Days::new(random.below(12))];
        }
        [first + Days::new(1 + random.below(days)), last]
    }

    /// Dates moved by some days, mostly still within the project.
    fn near(&self, random: &mut SeededRandom, days: [NaiveDate; 2]) -> [NaiveDate; 2] {
        let inside = random.hits(80);
        days.map(|day| {
            let moved = day + chrono::Duration::days(random.within(-9, 9));
            if inside { moved.clamp(self.start, self.end) } else { moved }
        })
    }
}

fn phase_days(phase: &Value) -> [NaiveDate; 2] {
    ["start_date", "end_date"].map(|name| phase[name].as_str().unwrap().parse().unwrap())
}

//! The rules of a timeline, and the refusal that carries their messages.
//!
//! A rule is one function that looks at what was asked, still unchecked, and says how it is broken, if it is.
//! `docs/rules.md` lists them all. Nothing stops at the first broken rule: whoever asked learns of all of them.

mod draft;
pub(crate) mod phase;
pub(crate) mod request;
pub(crate) mod set;

pub use draft::{Draft, DraftBudget};

use crate::{DateRange, InvalidValue, PhaseId};
use std::fmt;

macro_rules! rules {
    ($($(#[$doc:meta])* $rule:ident $field:literal)*) => {
        /// A rule of the timeline. The texts of V1 to V11, V14 and V15 are the planner's own; users know them.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Rule { $($(#[$doc])* $rule),* }

        impl Rule {
            /// Every rule, by number.
            pub const ALL: &'static [Self] = &[$(Self::$rule),*];

            /// Its id: "V1", "V2" and so on.
            pub const fn id(self) -> &'static str {
                match self { $(Self::$rule => stringify!($rule)),* }
            }

            /// The field that a front end shows the message at.
            pub const fn field(self) -> &'static str {
                match self { $(Self::$rule => $field),* }
            }
        }
    };
}

rules! {
    /// A project has a phase.
    V1 "phases"
    /// The first phase starts when the project does.
    V2 "start_date"
    /// The last phase ends when the project does.
    V3 "end_date"
    /// No day between two phases is without one.
    V4 "timeline"
    /// No day has two phases.
    V5 "timeline"
    /// A phase has a name.
    V6 "name"
    /// A name has at most 100 characters.
    V7 "name"
    /// A phase does not end before it starts.
    V8 "dates"
    /// A phase does not start before the project.
    V9 "start_date"
    /// A phase does not end after the project.
    V10 "end_date"
    /// The total is the sum of the two parts.
    V11 "budget"
    /// Each amount fits `numeric(15,2)` as it stands, and none is negative.
    V12 "budget"
    /// A description has at most 500 characters.
    V13 "description"
    /// The only phase stays.
    V14 "delete"
    /// A removed phase's days must go somewhere.
    V15 "delete"
    /// Only an open timeline takes commands.
    V16 "timeline"
    /// A timeline is opened once.
    V17 "timeline"
    /// A phase that is to change must be in the timeline.
    V18 "id"
    /// A list names each phase once.
    V19 "id"
    /// A new phase has an id of its own.
    V20 "id"
    /// A project has at least two days.
    V21 "dates"
    /// Dates lie in the years 1 to 9999.
    V22 "dates"
    /// A name holds no NUL character.
    V23 "name"
    /// A description holds no NUL character.
    V24 "description"
    /// A new order names every phase.
    V25 "phases"
    /// A name that is given to one phase can be seen.
    V26 "name"
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

/// One broken rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The rule.
    pub rule: Rule,
    /// The field that a front end shows the message at.
    pub field: &'static str,
    /// What is wrong, for the user to read.
    pub message: String,
    /// The phase that breaks the rule, if it is one phase and the phase has an id.
    pub phase_id: Option<PhaseId>,
}

impl Violation {
    pub(crate) fn new(rule: Rule, phase_id: Option<PhaseId>, message: String) -> Self {
        Self { rule, field: rule.field(), message, phase_id }
    }

    /// What a value that could not be made breaks. The rules are asked first, so that this says something only
    /// where they and the value's own check disagree.
    pub(crate) fn of_value(error: &InvalidValue, phase_id: Option<PhaseId>, text_rule: Rule) -> Self {
        let rule = match error {
            InvalidValue::DatesReversed { .. } => Rule::V8,
            InvalidValue::DateOutOfRange(_) => Rule::V22,
            InvalidValue::NameEmpty => Rule::V6,
            InvalidValue::NameTooLong(_) => Rule::V7,
            InvalidValue::DescriptionTooLong(_) => Rule::V13,
            InvalidValue::NulCharacter => text_rule,
            InvalidValue::AmountNegative(_)
            | InvalidValue::AmountTooFine(_)
            | InvalidValue::AmountTooLarge(_) => Rule::V12,
        };
        Self::new(rule, phase_id, error.to_string())
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// Why a command was refused: every rule that it breaks, in the rules' order; at least one.
///
/// It reads as its first message; [`Refusal::messages`] has them all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    violations: Vec<Violation>,
}

impl Refusal {
    /// `Err` with all violations, or `Ok` if there are none.
    pub fn unless_empty(violations: impl IntoIterator<Item = Violation>) -> Result<(), Self> {
        let violations: Vec<Violation> = violations.into_iter().collect();
        if violations.is_empty() { Ok(()) } else { Err(Self { violations }) }
    }

    /// What is broken, in order; never empty.
    pub fn violations(&self) -> &[Violation] {
        &self.violations
    }

    /// The same, to be told together with others.
    pub fn into_violations(self) -> Vec<Violation> {
        self.violations
    }

    /// Whether the rule is among those broken.
    pub fn breaks(&self, rule: Rule) -> bool {
        self.violations.iter().any(|violation| violation.rule == rule)
    }

    /// All messages, one per line.
    pub fn messages(&self) -> String {
        self.violations.iter().map(|violation| violation.message.as_str()).collect::<Vec<_>>().join("\n")
    }
}

impl From<Violation> for Refusal {
    fn from(violation: Violation) -> Self {
        Self { violations: vec![violation] }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.violations.first().map_or(Ok(()), |first| first.fmt(f))
    }
}

impl std::error::Error for Refusal {}

/// Checks the complete list of a project's phases, in any order. What comes back is in the rules' order: the list as
/// a whole first (V1, V2, V3, then V4 or V5 for each neighbouring pair, then V19), then each phase by start date.
/// Empty if all is well.
///
/// [`decide`](crate::decide()) accepts a [`ReplaceAll`](crate::TimelineCommand::ReplaceAll) exactly when this finds
/// nothing and the ids are what the command says they are (V18, V20).
pub fn validate(project: DateRange, drafts: &[Draft<'_>]) -> Vec<Violation> {
    let mut sorted = drafts.to_vec();
    sorted.sort_by_key(Draft::place);
    let mut violations = set::violations(project, &sorted);
    for draft in &sorted {
        violations.extend(phase::violations(project, draft));
    }
    violations
}

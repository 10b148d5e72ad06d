//! The rules by name, and what a broken one is: a violation, and the refusal with all of them.

use super::no_room::NoRoom;
use crate::{InvalidValue, PhaseId};
use std::fmt;

macro_rules! rules {
    ($($(#[$doc:meta])* $rule:ident $id:literal $field:literal)*) => {
        /// A rule of the timeline. The messages of V1 to V11, V14 and V15 are the planner's own; users know them.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Rule { $($(#[$doc])* #[doc = concat!("(", $id, ")")] $rule),* }

        impl Rule {
            /// Every rule, by number.
            pub const ALL: &'static [Self] = &[$(Self::$rule),*];

            /// Its id in documents and responses: "V1", "V2" and so on.
            pub const fn id(self) -> &'static str {
                match self { $(Self::$rule => $id),* }
            }

            /// The field at which a front end shows the message.
            pub const fn field(self) -> &'static str {
                match self { $(Self::$rule => $field),* }
            }

            /// Whether it is about how all phases together cover the project.
            pub const fn is_about_coverage(self) -> bool {
                matches!(
                    self,
                    Self::PhaseRequired
                        | Self::StartsWithProject
                        | Self::EndsWithProject
                        | Self::NoGap
                        | Self::NoOverlap
                )
            }
        }
    };
}

rules! {
    /// A project has at least one phase.
    PhaseRequired "V1" "phases"
    /// The first phase starts with the project.
    StartsWithProject "V2" "start_date"
    /// The last phase ends with the project.
    EndsWithProject "V3" "end_date"
    /// No date between two phases is without a phase.
    NoGap "V4" "timeline"
    /// No date has two phases.
    NoOverlap "V5" "timeline"
    /// A phase has a name.
    NameNotEmpty "V6" "name"
    /// A name has at most 100 characters.
    NameLength "V7" "name"
    /// A phase does not end before it starts.
    DatesInOrder "V8" "dates"
    /// A phase does not start before the project.
    StartsWithinProject "V9" "start_date"
    /// A phase does not end after the project.
    EndsWithinProject "V10" "end_date"
    /// The total is the sum of the two parts.
    TotalIsSum "V11" "budget"
    /// Each amount fits `numeric(15,2)` without rounding, and none is negative.
    AmountInRange "V12" "budget"
    /// A description has at most 500 characters.
    DescriptionLength "V13" "description"
    /// The only phase cannot be removed.
    LastPhaseStays "V14" "delete"
    /// A neighbour takes a removed phase's dates.
    RemovalLeavesNoGap "V15" "delete"
    /// Only an open timeline takes commands.
    TimelineOpen "V16" "timeline"
    /// A timeline is opened once.
    OpenedOnce "V17" "timeline"
    /// A phase to change is in the timeline.
    PhaseExists "V18" "id"
    /// A list names each phase once.
    ListedOnce "V19" "id"
    /// The id of a new phase was never used.
    PhaseIdUnused "V20" "id"
    /// A project has at least two days.
    ProjectDatesInOrder "V21" "dates"
    /// Dates lie in the years 1 to 9999.
    DateInRange "V22" "dates"
    /// A name holds no NUL character.
    NameWithoutNul "V23" "name"
    /// A description holds no NUL character.
    DescriptionWithoutNul "V24" "description"
    /// A new order names every phase.
    OrderIsComplete "V25" "phases"
    /// A name given to a single phase has a visible character.
    NameVisible "V26" "name"
    /// A restored timeline changes the project's dates only by choice.
    ProjectDatesChosen "V27" "dates"
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
    /// The field at which a front end shows the message.
    pub field: &'static str,
    /// What is wrong, for the user.
    pub message: String,
    /// The phase that breaks the rule, if it is one phase and the phase has an id.
    pub phase_id: Option<PhaseId>,
    /// Why a phase cannot make room, if the rule is V5 and the neighbours were to adjust.
    pub no_room: Option<NoRoom>,
}

impl Violation {
    pub(crate) fn new(rule: Rule, phase_id: Option<PhaseId>, message: String) -> Self {
        Self { rule, field: rule.field(), message, phase_id, no_room: None }
    }

    pub(crate) fn with_no_room(self, no_room: NoRoom) -> Self {
        Self { no_room: Some(no_room), ..self }
    }

    /// The message with why a phase has no room, if that is known. The message alone is the planner's.
    pub fn explained(&self) -> String {
        match &self.no_room {
            Some(no_room) => format!("{}: {no_room}", self.message),
            None => self.message.clone(),
        }
    }

    /// The rule that an invalid value breaks. The rules are checked first, so this matters only where a rule and the value's own
    /// check disagree.
    pub(crate) fn of_value(error: &InvalidValue, phase_id: Option<PhaseId>, text_rule: Rule) -> Self {
        let rule = match error {
            InvalidValue::DatesReversed { .. } => Rule::DatesInOrder,
            InvalidValue::DateOutOfRange(_) => Rule::DateInRange,
            InvalidValue::NameEmpty => Rule::NameNotEmpty,
            InvalidValue::NameTooLong(_) => Rule::NameLength,
            InvalidValue::DescriptionTooLong(_) => Rule::DescriptionLength,
            InvalidValue::NulCharacter => text_rule,
            InvalidValue::AmountNegative(_)
            | InvalidValue::AmountTooFine(_)
            | InvalidValue::AmountTooLarge(_) => Rule::AmountInRange,
        };
        Self::new(rule, phase_id, error.to_string())
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// Why a command was refused: every broken rule, in the rules' order; at least one.
///
/// It displays its first message; [`Refusal::messages`] has all.
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

    /// The violations in order; never empty.
    pub fn violations(&self) -> &[Violation] {
        &self.violations
    }

    /// The violations, to be merged with others.
    pub fn into_violations(self) -> Vec<Violation> {
        self.violations
    }

    /// Whether this rule is broken.
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

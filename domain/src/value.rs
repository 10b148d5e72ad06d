//! Values that are valid by construction: code that has one need not check it again.

use chrono::{Datelike, NaiveDate};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Why a value is invalid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidValue {
    /// The start lies after the end.
    #[error("start date {start} is after end date {end}")]
    DatesReversed {
        /// The requested first day.
        start: NaiveDate,
        /// The requested last day.
        end: NaiveDate,
    },
    /// A date before year 1 or after year 9999, which ISO text and the planner's own client cannot carry.
    #[error("date {0} is outside the years 1 to 9999")]
    DateOutOfRange(NaiveDate),
    /// A name without a visible character.
    #[error("name is empty")]
    NameEmpty,
    /// A name of more than 100 characters.
    #[error("name has {0} characters, at most 100 fit")]
    NameTooLong(usize),
    /// A description of more than 500 characters.
    #[error("description has {0} characters, at most 500 fit")]
    DescriptionTooLong(usize),
    /// Text with a NUL character, which the database cannot store.
    #[error("text contains a NUL character")]
    NulCharacter,
    /// A negative amount.
    #[error("amount {0} is negative")]
    AmountNegative(Decimal),
    /// An amount with more than two decimals.
    #[error("amount {0} has more than two decimals")]
    AmountTooFine(Decimal),
    /// An amount that `numeric(15,2)` cannot hold.
    #[error("amount {0} does not fit numeric(15,2)")]
    AmountTooLarge(Decimal),
}

/// The dates from `start` to `end`, both inclusive; at least one day, within the years 1 to 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "RawRange", into = "RawRange")]
pub struct DateRange {
    start: NaiveDate,
    end: NaiveDate,
}

#[derive(Serialize, Deserialize)]
struct RawRange {
    start_date: NaiveDate,
    end_date: NaiveDate,
}

impl TryFrom<RawRange> for DateRange {
    type Error = InvalidValue;
    fn try_from(raw: RawRange) -> Result<Self, InvalidValue> {
        Self::new(raw.start_date, raw.end_date)
    }
}

impl From<DateRange> for RawRange {
    fn from(range: DateRange) -> Self {
        Self { start_date: range.start, end_date: range.end }
    }
}

impl DateRange {
    /// The dates from `start` to `end`, both inclusive.
    pub fn new(start: NaiveDate, end: NaiveDate) -> Result<Self, InvalidValue> {
        for date in [start, end] {
            if !(1..=9999).contains(&date.year()) {
                return Err(InvalidValue::DateOutOfRange(date));
            }
        }
        if start > end {
            return Err(InvalidValue::DatesReversed { start, end });
        }
        Ok(Self { start, end })
    }

    /// The first day.
    pub const fn start(self) -> NaiveDate {
        self.start
    }

    /// The last day.
    pub const fn end(self) -> NaiveDate {
        self.end
    }

    /// The number of days, at least 1.
    pub fn days(self) -> i64 {
        (self.end - self.start).num_days() + 1
    }

    /// Whether the day lies within.
    pub fn contains(self, day: NaiveDate) -> bool {
        self.start <= day && day <= self.end
    }
}

impl fmt::Display for DateRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", self.start, self.end)
    }
}

/// The longest phase name, in characters (rule V7; `varchar(100)`).
pub const NAME_MAX: usize = 100;
/// The name of the phase that a new timeline starts with.
pub const DEFAULT_PHASE_NAME: &str = "Default Phase";
/// The longest description, in characters (rule V13; `varchar(500)`).
pub const DESCRIPTION_MAX: usize = 500;

/// A phase's name: 1 to 100 characters, not all of them white space.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PhaseName(String);

impl PhaseName {
    /// A name, without trimming: it is stored as it was sent.
    pub fn new(name: impl Into<String>) -> Result<Self, InvalidValue> {
        let name = name.into();
        if name.trim().is_empty() {
            return Err(InvalidValue::NameEmpty);
        }
        let length = name.chars().count();
        if length > NAME_MAX {
            return Err(InvalidValue::NameTooLong(length));
        }
        if name.contains('\0') {
            return Err(InvalidValue::NulCharacter);
        }
        Ok(Self(name))
    }

    /// The name of the phase that a new timeline starts with.
    pub fn of_default_phase() -> Self {
        Self(DEFAULT_PHASE_NAME.to_owned())
    }

    /// The name's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for PhaseName {
    type Error = InvalidValue;
    fn try_from(name: String) -> Result<Self, InvalidValue> {
        Self::new(name)
    }
}

impl From<PhaseName> for String {
    fn from(name: PhaseName) -> Self {
        name.0
    }
}

impl fmt::Display for PhaseName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A phase's description: at most 500 characters. Commands turn an empty one into none. Rows that other programs
/// wrote, and the events of older versions, may have one.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Description(String);

impl Description {
    /// Takes the text as it is given.
    pub fn new(text: impl Into<String>) -> Result<Self, InvalidValue> {
        let text = text.into();
        let length = text.chars().count();
        if length > DESCRIPTION_MAX {
            return Err(InvalidValue::DescriptionTooLong(length));
        }
        if text.contains('\0') {
            return Err(InvalidValue::NulCharacter);
        }
        Ok(Self(text))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it counts as none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl TryFrom<String> for Description {
    type Error = InvalidValue;
    fn try_from(text: String) -> Result<Self, InvalidValue> {
        Self::new(text)
    }
}

impl From<Description> for String {
    fn from(text: Description) -> Self {
        text.0
    }
}

/// An amount of money as `numeric(15,2)` holds it: not negative, two decimals, below 10^13. Written "50000.00".
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Decimal", into = "Decimal")]
pub struct Money(Decimal);

impl Money {
    /// Nothing: 0.00.
    pub const ZERO: Self = Self(Decimal::from_parts(0, 0, 0, false, 2));

    /// An amount; `1.5` becomes `1.50`.
    pub fn new(amount: Decimal) -> Result<Self, InvalidValue> {
        if amount.is_sign_negative() && !amount.is_zero() {
            return Err(InvalidValue::AmountNegative(amount));
        }
        let mut scaled = amount.normalize();
        if scaled.scale() > 2 {
            return Err(InvalidValue::AmountTooFine(amount));
        }
        if scaled >= Decimal::from(10_000_000_000_000_i64) {
            return Err(InvalidValue::AmountTooLarge(amount));
        }
        scaled.set_sign_positive(true);
        scaled.rescale(2);
        Ok(Self(scaled))
    }

    /// The amount, with two decimals.
    pub const fn amount(self) -> Decimal {
        self.0
    }
}

impl TryFrom<Decimal> for Money {
    type Error = InvalidValue;
    fn try_from(amount: Decimal) -> Result<Self, InvalidValue> {
        Self::new(amount)
    }
}

impl From<Money> for Decimal {
    fn from(money: Money) -> Self {
        money.0
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A phase's budget. The total is always capital plus expense (rule V11), so it is not kept twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "RawBudget", into = "RawBudget")]
pub struct Budget {
    capital: Money,
    expense: Money,
    total: Money,
}

#[derive(Serialize, Deserialize)]
struct RawBudget {
    capital_budget: Money,
    expense_budget: Money,
}

impl TryFrom<RawBudget> for Budget {
    type Error = InvalidValue;
    fn try_from(raw: RawBudget) -> Result<Self, InvalidValue> {
        Self::new(raw.capital_budget, raw.expense_budget)
    }
}

impl From<Budget> for RawBudget {
    fn from(budget: Budget) -> Self {
        Self { capital_budget: budget.capital, expense_budget: budget.expense }
    }
}

impl Budget {
    /// No money at all.
    pub const ZERO: Self = Self { capital: Money::ZERO, expense: Money::ZERO, total: Money::ZERO };

    /// A budget of two parts; fails if their sum does not fit `numeric(15,2)`.
    pub fn new(capital: Money, expense: Money) -> Result<Self, InvalidValue> {
        let total = Money::new(capital.0 + expense.0)?;
        Ok(Self { capital, expense, total })
    }

    /// The capital part.
    pub const fn capital(self) -> Money {
        self.capital
    }

    /// The expense part.
    pub const fn expense(self) -> Money {
        self.expense
    }

    /// Capital plus expense.
    pub const fn total(self) -> Money {
        self.total
    }
}

//! Values accept exactly their documented ranges.

use crate::fixture::*;
use chrono::NaiveDate;
use phaseline_domain::{Budget, DateRange, Description, InvalidValue, Money, PhaseName};
use proptest::prelude::*;
use rust_decimal::Decimal;

/// Amounts of every kind: of any size, scale and sign, and many around the limits.
fn any_amount() -> impl Strategy<Value = Decimal> {
    let limit = 10_i64.pow(15);
    prop_oneof![
        (-1_000_000_i64..=1_000_000, 0_u32..6).prop_map(|(n, scale)| Decimal::new(n, scale)),
        (limit - 1000..=limit + 1000, 0_u32..6).prop_map(|(n, scale)| Decimal::new(n, scale)),
        (any::<i64>(), 0_u32..=28).prop_map(|(n, scale)| Decimal::new(n, scale)),
    ]
}

fn any_money() -> impl Strategy<Value = Money> {
    (0_i64..10_i64.pow(15)).prop_map(|cents| Money::new(Decimal::new(cents, 2)).unwrap())
}

proptest! {
    #![proptest_config(reproducible())]

    #[test]
    fn money_holds_what_the_column_holds(amount in any_amount()) {
        let cents = amount * Decimal::ONE_HUNDRED;
        let fits = cents.fract().is_zero() && cents >= Decimal::ZERO && cents < Decimal::new(10_i64.pow(15), 0);
        match Money::new(amount) {
            Ok(money) => {
                prop_assert!(fits, "{} was taken", amount);
                prop_assert_eq!(money.amount(), amount);
                let text = money.to_string();
                prop_assert_eq!(text.split_once('.').map(|(_, decimals)| decimals.len()), Some(2));
                let stored = serde_json::to_string(&money).unwrap();
                prop_assert_eq!(&stored, &format!("\"{text}\""));
                prop_assert_eq!(serde_json::from_str::<Money>(&stored).unwrap(), money);
            }
            Err(_) => prop_assert!(!fits, "{} was refused", amount),
        }
    }

    #[test]
    fn a_budgets_total_is_the_sum_or_there_is_no_budget(capital in any_money(), expense in any_money()) {
        let sum = capital.amount() + expense.amount();
        match Budget::new(capital, expense) {
            Ok(budget) => {
                prop_assert_eq!(budget.total().amount(), sum);
                let stored = serde_json::to_string(&budget).unwrap();
                prop_assert_eq!(serde_json::from_str::<Budget>(&stored).unwrap(), budget);
            }
            Err(error) => {
                prop_assert_eq!(error, InvalidValue::AmountTooLarge(sum));
                prop_assert!(sum >= Decimal::new(10_i64.pow(13), 0));
            }
        }
    }

    #[test]
    fn a_name_is_kept_as_given_or_refused(text in "[ a-zé\\t\u{0}]{0,3}|[ä-ü ]{98,102}|.{0,8}") {
        let good = text.chars().any(|c| !c.is_whitespace())
            && text.chars().count() <= 100
            && !text.contains('\0');
        let name = PhaseName::new(text.as_str());
        prop_assert_eq!(name.is_ok(), good, "{:?}", text);
        if let Ok(name) = name {
            prop_assert_eq!(name.as_str(), text);
        }
    }

    #[test]
    fn a_description_is_kept_as_given_or_refused(text in "[ a\u{0}]{0,3}|[ä-ü]{498,502}|.{0,8}") {
        let good = text.chars().count() <= 500 && !text.contains('\0');
        let description = Description::new(text.as_str());
        prop_assert_eq!(description.is_ok(), good, "{:?}", text);
        if let Ok(description) = description {
            prop_assert_eq!(description.as_str(), text);
        }
    }

    #[test]
    fn a_range_holds_its_days(start in -800_000_i32..4_000_000, length in -3_i32..400) {
        let (Some(start), Some(end)) = (
            NaiveDate::from_num_days_from_ce_opt(start),
            NaiveDate::from_num_days_from_ce_opt(start + length),
        ) else {
            return Ok(());
        };
        let exists = |day: NaiveDate| day >= day_of(1, 1, 1) && day <= day_of(9999, 12, 31);
        let range = DateRange::new(start, end);
        prop_assert_eq!(range.is_ok(), length >= 0 && exists(start) && exists(end));
        if let Ok(range) = range {
            prop_assert_eq!(range.days(), i64::from(length) + 1);
            prop_assert_eq!(start.iter_days().take_while(|day| range.contains(*day)).count(), length as usize + 1);
            prop_assert!(!range.contains(start.pred_opt().unwrap()));
        }
    }
}

fn day_of(year: i32, month: u32, day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(year, month, day).unwrap()
}

#[test]
fn money_is_written_with_two_decimals() {
    for (given, written) in
        [("0", "0.00"), ("-0.0", "0.00"), ("1.5", "1.50"), ("2.000", "2.00"), ("50000", "50000.00")]
    {
        assert_eq!(Money::new(amount(given)).unwrap().to_string(), written);
    }
    assert_eq!(Money::ZERO.to_string(), "0.00");
    assert_eq!(Budget::ZERO.total(), Money::ZERO);
}

#[test]
fn an_invalid_value_has_a_reason() {
    let amount_error = |text| Money::new(amount(text)).unwrap_err().to_string();
    assert_eq!(amount_error("-1"), "amount -1 is negative");
    assert_eq!(amount_error("0.001"), "amount 0.001 has more than two decimals");
    assert_eq!(amount_error("10000000000000"), "amount 10000000000000 does not fit numeric(15,2)");
    assert_eq!(PhaseName::new("").unwrap_err(), InvalidValue::NameEmpty);
    assert_eq!(PhaseName::new("x".repeat(101)).unwrap_err(), InvalidValue::NameTooLong(101));
    assert_eq!(Description::new("x".repeat(501)).unwrap_err(), InvalidValue::DescriptionTooLong(501));
    let reversed = DateRange::new(day("02-02"), day("02-01")).unwrap_err();
    assert_eq!(reversed.to_string(), "start date 2024-02-02 is after end date 2024-02-01");
}

//! PostgreSQL reads the values that are written in the binary COPY format, and returns the same ones.

use crate::fixture::connect;
use chrono::{DateTime, NaiveDate};
use phaseline_embedded::testing::TestCluster;
use phaseline_store::StoreError;
use phaseline_store::copy::{self, Sink};
use rust_decimal::Decimal;
use uuid::Uuid;

#[tokio::test]
async fn every_type_is_stored_unchanged() {
    let database = TestCluster::shared().database();
    database.psql(
        "CREATE TABLE t (n int, d date, ts timestamp, tz timestamptz, u uuid, b bytea, x text, i bigint, m numeric)",
    );
    let mut connection = connect(&database).await;
    let amounts = [
        "0",
        "0.00",
        "0.01",
        "1",
        "10000",
        "9999.9999",
        "12345678.90",
        "9999999999999.99",
        "-1.5",
        "100000000",
    ];
    let dates = ["0001-01-01", "1999-12-31", "2000-01-01", "2000-01-02", "9999-12-31"];
    let micros = [-62_135_596_800_000_000_i64, -1, 0, 946_684_800_000_001, 253_402_300_799_999_999];
    let mut sink = Sink::open(&mut connection, "public.t").await.unwrap();
    for (n, amount) in amounts.iter().enumerate() {
        let at = DateTime::from_timestamp_micros(micros[n % micros.len()]).unwrap();
        sink.row(9, |row| {
            row.i32(i32::try_from(n).unwrap());
            row.date(dates[n % dates.len()].parse().unwrap());
            row.timestamp(at.naive_utc());
            row.timestamptz(at);
            row.uuid(Uuid::from_u128(n as u128));
            row.bytes(&[0, 255]);
            row.text("né \"x\" \\ \n");
            row.i64(i64::MIN);
            row.numeric(amount.parse().unwrap());
        })
        .await
        .unwrap();
    }
    assert_eq!(sink.finish().await.unwrap(), amounts.len() as u64);
    let text = database.psql("SELECT m FROM t ORDER BY n");
    assert_eq!(text.split_whitespace().collect::<Vec<_>>(), amounts);
    let text = database.psql("SELECT d FROM t ORDER BY n LIMIT 5");
    assert_eq!(text.split_whitespace().collect::<Vec<_>>(), dates);

    let mut n = 0;
    copy::read(
        &mut connection,
        "SELECT d, ts, tz, u, b, x, i, NULL, m::text, ctid FROM t ORDER BY n",
        |row| {
            let at = DateTime::from_timestamp_micros(micros[n % micros.len()]).unwrap();
            assert_eq!(row.date(0)?, dates[n % dates.len()].parse::<NaiveDate>().unwrap());
            assert_eq!((row.timestamp(1)?, row.timestamptz(2)?), (at.naive_utc(), at));
            assert_eq!(row.uuid(3)?, Uuid::from_u128(n as u128));
            assert_eq!(
                (row.bytes(4)?, row.text(5)?, row.i64(6)?),
                ([0, 255].as_slice(), "né \"x\" \\ \n", i64::MIN)
            );
            assert_eq!(row.nullable(7)?, None);
            assert_eq!(row.text(8)?.parse::<Decimal>().unwrap(), amounts[n].parse::<Decimal>().unwrap());
            assert_eq!(row.tid(9)?, u64::try_from(n + 1).unwrap());
            assert!(row.i64(0).is_err() && row.bytes(7).is_err() && row.text(10).is_err());
            n += 1;
            Ok::<_, StoreError>(())
        },
    )
    .await
    .unwrap();
    assert_eq!(n, amounts.len());
}

#[tokio::test]
async fn a_truncated_result_is_an_error_and_never_a_short_result() {
    let database = TestCluster::shared().database();
    let mut connection = connect(&database).await;
    let mut rows = 0;
    let query = "SELECT CASE WHEN n = 5000 THEN 1 / (n - 5000) ELSE n END FROM generate_series(1, 10000) n";
    let result = copy::read(&mut connection, query, |_| {
        rows += 1;
        Ok::<_, StoreError>(())
    })
    .await;
    assert!(
        matches!(&result, Err(StoreError::Database(error)) if error.to_string().contains("division")),
        "{result:?}"
    );

    let pid: i32 = sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(&mut connection).await.unwrap();
    let mut other = connect(&database).await;
    let reading = copy::read(&mut connection, "SELECT n FROM generate_series(1, 100000000) n", |_| {
        Ok::<_, StoreError>(())
    });
    let killing = async {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        sqlx::query("SELECT pg_terminate_backend($1)").bind(pid).execute(&mut other).await.unwrap();
    };
    let (result, ()) = tokio::join!(reading, killing);
    assert!(result.is_err(), "a lost connection was taken for the end");
}

/// Amounts of `numeric(15,2)`: all small ones, those around each power of ten, and any others; both signs.
fn amounts() -> Vec<i64> {
    let mut cents: Vec<i64> = (-20_100..=20_100).collect();
    for digits in 0..15 {
        let power = 10_i64.pow(digits);
        cents.extend([power - 1, power, power + 1, 7 * power, power * 9 + power / 3]);
    }
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    for round in 0..20_000_u32 {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        // Of any length, some with zeros at their end.
        let length = 10_u64.pow(1 + round % 15);
        let zeros = 10_u64.pow(round / 15 % 9);
        cents.push(i64::try_from(random % length / zeros * zeros).unwrap());
    }
    cents.iter().flat_map(|cents| [*cents, -*cents]).filter(|cents| cents.abs() < 10_i64.pow(15)).collect()
}

#[tokio::test]
async fn the_bytes_of_an_amount_are_those_that_postgresql_sends() {
    let database = TestCluster::shared().database();
    database.psql("CREATE TABLE amounts (n bigint, cents bigint)");
    let mut connection = connect(&database).await;
    let amounts = amounts();
    let mut sink = Sink::open(&mut connection, "public.amounts").await.unwrap();
    for (n, cents) in (0_i64..).zip(&amounts) {
        sink.row(2, |row| {
            row.i64(n);
            row.i64(*cents);
        })
        .await
        .unwrap();
    }
    sink.finish().await.unwrap();
    let query = "SELECT (cents / 100.0)::numeric(15,2), (cents / 100.0 + 0.01)::numeric(16,2),
                        (cents / 100.0)::numeric(16,3), cents FROM amounts ORDER BY n";
    let mut expected = amounts.iter();
    copy::read(&mut connection, query, |row| {
        let cents = row.i64(3)?;
        assert_eq!(Some(&cents), expected.next());
        let amount = Decimal::new(cents, 2);
        assert!(row.is_numeric(0, amount), "{amount}: PostgreSQL sends {:?}", row.bytes(0)?);
        assert!(!row.is_numeric(1, amount), "{amount} is taken for one cent more");
        assert!(!row.is_numeric(2, amount), "{amount} is taken for one of three decimals");
        Ok::<_, StoreError>(())
    })
    .await
    .unwrap();
    assert_eq!(expected.next(), None);
    let nan = copy::read(&mut connection, "SELECT 'NaN'::numeric, NULL::numeric", |row| {
        assert!(!row.is_numeric(0, Decimal::ZERO) && !row.is_numeric(1, Decimal::ZERO));
        Ok::<_, StoreError>(())
    });
    assert_eq!(nan.await.unwrap(), 1);
}

#[tokio::test]
async fn numerics_come_in_ten_thousandths_or_not_at_all() {
    let database = TestCluster::shared().database();
    let mut connection = connect(&database).await;
    let whole = [
        ("0", 0),
        ("0.00", 0),
        ("100", 1_000_000),
        ("99.99", 999_900),
        ("0.0001", 1),
        ("-12.5", -125_000),
        ("12.500000", 125_000),
        ("10000", 100_000_000),
        ("200000.0002", 2_000_000_002),
    ];
    let none = ["NULL", "'NaN'", "'Infinity'", "'-Infinity'", "0.00001", "300000", "1e300", "-1e-300"];
    let expected = whole.iter().map(|(_, value)| Some(*value)).chain(none.iter().map(|_| None));
    let values = whole.iter().map(|(text, _)| *text).chain(none).map(|text| format!("{text}::numeric"));
    let mut found = Vec::new();
    let query = format!("SELECT {}", values.collect::<Vec<_>>().join(", "));
    copy::read(&mut connection, &query, |row| {
        for index in 0..whole.len() + none.len() {
            found.push(row.ten_thousandths(index)?);
        }
        Ok::<_, StoreError>(())
    })
    .await
    .unwrap();
    assert_eq!(found, expected.collect::<Vec<_>>());
    let other = copy::read(&mut connection, "SELECT 1::int2", |row| {
        assert!(row.ten_thousandths(0).is_err());
        Ok::<_, StoreError>(())
    });
    other.await.unwrap();
}

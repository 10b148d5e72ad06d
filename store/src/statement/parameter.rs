//! A parameter of a statement.

use chrono::NaiveDate;
use sqlx::Postgres;
use sqlx::postgres::PgArguments;
use sqlx::query::Query;
use uuid::Uuid;

/// A parameter of a statement. An array that is none is NULL.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of SQL's types")]
pub enum Parameter<'a> {
    Uuid(Uuid),
    Bigint(i64),
    Text(&'a str),
    Bytea(&'a [u8]),
    Date(NaiveDate),
    Uuids(Vec<Uuid>),
    Integers(Vec<i32>),
    Bigints(Vec<i64>),
    Texts(Option<Vec<Option<&'a str>>>),
    Bytes(Option<Vec<Option<&'a [u8]>>>),
    Dates(Option<Vec<Option<NaiveDate>>>),
}

impl Parameter<'_> {
    pub(super) fn bind<'q>(
        &'q self,
        query: Query<'q, Postgres, PgArguments>,
    ) -> Query<'q, Postgres, PgArguments> {
        match self {
            Self::Uuid(id) => query.bind(id),
            Self::Bigint(number) => query.bind(number),
            Self::Text(text) => query.bind(*text),
            Self::Bytea(bytes) => query.bind(*bytes),
            Self::Date(date) => query.bind(date),
            Self::Uuids(ids) => query.bind(ids.as_slice()),
            Self::Integers(numbers) => query.bind(numbers.as_slice()),
            Self::Bigints(numbers) => query.bind(numbers.as_slice()),
            Self::Texts(texts) => query.bind(texts.as_deref()),
            Self::Bytes(bytes) => query.bind(bytes.as_deref()),
            Self::Dates(dates) => query.bind(dates.as_deref()),
        }
    }

    pub(super) fn size(&self) -> usize {
        const UUID: usize = 37;
        const NUMBER: usize = 12;
        match self {
            Self::Uuid(_) => UUID,
            Self::Bigint(_) | Self::Date(_) => NUMBER,
            Self::Text(text) => text.len(),
            Self::Bytea(bytes) => 2 * bytes.len(),
            Self::Uuids(ids) => UUID * ids.len(),
            Self::Integers(numbers) => NUMBER * numbers.len(),
            Self::Bigints(numbers) => NUMBER * numbers.len(),
            Self::Dates(dates) => NUMBER * dates.as_ref().map_or(0, Vec::len),
            Self::Texts(texts) => {
                texts.iter().flatten().map(|text| text.map_or(0, str::len).saturating_add(5)).sum()
            }
            Self::Bytes(bytes) => bytes
                .iter()
                .flatten()
                .map(|bytes| bytes.map_or(0, |bytes| 2 * bytes.len()).saturating_add(8))
                .sum(),
        }
    }
}

//! The query of a history and its cursor, which is opaque to clients: the log, the project or phase, the last version of the page
//! before, and the order.

use crate::problem::{Problem, bad_request};
use crate::routes::page_query::{bad_cursor, page_limit};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::collections::HashMap;
use utoipa::ToSchema;
use uuid::Uuid;

/// The order of entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ToSchema)]
#[schema(as = HistoryOrder)]
pub(in crate::routes) enum Order {
    /// Oldest first.
    #[schema(rename = "asc")]
    Ascending,
    /// Newest first.
    #[schema(rename = "desc")]
    Descending,
}

impl Order {
    /// Its word in a query.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Ascending => "asc",
            Self::Descending => "desc",
        }
    }

    fn of(word: &str) -> Option<Self> {
        [Self::Ascending, Self::Descending].into_iter().find(|order| order.word() == word)
    }
}

/// The requested page.
#[derive(Debug)]
pub(super) struct HistoryPageQuery {
    log: Uuid,
    subject: Uuid,
    /// The most entries.
    pub(super) limit: usize,
    /// The order.
    pub(super) order: Order,
    /// The version of the last entry of the page before.
    pub(super) after: Option<i64>,
}

impl HistoryPageQuery {
    /// Reads a query about a history in a log.
    pub(super) fn of(
        query: &HashMap<String, String>,
        log: Uuid,
        subject: Uuid,
    ) -> Result<Self, Box<Problem>> {
        let limit = page_limit(query)?;
        let order = match query.get("order") {
            None => None,
            Some(word) => Some(
                Order::of(word)
                    .ok_or_else(|| bad_request(format!("order must be asc or desc, not {word:?}")))?,
            ),
        };
        let mut page = Self { log, subject, limit, order: order.unwrap_or(Order::Ascending), after: None };
        if let Some(cursor) = query.get("cursor") {
            let (begins, after) = page.read(cursor).ok_or_else(foreign_cursor)?;
            if order.is_some_and(|order| order != begins) {
                return Err(Box::new(foreign_cursor()));
            }
            page.order = begins;
            page.after = Some(after);
        }
        Ok(page)
    }

    /// The cursor of the page behind an entry of this version.
    pub(super) fn cursor(&self, version: i64) -> String {
        let text = format!("{}.{}.{version}.{}", self.log.simple(), self.subject.simple(), self.order.word());
        URL_SAFE_NO_PAD.encode(text)
    }

    fn read(&self, cursor: &str) -> Option<(Order, i64)> {
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
        let mut parts = text.split('.');
        let mut next = || parts.next();
        let (log, subject, version, order) = (next()?, next()?, next()?, next()?);
        let is_ours = log == self.log.simple().to_string() && subject == self.subject.simple().to_string();
        if !is_ours || next().is_some() {
            return None;
        }
        Some((Order::of(order)?, version.parse().ok().filter(|version| *version >= 0)?))
    }
}

fn foreign_cursor() -> Problem {
    bad_cursor("the cursor is not one of this history, in this order: begin again without one")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query_with(cursor: &str) -> HashMap<String, String> {
        HashMap::from([("cursor".to_owned(), cursor.to_owned())])
    }

    #[test]
    fn a_cursor_holds_for_its_own_log_and_history_only() {
        let (log, subject, other) = (Uuid::from_u128(1), Uuid::from_u128(2), Uuid::from_u128(3));
        let page = HistoryPageQuery::of(&HashMap::new(), log, subject).unwrap();
        assert_eq!((page.limit, page.order, page.after), (100, Order::Ascending, None));
        let query = query_with(&page.cursor(7));
        assert_eq!(HistoryPageQuery::of(&query, log, subject).unwrap().after, Some(7));
        assert_eq!(HistoryPageQuery::of(&query, other, subject).unwrap_err().code(), "bad_cursor");
        assert_eq!(HistoryPageQuery::of(&query, log, other).unwrap_err().code(), "bad_cursor");
    }
}

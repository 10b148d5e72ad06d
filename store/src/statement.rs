//! One SQL statement with its parameters. Directly it is prepared once per connection; behind a pooler its parameters become part of its
//! text, so that one message is enough.

mod literal;
mod parameter;

pub use parameter::Parameter;

use literal::Literals;
use sqlx::postgres::PgRow;
use sqlx::{Executor, PgConnection};
use std::time::Duration;

/// A statement. `$1` stands for the first parameter; the text has no other dollar signs before digits.
#[derive(Clone, Debug)]
pub struct Statement<'a> {
    sql: &'static str,
    parameters: Vec<Parameter<'a>>,
    limit: Option<Duration>,
}

impl<'a> Statement<'a> {
    /// A statement without limits of its own.
    pub fn new(sql: &'static str, parameters: impl Into<Vec<Parameter<'a>>>) -> Self {
        Self { sql, parameters: parameters.into(), limit: None }
    }

    /// The same with a limit for its duration. Waits for a lock get a little less, since only a timeout for locks tells why it waited.
    #[must_use]
    pub fn within(self, limit: Option<Duration>) -> Self {
        Self { limit, ..self }
    }

    /// Whether the statement has limits of its own, which need a transaction.
    pub(crate) const fn is_limited(&self) -> bool {
        self.limit.is_some()
    }

    /// The settings of its limits, until the end of a transaction.
    pub(crate) fn limits(&self) -> String {
        self.limit.map_or_else(String::new, |limit| {
            let [for_a_lock, in_all] =
                [limit * 9 / 10, limit].map(|limit| limit.as_millis().clamp(1, i32::MAX as u128));
            format!("SET LOCAL lock_timeout = {for_a_lock}; SET LOCAL statement_timeout = {in_all}; ")
        })
    }

    /// An upper bound on the size of the text's variable part, without escapes.
    pub(crate) fn size(&self) -> usize {
        self.parameters.iter().map(Parameter::size).sum()
    }

    /// The statement with its parameters as literals.
    ///
    /// # Errors
    /// [`sqlx::Error::Encode`] if a text has a NUL.
    pub(crate) fn text(&self) -> Result<String, sqlx::Error> {
        let literals = Literals::default();
        let mut text = String::with_capacity(self.sql.len() + 2 * self.size());
        let mut pieces = self.sql.split('$');
        text.push_str(pieces.next().unwrap_or_default());
        for piece in pieces {
            let digits = piece.bytes().take_while(u8::is_ascii_digit).count();
            let (number, rest) = piece.split_at(digits);
            let parameter = number.parse::<usize>().ok().and_then(|n| self.parameters.get(n.checked_sub(1)?));
            let parameter = parameter.ok_or_else(|| sqlx::Error::Encode(format!("no ${number}").into()))?;
            literals.write(parameter, &mut text)?;
            text.push_str(rest);
        }
        Ok(text)
    }

    /// Executes the statement, without its limits. `keep` keeps the prepared statement for later uses of the connection.
    ///
    /// # Errors
    /// The database's.
    pub async fn fetch(&self, connection: &mut PgConnection, keep: bool) -> Result<Vec<PgRow>, sqlx::Error> {
        let query =
            self.parameters.iter().fold(sqlx::query(self.sql), |query, parameter| parameter.bind(query));
        connection.fetch_all(query.persistent(keep)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_become_part_of_the_text() {
        let statement =
            Statement::new("SELECT $2, f($1)", [Parameter::Bigints(vec![7, -1]), Parameter::Texts(None)]);
        let text = statement.text().unwrap();
        assert!(text.starts_with("SELECT NULL::pg_catalog.text[], f($a"), "{text}");
        assert!(text.contains("${7,-1}$"), "{text}");
        assert!(text.ends_with("$::pg_catalog.int8[])"), "{text}");
        assert!(Statement::new("SELECT $1", []).text().is_err());
    }

    #[test]
    fn limits_are_set_in_milliseconds() {
        let limited = Statement::new("SELECT", []).within(Some(Duration::from_millis(50)));
        assert_eq!(limited.limits(), "SET LOCAL lock_timeout = 45; SET LOCAL statement_timeout = 50; ");
        assert_eq!(Statement::new("SELECT", []).limits(), "");
    }
}

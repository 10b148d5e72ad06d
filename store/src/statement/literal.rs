//! Parameters as SQL text. One text in array form is parsed faster than a list of expressions, and quoted by dollars it needs no
//! further escapes, whatever `standard_conforming_strings` is.

use super::parameter::Parameter;
use crate::hash::hex;
use std::fmt::{Display, Write as _};
use uuid::Uuid;

/// Writes the literals of one statement.
pub(super) struct Literals {
    /// Random, so no value contains it.
    quote: String,
}

impl Default for Literals {
    fn default() -> Self {
        Self { quote: format!("$a{}$", Uuid::new_v4().simple()) }
    }
}

impl Literals {
    /// Writes a parameter, such as `$a0…${1,2}$a0…$::pg_catalog.int8[]`.
    pub(super) fn write(&self, parameter: &Parameter<'_>, sql: &mut String) -> Result<(), sqlx::Error> {
        match parameter {
            Parameter::Uuid(id) => {
                let _ = write!(sql, "'{id}'::pg_catalog.uuid");
            }
            Parameter::Bigint(number) => {
                let _ = write!(sql, "'{number}'::pg_catalog.int8");
            }
            // ISO 8601, which every `DateStyle` reads the same.
            Parameter::Date(date) => {
                let _ = write!(sql, "'{date}'::pg_catalog.date");
            }
            Parameter::Bytea(bytes) => {
                let _ = write!(sql, "{0}\\x{1}{0}::pg_catalog.bytea", self.quote, hex(bytes));
            }
            Parameter::Text(text) => {
                ensure_no_nul(std::iter::once(*text))?;
                sql.extend([&self.quote, *text, &self.quote, "::pg_catalog.text"]);
            }
            Parameter::Uuids(ids) => self.array(sql, "uuid", Some(ids), write_plain),
            Parameter::Integers(numbers) => self.array(sql, "int4", Some(numbers), write_plain),
            Parameter::Bigints(numbers) => self.array(sql, "int8", Some(numbers), write_plain),
            Parameter::Dates(dates) => self.array(sql, "date", dates.as_deref(), |sql, date| match date {
                Some(date) => write_plain(sql, date),
                None => sql.push_str("NULL"),
            }),
            Parameter::Bytes(bytes) => self.array(sql, "bytea", bytes.as_deref(), |sql, bytes| match bytes {
                Some(bytes) => {
                    let _ = write!(sql, r#""\\x{}""#, hex(bytes));
                }
                None => sql.push_str("NULL"),
            }),
            Parameter::Texts(texts) => {
                ensure_no_nul(texts.iter().flatten().flatten().copied())?;
                self.array(sql, "text", texts.as_deref(), |sql, text| match text {
                    Some(text) => write_text(sql, text),
                    None => sql.push_str("NULL"),
                });
            }
        }
        Ok(())
    }

    fn array<T>(
        &self,
        sql: &mut String,
        sql_type: &str,
        values: Option<&[T]>,
        write: impl Fn(&mut String, &T),
    ) {
        match values {
            None => sql.push_str("NULL"),
            Some(values) => {
                sql.push_str(&self.quote);
                sql.push('{');
                for (at, value) in values.iter().enumerate() {
                    if at > 0 {
                        sql.push(',');
                    }
                    write(sql, value);
                }
                sql.push('}');
                sql.push_str(&self.quote);
            }
        }
        let _ = write!(sql, "::pg_catalog.{sql_type}[]");
    }
}

/// Fails if a text has a NUL, which would end the message.
fn ensure_no_nul<'t>(mut texts: impl Iterator<Item = &'t str>) -> Result<(), sqlx::Error> {
    if texts.any(|text| text.contains('\0')) {
        return Err(sqlx::Error::Encode("a text has a NUL, which PostgreSQL cannot store".into()));
    }
    Ok(())
}

/// An element whose own text needs no quotes.
fn write_plain(sql: &mut String, value: &impl Display) {
    let _ = write!(sql, "{value}");
}

fn write_text(sql: &mut String, text: &str) {
    sql.push('"');
    let mut rest = text;
    while let Some(special) = rest.find(['"', '\\']) {
        let (before, from) = rest.split_at(special);
        let (character, behind) = from.split_at(1);
        sql.extend([before, "\\", character]);
        rest = behind;
    }
    sql.extend([rest, "\""]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(parameter: &Parameter<'_>) -> String {
        let literals = Literals::default();
        let mut sql = String::new();
        literals.write(parameter, &mut sql).unwrap();
        sql.replace(&literals.quote, "$$")
    }

    #[test]
    fn a_text_cannot_end_its_element_or_the_message() {
        let texts = ["it's", r#"a\"b"#, "", "$$", "NULL", "ä,}"].map(Some).to_vec();
        assert_eq!(
            written(&Parameter::Texts(Some(texts))),
            r#"$${"it's","a\\\"b","","$$","NULL","ä,}"}$$::pg_catalog.text[]"#
        );
        let nul = Parameter::Texts(Some(vec![Some("a\0b")]));
        assert!(Literals::default().write(&nul, &mut String::new()).is_err());
    }

    #[test]
    fn scalars_have_their_types() {
        assert_eq!(written(&Parameter::Bigint(-7)), "'-7'::pg_catalog.int8");
        assert_eq!(written(&Parameter::Bytea(&[0, 255])), r"$$\x00ff$$::pg_catalog.bytea");
        assert_eq!(written(&Parameter::Text(r"it's $1 \")), r"$$it's $1 \$$::pg_catalog.text");
        let date = chrono::NaiveDate::from_ymd_opt(2024, 2, 29).unwrap();
        assert_eq!(written(&Parameter::Date(date)), "'2024-02-29'::pg_catalog.date");
        assert!(Literals::default().write(&Parameter::Text("a\0b"), &mut String::new()).is_err());
    }

    #[test]
    fn arrays_have_their_types_and_nulls() {
        let bytes = Parameter::Bytes(Some(vec![Some(&[0, 255]), None]));
        assert_eq!(written(&bytes), r#"$${"\\x00ff",NULL}$$::pg_catalog.bytea[]"#);
        let date = chrono::NaiveDate::from_ymd_opt(2024, 2, 29);
        assert_eq!(
            written(&Parameter::Dates(Some(vec![date, None]))),
            "$${2024-02-29,NULL}$$::pg_catalog.date[]"
        );
        assert_eq!(written(&Parameter::Integers(Vec::new())), "$${}$$::pg_catalog.int4[]");
        assert_eq!(written(&Parameter::Dates(None)), "NULL::pg_catalog.date[]");
    }
}

//! A table of an export: one JSON object a line, or CSV as RFC 4180 has it.

use clap::ValueEnum;
use std::borrow::Cow;
use std::io::{self, Write};

/// The format of a table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum TableFormat {
    /// One JSON object a line
    #[default]
    Jsonl,
    /// Values separated by commas, with a line of names first; NULL is empty, an empty text is ""
    Csv,
}

impl TableFormat {
    /// The name of a table's file.
    pub(crate) fn file_name(self, table: &str) -> String {
        match self {
            Self::Jsonl => format!("{table}.jsonl"),
            Self::Csv => format!("{table}.csv"),
        }
    }
}

/// A value.
#[derive(Clone, Debug)]
pub(crate) enum TableValue<'a> {
    Number(i64),
    Text(Cow<'a, str>),
    Null,
}

impl<'a> From<&'a str> for TableValue<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for TableValue<'_> {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl From<i64> for TableValue<'_> {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl<'a, T: Into<Self>> From<Option<T>> for TableValue<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl TableWriter<Vec<u8>> {
    /// Takes what was written since the last time.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.writer)
    }
}

/// Writes rows.
#[derive(Debug)]
pub(crate) struct TableWriter<W> {
    writer: W,
    format: TableFormat,
    columns: &'static [&'static str],
}

impl<W: Write> TableWriter<W> {
    /// Begins a table with these columns.
    pub(crate) fn begin(
        mut writer: W,
        format: TableFormat,
        columns: &'static [&'static str],
    ) -> io::Result<Self> {
        if format == TableFormat::Csv {
            writer.write_all(columns.join(",").as_bytes())?;
            writer.write_all(b"\r\n")?;
        }
        Ok(Self { writer, format, columns })
    }

    /// Writes a row, with a value for each column.
    pub(crate) fn row(&mut self, values: &[TableValue<'_>]) -> io::Result<()> {
        debug_assert_eq!(values.len(), self.columns.len(), "a value for each column");
        for (index, (column, value)) in self.columns.iter().zip(values).enumerate() {
            match self.format {
                TableFormat::Jsonl => {
                    let before = if index == 0 { '{' } else { ',' };
                    write!(self.writer, "{before}\"{column}\":")?;
                    self.json(value)?;
                }
                TableFormat::Csv => {
                    if index > 0 {
                        self.writer.write_all(b",")?;
                    }
                    self.csv(value)?;
                }
            }
        }
        self.writer.write_all(if self.format == TableFormat::Csv { b"\r\n" } else { b"}\n" })
    }

    fn json(&mut self, value: &TableValue<'_>) -> io::Result<()> {
        match value {
            TableValue::Number(number) => write!(self.writer, "{number}"),
            TableValue::Text(text) => Ok(serde_json::to_writer(&mut self.writer, text)?),
            TableValue::Null => self.writer.write_all(b"null"),
        }
    }

    fn csv(&mut self, value: &TableValue<'_>) -> io::Result<()> {
        match value {
            TableValue::Number(number) => write!(self.writer, "{number}"),
            TableValue::Text(text) if text.is_empty() || text.contains([',', '"', '\r', '\n']) => {
                write!(self.writer, "\"{}\"", text.replace('"', "\"\""))
            }
            TableValue::Text(text) => self.writer.write_all(text.as_bytes()),
            TableValue::Null => Ok(()),
        }
    }

    /// Ends the table.
    pub(crate) fn end(self) -> W {
        self.writer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(format: TableFormat) -> String {
        let mut table = TableWriter::begin(Vec::new(), format, &["a", "b", "c"]).unwrap();
        table.row(&[7.into(), "x".into(), TableValue::Null]).unwrap();
        table.row(&[(-1).into(), "say \"hi\", or\r\nnot".into(), "".into()]).unwrap();
        table.row(&[0.into(), " =1+1 ".into(), Some("ä\u{1}".to_owned()).into()]).unwrap();
        String::from_utf8(table.end()).unwrap()
    }

    #[test]
    fn json_lines_have_the_names_of_the_columns_in_every_row() {
        assert_eq!(
            written(TableFormat::Jsonl),
            "{\"a\":7,\"b\":\"x\",\"c\":null}\n{\"a\":-1,\"b\":\"say \\\"hi\\\", or\\r\\nnot\",\"c\":\"\"}\n\
             {\"a\":0,\"b\":\" =1+1 \",\"c\":\"ä\\u0001\"}\n"
        );
    }

    #[test]
    fn csv_quotes_what_would_end_a_value_and_tells_null_from_an_empty_text() {
        assert_eq!(
            written(TableFormat::Csv),
            "a,b,c\r\n7,x,\r\n-1,\"say \"\"hi\"\", or\r\nnot\",\"\"\r\n0, =1+1 ,ä\u{1}\r\n"
        );
    }
}

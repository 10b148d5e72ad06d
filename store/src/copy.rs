//! PostgreSQL's binary COPY format, as far as Phaseline's columns need it.
//!
//! sqlx carries COPY data as bytes and leaves the format to the caller.

mod format;
mod writer;

pub use writer::RowWriter;

pub use crate::error::CopyError;
use chrono::{DateTime, NaiveDate, NaiveDateTime, TimeDelta, Utc};
use format::{EPOCH, MICROS_1970_TO_2000, SIGNATURE};
use futures_util::TryStreamExt;
use rust_decimal::Decimal;
use sqlx::PgConnection;
use uuid::Uuid;
use writer::numeric;

/// One row as it was read; fields are counted from 0.
#[derive(Debug)]
pub struct Row<'a> {
    fields: &'a [Option<&'a [u8]>],
}

impl<'a> Row<'a> {
    /// The bytes of a field that may be NULL.
    pub fn nullable(&self, index: usize) -> Result<Option<&'a [u8]>, CopyError> {
        self.fields.get(index).copied().ok_or(CopyError::Field(index))
    }

    /// The bytes of a field that is not NULL.
    pub fn bytes(&self, index: usize) -> Result<&'a [u8], CopyError> {
        self.nullable(index)?.ok_or(CopyError::Field(index))
    }

    fn array<const N: usize>(&self, index: usize) -> Result<[u8; N], CopyError> {
        self.bytes(index)?.try_into().map_err(|_| CopyError::Field(index))
    }

    /// `text`, `varchar`, `json`.
    pub fn text(&self, index: usize) -> Result<&'a str, CopyError> {
        std::str::from_utf8(self.bytes(index)?).map_err(|_| CopyError::Field(index))
    }

    /// `bigint`
    pub fn i64(&self, index: usize) -> Result<i64, CopyError> {
        Ok(i64::from_be_bytes(self.array(index)?))
    }

    /// `integer`
    pub fn i32(&self, index: usize) -> Result<i32, CopyError> {
        Ok(i32::from_be_bytes(self.array(index)?))
    }

    /// `uuid`
    pub fn uuid(&self, index: usize) -> Result<Uuid, CopyError> {
        Ok(Uuid::from_bytes(self.array(index)?))
    }

    /// `text` or NULL
    pub fn nullable_text(&self, index: usize) -> Result<Option<&'a str>, CopyError> {
        self.nullable(index)?
            .map(|bytes| std::str::from_utf8(bytes).map_err(|_| CopyError::Field(index)))
            .transpose()
    }

    /// `uuid` or NULL
    pub fn nullable_uuid(&self, index: usize) -> Result<Option<Uuid>, CopyError> {
        self.nullable(index)?.map(|_| self.uuid(index)).transpose()
    }

    /// `tid`, as a number that grows with the place in the heap.
    pub fn tid(&self, index: usize) -> Result<u64, CopyError> {
        let [a, b, c, d, e, f] = self.array(index)?;
        Ok(u64::from_be_bytes([0, 0, a, b, c, d, e, f]))
    }

    /// A `numeric` in ten-thousandths. None if it is NULL, NaN, infinite, finer than that, or beyond 200 000.
    pub fn ten_thousandths(&self, index: usize) -> Result<Option<i32>, CopyError> {
        let Some(bytes) = self.nullable(index)? else { return Ok(None) };
        let (words, []) = bytes.as_chunks::<2>() else { return Err(CopyError::Field(index)) };
        let [_count, weight, sign, _scale, digits @ ..] = words else { return Err(CopyError::Field(index)) };
        // Digits of base 10 000: shifted by one of them, the value is whole.
        let whole =
            |value: Option<i64>, (power, digit): (i64, &[u8; 2])| match i64::from(i16::from_be_bytes(*digit))
            {
                0 => value,
                digit => value?
                    .checked_add(digit.checked_mul(10_000_i64.checked_pow(u32::try_from(power).ok()?)?)?),
            };
        let powers = (0..).map(|place| i64::from(i16::from_be_bytes(*weight)) + 1 - place);
        let value = powers.zip(digits).fold(Some(0), whole).and_then(|value| i32::try_from(value).ok());
        Ok(match u16::from_be_bytes(*sign) {
            0 => value,
            0x4000 => value.map(i32::wrapping_neg),
            _ => None,
        })
    }

    /// A finite `timestamptz`.
    pub fn timestamptz(&self, index: usize) -> Result<DateTime<Utc>, CopyError> {
        self.i64(index)?
            .checked_add(MICROS_1970_TO_2000)
            .and_then(DateTime::from_timestamp_micros)
            .ok_or(CopyError::Field(index))
    }

    /// A finite `timestamp`.
    pub fn timestamp(&self, index: usize) -> Result<NaiveDateTime, CopyError> {
        Ok(self.timestamptz(index)?.naive_utc())
    }

    /// Whether a field is this `uuid`.
    pub fn is_uuid(&self, index: usize, value: Uuid) -> bool {
        self.is(index, value.as_bytes())
    }

    /// Whether a field is this `numeric`, with the same number of decimals.
    pub fn is_numeric(&self, index: usize, value: Decimal) -> bool {
        self.is(index, &numeric(value))
    }

    /// Whether a field is this `timestamp`.
    pub fn is_timestamp(&self, index: usize, value: NaiveDateTime) -> bool {
        self.is(index, &(value.and_utc().timestamp_micros() - MICROS_1970_TO_2000).to_be_bytes())
    }

    /// Whether a field is this `date`.
    pub fn is_date(&self, index: usize, value: NaiveDate) -> bool {
        i32::try_from((value - EPOCH).num_days()).is_ok_and(|days| self.is(index, &days.to_be_bytes()))
    }

    /// Whether a field is this text, or NULL.
    pub fn is_text(&self, index: usize, value: Option<&str>) -> bool {
        self.nullable(index).is_ok_and(|found| found == value.map(str::as_bytes))
    }

    fn is(&self, index: usize, bytes: &[u8]) -> bool {
        self.nullable(index).is_ok_and(|found| found == Some(bytes))
    }

    /// A finite `date`.
    pub fn date(&self, index: usize) -> Result<NaiveDate, CopyError> {
        EPOCH.checked_add_signed(TimeDelta::days(i64::from(self.i32(index)?))).ok_or(CopyError::Field(index))
    }
}

/// Takes binary COPY data in pieces of any size, and returns whole rows.
#[derive(Debug, Default)]
struct RowReader {
    buffer: Vec<u8>,
    started: bool,
    ended: bool,
}

enum Parsed {
    Row(usize),
    End,
    More,
}

impl RowReader {
    fn feed(&mut self, data: &[u8]) -> Result<(), CopyError> {
        self.buffer.extend_from_slice(data);
        if !self.started && self.buffer.len() >= 19 {
            if !self.buffer.starts_with(SIGNATURE) {
                return Err(CopyError::Signature);
            }
            self.buffer.drain(..19);
            self.started = true;
        }
        Ok(())
    }

    fn parse<'b>(buffer: &'b [u8], fields: &mut Vec<Option<&'b [u8]>>) -> Parsed {
        let Some((count, mut rest)) = buffer.split_first_chunk::<2>() else {
            return Parsed::More;
        };
        let count = i16::from_be_bytes(*count);
        if count < 0 {
            return Parsed::End;
        }
        fields.clear();
        for _ in 0..count {
            let Some((length, after)) = rest.split_first_chunk::<4>() else {
                return Parsed::More;
            };
            match usize::try_from(i32::from_be_bytes(*length)) {
                Err(_) => {
                    fields.push(None);
                    rest = after;
                }
                Ok(length) => {
                    let Some((value, after)) = after.split_at_checked(length) else {
                        return Parsed::More;
                    };
                    fields.push(Some(value));
                    rest = after;
                }
            }
        }
        Parsed::Row(buffer.len() - rest.len())
    }

    fn rows<E>(&mut self, each: &mut impl FnMut(Row<'_>) -> Result<(), E>) -> Result<(), E> {
        if !self.started {
            return Ok(());
        }
        let mut buffer = std::mem::take(&mut self.buffer);
        let mut offset = 0;
        let mut fields = Vec::with_capacity(16);
        while !self.ended {
            match Self::parse(&buffer[offset..], &mut fields) {
                Parsed::Row(length) => {
                    each(Row { fields: &fields })?;
                    offset += length;
                }
                Parsed::End => self.ended = true,
                Parsed::More => break,
            }
        }
        drop(fields);
        buffer.drain(..offset);
        self.buffer = buffer;
        Ok(())
    }
}

/// Runs `query` (trusted SQL text) and calls `each` with every row as it arrives; memory does not grow with the
/// result. Returns the number of rows. A truncated result is an error.
pub async fn read<E>(
    connection: &mut PgConnection,
    query: &str,
    mut each: impl FnMut(Row<'_>) -> Result<(), E>,
) -> Result<u64, E>
where
    E: From<sqlx::Error> + From<CopyError>,
{
    let statement = format!("COPY ({query}) TO STDOUT (FORMAT binary)");
    let mut stream = connection.copy_out_raw(&statement).await?;
    let mut reader = RowReader::default();
    let mut count = 0;
    let mut counted = |row: Row<'_>| {
        count += 1;
        each(row)
    };
    while let Some(data) = stream.try_next().await? {
        reader.feed(&data)?;
        reader.rows(&mut counted)?;
    }
    if !reader.ended {
        return Err(CopyError::Truncated.into());
    }
    Ok(count)
}

/// Runs `query` (trusted SQL text) on one connection and sends rows into a table on another as they arrive: both server
/// processes work at the same time. `each` writes the row that a row becomes, begun with [`RowWriter::row`]. Returns
/// the number of rows.
pub async fn pipe<E>(
    source: &mut PgConnection,
    query: &str,
    sink: &mut Sink<'_>,
    mut each: impl FnMut(&Row<'_>, &mut RowWriter) -> Result<(), E>,
) -> Result<u64, E>
where
    E: From<sqlx::Error> + From<CopyError>,
{
    let mut stream = source.copy_out_raw(&format!("COPY ({query}) TO STDOUT (FORMAT binary)")).await?;
    let mut reader = RowReader::default();
    let before = sink.offered;
    while let Some(data) = stream.try_next().await? {
        reader.feed(&data)?;
        reader.rows(&mut |row: Row<'_>| {
            sink.offered += 1;
            each(&row, &mut sink.rows)
        })?;
        sink.send_when_full().await?;
    }
    if !reader.ended {
        return Err(CopyError::Truncated.into());
    }
    Ok(sink.offered - before)
}

/// Sends rows into a table. Bytes go out in pieces of [`Sink::PIECE`].
pub struct Sink<'c> {
    copy: sqlx::postgres::PgCopyIn<&'c mut PgConnection>,
    rows: RowWriter,
    offered: u64,
}

impl std::fmt::Debug for Sink<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sink").field("offered", &self.offered).finish_non_exhaustive()
    }
}

impl<'c> Sink<'c> {
    /// 256 KiB: larger pieces were no faster, smaller ones cost system calls.
    pub const PIECE: usize = 256 * 1024;

    /// Starts `COPY target FROM STDIN`; `target` is trusted SQL text such as `t (a, b)`.
    pub async fn open(connection: &'c mut PgConnection, target: &str) -> Result<Self, sqlx::Error> {
        Self::begin(connection, &format!("COPY {target} FROM STDIN (FORMAT binary)")).await
    }

    /// The same for a table that this transaction created without a later savepoint. Its rows are written as old ones (FREEZE): no
    /// reader needs to look up their transaction later. A snapshot older than the commit sees these rows, too.
    pub async fn open_new(connection: &'c mut PgConnection, target: &str) -> Result<Self, sqlx::Error> {
        Self::begin(connection, &format!("COPY {target} FROM STDIN (FORMAT binary, FREEZE)")).await
    }

    async fn begin(connection: &'c mut PgConnection, statement: &str) -> Result<Self, sqlx::Error> {
        Ok(Self { copy: connection.copy_in_raw(statement).await?, rows: RowWriter::default(), offered: 0 })
    }

    /// Writes one row; `fields` is the number of fields that `write` adds.
    pub async fn row(&mut self, fields: i16, write: impl FnOnce(&mut RowWriter)) -> Result<(), sqlx::Error> {
        self.rows.row(fields);
        write(&mut self.rows);
        self.offered += 1;
        self.send_when_full().await
    }

    async fn send_when_full(&mut self) -> Result<(), sqlx::Error> {
        if self.rows.pending() >= Self::PIECE {
            self.copy.send(self.rows.take()).await?;
        }
        Ok(())
    }

    /// Ends the COPY. Fails unless PostgreSQL inserted as many rows as were sent.
    pub async fn finish(mut self) -> Result<u64, crate::StoreError> {
        self.rows.end();
        self.copy.send(self.rows.take()).await?;
        let inserted = self.copy.finish().await?;
        if inserted != self.offered {
            return Err(crate::StoreError::CountMismatch { offered: self.offered, inserted });
        }
        Ok(inserted)
    }
}

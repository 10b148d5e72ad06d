//! Writes rows in the binary COPY format.

use super::format::{EPOCH, MICROS_1970_TO_2000, SIGNATURE};
use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use rust_decimal::Decimal;
use uuid::Uuid;

/// Builds rows in the binary format.
#[derive(Debug)]
pub struct RowWriter {
    buffer: Vec<u8>,
}

impl Default for RowWriter {
    fn default() -> Self {
        let mut buffer = SIGNATURE.to_vec();
        buffer.extend_from_slice(&[0; 8]); // flags, header extension
        Self { buffer }
    }
}

impl RowWriter {
    /// Starts a row of so many fields, which must follow.
    pub fn row(&mut self, fields: i16) {
        self.buffer.extend_from_slice(&fields.to_be_bytes());
    }

    fn field(&mut self, bytes: &[u8]) {
        // A value is at most 1 GB, PostgreSQL refuses a longer one by itself.
        self.buffer.extend_from_slice(&i32::try_from(bytes.len()).unwrap_or(i32::MAX).to_be_bytes());
        self.buffer.extend_from_slice(bytes);
    }

    /// A field as it was read, of any type.
    pub fn raw(&mut self, field: Option<&[u8]>) {
        match field {
            Some(bytes) => self.field(bytes),
            None => self.null(),
        }
    }

    /// NULL.
    pub fn null(&mut self) {
        self.buffer.extend_from_slice(&(-1_i32).to_be_bytes());
    }

    /// `text`, `varchar`, `json`.
    pub fn text(&mut self, value: &str) {
        self.field(value.as_bytes());
    }

    /// `bytea`
    pub fn bytes(&mut self, value: &[u8]) {
        self.field(value);
    }

    /// `bigint`
    pub fn i64(&mut self, value: i64) {
        self.field(&value.to_be_bytes());
    }

    /// `integer`
    pub fn i32(&mut self, value: i32) {
        self.field(&value.to_be_bytes());
    }

    /// `uuid`
    pub fn uuid(&mut self, value: Uuid) {
        self.field(value.as_bytes());
    }

    /// `timestamptz`
    pub fn timestamptz(&mut self, value: DateTime<Utc>) {
        self.i64(value.timestamp_micros() - MICROS_1970_TO_2000);
    }

    /// `timestamp`
    pub fn timestamp(&mut self, value: NaiveDateTime) {
        self.timestamptz(value.and_utc());
    }

    /// `date`
    pub fn date(&mut self, value: NaiveDate) {
        let days = (value - EPOCH).num_days();
        self.i32(i32::try_from(days).unwrap_or(i32::MAX));
    }

    /// `numeric`
    pub fn numeric(&mut self, value: Decimal) {
        self.field(&numeric(value));
    }

    /// Bytes waiting to be sent.
    pub fn pending(&self) -> usize {
        self.buffer.len()
    }

    /// Takes the bytes built so far.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.buffer)
    }

    /// Writes the end mark.
    pub fn end(&mut self) {
        self.buffer.extend_from_slice(&(-1_i16).to_be_bytes());
    }
}

/// The bytes of a `numeric`: base-10000 digits with the decimal point between two of them, without zeros at either end,
/// as PostgreSQL itself sends them. The same value with the same scale has the same bytes.
pub(super) fn numeric(value: Decimal) -> Vec<u8> {
    let scale = value.scale();
    let padding = (4 - scale % 4) % 4;
    let mut rest = value.mantissa().unsigned_abs() * 10_u128.pow(padding);
    let mut weight = -i32::try_from((scale + padding) / 4).unwrap_or_default() - 1;
    let mut digits: Vec<i16> = Vec::new();
    while rest > 0 {
        weight += 1;
        let digit = i16::try_from(rest % 10_000).unwrap_or_default();
        if digit != 0 || !digits.is_empty() {
            digits.push(digit);
        }
        rest /= 10_000;
    }
    let sign: u16 = if value.is_sign_negative() && !value.is_zero() { 0x4000 } else { 0 };
    let weight = if digits.is_empty() { 0 } else { i16::try_from(weight).unwrap_or_default() };
    let mut bytes = Vec::with_capacity(8 + 2 * digits.len());
    bytes.extend_from_slice(&i16::try_from(digits.len()).unwrap_or_default().to_be_bytes());
    bytes.extend_from_slice(&weight.to_be_bytes());
    bytes.extend_from_slice(&sign.to_be_bytes());
    bytes.extend_from_slice(&u16::try_from(scale).unwrap_or_default().to_be_bytes());
    for digit in digits.iter().rev() {
        bytes.extend_from_slice(&digit.to_be_bytes());
    }
    bytes
}

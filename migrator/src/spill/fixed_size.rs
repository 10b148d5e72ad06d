//! Values that take a fixed number of bytes in a file.

use chrono::{Datelike as _, NaiveDate};
use uuid::Uuid;

/// A value that takes a fixed number of bytes in a file.
pub(crate) trait FixedSize: Copy {
    /// The number.
    const BYTES: usize;

    /// Appends its bytes.
    fn write(&self, into: &mut Vec<u8>);

    /// The value of these bytes, which are as many as it takes.
    fn read(bytes: &[u8]) -> Self;
}

macro_rules! integers {
    ($($integer:ty),*) => {$(
        impl FixedSize for $integer {
            const BYTES: usize = size_of::<Self>();

            fn write(&self, into: &mut Vec<u8>) {
                into.extend(self.to_le_bytes());
            }

            fn read(bytes: &[u8]) -> Self {
                bytes.first_chunk().map_or(0, |bytes| Self::from_le_bytes(*bytes))
            }
        }
    )*};
}

integers!(u32, i32, u64);

impl FixedSize for NaiveDate {
    const BYTES: usize = i32::BYTES;

    fn write(&self, into: &mut Vec<u8>) {
        self.num_days_from_ce().write(into);
    }

    fn read(bytes: &[u8]) -> Self {
        Self::from_num_days_from_ce_opt(i32::read(bytes)).unwrap_or_default()
    }
}

impl FixedSize for Uuid {
    const BYTES: usize = size_of::<Self>();

    fn write(&self, into: &mut Vec<u8>) {
        into.extend(self.as_bytes());
    }

    fn read(bytes: &[u8]) -> Self {
        Self::from_slice(bytes).unwrap_or_default()
    }
}

impl<A: FixedSize, B: FixedSize> FixedSize for (A, B) {
    const BYTES: usize = A::BYTES + B::BYTES;

    fn write(&self, into: &mut Vec<u8>) {
        self.0.write(into);
        self.1.write(into);
    }

    fn read(bytes: &[u8]) -> Self {
        let (first, second) = bytes.split_at(A::BYTES);
        (A::read(first), B::read(second))
    }
}

#[cfg(test)]
mod tests {
    use super::FixedSize;
    use chrono::NaiveDate;
    use uuid::Uuid;

    #[test]
    fn values_survive_a_file() {
        let dates = [NaiveDate::MIN, NaiveDate::MAX, NaiveDate::default()];
        for (n, date) in dates.into_iter().enumerate() {
            let value = ((u64::MAX - n as u64, i32::MIN), (Uuid::from_u128(7), (7_u32, date)));
            let mut bytes = Vec::new();
            value.write(&mut bytes);
            assert_eq!(bytes.len(), <((u64, i32), (Uuid, (u32, NaiveDate)))>::BYTES);
            assert_eq!(<((u64, i32), (Uuid, (u32, NaiveDate)))>::read(&bytes), value);
        }
    }
}

//! Versions of PostgreSQL, as programs and as servers report them.

use std::fmt;

/// A version of PostgreSQL, such as 15.20. Versions of different major versions have no order: 16.14 is older than 15.20.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Version {
    /// The major version.
    pub major: u32,
    /// The minor version; 0 for one that is not released yet (`19beta1`).
    pub minor: u32,
}

impl Version {
    /// From a server's setting `server_version_num`: 150020 is 15.20.
    pub fn of_server(server_version_num: u32) -> Self {
        Self { major: server_version_num / 10_000, minor: server_version_num % 10_000 }
    }

    /// From a program's output for `--version`: `pg_dump (PostgreSQL) 15.20 (Debian 15.20-0+deb12u1)`.
    pub(crate) fn of_program(text: &str) -> Option<Self> {
        let version = text.split_once("(PostgreSQL) ")?.1;
        let (major, rest) = number(version)?;
        let minor = rest.strip_prefix('.').and_then(number).map_or(0, |(minor, _)| minor);
        Some(Self { major, minor })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.major, self.minor)
    }
}

/// The number at the beginning of a text, and the text after it.
fn number(text: &str) -> Option<(u32, &str)> {
    let end = text.find(|char: char| !char.is_ascii_digit()).unwrap_or(text.len());
    Some((text[..end].parse().ok()?, &text[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn program_and_server_versions_are_parsed_alike() {
        let version = Version { major: 15, minor: 20 };
        assert_eq!(Version::of_server(150_020), version);
        for text in [
            "pg_dump (PostgreSQL) 15.20 (Debian 15.20-0+deb12u1)",
            "postgres (PostgreSQL) 15.20",
            "psql (PostgreSQL) 15.20devel\n",
        ] {
            assert_eq!(Version::of_program(text), Some(version), "{text}");
        }
        assert_eq!(
            Version::of_program("postgres (PostgreSQL) 19beta1"),
            Some(Version { major: 19, minor: 0 })
        );
        assert_eq!(Version::of_program("cat (GNU coreutils) 9.1"), None);
        assert_eq!(version.to_string(), "15.20");
    }
}

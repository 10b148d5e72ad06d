//! The database's URL: checked before connecting, and split so that the password is never shown.

mod keywords;
mod parameters;
mod server_list;

use crate::failure::Failure;
use crate::redact;
use keywords::Parameters;
use phaseline_embedded::{percent_decode, percent_encode};
use phaseline_store::{Servers, servers};
use sqlx::postgres::PgConnectOptions;
use std::str::FromStr;

/// A parsed PostgreSQL URL.
#[derive(Clone)]
pub(crate) struct DatabaseUrl {
    /// For connections.
    servers: Servers,
    /// Without the password, for command lines, which every local user can read.
    bare: String,
    /// For environments, which other users cannot read.
    password: Option<String>,
}

const EXPECTED: &str = "Expected postgres://user:password@host:port/database, by a Unix socket \
                        postgres:///database?host=/var/run/postgresql, or host=… port=… dbname=… user=…. In names and passwords of \
                        a URL write %40 for @, %2F for /, %3A for :, %23 for #, %3F for ?, %25 for %.";

impl DatabaseUrl {
    /// libpq's variables that name a database; the others only complete one.
    pub(crate) const NAMING_VARIABLES: [&str; 4] = keywords::NAMING;

    /// Parses a URL, with or without the name of a driver (`postgresql+psycopg2://`), or a keyword string (`host=db dbname=planner`).
    /// Errors name the `source`.
    pub(crate) fn parse(text: &str, source: &str) -> Result<Self, Failure> {
        let wrong = |what: String| Failure::usage(format!("{source}: {what}")).remedy(EXPECTED);
        if text.contains("://") {
            return Self::parse_url(text, source);
        }
        if !text.contains('=') {
            return Err(wrong("this is not a URL, it has no ://".to_owned()));
        }
        let parameters = keywords::of_string(text).map_err(wrong)?;
        Self::of_parameters(parameters, source)
    }

    /// The database that libpq's variables name, as for psql; none if they name none.
    pub(crate) fn of_environment() -> Result<Option<Self>, Failure> {
        match keywords::of_environment(variable) {
            Some((parameters, naming)) => Self::of_parameters(parameters, &naming.join(", ")).map(Some),
            None => Ok(None),
        }
    }

    fn of_parameters(parameters: Parameters, source: &str) -> Result<Self, Failure> {
        let wrong = |what: String| Failure::usage(format!("{source}: {what}"));
        let complete =
            keywords::with_service(parameters, &keywords::service_files(variable)).map_err(wrong)?;
        Self::parse_url(&keywords::url(complete), source)
    }

    fn parse_url(url: &str, source: &str) -> Result<Self, Failure> {
        let wrong = |what: String| Failure::usage(format!("{source}: {what}")).remedy(EXPECTED);
        let (written, rest) = url.split_once("://").unwrap_or_default();
        // Libraries of other languages name their driver behind a plus.
        let scheme = written.split_once('+').map_or(written, |(scheme, _)| scheme);
        if !matches!(scheme, "postgres" | "postgresql") {
            return Err(wrong(format!("the scheme is {written:?}, not postgres or postgresql")));
        }
        let (authority, tail) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        if rest.contains('#') {
            return Err(wrong("it has a # that is not encoded as %23".to_owned()));
        }
        let (user_info, host) =
            authority.rsplit_once('@').map_or((None, authority), |(user, host)| (Some(user), host));
        if user_info.is_none()
            && rest[authority.len()..].split('?').next().is_some_and(|path| path.contains('@'))
        {
            return Err(wrong(
                "it has a / or ? before the @: in a password they are encoded as %2F and %3F".to_owned(),
            ));
        }
        parameters::refuse_unknown(tail.split_once('?').map_or("", |(_, query)| query)).map_err(wrong)?;
        let single = |host: &str, tail: &str| single_url(scheme, user_info, host, tail);
        let completed = server_list::with_lists(host, tail, variable);
        let found = server_list::parse(host, &completed, single).map_err(wrong)?;
        let mut options = found.urls.iter().map(|url| {
            PgConnectOptions::from_str(url)
                .map_err(|error| {
                    let cause = std::error::Error::source(&error)
                        .map_or_else(|| error.to_string(), ToString::to_string);
                    wrong(redact::passwords(&cause))
                })
                // Not every pooler accepts this parameter of the driver.
                .map(|options| options.extra_float_digits(None))
        });
        let Some(first) = options.next() else { return Err(wrong("it names no server".to_owned())) };
        let servers =
            Servers::several(first?, options.collect::<Result<_, _>>()?, found.wanted, found.patience);
        let password = user_info.and_then(|user| user.split_once(':')).map(|(_, password)| password);
        let password = match password.map(percent_decode) {
            Some(None) => {
                return Err(wrong(
                    "the password has a % that is not followed by two hexadecimal digits".to_owned(),
                ));
            }
            Some(Some(password)) => Some(password),
            None => None,
        };
        let bare = match user_info.and_then(|user| user.split_once(':')) {
            Some((user, _)) => format!("{scheme}://{user}@{host}{tail}"),
            None => format!("{scheme}://{rest}"),
        };
        Ok(Self { servers, bare, password })
    }

    /// With the password, for a function that keeps it off command lines.
    pub(crate) fn with_password(&self) -> String {
        match &self.password {
            // The user's name is encoded, so the first @ ends it.
            Some(password) => self.bare.replacen('@', &format!(":{}@", percent_encode(password)), 1),
            None => self.bare.clone(),
        }
    }

    /// Another database on the same server. It is added as a parameter: PostgreSQL's programs and this one use the last
    /// parameter.
    pub(crate) fn beside(&self, database: &str) -> Self {
        let mark = if self.bare.contains('?') { '&' } else { '?' };
        Self {
            servers: self.servers.map(|server| server.database(database)),
            bare: format!("{}{mark}dbname={}", self.bare, percent_encode(database)),
            password: self.password.clone(),
        }
    }

    /// The servers.
    pub(crate) const fn servers(&self) -> &Servers {
        &self.servers
    }

    /// The connection options of the first server: user and database are those of all.
    pub(crate) const fn options(&self) -> &PgConnectOptions {
        self.servers.first()
    }

    /// The URL without its password.
    pub(crate) fn bare(&self) -> &str {
        &self.bare
    }

    pub(crate) fn password(&self) -> Option<&str> {
        self.password.as_deref()
    }

    /// The database's name.
    pub(crate) fn database(&self) -> &str {
        let options = self.options();
        options.get_database().unwrap_or_else(|| options.get_username())
    }

    /// The database, for people: `database planner at 127.0.0.1:5432 as postgres`. Of several servers the one that was connected to, or
    /// before that all.
    pub(crate) fn place(&self) -> String {
        let options = self.options();
        let at = match self.servers.current() {
            Some(server) => servers::address(server),
            None => self.servers.all().map(servers::address).collect::<Vec<_>>().join(", "),
        };
        format!("database {} at {at} as {}", self.database(), options.get_username())
    }
}

/// The URL of one server for sqlx: a user before an empty host (`postgres://me@/planner?host=/run/pg`) is valid for PostgreSQL, but
/// not by the standard of URLs, so it becomes a parameter.
fn single_url(scheme: &str, user_info: Option<&str>, host: &str, tail: &str) -> String {
    let Some(user_info) = user_info else { return format!("{scheme}://{host}{tail}") };
    if !host.is_empty() {
        return format!("{scheme}://{user_info}@{host}{tail}");
    }
    // In parameters a plus is a space.
    let user_info = user_info.replace('+', "%2B").replace('&', "%26");
    let (user, password) = user_info.split_once(':').unwrap_or((&user_info, ""));
    let mark = if tail.contains('?') { '&' } else { '?' };
    let password = if password.is_empty() { String::new() } else { format!("&password={password}") };
    format!("{scheme}://{tail}{mark}user={user}{password}")
}

/// An environment variable that is not empty.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The parameters of a keyword string; none if it is not one.
pub(crate) fn parameters(text: &str) -> Option<std::collections::BTreeMap<String, String>> {
    keywords::of_string(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Result<DatabaseUrl, Failure> {
        DatabaseUrl::parse(url, "--database-url")
    }

    #[test]
    fn a_url_is_split_into_a_public_part_and_the_password() {
        let url = parse("postgres://me:p%40ss%2Fw@db.example:5433/planner?sslmode=require").unwrap();
        assert_eq!(url.bare(), "postgres://me@db.example:5433/planner?sslmode=require");
        assert_eq!(url.password(), Some("p@ss/w"));
        assert_eq!(url.place(), "database planner at db.example:5433 as me");
    }

    #[test]
    fn sockets_are_found_in_either_way_of_writing_them() {
        for url in [
            "postgres://me:p+w@%2Frun%2Fpg:5433/planner",
            "postgres://me:p+w@/planner?host=/run/pg&port=5433",
            "postgres:///planner?host=/run/pg&port=5433&user=me",
        ] {
            assert_eq!(
                parse(url).unwrap().place(),
                "database planner at /run/pg/.s.PGSQL.5433 as me",
                "{url}"
            );
        }
    }

    #[test]
    fn the_error_is_named_and_the_password_is_not() {
        for (url, named) in [
            ("host=localhost password='secret", "does not end"),
            ("localhost", "not a URL"),
            ("mysql+x://me:secret@h/d", "\"mysql+x\""),
            ("mysql://me:secret@h/d", "\"mysql\""),
            ("postgres://me:secret@h:54x/d", "\"54x\""),
            ("postgres://me:secret@h:99999/d", "\"99999\""),
            ("postgres://me:sec/ret@h/d", "%2F"),
            ("postgres://me:sec#ret@h/d", "%23"),
            ("postgres://me:secret%zz@h/d", "hexadecimal"),
            ("postgres://me:secret@h/d?sslmode=perhaps", "perhaps"),
        ] {
            let failure = parse(url).err().unwrap();
            assert_eq!(failure.exit(), crate::exit::Exit::Usage);
            let text = serde_json::to_string(&failure.object()).unwrap();
            assert!(failure.message().contains(named), "{url}: {text}");
            assert!(!text.contains("secret") && !text.contains("ret@"), "{url}: {text}");
        }
    }

    #[test]
    fn another_database_on_the_same_server_keeps_the_form_of_the_url() {
        for url in [
            "postgres://me:p%40ss@db.example:5433/planner?sslmode=require",
            "postgres://me:p%40ss@db.example:5433",
            "postgres://me:p%40ss@db.example:5433/?dbname=planner",
        ] {
            let other = parse(url).unwrap().beside("Pläne & \"more\"/100%");
            assert_eq!(other.password(), Some("p@ss"));
            assert!(!other.bare().contains("p%40ss"), "{}", other.bare());
            let again = parse(other.bare()).unwrap();
            for options in [other.options(), again.options()] {
                assert_eq!(options.get_database(), Some("Pläne & \"more\"/100%"), "{url}");
            }
        }
    }

    #[test]
    fn other_forms_of_a_url_are_understood() {
        for (text, bare) in [
            (
                "postgresql+psycopg2://me:pw@db:5433/planner?sslmode=require",
                "postgresql://me@db:5433/planner?sslmode=require",
            ),
            (
                "host=db port=5433 user=me password=pw dbname=planner",
                "postgres://me@/planner?host=db&port=5433",
            ),
        ] {
            let url = parse(text).unwrap();
            assert_eq!((url.bare(), url.password()), (bare, Some("pw")), "{text}");
            assert_eq!(url.place(), "database planner at db:5433 as me");
        }
    }

    #[test]
    fn several_servers_are_read_as_libpq_reads_them() {
        for (url, place) in [
            ("postgres://me:s@a:5433,b/planner", "database planner at a:5433, b:5432 as me"),
            ("postgres://me@a,[::1]:6000/planner?port=7000", "database planner at a:7000, [::1]:7000 as me"),
            (
                "postgres:///planner?host=a,/run/pg&port=1,2&user=me",
                "database planner at a:1, /run/pg/.s.PGSQL.2 as me",
            ),
        ] {
            let found = parse(url).unwrap();
            assert_eq!(found.place(), place);
            assert!(found.servers().are_searched(), "{url}");
            assert_eq!(found.beside("other").place(), place.replace("planner", "other"));
        }
        assert!(!parse("postgres://a/d?connect_timeout=3").unwrap().servers().are_searched());
        assert!(parse("postgres://a/d?target_session_attrs=primary").unwrap().servers().are_searched());
        for (url, named) in [
            ("postgres://a,b/d?port=1,2,3", "3 ports for 2 hosts"),
            ("postgres://a,,b/d", "is empty"),
            ("postgres://a:1,b:x/d", "\"x\""),
            ("postgres://a,b/d?target_session_attrs=writer", "read-write, read-only"),
            ("postgres://a,b/d?connect_timeout=soon", "\"soon\""),
            ("postgres:///d?hostaddr=1.1.1.1,2.2.2.2", "write them as host"),
        ] {
            let failure = parse(url).err().unwrap();
            assert!(failure.message().contains(named), "{url}: {}", failure.message());
        }
    }

    #[test]
    fn an_ipv6_address_is_not_taken_for_a_port() {
        assert_eq!(parse("postgres://me@[::1]:5433/d").unwrap().place(), "database d at [::1]:5433 as me");
        assert!(parse("postgres://me@[::1]/d").is_ok());
    }
}

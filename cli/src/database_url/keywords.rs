//! Connection parameters by name, as libpq reads them: from a keyword string, from its environment variables, from a service file. They
//! become a URL.

use phaseline_embedded::percent_encode;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Parameters by libpq's names.
pub(super) type Parameters = BTreeMap<String, String>;

/// libpq's variables, and the parameters that they set.
const VARIABLES: [(&str, &str); 22] = [
    ("PGHOST", "host"),
    ("PGHOSTADDR", "hostaddr"),
    ("PGPORT", "port"),
    ("PGDATABASE", "dbname"),
    ("PGUSER", "user"),
    ("PGPASSWORD", "password"),
    ("PGSERVICE", "service"),
    ("PGSSLMODE", "sslmode"),
    ("PGSSLROOTCERT", "sslrootcert"),
    ("PGSSLCERT", "sslcert"),
    ("PGSSLKEY", "sslkey"),
    ("PGTARGETSESSIONATTRS", "target_session_attrs"),
    ("PGCONNECT_TIMEOUT", "connect_timeout"),
    // Those that ask for more than every connection has: they are refused.
    ("PGCHANNELBINDING", "channel_binding"),
    ("PGGSSENCMODE", "gssencmode"),
    ("PGREQUIREAUTH", "require_auth"),
    ("PGREQUIREPEER", "requirepeer"),
    ("PGSSLCRL", "sslcrl"),
    ("PGSSLCRLDIR", "sslcrldir"),
    ("PGSSLMAXPROTOCOLVERSION", "ssl_max_protocol_version"),
    ("PGSSLMINPROTOCOLVERSION", "ssl_min_protocol_version"),
    ("PGSSLNEGOTIATION", "sslnegotiation"),
];

/// The variables that name a database; the others only complete one.
pub(super) const NAMING: [&str; 4] = ["PGHOST", "PGHOSTADDR", "PGSERVICE", "PGDATABASE"];

/// The parameters of the environment, and the names of the variables that name a database; none if none does.
pub(super) fn of_environment(
    variable: impl Fn(&str) -> Option<String>,
) -> Option<(Parameters, Vec<&'static str>)> {
    let naming: Vec<&str> = NAMING.into_iter().filter(|name| variable(name).is_some()).collect();
    if naming.is_empty() {
        return None;
    }
    let set = |(name, parameter): (&str, &str)| Some((parameter.to_owned(), variable(name)?));
    Some((VARIABLES.into_iter().filter_map(set).collect(), naming))
}

/// Parses a keyword string: `host=db port=5432 password='it''s'`. The error is a sentence without values.
pub(super) fn of_string(text: &str) -> Result<Parameters, String> {
    let mut found = Parameters::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (name, after) =
            rest.split_once('=').ok_or("a parameter has no =; expected host=db dbname=planner user=me")?;
        let name = name.trim();
        if name.is_empty() || name.contains(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_') {
            return Err("a name of a parameter has characters other than letters, digits and _".to_owned());
        }
        let (value, after) = value(after.trim_start())?;
        found.insert(name.to_owned(), value);
        rest = after.trim_start();
    }
    Ok(found)
}

/// A value up to the next blank, or in single quotes; a backslash quotes the next character.
fn value(text: &str) -> Result<(String, &str), String> {
    let quoted = text.starts_with('\'');
    let mut value = String::new();
    let mut characters = text.char_indices().skip(usize::from(quoted));
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => value.extend(characters.next().map(|(_, next)| next)),
            '\'' if quoted => return Ok((value, &text[at + 1..])),
            blank if !quoted && blank.is_whitespace() => return Ok((value, &text[at..])),
            other => value.push(other),
        }
    }
    if quoted { Err("a value in quotes does not end".to_owned()) } else { Ok((value, "")) }
}

/// Adds the parameters of the named service, if one is named; given ones take precedence. `files` are the service files, the first one that
/// has the service counts.
pub(super) fn with_service(mut given: Parameters, files: &[PathBuf]) -> Result<Parameters, String> {
    let Some(service) = given.remove("service") else { return Ok(given) };
    for file in files {
        let Ok(text) = std::fs::read_to_string(file) else { continue };
        if let Some(found) = section(&text, &service) {
            for (name, value) in found {
                given.entry(name).or_insert(value);
            }
            return Ok(given);
        }
    }
    let files: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
    Err(format!("the service {service:?} is in none of these files: {}", files.join(", ")))
}

/// Where libpq looks for services.
pub(super) fn service_files(variable: impl Fn(&str) -> Option<String>) -> Vec<PathBuf> {
    let own = variable("PGSERVICEFILE")
        .map(PathBuf::from)
        .or_else(|| Some(Path::new(&variable("HOME")?).join(".pg_service.conf")));
    let system = variable("PGSYSCONFDIR").unwrap_or_else(|| "/etc/postgresql-common".to_owned());
    own.into_iter().chain([Path::new(&system).join("pg_service.conf")]).collect()
}

/// A section of a service file.
fn section(text: &str, service: &str) -> Option<Parameters> {
    let header = format!("[{service}]");
    let mut lines = text.lines().map(str::trim).skip_while(|line| *line != header);
    lines.next()?;
    let pairs = lines.take_while(|line| !line.starts_with('['));
    let pairs = pairs.filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('='));
    Some(pairs.map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned())).collect())
}

/// The URL with these parameters.
pub(super) fn url(mut parameters: Parameters) -> String {
    let user = parameters.remove("user").map_or_else(String::new, |user| percent_encode(&user));
    let password = parameters.remove("password").filter(|_| !user.is_empty());
    let password = password.map_or_else(String::new, |password| format!(":{}", percent_encode(&password)));
    let at = if user.is_empty() { "" } else { "@" };
    let database = parameters.remove("dbname").map_or_else(String::new, |name| percent_encode(&name));
    let pairs: Vec<String> = parameters
        .iter()
        // Lists of servers keep their commas.
        .map(|(name, value)| {
            let parts: Vec<String> = value.split(',').map(percent_encode).collect();
            format!("{name}={}", parts.join(","))
        })
        .collect();
    let mark = if pairs.is_empty() { "" } else { "?" };
    format!("postgres://{user}{password}{at}/{database}{mark}{}", pairs.join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameters(pairs: &[(&str, &str)]) -> Parameters {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_keyword_string_is_read_as_libpq_reads_it() {
        let read = of_string(r"host=db  port = 5432 password='it\'s \\ here' user=a\ b dbname=").unwrap();
        let expected =
            [("host", "db"), ("port", "5432"), ("password", r"it's \ here"), ("user", "a b"), ("dbname", "")];
        assert_eq!(read, parameters(&expected));
        for wrong in ["host", "host='db", "ho st=db"] {
            assert!(of_string(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_service_completes_what_is_given() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("services");
        std::fs::write(
            &file,
            "[other]\nhost=x\n# night\n[planner]\nhost = db\nport=5433\n\n[last]\nuser=z\n",
        )
        .unwrap();
        let files = [folder.path().join("missing"), file];
        let given = parameters(&[("service", "planner"), ("port", "1")]);
        assert_eq!(with_service(given, &files).unwrap(), parameters(&[("host", "db"), ("port", "1")]));
        let error = with_service(parameters(&[("service", "none")]), &files).unwrap_err();
        assert!(error.contains("\"none\"") && error.contains("services"), "{error}");
    }

    #[test]
    fn only_variables_that_name_a_database_count() {
        let set = |names: &'static [&str]| move |name: &str| names.contains(&name).then(|| "x".to_owned());
        assert_eq!(of_environment(set(&["PGUSER", "PGPASSWORD", "PGPORT"])), None);
        let (found, naming) = of_environment(set(&["PGUSER", "PGDATABASE"])).unwrap();
        assert_eq!((found, naming), (parameters(&[("user", "x"), ("dbname", "x")]), vec!["PGDATABASE"]));
    }

    #[test]
    fn parameters_become_a_url() {
        let given = [
            ("host", "/run/pg,db"),
            ("user", "a b"),
            ("password", "p@ss"),
            ("dbname", "plän"),
            ("port", "1,2"),
        ];
        assert_eq!(
            url(parameters(&given)),
            "postgres://a%20b:p%40ss@/pl%C3%A4n?host=%2Frun%2Fpg,db&port=1,2"
        );
        assert_eq!(url(parameters(&[("service", "s")])), "postgres:///?service=s");
    }
}

//! The parameters of a connection: libpq's names, and which values are honoured. A parameter that is not known, or that asks for more than
//! a connection would have, is refused, as libpq refuses what it does not know.

use phaseline_embedded::percent_decode;

/// What becomes of a parameter.
#[derive(Clone, Copy)]
enum Effect {
    /// The connection follows it, or it changes nothing that matters.
    Honoured,
    /// Only these values are what a connection does anyway.
    OnlyAs(&'static [&'static str]),
    /// It asks for something that connections do not do; the text says what to use instead.
    Unsupported(&'static str),
}

/// libpq's parameters, and the other names that the driver has for some of them.
const KNOWN: [(&str, Effect); 58] = {
    use Effect::{Honoured, OnlyAs, Unsupported};
    [
        ("application_name", Honoured),
        ("channel_binding", OnlyAs(&["prefer", "disable"])),
        ("client_encoding", OnlyAs(&["utf8", "utf-8", "unicode", "auto"])),
        ("connect_timeout", Honoured),
        ("dbname", Honoured),
        ("fallback_application_name", Honoured),
        ("gssdelegation", OnlyAs(&["0"])),
        ("gssencmode", OnlyAs(&["prefer", "disable"])),
        ("gsslib", Honoured),
        ("host", Honoured),
        ("hostaddr", Honoured),
        ("keepalives", Honoured),
        ("keepalives_count", Honoured),
        ("keepalives_idle", Honoured),
        ("keepalives_interval", Honoured),
        ("krbsrvname", Honoured),
        ("load_balance_hosts", OnlyAs(&["disable"])),
        ("max_protocol_version", OnlyAs(&["3.0", "3.2", "latest"])),
        ("min_protocol_version", OnlyAs(&["3.0"])),
        ("oauth_client_id", Unsupported("use a password or a certificate")),
        ("oauth_client_secret", Unsupported("use a password or a certificate")),
        ("oauth_issuer", Unsupported("use a password or a certificate")),
        ("oauth_scope", Unsupported("use a password or a certificate")),
        ("options", Honoured),
        ("passfile", Unsupported("name the file by the variable PGPASSFILE")),
        ("password", Honoured),
        ("port", Honoured),
        ("replication", OnlyAs(&["false", "off", "no", "0"])),
        ("require_auth", Unsupported("set the method in the server's pg_hba.conf")),
        ("requirepeer", Unsupported("connect by TLS with sslmode=verify-full")),
        ("requiressl", Unsupported("use sslmode=require")),
        ("scram_client_key", Unsupported("use the password")),
        ("scram_server_key", Unsupported("use the password")),
        ("service", Unsupported("name the service by the variable PGSERVICE, or in the form service=NAME")),
        ("servicefile", Unsupported("name the file by the variable PGSERVICEFILE")),
        ("ssl_max_protocol_version", OnlyAs(&["tlsv1.3"])),
        ("ssl_min_protocol_version", OnlyAs(&["tlsv1", "tlsv1.1", "tlsv1.2"])),
        ("sslcert", Honoured),
        ("sslcertmode", OnlyAs(&["allow"])),
        ("sslcompression", OnlyAs(&["0"])),
        ("sslcrl", Unsupported("connections do not check revocation lists")),
        ("sslcrldir", Unsupported("connections do not check revocation lists")),
        ("sslkey", Honoured),
        ("sslkeylogfile", Unsupported("connections do not log keys")),
        ("sslmode", OnlyAs(&["disable", "allow", "prefer", "require", "verify-ca", "verify-full"])),
        ("sslnegotiation", OnlyAs(&["postgres"])),
        ("sslpassword", Unsupported("give a key without a password by sslkey")),
        ("sslrootcert", Honoured),
        ("sslsni", OnlyAs(&["1"])),
        ("target_session_attrs", Honoured),
        ("tcp_user_timeout", Honoured),
        ("user", Honoured),
        // The driver's names.
        ("ssl-mode", OnlyAs(&["disable", "allow", "prefer", "require", "verify-ca", "verify-full"])),
        ("ssl-root-cert", Honoured),
        ("ssl-ca", Honoured),
        ("ssl-cert", Honoured),
        ("ssl-key", Honoured),
        ("statement-cache-capacity", Honoured),
    ]
};

/// Refuses the parameters of a URL's query that cannot be honoured. The error is a sentence; it has no values but those of parameters that
/// take one of a few words.
pub(super) fn refuse_unknown(query: &str) -> Result<(), String> {
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let name = percent_decode(name).unwrap_or_else(|| name.to_owned());
        let value = percent_decode(value).unwrap_or_else(|| value.to_owned());
        // The driver's form of options.
        if name.starts_with("options[") {
            continue;
        }
        let Some((_, effect)) = KNOWN.iter().find(|(known, _)| *known == name) else {
            return Err(unknown(&name));
        };
        // As in libpq, an empty value is none.
        match effect {
            _ if value.is_empty() => {}
            Effect::Honoured => {}
            Effect::OnlyAs(accepted) if accepted.contains(&&*value.to_ascii_lowercase()) => {}
            Effect::OnlyAs(accepted) => {
                return Err(format!(
                    "the connection parameter {name} cannot be {value:?}; expected {}",
                    alternatives(accepted)
                ));
            }
            Effect::Unsupported(instead) => {
                return Err(format!("the connection parameter {name} has no effect here; {instead}"));
            }
        }
    }
    Ok(())
}

fn unknown(name: &str) -> String {
    let distance = |known: &str| strsim::damerau_levenshtein(&name.to_ascii_lowercase(), known);
    let nearest = KNOWN.iter().map(|(known, _)| *known).min_by_key(|known| distance(known));
    // A name that shares less than half of its letters is another word.
    match nearest.filter(|known| 2 * distance(known) <= name.chars().count()) {
        Some(nearest) => format!("unknown connection parameter {name}; the nearest known one is {nearest}"),
        None => format!("unknown connection parameter {name}"),
    }
}

fn alternatives(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [only] => (*only).to_owned(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_named_unless_it_is_another_word() {
        for (query, named) in [
            ("sslmod=require", "the nearest known one is sslmode"),
            ("applicationname=x", "the nearest known one is application_name"),
            ("SSLMODE=require", "the nearest known one is sslmode"),
            ("foo=bar", "unknown connection parameter foo"),
        ] {
            let error = refuse_unknown(query).unwrap_err();
            assert!(error.contains(named), "{query}: {error}");
        }
        assert!(!refuse_unknown("foo=bar").unwrap_err().contains("nearest"));
    }

    #[test]
    fn what_a_connection_does_anyway_is_accepted() {
        for query in [
            "",
            "channel_binding=prefer&sslcrl=&require_auth=",
            "options[work_mem]=8MB",
            "client_encoding=UTF8",
        ] {
            assert_eq!(refuse_unknown(query), Ok(()), "{query}");
        }
        for query in ["channel_binding=require", "client_encoding=LATIN1", "sslcrl=/x", "service=x"] {
            assert!(refuse_unknown(query).is_err(), "{query}");
        }
    }
}

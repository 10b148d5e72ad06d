//! The database that an answer is about. Every result, question and error names it: a variable of another terminal may have named another
//! one.

use crate::database_url::DatabaseUrl;
use serde::Serialize;

/// A database, and whether it is on the private server.
#[derive(Clone)]
pub(crate) struct Place {
    url: DatabaseUrl,
    is_private: bool,
}

/// The member `connection` of every object.
#[derive(Serialize)]
pub(crate) struct NamedConnection {
    database: String,
    /// The host; of a Unix socket its folder.
    host: String,
    port: u16,
    user: String,
    /// Whether it is on the private server.
    private: bool,
}

impl Place {
    pub(crate) const fn new(url: DatabaseUrl, is_private: bool) -> Self {
        Self { url, is_private }
    }

    /// For people: `database planner at 127.0.0.1:5432 as postgres`.
    pub(crate) fn text(&self) -> String {
        let whose = if self.is_private { ", on the private server" } else { "" };
        format!("{}{whose}", self.url.place())
    }

    /// For programs. Of several servers the one that was connected to, or before that the first.
    pub(crate) fn connection(&self) -> NamedConnection {
        let options = self.url.servers().current().unwrap_or_else(|| self.url.options());
        let host = match options.get_socket() {
            Some(folder) => folder.display().to_string(),
            None => options.get_host().to_owned(),
        };
        NamedConnection {
            database: self.url.database().to_owned(),
            host,
            port: options.get_port(),
            user: options.get_username().to_owned(),
            private: self.is_private,
        }
    }
}

impl std::fmt::Debug for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text())
    }
}

//! Maps the private server's errors to failures.

use super::Failure;
use crate::exit::Exit;
use phaseline_embedded::EmbeddedError;

impl From<EmbeddedError> for Failure {
    fn from(error: EmbeddedError) -> Self {
        let text = error.to_string();
        match error {
            EmbeddedError::NoBinaries { .. } => Self::new(Exit::NoDatabase, "no_postgres", text),
            EmbeddedError::NoClients { server, .. } => {
                Self::new(Exit::NoDatabase, "no_pg_dump", text).remedy(clients_remedy(server))
            }
            EmbeddedError::OldClients { server, .. } => {
                Self::new(Exit::NoDatabase, "pg_dump_too_old", text).remedy(clients_remedy(server))
            }
            EmbeddedError::ForeignFolder(_) | EmbeddedError::FolderName(_) | EmbeddedError::NoHome => {
                Self::new(Exit::Usage, "data_dir", text)
                    .remedy("Use another folder with --data-dir, or a database with --database-url.")
            }
            EmbeddedError::BadUrl => Self::usage(text),
            _ => Self::new(Exit::NoDatabase, "embedded_server", text),
        }
    }
}

fn clients_remedy(server: u32) -> String {
    format!(
        "Install the client programs of PostgreSQL {server} (postgresql-client-{server}), or set PHASELINE_PG_BINDIR to their folder."
    )
}

//! What can go wrong with the private server, in our codes.

use super::Failure;
use crate::exit::Exit;
use phaseline_embedded::EmbeddedError;

impl From<EmbeddedError> for Failure {
    fn from(error: EmbeddedError) -> Self {
        let text = error.to_string();
        match error {
            EmbeddedError::NoBinaries { .. } => Self::new(Exit::NoDatabase, "no_postgres", text),
            EmbeddedError::ForeignFolder(_) | EmbeddedError::FolderName(_) | EmbeddedError::NoHome => {
                Self::new(Exit::Usage, "data_dir", text)
                    .remedy("Name a folder with --data-dir, or give --database-url.")
            }
            EmbeddedError::BadUrl => Self::usage(text),
            _ => Self::new(Exit::NoDatabase, "embedded_server", text),
        }
    }
}

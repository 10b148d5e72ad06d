//! Why a benchmark ended without a figure.

use phaseline_domain::Refusal;
use phaseline_migrator::MigratorError;
use phaseline_migrator::sample::SampleError;
use phaseline_store::StoreError;
use phaseline_store::copy::CopyError;

/// Why a benchmark ended without a figure.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BenchError {
    /// The two sides have different results.
    #[error(
        "{case}: {what}: ours {ours}, theirs {theirs}; the two sides did different work, so there is no figure"
    )]
    Different { case: &'static str, what: String, ours: String, theirs: String },
    /// A case failed.
    #[error("{0}")]
    Failed(String),
    /// The database, or the connection to it.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    /// The log.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A COPY response in an unexpected format.
    #[error("COPY: {0}")]
    Copy(#[from] CopyError),
    /// The migration or its verification.
    #[error(transparent)]
    Migrator(#[from] MigratorError),
    /// The sample.
    #[error(transparent)]
    Sample(#[from] SampleError),
    /// The rules refuse a generated command, because of an error in the generator.
    #[error("the generator made a command that is refused: {0}")]
    Refused(#[from] Refusal),
    /// JSON.
    #[error("JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// A file.
    #[error("{what}: {source}")]
    Io { what: String, source: std::io::Error },
}

/// A result with a [`BenchError`].
pub(crate) type Result<T, E = BenchError> = std::result::Result<T, E>;

impl BenchError {
    /// An error of reading or writing `what`.
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}

/// Fails unless both sides have the same result.
pub(crate) fn same<T: PartialEq + std::fmt::Display>(
    case: &'static str,
    what: &str,
    ours: &T,
    theirs: &T,
) -> Result<()> {
    if ours == theirs {
        return Ok(());
    }
    Err(BenchError::Different {
        case,
        what: what.to_owned(),
        ours: ours.to_string(),
        theirs: theirs.to_string(),
    })
}

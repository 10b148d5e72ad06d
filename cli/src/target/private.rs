//! The private server, for commands without a given database.

use super::{DIRECT_URL, EMBEDDED_DATABASE, quoted, variable};
use crate::context::Context;
use crate::database_url::DatabaseUrl;
use crate::failure::Failure;
use crate::options::GlobalArgs;
use phaseline_embedded::{Server, default_data_dir};
use std::path::{Path, PathBuf};
use std::sync::Once;

/// The variable with its folder.
const DATA_DIR: &str = "PHASELINE_DATA_DIR";

/// Its database's former name, which planners' databases often have.
const FORMER_EMBEDDED_DATABASE: &str = "planner";

/// The private server's folder, and the start of suggested commands.
pub(super) fn private_server(global: &GlobalArgs) -> Result<(PathBuf, String), Failure> {
    Ok(match (&global.data_dir, variable(DATA_DIR)) {
        (Some(folder), _) => {
            (folder.clone(), format!("phaseline --data-dir {}", quoted(&folder.to_string_lossy())))
        }
        (None, Some(folder)) => (folder.into(), "phaseline".to_owned()),
        (None, None) => (default_data_dir()?, "phaseline".to_owned()),
    })
}

/// Refuses a folder and a database that are both from the environment: one of them is for something else. An option chooses between them.
pub(super) fn refuse_two_sources(global: &GlobalArgs) -> Result<(), Failure> {
    if global.data_dir.is_some() || global.database_url.is_some() || variable(DATA_DIR).is_none() {
        return Ok(());
    }
    let given: Vec<&str> = ["DATABASE_URL"]
        .into_iter()
        .chain(DatabaseUrl::NAMING_VARIABLES)
        .filter(|name| variable(name).is_some())
        .collect();
    if given.is_empty() {
        return Ok(());
    }
    let named = given.join(", ");
    Err(Failure::usage(format!(
        "{DATA_DIR} names the private server, and {named} another database: only one of them can be used"
    ))
    .remedy(format!(
        "For the private server: unset {}. For the other database: unset {DATA_DIR}. Or choose with --database-url or --data-dir.",
        given.join(" ")
    )))
}

/// Says that the private server is used, unless an option chooses it. If nothing chooses it, also with `--quiet`: a variable may be missing
/// in this terminal, and an empty private server passes every check.
pub(super) fn announce(context: &Context, folder: &Path) {
    static ANNOUNCED: Once = Once::new();
    let text = format!(
        "no database is given (--database-url, DATABASE_URL, PGHOST): using the private server in {}",
        folder.display()
    );
    if context.global.data_dir.is_some() {
        return;
    }
    // A command that resolves the database again says it once.
    ANNOUNCED.call_once(|| {
        if context.output.quiet() && variable(DATA_DIR).is_none() {
            context.output.warning(&text);
        } else {
            context.output.remark(&text);
        }
    });
}

/// Starts the private server of a folder and creates its database.
pub(crate) async fn start(data_dir: PathBuf) -> Result<Server, Failure> {
    let started = tokio::task::spawn_blocking(move || {
        let server = Server::start(Path::new(&data_dir))?;
        server.rename_database_if_present(FORMER_EMBEDDED_DATABASE, EMBEDDED_DATABASE)?;
        server.create_database_if_missing(EMBEDDED_DATABASE)?;
        Ok::<_, Failure>(server)
    });
    started
        .await
        .map_err(|error| Failure::unexpected(format!("the private server could not be started: {error}")))?
}

/// A server's own URL completes one that leads through a pooler. Alone it would be ignored, as all options about a pooler are by the private
/// server.
pub(super) fn refuse_pooler_options(global: &GlobalArgs) -> Result<(), Failure> {
    let named = global.data_dir.is_some();
    match (&global.direct_url, &global.pooler) {
        (Some(_), _) if !named => Err(lone_direct_url("--direct-url")),
        (None, _) if !named && variable(DIRECT_URL).is_some() => Err(lone_direct_url(DIRECT_URL)),
        (Some(_), _) => Err(no_pooler("--direct-url")),
        (_, Some(_)) => Err(no_pooler("--pooler")),
        (None, None) => Ok(()),
    }
}

fn lone_direct_url(source: &str) -> Failure {
    Failure::usage(format!("{source} is given, but no database")).remedy(
        "Give the database by --database-url or DATABASE_URL, too: the pooler's URL, or without a pooler the server's instead.",
    )
}

fn no_pooler(option: &str) -> Failure {
    Failure::usage(format!("{option} has no effect on the private server, which has no pooler"))
        .remedy(format!("Run it without {option}, or give a database by --database-url."))
}

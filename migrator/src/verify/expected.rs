//! Heads of the log that somebody noted down: does the log still have them?

use super::checks::Checks;
use phaseline_store::{LogHead, StoreError, schema};
use sqlx::PgConnection;

const TITLE: &str = "Checking the log has the expected hashes...";

/// Compares each expected head with the stored hash; the check of the chain compares the stored hashes with the events.
pub(super) async fn check(
    connection: &mut PgConnection,
    expected: &[LogHead],
    checks: &mut Checks,
) -> Result<(), StoreError> {
    if expected.is_empty() {
        return Ok(());
    }
    if !schema::installed(connection).await? {
        refuse(expected, checks);
        return Ok(());
    }
    let mut differences = Vec::new();
    for head in expected {
        match LogHead::at(connection, head.position).await? {
            Some(found) if found == *head => {}
            Some(found) => differences.push(format!("expected {head}, the log has {found}")),
            None => differences.push(match checks.head {
                Some(end) => format!("expected {head}, the log has no such position and ends with {end}"),
                None => format!("expected {head}, the log is empty"),
            }),
        }
    }
    let good = match expected.len() {
        1 => "The log has the expected hash".to_owned(),
        heads => format!("The log has all {heads} expected hashes"),
    };
    checks.beyond(TITLE, good, differences);
    Ok(())
}

/// The failed check without a log that could be read.
pub(super) fn refuse(expected: &[LogHead], checks: &mut Checks) {
    if !expected.is_empty() {
        let differences = expected.iter().map(|head| format!("expected {head}, there is no log to read"));
        checks.beyond(TITLE, String::new(), differences.collect());
    }
}

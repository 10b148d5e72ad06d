//! Databases with another revision, or without one.

use super::{RefusalCase, case};

pub(super) fn cases() -> Vec<RefusalCase> {
    vec![
        case(
            "the revision after the planner's own migration",
            &["UPDATE alembic_version SET version_num = '92023c163a26'"],
            &["92023c163a26", "976e6adbac6f"],
        ),
        case(
            "an unknown revision",
            &["UPDATE alembic_version SET version_num = '0123456789ab'"],
            &["0123456789ab", "976e6adbac6f"],
        ),
        case("no revision", &["DELETE FROM alembic_version"], &["alembic_version"]),
        case(
            "two revisions",
            &["INSERT INTO alembic_version VALUES ('0123456789ab')"],
            &["0123456789ab", "alembic_version"],
        ),
        case("no table of revisions", &["DROP TABLE alembic_version"], &["alembic_version"]),
    ]
}

//! A sample legacy database: the planner's schema at revision 976e6adbac6f with plausible generated rows, to
//! try a migration, to rehearse one of a given size, and to measure with.

pub mod portfolio;
mod split_mix;

pub use split_mix::SplitMix64;

use sqlx::{Connection as _, PgConnection, Row as _};

/// The planner's tables, then the separator, then its keys and indexes.
const LEGACY_SCHEMA: &str = include_str!("../sql/legacy_schema.sql");
const AFTER_LOADING: &str = "-- After loading\n";
const SAMPLE_DATA: &str = include_str!("../sql/sample_data.sql");

/// Sorts and indexes stay in memory; JIT would not pay off.
const SETTINGS: &str =
    "SET LOCAL work_mem = '64MB'; SET LOCAL maintenance_work_mem = '256MB'; SET LOCAL jit = off";

/// All objects of users: tables of all kinds, sequences and types, except those of extensions.
const USER_OBJECTS: &str = "
    SELECT format('%I.%I', n.nspname, o.name)
      FROM (SELECT 'pg_class'::regclass AS class, oid, relnamespace AS namespace, relname AS name
              FROM pg_class WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
            UNION ALL
            SELECT 'pg_type'::regclass, oid, typnamespace, typname FROM pg_type WHERE typtype IN ('e', 'd')) AS o
      JOIN pg_namespace AS n ON n.oid = o.namespace
     WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
       AND NOT EXISTS (SELECT FROM pg_depend AS d
                        WHERE d.classid = o.class AND d.objid = o.oid AND d.deptype = 'e')
     ORDER BY 1";

/// The number of objects that an error names.
const NAMED_IN_ERROR: usize = 5;

/// The options of a sample. The same options create the same database, byte for byte in `pg_dump`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SampleOptions {
    /// Projects, in programs of 25.
    pub projects: u32,
    /// Assignments over all projects, in bookings of ten days.
    pub assignments: u64,
    /// The seed of the random choices.
    pub seed: u64,
}

/// Rows of a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SampleCounts {
    /// `programs`
    pub programs: u64,
    /// `projects`, as requested
    pub projects: u64,
    /// `project_phases`
    pub phases: u64,
    /// `resources`
    pub resources: u64,
    /// `resource_assignments`, as requested
    pub assignments: u64,
    /// `actuals`
    pub actuals: u64,
}

/// Why no sample was created. The database is unchanged.
#[derive(Debug, thiserror::Error)]
pub enum SampleError {
    /// The database is in use.
    #[error(
        "the database is not empty, it has {}: a sample is made in an empty database only, create one for it",
        name_some(.found)
    )]
    NotEmpty {
        /// Tables, views, sequences and types found, with their schemas, in order.
        found: Vec<String>,
    },
    /// Assignments belong to a project.
    #[error("{assignments} assignments need at least one project to belong to")]
    NoProjects {
        /// Assignments requested.
        assignments: u64,
    },
    /// More than row numbers can count.
    #[error("{assignments} assignments are too many: at most {}", i64::MAX)]
    TooMany {
        /// Assignments requested.
        assignments: u64,
    },
    /// The database refused.
    #[error("the sample could not be written: {0}")]
    Database(#[from] sqlx::Error),
}

/// Whether a sample can be created in this database. Writes nothing.
///
/// # Errors
/// [`SampleError`], as [`create`] would return it before it writes.
pub async fn check(conn: &mut PgConnection, options: &SampleOptions) -> Result<(), SampleError> {
    let &SampleOptions { projects, assignments, .. } = options;
    if projects == 0 && assignments > 0 {
        return Err(SampleError::NoProjects { assignments });
    }
    if i64::try_from(assignments).is_err() {
        return Err(SampleError::TooMany { assignments });
    }
    let found: Vec<String> = sqlx::query_scalar(USER_OBJECTS).fetch_all(conn).await?;
    if found.is_empty() { Ok(()) } else { Err(SampleError::NotEmpty { found }) }
}

/// Makes an empty database a legacy database, in one transaction.
///
/// Three projects of four have both phases, the others EXECUTION or PLANNING alone, or two EXECUTION. Assignments are
/// linked to phases by a boundary of each project's own, some are outside their project, and some occur twice,
/// the same resource on the same day in both phases.
///
/// # Errors
/// [`SampleError`]; nothing is left behind.
pub async fn create(conn: &mut PgConnection, options: &SampleOptions) -> Result<SampleCounts, SampleError> {
    let &SampleOptions { projects, assignments, seed } = options;
    let mut transaction = conn.begin().await?;
    check(&mut transaction, options).await?;
    for (setting, value) in [
        // PostgreSQL has no unsigned integers: the upper half of the seeds are its negative numbers.
        ("phaseline_sample.seed", seed.cast_signed().to_string()),
        ("phaseline_sample.projects", projects.to_string()),
        ("phaseline_sample.assignments", assignments.to_string()),
    ] {
        sqlx::query("SELECT set_config($1, $2, true)")
            .bind(setting)
            .bind(value)
            .execute(&mut *transaction)
            .await?;
    }
    let (tables, keys_and_indexes) = LEGACY_SCHEMA.split_once(AFTER_LOADING).unwrap_or((LEGACY_SCHEMA, ""));
    for sql in [SETTINGS, tables, SAMPLE_DATA, keys_and_indexes, "ANALYZE"] {
        sqlx::raw_sql(sql).execute(&mut *transaction).await?;
    }
    let counts = count(&mut transaction).await?;
    transaction.commit().await?;
    Ok(counts)
}

/// The whole of the planner's schema, without rows and without a revision in `alembic_version`.
pub const fn legacy_schema() -> &'static str {
    LEGACY_SCHEMA
}

async fn count(conn: &mut PgConnection) -> Result<SampleCounts, sqlx::Error> {
    let row = sqlx::query(
        "SELECT (SELECT count(*) FROM public.programs) AS programs,
                (SELECT count(*) FROM public.projects) AS projects,
                (SELECT count(*) FROM public.project_phases) AS phases,
                (SELECT count(*) FROM public.resources) AS resources,
                (SELECT count(*) FROM public.resource_assignments) AS assignments,
                (SELECT count(*) FROM public.actuals) AS actuals",
    )
    .fetch_one(conn)
    .await?;
    let rows = |column| row.try_get::<i64, _>(column).map(i64::cast_unsigned);
    Ok(SampleCounts {
        programs: rows("programs")?,
        projects: rows("projects")?,
        phases: rows("phases")?,
        resources: rows("resources")?,
        assignments: rows("assignments")?,
        actuals: rows("actuals")?,
    })
}

fn name_some(found: &[String]) -> String {
    let (named, others) = found.split_at(found.len().min(NAMED_IN_ERROR));
    match others.len() {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use phaseline_embedded::testing::{TestCluster, TestDatabase};

    const SMALL: SampleOptions = SampleOptions { projects: 120, assignments: 4_567, seed: 7 };

    async fn connect(database: &TestDatabase) -> PgConnection {
        PgConnection::connect(database.url()).await.unwrap()
    }

    async fn dump_of(options: SampleOptions) -> String {
        let database = TestCluster::shared().database();
        create(&mut connect(&database).await, &options).await.unwrap();
        database.dump(&[])
    }

    #[tokio::test]
    async fn the_same_seed_gives_the_same_database_and_another_seed_another() {
        let first = dump_of(SMALL).await;
        assert!(first == dump_of(SMALL).await);
        assert!(first != dump_of(SampleOptions { seed: 8, ..SMALL }).await);
        assert!(first != dump_of(SampleOptions { seed: u64::MAX, ..SMALL }).await);
    }

    #[tokio::test]
    async fn projects_and_assignments_have_exactly_the_requested_numbers() {
        for (projects, assignments) in [(0, 0), (1, 0), (1, 1), (3, 10), (5, 11), (120, 4_567)] {
            let database = TestCluster::shared().database();
            let options = SampleOptions { projects, assignments, seed: 1 };
            let counts = create(&mut connect(&database).await, &options).await.unwrap();
            assert_eq!((counts.projects, counts.assignments), (u64::from(projects), assignments));
            assert!(counts.phases >= counts.projects, "{counts:?}");
        }
    }

    #[tokio::test]
    async fn a_sample_has_every_shape_of_project_and_of_assignment() {
        let database = TestCluster::shared().database();
        create(&mut connect(&database).await, &SMALL).await.unwrap();
        let shapes = database.psql(
            "SELECT DISTINCT string_agg(phase_type::text, '+' ORDER BY phase_type) FROM project_phases
              GROUP BY project_id ORDER BY 1",
        );
        assert_eq!(
            shapes.lines().collect::<Vec<_>>(),
            [
                "EXECUTION",
                "EXECUTION+EXECUTION",
                "PLANNING",
                "PLANNING+EXECUTION",
                "PLANNING+EXECUTION+EXECUTION"
            ]
        );
        for (what, some) in [
            ("a two-day project", "SELECT FROM projects WHERE end_date = start_date + 1"),
            (
                "an assignment outside its project",
                "SELECT FROM resource_assignments a JOIN projects p ON p.id = a.project_id
                  WHERE assignment_date NOT BETWEEN start_date AND end_date",
            ),
            (
                "the same resource on the same day in both phases",
                "SELECT FROM resource_assignments GROUP BY resource_id, assignment_date
                  HAVING count(DISTINCT project_phase_id) > 1",
            ),
            ("an actual without an assignment", "SELECT FROM actuals WHERE resource_assignment_id IS NULL"),
        ] {
            assert_eq!(database.psql(&format!("SELECT EXISTS ({some})")), "t", "{what}");
        }
    }

    #[tokio::test]
    async fn a_database_with_objects_is_refused_by_name_and_unchanged() {
        for (made, named) in [
            ("CREATE TABLE kept (x int)", "public.kept"),
            ("CREATE SCHEMA s; CREATE VIEW s.\"Odd View\" AS SELECT 1", "s.\"Odd View\""),
            ("CREATE TYPE phasetype AS ENUM ('OTHER')", "public.phasetype"),
        ] {
            let database = TestCluster::shared().database();
            database.psql(made);
            let before = database.dump(&[]);
            let error = create(&mut connect(&database).await, &SMALL).await.unwrap_err();
            assert!(matches!(&error, SampleError::NotEmpty { found } if found == &[named]), "{error}");
            assert_eq!(database.dump(&[]), before);
        }
    }

    #[tokio::test]
    async fn an_extension_does_not_make_a_database_used() {
        let database = TestCluster::shared().database();
        database.psql("CREATE EXTENSION pg_stat_statements");
        create(&mut connect(&database).await, &SMALL).await.unwrap();
    }

    #[tokio::test]
    async fn assignments_without_a_project_to_belong_to_are_refused() {
        let database = TestCluster::shared().database();
        let options = SampleOptions { projects: 0, assignments: 1, seed: 1 };
        let error = create(&mut connect(&database).await, &options).await.unwrap_err();
        assert!(matches!(error, SampleError::NoProjects { assignments: 1 }));
    }

    #[test]
    fn an_error_names_a_few_objects_and_counts_the_others() {
        let found: Vec<String> = (1..=7).map(|n| format!("public.t{n}")).collect();
        let text = SampleError::NotEmpty { found }.to_string();
        assert!(text.contains("public.t1, public.t2, public.t3, public.t4, public.t5 and 2 more"), "{text}");
    }
}

//! Code that the owner of the planner's tables planted there never runs with the rights of another role: neither with those of a superuser
//! who migrates, rolls back or repairs, nor with those of Phaseline's functions.

use crate::fixture::{handle, planner_sql, store, try_migrate, try_rollback};
use phaseline_domain::TimelineCommand;
use phaseline_embedded::testing::{TestCluster, TestDatabase};
use phaseline_migrator::MigratorError;
use phaseline_migrator::plan::{self, PlanOptions};
use phaseline_migrator::sample::{self, SampleOptions};
use phaseline_projections::{
    Access, FoldedLog, adopt, drift, foreign_code, ownership, refuse_foreign_code,
    refuse_foreign_code_for_commands, repair,
};
use phaseline_store::{Metadata, StoreError};
use phaseline_tests::owners::{self as planner_owners, give_schema, make_planner};
use sqlx::{Connection, PgConnection};

mod commands;
mod owners;
mod runs;

/// A legacy database whose tables belong to a role that is not a superuser and can log in, as can a writer of commands.
pub(crate) struct Planner {
    database: TestDatabase,
    role: String,
    writer: String,
}

/// Code that gives the planner's role all rights of its caller, by every available means.
const PLANT: &str = "
    CREATE FUNCTION public.plant() RETURNS boolean LANGUAGE plpgsql AS $$
    DECLARE attempt text;
    BEGIN
        FOREACH attempt IN ARRAY ARRAY['RESET ROLE', 'RESET SESSION AUTHORIZATION', 'ALTER ROLE ROLE_NAME SUPERUSER',
                'INSERT INTO public.loot SELECT current_user']
        LOOP
            BEGIN EXECUTE attempt; EXCEPTION WHEN OTHERS THEN NULL; END;
        END LOOP;
        RETURN true;
    END $$;
    CREATE FUNCTION public.plant_trigger() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM public.plant(); RETURN new; END';
    CREATE FUNCTION public.plant_in(anyelement) RETURNS anyelement LANGUAGE plpgsql IMMUTABLE AS
        'BEGIN PERFORM public.plant(); RETURN $1; END';
    CREATE TABLE public.loot (who text); GRANT INSERT ON public.loot TO PUBLIC;";

impl Planner {
    pub(crate) async fn new() -> Self {
        let database = TestCluster::shared().database();
        let mut connection = PgConnection::connect(database.url()).await.unwrap();
        let options = SampleOptions { projects: 4, assignments: 40, seed: 5 };
        sample::create(&mut connection, &options).await.unwrap();
        connection.close().await.unwrap();
        let (role, writer) = (format!("planner_{}", database.name()), format!("writer_{}", database.name()));
        make_planner(&database, &role);
        database.psql(&format!("CREATE ROLE {writer} LOGIN PASSWORD 'x'"));
        let planner = Self { database, role, writer };
        planner.plant_code(&PLANT.replace("ROLE_NAME", &planner.role));
        planner
    }

    pub(crate) fn url_of(&self, role: &str) -> String {
        planner_owners::url_of(&self.database, role)
    }

    /// Runs SQL as the owner of the tables, in its own session.
    pub(crate) fn plant_code(&self, sql: &str) {
        self.database.cluster().binaries().psql(&self.url_of(&self.role), sql).unwrap();
    }

    /// Fails if the planner's role got more rights, or its code ran as another role.
    pub(crate) fn assert_nothing_gained(&self, after: &str) {
        let role = &self.role;
        let is_super = self.database.psql(&format!("SELECT rolsuper FROM pg_roles WHERE rolname = '{role}'"));
        assert_eq!(is_super, "f", "after {after}");
        let others =
            self.database.psql(&format!("SELECT DISTINCT who FROM public.loot WHERE who <> '{role}'"));
        assert_eq!(others, "", "after {after}");
    }

    /// A superuser's run is refused with the function's name, and nothing is written.
    pub(crate) async fn assert_migration_refused(&self, carrier: &str) {
        match try_migrate(self.database.url()).await {
            Err(MigratorError::Refused(plan)) => {
                let words = format!("{:?} {:?}", plan.missing_privileges, plan.anomalies);
                assert!(words.contains("plant"), "{carrier}: {words}");
            }
            other => panic!("{carrier}: {other:?}"),
        }
        self.assert_nothing_gained(carrier);
    }

    pub(crate) async fn command(&self) {
        self.database.psql(&format!("GRANT phaseline_writer TO {}", self.writer));
        let row = self.database.psql(
            "SELECT p.project_id, p.id, j.start_date, j.end_date + 1 FROM project_phases p JOIN projects j ON j.id = p.project_id
              ORDER BY p.end_date DESC LIMIT 1",
        );
        let [project, phase, start, end] = row.split('|').collect::<Vec<_>>()[..] else { panic!("{row}") };
        let store = store(&self.url_of(&self.writer)).await;
        let commands = [
            TimelineCommand::RenamePhase { phase_id: phase.parse().unwrap(), name: "Renamed".to_owned() },
            TimelineCommand::Reschedule {
                start_date: start.parse().unwrap(),
                end_date: end.parse().unwrap(),
            },
        ];
        for command in commands {
            store.execute(project.parse().unwrap(), &command, Metadata::default()).await.unwrap();
        }
    }
}

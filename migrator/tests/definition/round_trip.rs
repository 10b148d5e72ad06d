//! Migration and rollback, with the detached parts as JSON in between.

use phaseline_migrator::definition::{DefinitionError, names_taken};
use sqlx::Connection;

use crate::fixture::{Fixture, Kept, assert_same_dumps, definition_of, migrate, roll_back};

#[tokio::test]
async fn a_round_trip_keeps_the_dump() {
    for fixture in [Fixture::bare(), Fixture::with_objects()] {
        let before = fixture.dumps();
        let mut conn = fixture.connect().await;
        for _ in 0..2 {
            let kept = migrate(&mut conn).await;
            assert_ne!(before, fixture.dumps());
            roll_back(&mut conn, &kept).await;
            assert_same_dumps(&before, &fixture.dumps());
        }
    }
}

/// Changes of the timeline shape by administrators that the legacy shape can hold.
const SINCE: &str = r#"
    COMMENT ON TABLE project_phases IS 'another';
    COMMENT ON COLUMN resource_assignments.id IS 'new';
    CREATE INDEX since_index ON project_phases (total_budget, id);
    ALTER TABLE project_phases CLUSTER ON since_index;
    ALTER TABLE project_phases REPLICA IDENTITY FULL;
    ALTER TABLE project_phases ALTER COLUMN capital_budget SET DEFAULT 3;
    ALTER TABLE project_phases RENAME CONSTRAINT check_budget_sum TO "Sum";
    ALTER TABLE resource_assignments ADD COLUMN since_column text DEFAULT 'x' NOT NULL;
    CREATE INDEX ra_since ON resource_assignments (since_column);
    CREATE TRIGGER since_trigger AFTER INSERT ON resource_assignments FOR EACH ROW EXECUTE FUNCTION noop();
    DROP TRIGGER "b Disabled" ON project_phases;
    CREATE POLICY since_policy ON resource_assignments FOR DELETE USING (since_column = 'y');
    CREATE TABLE since_table (phase uuid CONSTRAINT since_fkey REFERENCES project_phases,
        assignment uuid REFERENCES resource_assignments);
    GRANT TRUNCATE ON project_phases TO PUBLIC;
    GRANT SELECT (since_column) ON resource_assignments TO PUBLIC;
    CREATE STATISTICS since_stats ON since_column, id FROM resource_assignments;
"#;

#[tokio::test]
async fn additions_between_migration_and_rollback_stay() {
    let (travelled, stayed) = (Fixture::with_objects(), Fixture::with_objects());
    let mut conn = travelled.connect().await;
    let kept = migrate(&mut conn).await;
    travelled.database.psql(SINCE);
    travelled
        .database
        .psql("ALTER TABLE kept.resource_assignments ADD COLUMN since_column text DEFAULT 'x' NOT NULL");
    roll_back(&mut conn, &kept).await;
    stayed.database.psql(SINCE);
    let same_roles = |dump: String| {
        dump.replace(&travelled.role(""), &stayed.role("")).replace(
            &format!("{} ", travelled.role("").trim_end_matches('_')),
            &format!("{} ", stayed.role("").trim_end_matches('_')),
        )
    };
    assert_same_dumps(&stayed.dumps(), &travelled.dumps().map(same_roles));
}

#[tokio::test]
async fn the_timeline_shape_matches_the_planners_schema() {
    let fixture = Fixture::bare();
    migrate(&mut fixture.connect().await).await;
    let dump = fixture.database.dump(&["--schema=public", "--schema-only"]);
    for line in [
        "    updated_at timestamp without time zone NOT NULL,\n    name character varying(100) NOT NULL,\n    \
         start_date date NOT NULL,\n    end_date date NOT NULL,\n    description character varying(500),\n",
        "    CONSTRAINT check_phase_dates CHECK ((start_date <= end_date)),\n",
        "CREATE INDEX ix_project_phases_start_date ON public.project_phases USING btree (start_date);\n",
        "CREATE INDEX ix_project_phases_end_date ON public.project_phases USING btree (end_date);\n",
        "CREATE TYPE public.phasetype AS ENUM",
    ] {
        assert!(dump.contains(line), "no {line} in {dump}");
    }
    assert!(!dump.contains("phase_type") && !dump.contains("project_phase_id"));
}

#[tokio::test]
async fn a_name_given_away_in_between_is_refused() {
    let fixture = Fixture::with_objects();
    let mut conn = fixture.connect().await;
    let kept: Kept = serde_json::from_str(&migrate(&mut conn).await).unwrap();
    fixture.database.psql(
        "CREATE INDEX ra_covering ON resource_assignments (id);
         ALTER TABLE resource_assignments ADD COLUMN project_phase_id int,
            ADD CONSTRAINT \"ra Phase twice\" CHECK (true)",
    );
    let mut tx = conn.begin().await.unwrap();
    let mut assignments = definition_of(&mut tx, "resource_assignments").await;
    let before = assignments.clone();
    let needed = kept.assignments.needed_names();
    let Err(DefinitionError::NameTaken { names, .. }) = assignments.reattach(kept.assignments) else {
        panic!("put back");
    };
    assert_eq!(names, "column project_phase_id, index ra_covering, constraint ra Phase twice");
    assert_eq!(assignments, before);
    let taken: Vec<String> =
        names_taken(&mut tx, &needed).await.unwrap().into_iter().map(|obstacle| obstacle.object).collect();
    assert_eq!(
        taken,
        ["index public.ra_covering", "constraint ra Phase twice on table public.resource_assignments"]
    );
}

#[tokio::test]
async fn a_column_is_restored_behind_the_nearest_existing_one() {
    let fixture = Fixture::bare();
    let mut conn = fixture.connect().await;
    let mut tx = conn.begin().await.unwrap();
    let original = definition_of(&mut tx, "resource_assignments").await;

    // Any number of columns, the last one first.
    let mut table = original.clone();
    let names = ["id", "project_phase_id", "resource_id", "updated_at", "project_id"];
    let kept: Vec<_> = names.iter().filter_map(|name| table.detach_column(name).ok()).collect();
    assert_eq!(kept.len(), 4, "id is referenced by actuals");
    for detached in kept.into_iter().rev() {
        table.reattach(detached).unwrap();
    }
    assert_eq!(table, original);

    let mut table = original.clone();
    let detached = table.detach_column("assignment_date").unwrap();
    table.columns.retain(|column| column.name != "project_phase_id");
    table.reattach(detached).unwrap();
    let names: Vec<&str> = table.loadable_columns().take(3).collect();
    assert_eq!(names, ["resource_id", "project_id", "assignment_date"]);
}

//! What only PostgreSQL 18 has, migrated and rolled back.

use crate::fixture::{assert_round_trips, plan_of, sample};
use phaseline_embedded::testing::runs_on;
use phaseline_migrator::anomaly::Code;

/// A table of rooms, each with two adjoining periods, and assignments that need a room for a period across both. A range as the
/// room's number needs no extension for its part of the key.
const ROOMS: &str = "
    CREATE TABLE rooms (id int4range, at daterange, PRIMARY KEY (id, at WITHOUT OVERLAPS));
    INSERT INTO rooms VALUES ('[1,2)', '[2025-01-01,2025-07-01)'), ('[1,2)', '[2025-07-01,2026-01-01)');
    ALTER TABLE resource_assignments ADD room int4range DEFAULT '[1,2)', ADD during daterange DEFAULT '[2025-06-01,2025-08-01)';
    ALTER TABLE resource_assignments ADD CONSTRAINT assignment_room
        FOREIGN KEY (room, PERIOD during) REFERENCES rooms (id, PERIOD at)";

#[tokio::test]
async fn a_foreign_key_that_is_not_enforced_may_have_orphans() {
    if !runs_on(18) {
        return;
    }
    let database = sample(3, 30, 9);
    database.psql(
        "CREATE TABLE depots (id uuid PRIMARY KEY);
         ALTER TABLE resource_assignments ADD depot_id uuid;
         UPDATE resource_assignments SET depot_id = id;
         ALTER TABLE resource_assignments ADD FOREIGN KEY (depot_id) REFERENCES depots NOT ENFORCED;
         CREATE TABLE visits (phase_id uuid REFERENCES project_phases DEFERRABLE NOT ENFORCED);
         INSERT INTO visits VALUES (gen_random_uuid())",
    );
    assert_round_trips(&database).await;
}

#[tokio::test]
async fn a_period_may_lie_across_the_periods_that_it_refers_to() {
    if !runs_on(18) {
        return;
    }
    let database = sample(3, 30, 9);
    database.psql(ROOMS);
    // One that refers to assignments, too.
    database.psql(
        "ALTER TABLE resource_assignments ADD seat int4range, ADD UNIQUE (seat, during WITHOUT OVERLAPS);
         UPDATE resource_assignments SET seat = '[7,8)' WHERE id = (SELECT min(id::text)::uuid FROM resource_assignments);
         CREATE TABLE guests (seat int4range, stays daterange,
             FOREIGN KEY (seat, PERIOD stays) REFERENCES resource_assignments (seat, PERIOD during));
         INSERT INTO guests VALUES ('[7,8)', '[2025-06-10,2025-06-12)')",
    );
    assert_round_trips(&database).await;
}

#[tokio::test]
async fn a_period_without_target_is_an_orphan() {
    if !runs_on(18) {
        return;
    }
    let database = sample(3, 30, 9);
    database.psql(ROOMS);
    // No statement that fires triggers can break the key.
    database.psql(
        "SET session_replication_role = replica;
         UPDATE resource_assignments SET during = '[2025-12-01,2026-02-01)'
          WHERE id = (SELECT min(id::text)::uuid FROM resource_assignments)",
    );
    let plan = plan_of(database.url()).await;
    assert!(!plan.ready);
    let [orphans] = &plan.anomalies[..] else { panic!("{:?}", plan.anomalies) };
    assert_eq!((orphans.code, orphans.rows.len()), (Code::ForeignKeyOrphan, 1));
    let detail = orphans.rows.iter().next().unwrap().detail;
    assert!(detail.contains("points at rooms [1,2), [2025-12-01,2026-02-01)"), "{detail}");
}

/// `NOT NULL` that old rows break, and virtual columns, by the program's own way of loading rows.
#[tokio::test]
async fn not_null_constraints_and_virtual_columns_survive_a_round_trip() {
    if !runs_on(18) {
        return;
    }
    let database = sample(3, 30, 9);
    database.psql(
        "ALTER TABLE project_phases RENAME CONSTRAINT project_phases_phase_type_not_null TO type_is_needed;
         COMMENT ON CONSTRAINT resource_assignments_project_phase_id_not_null ON resource_assignments IS 'goes';
         ALTER TABLE resource_assignments ADD note text, ADD CONSTRAINT note_needed NOT NULL note NOT VALID,
             ADD currency text GENERATED ALWAYS AS ('EUR'::text),
             ADD both_pct numeric GENERATED ALWAYS AS (capital_percentage + expense_percentage) VIRTUAL",
    );
    assert_round_trips(&database).await;
}

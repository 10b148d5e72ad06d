//! What only PostgreSQL 18 has: `NOT NULL` as a constraint, and virtual generated columns.

use phaseline_embedded::testing::runs_on;
use phaseline_migrator::definition::{NeededName, names_taken};
use sqlx::Connection;

use crate::fixture::{Fixture, assert_same_dumps, definition_of, migrate, rebuild, roll_back};
use crate::obstacles::{ASSIGNMENTS, PHASES, found};

/// Every form of `NOT NULL`, on columns that stay and that go.
const NOT_NULLS: &str = r#"
    ALTER TABLE project_phases RENAME CONSTRAINT project_phases_total_budget_not_null TO "Total's needed";
    COMMENT ON CONSTRAINT "Total's needed" ON project_phases IS 'it''s needed';
    ALTER TABLE project_phases RENAME CONSTRAINT project_phases_phase_type_not_null TO type_is_needed;
    ALTER TABLE project_phases ALTER expense_budget DROP NOT NULL,
        ADD CONSTRAINT expense_is_needed NOT NULL expense_budget NO INHERIT;
    ALTER TABLE project_phases ALTER capital_budget DROP NOT NULL,
        ADD CONSTRAINT capital_is_needed NOT NULL capital_budget NOT VALID;
    COMMENT ON CONSTRAINT resource_assignments_assignment_date_not_null ON resource_assignments IS 'every day';
    COMMENT ON CONSTRAINT resource_assignments_project_phase_id_not_null ON resource_assignments IS 'goes';
    ALTER TABLE resource_assignments ADD note text, ADD later text;
    ALTER TABLE resource_assignments ADD CONSTRAINT note_is_needed NOT NULL note NOT VALID;
    COMMENT ON CONSTRAINT note_is_needed ON resource_assignments IS 'from now on';
    ALTER TABLE resource_assignments ADD CONSTRAINT later_is_needed NOT NULL later NO INHERIT NOT VALID;
    ALTER TABLE resource_assignments ADD remark text NOT NULL DEFAULT 'x';
    ALTER TABLE resource_assignments RENAME remark TO "Remark";
    -- The name that PostgreSQL chooses for a column's NOT NULL, on something else.
    ALTER TABLE resource_assignments RENAME CONSTRAINT resource_assignments_resource_id_not_null TO resource_is_needed;
    ALTER TABLE resource_assignments ADD CONSTRAINT resource_assignments_resource_id_not_null CHECK (resource_id IS NOT NULL);
"#;

const VIRTUAL_COLUMNS: &str = r#"
    ALTER TABLE resource_assignments ADD currency text COLLATE "C" GENERATED ALWAYS AS ('EUR'::text),
        ADD both_pct numeric CONSTRAINT both_needed NOT NULL GENERATED ALWAYS AS (capital_percentage + expense_percentage) VIRTUAL
            CONSTRAINT both_checked CHECK (both_pct > 0),
        ADD half numeric GENERATED ALWAYS AS (allocation_percentage / 2) STORED;
    COMMENT ON COLUMN resource_assignments.currency IS 'computed';
    GRANT SELECT (currency) ON resource_assignments TO PUBLIC;
"#;

/// There and back twice, and built again unchanged: the dumps are the same.
async fn assert_carried_over(ddl: &str) {
    let fixture = Fixture::bare();
    let bare = fixture.dumps();
    fixture.database.psql(ddl);
    let before = fixture.dumps();
    assert_ne!(bare, before);
    assert_eq!(found(&fixture, &[PHASES, ASSIGNMENTS]).await, Vec::<String>::new());
    let mut conn = fixture.connect().await;
    for _ in 0..2 {
        let kept = migrate(&mut conn).await;
        roll_back(&mut conn, &kept).await;
        assert_same_dumps(&before, &fixture.dumps());
    }
    rebuild(&mut conn).await;
    assert_same_dumps(&before, &fixture.dumps());
}

#[tokio::test]
async fn names_comments_and_options_of_not_null_survive() {
    if runs_on(18) {
        assert_carried_over(NOT_NULLS).await;
    }
}

#[tokio::test]
async fn virtual_generated_columns_survive() {
    if runs_on(18) {
        assert_carried_over(VIRTUAL_COLUMNS).await;
    }
}

#[tokio::test]
async fn what_is_named_in_between_survives() {
    if !runs_on(18) {
        return;
    }
    let since = "
        ALTER TABLE project_phases RENAME CONSTRAINT project_phases_total_budget_not_null TO total_is_needed;
        COMMENT ON CONSTRAINT resource_assignments_assignment_date_not_null ON resource_assignments IS 'every day';
        ALTER TABLE resource_assignments ADD currency text GENERATED ALWAYS AS ('EUR'::text);
        ALTER TABLE resource_assignments ADD note text, ADD CONSTRAINT note_needed NOT NULL note NOT VALID";
    let (travelled, stayed) = (Fixture::bare(), Fixture::bare());
    let mut conn = travelled.connect().await;
    let kept = migrate(&mut conn).await;
    travelled.database.psql(since);
    travelled.database.psql("ALTER TABLE kept.resource_assignments ADD note text");
    roll_back(&mut conn, &kept).await;
    stayed.database.psql(since);
    assert_same_dumps(&stayed.dumps(), &travelled.dumps());
}

/// PostgreSQL cuts the parts of a name that is too long, the longer one first; any other name is the user's.
#[tokio::test]
async fn a_name_that_postgresql_chose_is_no_part_of_a_definition() {
    let fixture = Fixture::bare();
    let mut conn = fixture.connect().await;
    let has_name = runs_on(18);
    for length in [20, 26, 27, 33, 34, 40, 63] {
        let column = "c".repeat(length);
        for (constraint, is_kept) in [("", false), ("CONSTRAINT mine_not_null ", has_name)] {
            fixture.database.psql(&format!(
                "ALTER TABLE resource_assignments ADD {column} int {constraint}NOT NULL DEFAULT 1"
            ));
            let mut tx = conn.begin().await.unwrap();
            let definition = definition_of(&mut tx, "resource_assignments").await;
            let text = serde_json::to_string(&definition).unwrap();
            assert_eq!(text.contains("not_null_constraint"), is_kept, "{length}: {text}");
            assert!(!text.contains("is_virtual"), "{text}");
            tx.rollback().await.unwrap();
            fixture.database.psql(&format!("ALTER TABLE resource_assignments DROP {column}"));
        }
    }
}

/// A name with letters that take more than a byte is kept, since PostgreSQL may cut it within one.
#[tokio::test]
async fn long_names_with_other_letters_survive() {
    if runs_on(18) {
        let column = "ü".repeat(31);
        assert_carried_over(&format!("ALTER TABLE resource_assignments ADD {column} int NOT NULL DEFAULT 1"))
            .await;
    }
}

#[tokio::test]
async fn a_not_null_that_differs_is_a_difference() {
    if !runs_on(18) {
        return;
    }
    let fixture = Fixture::bare();
    let mut conn = fixture.connect().await;
    let mut tx = conn.begin().await.unwrap();
    let before = definition_of(&mut tx, "project_phases").await;
    sqlx::raw_sql(
        "ALTER TABLE public.project_phases RENAME CONSTRAINT project_phases_total_budget_not_null TO total_is_needed",
    )
    .execute(&mut *tx)
    .await
    .unwrap();
    let after = definition_of(&mut tx, "project_phases").await;
    for (one, other) in [(&before, &after), (&after, &before)] {
        let [line] = &one.differences(other)[..] else { panic!("{:?}", one.differences(other)) };
        assert!(
            line.contains("total_budget: not_null_constraint") && line.contains("total_is_needed"),
            "{line}"
        );
    }
}

/// `NOT NULL` needs the name of its constraint since 18, and none before.
#[tokio::test]
async fn a_constraint_with_the_name_of_a_not_null_is_reported() {
    let fixture = Fixture::bare();
    fixture
        .database
        .psql("ALTER TABLE project_phases ADD CONSTRAINT project_phases_name_not_null CHECK (true)");
    let mut conn = fixture.connect().await;
    let mut tx = conn.begin().await.unwrap();
    let needed =
        ["name", "start_date"].map(|column| NeededName::not_null("public", "project_phases", column));
    let taken = names_taken(&mut tx, &needed).await.unwrap();
    assert_eq!(taken.len(), usize::from(runs_on(18)), "{taken:?}");
}

//! A plan needs SELECT and nothing else, writes nothing, and lists missing privileges.

use crate::fixture::{plan_of, sample};
use phaseline_tests::roles::url_as;

#[tokio::test]
async fn a_select_only_role_can_plan_and_sees_missing_privileges() {
    let database = sample(6, 60, 4);
    database.psql(
        "DO $$ BEGIN CREATE ROLE phaseline_test_select_only LOGIN;
             EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$;
         GRANT USAGE ON SCHEMA public TO phaseline_test_select_only;
         GRANT SELECT ON ALL TABLES IN SCHEMA public TO phaseline_test_select_only",
    );
    let owner = plan_of(database.url()).await;
    let reader = plan_of(&url_as(database.url(), "phaseline_test_select_only")).await;
    assert!(owner.ready);
    assert!(!reader.ready, "this role could not migrate");
    assert!(reader.anomalies.iter().all(|anomaly| !anomaly.refused), "the data could be migrated");
    assert!(!reader.missing_privileges.is_empty());
    assert_eq!(owner.digest, reader.digest, "a reader's plan is good for the owner's migration");
    assert_eq!(owner.counts, reader.counts);
    assert_eq!(owner.assignments_by_date, reader.assignments_by_date);
}

use crate::fixture::{assert_round_trips, database_from, plan_of, planner_sql};

#[tokio::test]
async fn the_real_planner_database_survives_two_round_trips() {
    let Some(path) = planner_sql() else { return };
    let database = database_from(&std::fs::read_to_string(path).unwrap());
    let plan = plan_of(database.url()).await;
    assert!(plan.ready, "{plan:#?}");
    assert_eq!((plan.counts.projects, plan.counts.phases, plan.counts.assignments), (5, 8, 983));
    let by_date = plan.assignments_by_date;
    assert_eq!((by_date.kept, by_date.changed, by_date.outside), (120, 443, 420));
    assert_round_trips(&database).await;
}

//! Tables rebuilt unchanged.

use crate::fixture::{Fixture, assert_same_dumps, rebuild};

#[tokio::test]
async fn a_rebuilt_table_without_objects_has_the_same_dump() {
    let fixture = Fixture::bare();
    let before = fixture.dumps();
    rebuild(&mut fixture.connect().await).await;
    assert_same_dumps(&before, &fixture.dumps());
}

#[tokio::test]
async fn a_rebuilt_table_keeps_all_its_objects() {
    let fixture = Fixture::with_objects();
    let before = fixture.dumps();
    let mut conn = fixture.connect().await;
    rebuild(&mut conn).await;
    assert_same_dumps(&before, &fixture.dumps());
    rebuild(&mut conn).await;
    assert_same_dumps(&before, &fixture.dumps());
}

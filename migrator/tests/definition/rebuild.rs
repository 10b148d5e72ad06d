//! Tables built anew as they are.

use crate::fixture::{Fixture, assert_same_dumps, rebuild};

#[tokio::test]
async fn a_bare_table_built_anew_dumps_the_same() {
    let fixture = Fixture::bare();
    let before = fixture.dumps();
    rebuild(&mut fixture.connect().await).await;
    assert_same_dumps(&before, &fixture.dumps());
}

#[tokio::test]
async fn all_that_hangs_on_a_table_comes_back() {
    let fixture = Fixture::with_objects();
    let before = fixture.dumps();
    let mut conn = fixture.connect().await;
    rebuild(&mut conn).await;
    assert_same_dumps(&before, &fixture.dumps());
    rebuild(&mut conn).await;
    assert_same_dumps(&before, &fixture.dumps());
}

//! Sequences of columns continue through migration and rollback, while others insert rows.

use crate::fixture::{assert_verified, migrated, rolled_back, sample};
use phaseline_embedded::testing::TestDatabase;
use phaseline_tests::dump::{assert_same_dump, dump};
use sqlx::{Connection, PgConnection};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const NUMBERED: &str = "
    ALTER TABLE public.resource_assignments ADD COLUMN serial_number serial,
        ADD COLUMN own_number int GENERATED ALWAYS AS IDENTITY (START 1000 INCREMENT 10),
        ADD COLUMN counter bigint;
    CREATE SEQUENCE public.counter OWNED BY public.project_phases.total_budget;
    ALTER TABLE public.resource_assignments ALTER counter SET DEFAULT nextval('public.counter')";

/// An assignment without a link, as in the timeline shape; the legacy shape needs a phase as well.
const BOOK: &str =
    "INSERT INTO public.resource_assignments (resource_id, project_id, assignment_date, allocation_percentage,
            capital_percentage, expense_percentage, id, created_at, updated_at{column})
     SELECT a.resource_id, a.project_id, a.assignment_date, 10, 50, 50, gen_random_uuid(), now(), now(){column}
       FROM public.resource_assignments a ORDER BY a.own_number LIMIT 1";

/// Books an assignment, in either shape.
async fn book(connection: &mut PgConnection) {
    loop {
        // A missing column is found before a number is drawn.
        for column in [", project_phase_id", ""] {
            let mut transaction = connection.begin().await.unwrap();
            let booked = sqlx::query(&BOOK.replace("{column}", column)).execute(&mut *transaction).await;
            match booked {
                Ok(_) => return transaction.commit().await.unwrap(),
                // The statement of the other shape.
                Err(sqlx::Error::Database(error))
                    if matches!(error.code().as_deref(), Some("23502" | "42703")) => {}
                Err(error) => panic!("{error}"),
            }
        }
    }
}

/// The greatest number of each sequence in the rows, and the number of rows with one of their own.
fn numbers(database: &TestDatabase) -> String {
    database.psql(
        "SELECT concat_ws(' ', max(serial_number), max(own_number), max(counter), count(DISTINCT serial_number),
                count(DISTINCT own_number), count(*)) FROM public.resource_assignments",
    )
}

#[tokio::test]
async fn the_next_row_gets_the_next_number_in_either_shape() {
    let database = sample(3, 30, 5);
    database.psql(NUMBERED);
    let before = dump(database.url());
    migrated(database.url()).await;
    rolled_back(database.url()).await;
    assert_same_dump(&before, &dump(database.url()));
    let mut connection = PgConnection::connect(database.url()).await.unwrap();
    book(&mut connection).await;
    assert_eq!(numbers(&database), "31 1300 1 31 31 31");
    migrated(database.url()).await;
    book(&mut connection).await;
    assert_eq!(numbers(&database), "32 1310 2 32 32 32");
    rolled_back(database.url()).await;
    assert_verified(database.url()).await;
    book(&mut connection).await;
    assert_eq!(numbers(&database), "33 1320 3 33 33 33");
}

/// Inserts rows until stopped; returns their number. `draws_first` locks a sequence before the table, for a whole transaction.
async fn insert_rows(url: String, draws_first: bool, stop: Arc<AtomicBool>) -> u64 {
    let mut connection = PgConnection::connect(&url).await.unwrap();
    let mut rows = 0;
    while !stop.load(Ordering::Relaxed) {
        let mut transaction = connection.begin().await.unwrap();
        if draws_first {
            sqlx::query("SELECT nextval('public.counter')").execute(&mut *transaction).await.unwrap();
        }
        book(&mut transaction).await;
        transaction.commit().await.unwrap();
        rows += 1;
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    rows
}

#[tokio::test(flavor = "multi_thread")]
async fn no_number_is_lost_or_given_twice_while_others_insert() {
    let database = sample(3, 30, 6);
    database.psql(NUMBERED);
    let stop = Arc::new(AtomicBool::new(false));
    let users = [false, true].map(|draws_first| {
        tokio::spawn(insert_rows(database.url().to_owned(), draws_first, Arc::clone(&stop)))
    });
    for _ in 0..2 {
        migrated(database.url()).await;
        rolled_back(database.url()).await;
    }
    stop.store(true, Ordering::Relaxed);
    let mut rows = 30;
    for user in users {
        rows += user.await.unwrap();
    }
    let distinct = database.psql(
        "SELECT concat_ws(' ', count(DISTINCT serial_number), count(DISTINCT own_number), count(*))
           FROM public.resource_assignments",
    );
    assert_eq!(distinct, format!("{rows} {rows} {rows}"));
}

//! Views and materialized views on the planner's tables go along: generated chains, twice there and back, while others read and write
//! through them.

use crate::fixture::{assert_verified, migrated, rolled_back, sample};
use phaseline_embedded::testing::TestDatabase;
use phaseline_tests::random::SeededRandom;
use phaseline_tests::share;
use sqlx::{Connection, PgConnection};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// A table or a view to read from.
#[derive(Clone)]
struct Source {
    name: String,
    columns: Vec<String>,
}

fn tables() -> Vec<Source> {
    let columns = |names: &[&str]| names.iter().map(ToString::to_string).collect();
    vec![
        Source {
            name: "public.project_phases".to_owned(),
            columns: columns(&[
                "id",
                "project_id",
                "capital_budget",
                "expense_budget",
                "total_budget",
                "updated_at",
            ]),
        },
        Source {
            name: "public.resource_assignments".to_owned(),
            columns: columns(&["id", "project_id", "resource_id", "assignment_date", "updated_at"]),
        },
    ]
}

/// Creates random views on the tables and on one another; returns their names, those last that read others.
fn create_views(database: &TestDatabase, random: &mut SeededRandom) -> Vec<String> {
    database.psql(
        "CREATE SCHEMA dba; GRANT USAGE, CREATE ON SCHEMA dba, public TO pg_monitor;
         GRANT SELECT ON ALL TABLES IN SCHEMA public TO pg_monitor",
    );
    let mut sources = tables();
    let mut views = Vec::new();
    for n in 0..12 {
        let source = random.one_of(&sources).unwrap();
        let schema = random.pick(["public", "dba"]);
        let name = format!("{schema}.\"View {n}\"");
        let kept: Vec<&String> =
            source.columns.iter().filter(|column| *column == "id" || random.hits(60)).collect();
        let list: Vec<String> = kept.iter().map(|column| format!("s.\"{column}\"")).collect();
        let mut columns: Vec<String> = kept.iter().map(ToString::to_string).collect();
        let (options, query) = match random.below(5) {
            0 => ("", format!("SELECT {} FROM {} s", list.join(", "), source.name)),
            1 => (
                " WITH (security_barrier)",
                format!("SELECT {} FROM {} s WHERE s.id IS NOT NULL", list.join(", "), source.name),
            ),
            2 => {
                columns.push(format!("n{n}"));
                let query = format!(
                    "SELECT {}, count(p.id) AS n{n} FROM {} s LEFT JOIN public.projects p ON true GROUP BY {}",
                    list.join(", "),
                    source.name,
                    list.join(", ")
                );
                (" WITH (security_invoker = true)", query)
            }
            3 => {
                let other = random.one_of(&tables()).unwrap();
                let query = format!(
                    "SELECT {} FROM {} s WHERE EXISTS (SELECT FROM {} o WHERE o.id = s.id) OR s.id IS NOT NULL",
                    list.join(", "),
                    source.name,
                    other.name
                );
                ("", query)
            }
            _ => (
                "",
                format!(
                    "WITH w AS (SELECT {0} FROM {1} s) SELECT DISTINCT {0} FROM w s",
                    list.join(", "),
                    source.name
                ),
            ),
        };
        let (kind, options, end) = match random.below(8) {
            0 | 1 => ("MATERIALIZED VIEW", " WITH (fillfactor = 70)", ""),
            2 => ("MATERIALIZED VIEW", "", " WITH NO DATA"),
            _ => ("VIEW", options, ""),
        };
        database.psql(&format!("CREATE {kind} {name}{options} AS {query}{end}"));
        if kind == "MATERIALIZED VIEW" {
            database.psql(&format!("CREATE INDEX \"Index {n}\" ON {name} (id)"));
        }
        if random.hits(50) {
            database.psql(&format!(
                "COMMENT ON {kind} {name} IS 'number {n}'; COMMENT ON COLUMN {name}.id IS 'its id'"
            ));
        }
        if random.hits(50) {
            database.psql(&format!(
                "GRANT SELECT ON {name} TO pg_monitor; GRANT UPDATE (id) ON {name} TO PUBLIC"
            ));
        }
        if kind == "VIEW" && random.hits(30) {
            database.psql(&format!("ALTER VIEW {name} ALTER id SET DEFAULT gen_random_uuid()"));
        }
        // The operator replaces the definition as the owner, who reads the rows.
        if random.hits(30) {
            database.psql(&format!(
                "GRANT SELECT ON ALL TABLES IN SCHEMA dba, public TO pg_monitor; ALTER {kind} {name} OWNER TO pg_monitor"
            ));
        }
        if !end.is_empty() {
            // Nobody can read it, nor what reads it.
            continue;
        }
        sources.push(Source { name: name.clone(), columns });
        views.push(name);
    }
    views
}

/// Reads all views, and writes through one that is updatable, until stopped; counts the rounds.
async fn use_views(url: String, views: Vec<String>, stop: Arc<AtomicBool>, rounds: Arc<AtomicU64>) {
    let mut connection = PgConnection::connect(&url).await.unwrap();
    while !stop.load(Ordering::Relaxed) {
        for view in &views {
            sqlx::query(&format!("SELECT count(*) FROM {view}"))
                .execute(&mut connection)
                .await
                .unwrap_or_else(|error| panic!("{view}: {error}"));
        }
        sqlx::query("UPDATE public.booked SET updated_at = now() WHERE id = (SELECT min(id::text)::uuid FROM public.booked)")
            .execute(&mut connection)
            .await
            .unwrap();
        rounds.fetch_add(1, Ordering::Relaxed);
    }
}

/// The rows of a materialized view are those of its query at the last swap.
#[tokio::test]
async fn materialized_views_have_the_rows_of_their_queries() {
    let database = sample(4, 60, 77);
    database.psql(
        "CREATE MATERIALIZED VIEW public.booked AS SELECT id, allocation_percentage FROM public.resource_assignments;
         CREATE MATERIALIZED VIEW public.counted AS SELECT count(*) AS n FROM public.booked;
         CREATE MATERIALIZED VIEW public.budgets AS SELECT sum(total_budget) AS total FROM public.project_phases;
         CREATE MATERIALIZED VIEW public.empty AS SELECT id FROM public.project_phases WITH NO DATA;
         CREATE UNIQUE INDEX booked_id ON public.booked (id)",
    );
    let rows = || {
        database.psql(
            "SELECT concat_ws(' ', (SELECT count(*) FROM public.booked), (SELECT n FROM public.counted),
                    (SELECT total FROM public.budgets) = (SELECT sum(total_budget) FROM public.project_phases),
                    (SELECT relispopulated FROM pg_class WHERE relname = 'empty'))",
        )
    };
    let delete_one = "DELETE FROM public.resource_assignments WHERE id = (SELECT min(id::text)::uuid FROM public.resource_assignments)";
    assert_eq!(rows(), "60 60 t f");
    database.psql(delete_one);
    migrated(database.url()).await;
    assert_eq!(rows(), "60 60 t f", "assignments stay in place");
    database.psql(delete_one);
    rolled_back(database.url()).await;
    assert_eq!(rows(), "58 58 t f");
}

#[tokio::test(flavor = "multi_thread")]
async fn chains_of_views_go_there_and_back_twice_while_others_use_them() {
    for seed in share::of_seeds(4, 2) {
        let database = sample(4, 60, 920 + seed);
        let mut random = SeededRandom::new(seed);
        let mut views = create_views(&database, &mut random);
        database.psql("CREATE VIEW public.booked AS SELECT id, resource_id, updated_at FROM public.resource_assignments");
        views.push("public.booked".to_owned());
        let dump = || {
            let text = database.dump(&["--schema-only", "--schema=public", "--schema=dba"]);
            let ids = database.psql(
                "SELECT string_agg(c.oid::text, ',' ORDER BY c.oid) FROM pg_class c
                  WHERE c.relkind = 'v' AND c.relnamespace IN ('public'::regnamespace, 'dba'::regnamespace)",
            );
            (text, ids)
        };
        let before = dump();
        let (stop, rounds) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let users: Vec<_> = (0..2)
            .map(|_| {
                let url = database.url().to_owned();
                tokio::spawn(use_views(url, views.clone(), Arc::clone(&stop), Arc::clone(&rounds)))
            })
            .collect();
        for _ in 0..2 {
            migrated(database.url()).await;
            rolled_back(database.url()).await;
        }
        stop.store(true, Ordering::Relaxed);
        for user in users {
            user.await.unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        }
        assert!(rounds.load(Ordering::Relaxed) > 2, "seed {seed}");
        let after = dump();
        assert!(after.0 == before.0, "seed {seed}: {}\n{}", before.0, after.0);
        // The views are the same objects, not new ones of the same names.
        assert_eq!(after.1, before.1, "seed {seed}");
        assert_verified(database.url()).await;
    }
}

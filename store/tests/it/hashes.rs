//! The chain: Rust and the database compute it as `docs/events.md` describes, and every change is detected.

use crate::fixture::{command, connect, log, stream};
use chrono::DateTime;
use phaseline_store::chain::{self, Break};
use phaseline_store::{append, hash};
use std::collections::HashMap;
use uuid::Uuid;

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

/// The columns of the table of test vectors, by the names in its first column.
fn vectors() -> [HashMap<String, String>; 2] {
    let document = include_str!("../../../docs/events.md");
    let (_, section) = document.split_once("### Test vectors").expect("the section");
    let mut vectors = [HashMap::new(), HashMap::new()];
    for line in section.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| |")) {
        let cells: Vec<&str> =
            line.trim_matches('|').split(" | ").map(|cell| cell.trim().trim_matches('`')).collect();
        for (vector, cell) in vectors.iter_mut().zip(&cells[1..]) {
            vector.insert(cells[0].to_owned(), (*cell).to_owned());
        }
    }
    vectors
}

#[test]
fn the_documents_test_vectors_equal_the_computed_hashes() {
    let mut previous = hash::GENESIS;
    for vector in vectors() {
        let salt = unhex(&vector["salt"]);
        let content = hash::content(&hash::HashedContent {
            stream_type: &vector["stream_type"],
            stream_id: vector["stream_id"].parse::<Uuid>().unwrap(),
            version: vector["version"].parse().unwrap(),
            event_id: vector["event_id"].parse::<Uuid>().unwrap(),
            event_type: &vector["event_type"],
            schema_version: vector["schema_version"].parse().unwrap(),
            payload: vector["payload"].as_bytes(),
            salt: &salt,
            metadata: vector["metadata"].as_bytes(),
            login: Some(vector["login"].as_str()).filter(|login| *login != "NULL"),
        });
        assert_eq!(hash::hex(&content), vector["content"]);
        let at = DateTime::from_timestamp_micros(vector["recorded_at"].parse().unwrap()).unwrap();
        previous = hash::chain(&previous, vector["position"].parse().unwrap(), at, &content);
        assert_eq!(hash::hex(&previous), vector["hash"]);
    }
}

/// The whole chain recomputed in the database, from the stored columns and nothing else.
const RECOMPUTED: &str = "
    WITH RECURSIVE part AS (
        SELECT e.*, sha256(int4send(21) || 'phaseline/metadata/v1' || int4send(octet_length(salt)) || salt
                || int4send(octet_length(metadata::text)) || convert_to(metadata::text, 'UTF8')) AS salted
          FROM phaseline.events e),
    content AS (
        SELECT position, recorded_at, hash, sha256(int4send(20)
                || CASE WHEN login IS NULL THEN 'phaseline/content/v1' ELSE 'phaseline/content/v2' END::bytea
                || int4send(octet_length(stream_type)) || convert_to(stream_type, 'UTF8')
                || int4send(16) || uuid_send(stream_id) || int4send(8) || int8send(version)
                || int4send(16) || uuid_send(event_id)
                || int4send(octet_length(event_type)) || convert_to(event_type, 'UTF8')
                || int4send(4) || int4send(schema_version)
                || CASE WHEN login IS NULL THEN int4send(32) || sha256(convert_to(payload::text, 'UTF8'))
                        ELSE int4send(octet_length(payload::text)) || convert_to(payload::text, 'UTF8') END
                || int4send(32) || salted
                || coalesce(int4send(octet_length(login)) || convert_to(login, 'UTF8'), '')) AS content
          FROM part),
    chained AS (
        SELECT 0::bigint AS position, decode(repeat('00', 32), 'hex') AS computed, NULL::bytea AS hash
        UNION ALL
        SELECT c.position, sha256(int4send(18) || 'phaseline/chain/v1' || int4send(32) || chained.computed
                || int4send(8) || int8send(c.position) || int4send(8)
                || int8send((extract(epoch FROM c.recorded_at) * 1000000)::bigint)
                || int4send(32) || c.content), c.hash
          FROM chained JOIN content c ON c.position = chained.position + 1)
    SELECT count(*) FILTER (WHERE computed = hash), count(*) FILTER (WHERE computed <> hash) FROM chained
     WHERE position > 0";

#[tokio::test]
async fn the_stored_chain_is_the_documented_one() {
    let database = log().await;
    let mut connection = connect(&database).await;
    append(&mut connection, &[command(stream(1), 0, 3), command(stream(2), 0, 2)]).await.unwrap();
    assert_eq!(database.psql(RECOMPUTED).trim(), "5|0");
    assert_eq!(chain::inspect(&mut connection).await.unwrap().breaks(), []);
}

#[tokio::test]
async fn every_kind_of_tampering_is_detected() {
    type Expected = fn(&Break) -> bool;
    let attempts: [(&str, &str, Expected); 9] = [
        ("payload", "UPDATE phaseline.events SET payload = '{\"n\":9}' WHERE position = 3", |b| {
            *b == Break::Hash { position: 3 }
        }),
        (
            "metadata",
            "UPDATE phaseline.events SET metadata = '{\"actor\":\"else\"}' WHERE position = 3",
            |b| *b == Break::Hash { position: 3 },
        ),
        (
            "a space in the payload",
            "UPDATE phaseline.events SET payload = (payload::text || ' ')::json WHERE position = 3",
            |b| *b == Break::Hash { position: 3 },
        ),
        ("event id", "UPDATE phaseline.events SET event_id = gen_random_uuid() WHERE position = 3", |b| {
            *b == Break::Hash { position: 3 }
        }),
        ("type", "UPDATE phaseline.events SET event_type = 'Other' WHERE position = 3", |b| {
            *b == Break::Hash { position: 3 }
        }),
        (
            "time",
            "UPDATE phaseline.events SET recorded_at = recorded_at - interval '1 day' WHERE position = 3",
            |b| matches!(b, Break::Time { position: 3 } | Break::Hash { position: 3 }),
        ),
        (
            "stream",
            "UPDATE phaseline.events SET stream_id = gen_random_uuid(), version = 1 WHERE position = 3",
            |b| matches!(b, Break::Hash { position: 3 } | Break::Version { .. }),
        ),
        ("deletion", "DELETE FROM phaseline.events WHERE position = 3", |b| {
            *b == Break::Position { expected: 3, found: 4 }
        }),
        (
            "exchange",
            "UPDATE phaseline.events SET position = 1000 - position WHERE position IN (3, 4);
             UPDATE phaseline.events SET position = position - 993 WHERE position IN (996, 997)",
            |b| matches!(b, Break::Hash { position: 3..=5 } | Break::Version { .. }),
        ),
    ];
    for (name, statement, expected) in attempts {
        let database = log().await;
        let mut connection = connect(&database).await;
        append(&mut connection, &[command(stream(1), 0, 5)]).await.unwrap()[0].as_ref().unwrap();
        database.psql("ALTER TABLE phaseline.events DISABLE TRIGGER events_append_only");
        database.psql(statement);
        let found = chain::inspect(&mut connection).await.unwrap();
        assert!(found.breaks().iter().any(expected), "{name}: {:?}", found.breaks());
    }
}

//! Compares `pg_dump` before and after a round trip, byte for byte.

use phaseline_embedded::testing::{TestCluster, pg_dump};

/// Equal lines shown before a difference.
const LINES_BEFORE: usize = 3;
/// Differing lines shown of each dump.
const LINES_SHOWN: usize = 12;

/// The dump of schema `public` by `pg_dump`, definitions and rows. Two dumps of one state are equal.
///
/// # Panics
/// With the output of `pg_dump`, if it fails.
#[track_caller]
pub fn dump(url: &str) -> String {
    match pg_dump(url, &["--schema=public"]) {
        Ok(dump) => dump,
        Err(error) => panic!("{error}"),
    }
}

/// Properties that a dump of one schema leaves out, and a round trip must restore: the publications of the tables, with columns and
/// conditions, whether the triggers of foreign keys are enabled, and whether indexes are valid.
const BESIDE_THE_DUMP: &str = "
    SELECT format('-- publication %I: %s (%s) WHERE %s', p.pubname, r.prrelid::regclass,
                  coalesce((SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) FROM pg_attribute AS a
                             WHERE a.attrelid = r.prrelid AND a.attnum = ANY (r.prattrs)), 'all'),
                  coalesce(pg_get_expr(r.prqual, r.prrelid), 'true'))
      FROM pg_publication_rel AS r JOIN pg_publication AS p ON p.oid = r.prpubid
    UNION ALL
    SELECT format('-- publication %I: schema %s', p.pubname, n.pnnspid::regnamespace)
      FROM pg_publication_namespace AS n JOIN pg_publication AS p ON p.oid = n.pnpubid
    UNION ALL
    SELECT format('-- foreign key %I: %s on %s is %s', c.conname, t.tgfoid::regproc, t.tgrelid::regclass, t.tgenabled)
      FROM pg_trigger AS t JOIN pg_constraint AS c ON c.oid = t.tgconstraint
     WHERE t.tgisinternal AND c.connamespace = 'public'::regnamespace
    UNION ALL
    SELECT format('-- index %s: valid %s, ready %s', i.indexrelid::regclass, i.indisvalid, i.indisready)
      FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid
     WHERE c.relnamespace = 'public'::regnamespace
     ORDER BY 1";

/// [`dump`], with the properties of the same tables that it leaves out as comments at the end.
///
/// # Panics
/// With the output of `pg_dump` or `psql`, if one fails.
#[track_caller]
pub fn state(url: &str) -> String {
    match TestCluster::shared().binaries().psql(url, BESIDE_THE_DUMP) {
        Ok(beside) => format!("{}{beside}\n", dump(url)),
        Err(error) => panic!("{error}"),
    }
}

/// Fails unless the dumps are equal byte for byte.
///
/// # Panics
/// With the first differing lines and their place.
#[track_caller]
pub fn assert_same_dump(before: &str, after: &str) {
    if let Some(difference) = difference(before, after) {
        panic!("the dumps differ\n{difference}");
    }
}

/// The parts between the common beginning and the common end of two dumps, shortened; `None` if they are equal.
pub fn difference(before: &str, after: &str) -> Option<String> {
    if before == after {
        return None;
    }
    let before: Vec<&str> = before.split('\n').collect();
    let after: Vec<&str> = after.split('\n').collect();
    let start = before.iter().zip(&after).take_while(|(a, b)| a == b).count();
    let (rest_before, rest_after) = (&before[start..], &after[start..]);
    let end = rest_before.iter().rev().zip(rest_after.iter().rev()).take_while(|(a, b)| a == b).count();
    let mut text = String::new();
    // A row of data needs the name of its table.
    if let Some((at, copy)) = before[..start].iter().enumerate().rfind(|(_, line)| line.starts_with("COPY "))
        && !before[at..start].contains(&"\\.")
    {
        text.push_str(&format!("   in {copy}\n"));
    }
    for (at, line) in before[..start].iter().enumerate().skip(start.saturating_sub(LINES_BEFORE)) {
        text.push_str(&format!("{:>6}   {line}\n", at + 1));
    }
    for (sign, rest) in [('-', rest_before), ('+', rest_after)] {
        let differing = &rest[..rest.len() - end];
        for (at, line) in differing.iter().enumerate().take(LINES_SHOWN) {
            text.push_str(&format!("{:>6} {sign} {line}\n", start + at + 1));
        }
        if let Some(more @ 1..) = differing.len().checked_sub(LINES_SHOWN) {
            text.push_str(&format!("       {sign} … {more} more lines up to the last difference\n"));
        }
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_dumps_have_no_difference() {
        assert_same_dump("a\nb\n", "a\nb\n");
    }

    #[test]
    fn a_difference_is_shown_with_its_lines_and_its_table() {
        let before = "COPY public.t (x) FROM stdin;\n1\n2\n3\n\\.\n";
        let after = "COPY public.t (x) FROM stdin;\n1\n9\n3\n\\.\n";
        assert_eq!(
            difference(before, after).unwrap(),
            "   in COPY public.t (x) FROM stdin;\n     1   COPY public.t (x) FROM stdin;\n     2   1\n     3 - 2\n     3 + 9\n"
        );
    }

    #[test]
    fn a_missing_last_line_break_is_a_difference() {
        assert!(difference("a\n", "a").is_some());
        assert!(difference("a\na\n", "a\n").is_some());
    }

    #[test]
    fn a_publication_shows_in_the_state_alone() {
        let database = TestCluster::shared().database();
        database.psql("CREATE TABLE t (x int, \"Y\" int)");
        let before = (dump(database.url()), state(database.url()));
        database.psql("CREATE PUBLICATION p FOR TABLE t (x, \"Y\") WHERE (x > 1) WITH (publish = 'insert')");
        assert_same_dump(&before.0, &dump(database.url()));
        let after = state(database.url());
        assert!(after.ends_with("-- publication p: t (x, \"Y\") WHERE (x > 1)\n"), "{after}");
    }

    #[test]
    fn the_order_of_rows_is_a_difference() {
        let database = TestCluster::shared().database();
        database.psql("CREATE TABLE t (x int); INSERT INTO t VALUES (1), (2)");
        let before = dump(database.url());
        assert_same_dump(&before, &dump(database.url()));
        database.psql("UPDATE t SET x = x WHERE x = 1");
        assert!(difference(&before, &dump(database.url())).is_some());
    }
}

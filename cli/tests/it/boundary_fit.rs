//! `--boundary`: the comparison in the plan, the applied boundary, and the flag in suggested commands.

use crate::program::{legacy, on};

/// The line of the first table that begins with a boundary's name: keep, change, person-days, outside.
fn line(page: &str, boundary: &str) -> Vec<String> {
    let beginning = format!("  {boundary} ");
    let line = page.lines().find(|line| line.starts_with(&beginning)).unwrap_or_else(|| panic!("{page}"));
    line.trim_start().split("  ").map(str::trim).filter(|cell| !cell.is_empty()).map(str::to_owned).collect()
}

#[test]
fn the_page_shows_both_boundaries_and_the_chosen_one() {
    let database = legacy();
    let (midpoint, fit) = (on(&database, &["plan"]), on(&database, &["plan", "--boundary", "fit"]));
    let object = on(&database, &["plan", "--json"]).exits_with(0).object("phaseline.plan/1");
    for (ran, chosen, other) in [(&midpoint, "midpoint", "fit"), (&fit, "fit", "midpoint")] {
        let page = &ran.stdout;
        let (own, otherwise) = (line(page, chosen), line(page, other));
        assert_eq!(own[0], format!("{chosen} (chosen)"));
        assert_eq!(otherwise[0], other);
        for (name, cells) in [(chosen, own), (other, otherwise)] {
            let counts = &object["boundary"][name];
            assert_eq!(cells[1..3], [counts["kept"].to_string(), counts["changed"].to_string()], "{page}");
        }
    }
    let worst = object["boundary"]["projects"][0]["project_id"].as_str().unwrap();
    let name = database.psql(&format!("SELECT name FROM projects WHERE id = '{worst}'"));
    assert!(midpoint.stdout.contains(&format!("  {name} ({worst})")), "{}", midpoint.stdout);
}

#[test]
fn at_most_ten_projects_are_named() {
    let database = phaseline_embedded::testing::TestCluster::shared().database();
    on(&database, &["sample", "--projects", "40", "--assignments", "900"]).exits_with(0);
    let object = on(&database, &["plan", "--json"]).exits_with(0).object("phaseline.plan/1");
    let projects = object["boundary"]["projects"].as_array().unwrap();
    assert!(projects.len() > 10);
    let changed: Vec<u64> = projects.iter().map(|one| one["midpoint"]["changed"].as_u64().unwrap()).collect();
    assert!(changed.is_sorted_by(|one, next| one >= next), "{changed:?}");
    let page = on(&database, &["plan"]).stdout;
    let more = format!("… and {} more, all in --json", projects.len() - 10);
    let rest =
        page.split_once("What each --boundary re-books").unwrap().1.split_once("\nAnomalies").unwrap().0;
    assert!(rest.contains(&more), "{rest}");
    for (at, project) in projects.iter().enumerate() {
        assert_eq!(rest.contains(project["project_id"].as_str().unwrap()), at < 10, "{rest}");
    }
}

#[test]
fn the_suggested_command_has_the_flag_and_carries_out_the_plan() {
    let database = legacy();
    let page = on(&database, &["plan", "--boundary", "fit"]).exits_with(0).stdout;
    let next = page.lines().find_map(|line| line.trim_start().strip_prefix("next")).unwrap().trim();
    assert!(next.ends_with(" --boundary fit"), "{next}");
    let arguments: Vec<&str> = next.split_whitespace().skip_while(|word| *word != "migrate").collect();
    let refusal = on(&database, &["migrate", "--boundary", "fit"]).exits_with(2).stderr;
    assert!(refusal.contains("migrate --yes --plan DIGEST --boundary fit"), "{refusal}");
    let without: Vec<&str> = arguments[..3].to_vec();
    on(&database, &[&without[..], &["--yes"]].concat()).exits_with(4);
    let done = on(&database, &[&arguments[..], &["--yes", "--json"]].concat()).exits_with(0);
    let done = done.object("phaseline.migrate/1");
    assert_eq!(done["plan"]["boundary"]["chosen"], "fit");
    assert_eq!(done["plan"]["options"]["boundary"], "fit");
    on(&database, &["verify"]).exits_with(0);
}

#[test]
fn a_rehearsal_passes_the_boundary_to_its_steps() {
    let database = legacy();
    let plan = on(&database, &["plan", "--boundary", "fit", "--json"]).object("phaseline.plan/1");
    let ran = on(&database, &["rehearse", "--boundary", "fit"]).exits_with(0).stdout;
    let next = format!("migrate --plan {} --boundary fit", plan["digest"].as_str().unwrap());
    assert!(ran.contains(&next), "{ran}");
}

#[test]
fn a_takeover_accepts_no_boundary() {
    let database = legacy();
    for command in ["plan", "migrate"] {
        let ran = on(&database, &[command, "--adopt-migrated", "--boundary", "fit"]).exits_with(2);
        assert!(ran.stderr.contains("--boundary"), "{}", ran.stderr);
    }
}

//! `demo --serve`: its sample portfolio over HTTP.

use crate::demo::{demo, folder, nothing_left};
use crate::program::{ProgramOutput, run, signal};
use crate::serve::ServiceProcess;
use chrono::{DateTime, NaiveDate};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};
use tempfile::TempDir;

/// A demo that serves on a free port.
struct ServedDemo {
    folder: TempDir,
    service: ServiceProcess,
    /// What it printed.
    object: Value,
}

impl ServedDemo {
    fn start(args: &[&str]) -> Self {
        let folder = folder();
        let serve = ["--serve", "--listen", "127.0.0.1:0", "--projects", "24", "--json"];
        let service = ServiceProcess::of(demo(folder.path(), &[&serve, args].concat()));
        let object = serde_json::from_str(&service.line).unwrap();
        Self { folder, service, object }
    }

    fn get(&self, path: &str) -> Value {
        self.service.get(path).is(200).json()
    }

    /// The id of a project by its name.
    fn id(&self, name: &str) -> String {
        let named = self.object["named_projects"].as_array().unwrap();
        let found = named.iter().find(|project| project["name"] == name).unwrap();
        found["project_id"].as_str().unwrap().to_owned()
    }

    fn timeline(&self, name: &str) -> Value {
        self.get(&format!("/api/v1/projects/{}/timeline", self.id(name)))
    }

    fn history(&self, name: &str) -> Vec<Value> {
        let path = format!("/api/v1/projects/{}/history?limit=500", self.id(name));
        let (mut entries, mut next) = (Vec::new(), path.clone());
        loop {
            let page = self.get(&next);
            entries.extend(page["entries"].as_array().unwrap().iter().cloned());
            match page["next_cursor"].as_str() {
                Some(cursor) => next = format!("{path}&cursor={cursor}"),
                None => return entries,
            }
        }
    }

    /// All open timelines: names, ids, versions and names of phases.
    fn timelines(&self) -> Vec<Value> {
        self.get("/api/v1/timelines?limit=500")["projects"].as_array().unwrap().clone()
    }

    fn stop(self, name: &str) {
        let ran = self.service.stop(name).exits_with(0);
        assert!(!ran.stderr.contains("error"), "{}", ran.stderr);
        assert!(nothing_left(self.folder.path()), "{}", ran.stderr);
    }
}

#[test]
fn a_served_demo_has_every_special_project_and_leaves_nothing() {
    let served = ServedDemo::start(&[]);
    served.service.becomes_ready();
    let fields: BTreeSet<String> = served.object.as_object().unwrap().keys().cloned().collect();
    let documented = crate::json::documented("phaseline.demo_serve/1");
    assert_eq!(fields, documented.into_iter().collect::<BTreeSet<_>>());
    assert_eq!((&served.object["projects"], &served.object["tokens"]), (&json!(24), &json!([])));

    let timelines = served.timelines();
    // The closed one is gone, and the one without a timeline is not in the log.
    assert_eq!(timelines.len(), 23);
    for (name, phases) in [("One phase", 1), ("Three phases", 3), ("Sixty phases", 60), ("Hostile names", 6)]
    {
        let listed = timelines.iter().find(|timeline| timeline["name"] == name).unwrap();
        assert_eq!(listed["project_id"], served.id(name));
        assert_eq!(served.timeline(name)["phases"].as_array().unwrap().len(), phases, "{name}");
    }
    let names = timelines.iter().map(|timeline| timeline["name"].as_str().unwrap());
    let names: Vec<&str> = names.chain(["Closed project", "Without timeline"]).collect();
    assert!(names.iter().any(|name| name.contains("<script>")), "{names:?}");
    assert!(names.iter().any(|name| name.contains('\u{1b}')), "{names:?}");

    let history = served.history("Five hundred events");
    assert!((450..=560).contains(&history.len()), "{} events", history.len());
    let mut commands: BTreeMap<String, usize> = BTreeMap::new();
    for entry in &history {
        *commands.entry(entry["command_id"].to_string()).or_default() += 1;
    }
    assert!(commands.values().filter(|events| **events > 1).count() >= 40, "{commands:?}");
    served.stop("TERM");
}

#[test]
fn the_planner_deleted_added_and_moved_projects_of_a_served_demo() {
    let served = ServedDemo::start(&[]);
    let closed = served.history("Closed project");
    assert_eq!(closed.last().unwrap()["event_type"], "TimelineClosed");
    served.service.get(&format!("/api/v1/projects/{}/timeline", served.id("Closed project"))).is(404);
    let without = served.timeline("Without timeline");
    assert_eq!((&without["version"], &without["phases"]), (&json!(0), &json!([])));
    assert_eq!(served.history("Without timeline"), Vec::<Value>::new());

    // The timeline follows the planner's dates; its next command records them.
    let name = "Dates changed by the planner";
    let end = |timeline: &Value| timeline["end_date"].as_str().unwrap().parse::<NaiveDate>().unwrap();
    let recorded = || {
        let listed = served.timelines();
        end(listed.iter().find(|timeline| timeline["name"] == name).unwrap())
    };
    let (before, current) = (recorded(), served.timeline(name));
    assert_eq!((end(&current) - before).num_days(), 21);
    let phase = current["phases"][0]["id"].as_str().unwrap();
    let rename =
        served.service.client.patch(&format!("/api/v1/phases/{phase}")).json(&json!({"name": "New"}));
    served.service.send(rename).is(200);
    assert_eq!(recorded(), end(&current));

    let log = served.get("/api/v1/log?limit=500");
    let restored = |page: &Value| {
        page["entries"].as_array().unwrap().iter().any(|entry| entry["restored_from"].is_string())
    };
    let mut pages = vec![log];
    while let Some(cursor) = pages.last().unwrap()["next_cursor"].as_str() {
        pages.push(served.get(&format!("/api/v1/log?limit=500&cursor={cursor}")));
    }
    assert!(pages.iter().any(restored), "no timeline was restored");
    served.stop("INT");
}

#[test]
fn every_served_demo_has_the_same_projects_and_histories() {
    let same = |timeline: &Value| {
        let names: Vec<Value> =
            timeline["phases"].as_array().unwrap().iter().map(|phase| phase["name"].clone()).collect();
        json!([timeline["project_id"], timeline["name"], timeline["version"], timeline["position"], names])
    };
    let [first, second] = [(), ()].map(|()| {
        let served = ServedDemo::start(&[]);
        let timelines: Vec<Value> = served.timelines().iter().map(same).collect();
        served.stop("TERM");
        timelines
    });
    assert_eq!(first, second);
}

#[test]
fn its_tokens_differ_in_what_they_may_do_and_expire() {
    let served = ServedDemo::start(&["--with-sign-in", "--token-minutes", "5"]);
    let token = |name: &str| {
        let tokens = served.object["tokens"].as_array().unwrap();
        tokens.iter().find(|token| token["name"] == name).unwrap().clone()
    };
    let path = format!("/api/v1/projects/{}", served.id("Three phases"));
    served.service.get(&format!("{path}/timeline")).is(401);
    let phase = |name: &str| {
        let timeline = served.service.client.get(&format!("{path}/timeline"));
        let timeline = served.service.send(timeline.bearer(token(name)["token"].as_str().unwrap())).is(200);
        timeline.json()["phases"][0]["id"].as_str().unwrap().to_owned()
    };
    for (name, history, write) in [("planner", 200, 200), ("reader", 200, 403), ("looker", 403, 403)] {
        let token = token(name);
        let bearer = token["token"].as_str().unwrap();
        let read = served.service.client.get(&format!("{path}/history")).bearer(bearer);
        served.service.send(read).is(history);
        let rename = served.service.client.patch(&format!("/api/v1/phases/{}", phase(name))).bearer(bearer);
        served.service.send(rename.json(&json!({"name": name}))).is(write);
        let expires_at = token["expires_at"].as_str().unwrap();
        let expires_at = DateTime::parse_from_rfc3339(expires_at).unwrap().timestamp();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64;
        assert!((1..=300).contains(&(expires_at - now)), "{expires_at} at {now}");
    }
    served.stop("TERM");
}

#[test]
fn the_text_has_the_url_to_open_and_the_tokens_on_lines_of_their_own() {
    let folder = folder();
    let args = ["--serve", "--listen", "127.0.0.1:0", "--projects", "20", "--with-sign-in"];
    let service = ServiceProcess::of(demo(folder.path(), &args));
    let address = service.client.address().to_string();
    let expected = format!("open http://{address}/ in a browser; Ctrl+C stops it and removes everything\n");
    assert_eq!(service.line, expected);
    let ran = service.stop("TERM").exits_with(0);
    let tokens = ran.stdout.lines().filter(|line| line.split('.').count() == 3 && !line.contains(' '));
    assert_eq!(tokens.count(), 3, "{}", ran.stdout);
    assert!(nothing_left(folder.path()));
}

#[test]
fn a_served_demo_that_is_stopped_early_leaves_nothing_either() {
    let folder = folder();
    let mut child = demo(folder.path(), &["--serve", "--listen", "127.0.0.1:0"]).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    lines.find(|line| line.as_ref().unwrap().contains("migrating")).unwrap().unwrap();
    signal("TERM", child.id());
    assert_eq!(child.wait().unwrap().code(), Some(8));
    assert!(nothing_left(folder.path()));
}

/// Without PostgreSQL, so that a start of the server would end with 9.
fn refused(folder: &Path, args: &[&str], code: i32) -> ProgramOutput {
    let mut command = demo(folder, args);
    command.env(phaseline_embedded::BINDIR_VARIABLE, folder);
    let ran = ProgramOutput::of(command.output().unwrap()).exits_with(code);
    assert!(ran.stdout.is_empty(), "{ran:?}");
    assert!(nothing_left(folder));
    ran
}

#[test]
fn an_address_in_use_is_refused_before_a_server_starts() {
    let folder = folder();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let ran = refused(folder.path(), &["--serve", "--listen", &address], 1);
    assert!(ran.stderr.contains(&format!("cannot listen on {address}")), "{}", ran.stderr);
    assert!(ran.stderr.contains("choose another one with --listen"), "{}", ran.stderr);
    let ran = refused(folder.path(), &["--serve", "--listen", "0.0.0.0:0"], 2);
    assert!(ran.stderr.contains("loopback") && ran.stderr.contains("--with-sign-in"), "{}", ran.stderr);
}

#[test]
fn options_of_the_service_need_it_and_have_limits() {
    for (args, part) in [
        (&["--projects", "30"][..], "--serve"),
        (&["--with-sign-in"], "--serve"),
        (&["--serve", "--token-minutes", "5"], "--with-sign-in"),
        (&["--serve", "--projects", "19"], "from 20 to 5000"),
        (&["--serve", "--with-sign-in", "--token-minutes", "0"], "number from 1"),
        (&["--serve", "--listen", "8080"], "is not an address"),
    ] {
        let ran = run(&[&["demo"], args].concat()).exits_with(2);
        assert!(ran.stderr.contains(part), "{args:?}: {}", ran.stderr);
    }
}

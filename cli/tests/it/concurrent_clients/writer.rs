//! One client: it reads, sends a command, and repeats it until it gets a response.

use super::Servers;
use super::command::{Command, Project};
use phaseline_tests::http::{HttpResponse, Method};
use phaseline_tests::random::SeededRandom;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use uuid::Uuid;

/// Longer than the service's timeout of a request.
const PATIENCE: Duration = Duration::from_secs(120);

/// The statuses that may occur.
const STATUSES: [u16; 7] = [200, 201, 404, 409, 412, 422, 503];

/// The final response to a command.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) command: Command,
    pub(crate) subject: String,
    pub(crate) status: u16,
    /// Version and position, from the headers.
    pub(crate) place: Option<(i64, i64)>,
    pub(crate) is_replayed: bool,
    /// Number of requests without response, this time.
    lost: u64,
    /// Whether it was refused after a lost response, and repeated at the end.
    is_settled: bool,
}

impl Response {
    pub(crate) fn is_done(&self) -> bool {
        matches!(self.status, 200 | 201)
    }

    /// Updates the response to a command that was refused after its first response had been lost.
    pub(crate) fn settled(self) -> Self {
        Self { is_settled: true, ..self }
    }

    fn has_lost_a_response(&self) -> bool {
        self.lost > 0 || self.is_settled
    }

    /// Refused, while an earlier request with the same key may still have been under way.
    pub(crate) fn is_doubtful(&self) -> bool {
        !self.is_done() && self.lost > 0
    }
}

/// A client.
#[derive(Debug)]
pub(crate) struct Writer {
    subject: String,
    token: String,
    random: SeededRandom,
    servers: Servers,
    projects: Arc<[Project]>,
    /// The latest known version of each project.
    reached: HashMap<Uuid, i64>,
    commands: u64,
    /// The number of responses by status; 0 counts requests without response.
    statuses: Mutex<BTreeMap<u16, u64>>,
}

impl Writer {
    pub(crate) fn new(
        seed: u64,
        token: String,
        subject: String,
        servers: Servers,
        projects: Arc<[Project]>,
    ) -> Self {
        let (random, reached, statuses) = (SeededRandom::new(seed), HashMap::new(), Mutex::default());
        Self { subject, token, random, servers, projects, reached, commands: 0, statuses }
    }

    /// Sends one change after the other, each until it gets a response.
    pub(crate) async fn work(mut self, until: Instant) -> (Self, Vec<Response>) {
        let mut responses = Vec::new();
        while Instant::now() < until {
            let project = self.random.one_of(&self.projects).unwrap();
            let (phases, version) = self.read_phases(&project).await;
            self.commands += 1;
            let key = format!("{}-{}", self.subject, self.commands);
            let command = project.command(&mut self.random, key, &phases, version);
            responses.push(self.execute(command, true).await);
            tokio::time::sleep(Duration::from_millis(self.random.below(20))).await;
        }
        (self, responses)
    }

    /// A project's phases, which cover it, at a version not older than the latest known one.
    async fn read_phases(&mut self, project: &Project) -> (Vec<Value>, i64) {
        let path = format!("/api/v1/projects/{}/phases", project.id);
        let mut place = self.random.below(2) as usize;
        loop {
            let received = self.attempt(place, None, &Method::GET, &path, None).await;
            if let Some(received) = received.filter(|received| received.status != 503) {
                let received = received.is(200);
                let phases = received.json().as_array().unwrap().clone();
                project.is_covered_by(&phases);
                let (version, _) = version_and_position(&received).unwrap();
                self.update_version(project.id, version);
                return (phases, version);
            }
            place = self.other_server(place).await;
        }
    }

    /// Requests a change until it gets a response. A hasty one does not always wait for it, or sends to both servers at once.
    pub(crate) async fn execute(&mut self, command: Command, is_impatient: bool) -> Response {
        let mut lost = 0;
        let mut place = self.random.below(2) as usize;
        loop {
            let direction = if is_impatient { self.random.below(100) } else { 100 };
            let received = match direction {
                0..6 => {
                    let patience = Duration::from_micros(self.random.below(6_000));
                    self.send(place, Some(patience), &command).await
                }
                6..12 => {
                    let (here, there) =
                        tokio::join!(self.send(place, None, &command), self.send(1 - place, None, &command));
                    self.merge_responses(here, there, &mut lost)
                }
                _ => self.send(place, None, &command).await,
            };
            let Some(received) = received else {
                lost += 1;
                place = self.other_server(place).await;
                continue;
            };
            let response = Response {
                subject: self.subject.clone(),
                status: received.status,
                place: version_and_position(&received),
                is_replayed: is_replay(&received),
                lost,
                is_settled: false,
                command,
            };
            if response.is_done() {
                self.check(&response, &received);
            }
            return response;
        }
    }

    /// Merges the responses of both servers to the same request: if both executed it, they are equal. One may have refused it
    /// before the other executed it.
    fn merge_responses(
        &self,
        here: Option<HttpResponse>,
        there: Option<HttpResponse>,
        lost: &mut u64,
    ) -> Option<HttpResponse> {
        *lost += u64::from(here.is_some() != there.is_some());
        let (here, there) = match (here, there) {
            (Some(here), Some(there)) => (here, there),
            (one, other) => return one.or(other),
        };
        let is_done = |received: &HttpResponse| matches!(received.status, 200 | 201);
        if is_done(&here) && is_done(&there) {
            assert_eq!(
                (here.status, version_and_position(&here)),
                (there.status, version_and_position(&there))
            );
            // Without a replay neither wrote: each server reads the result of a command without effect from the log.
            assert!(
                [&here, &there].iter().any(|received| is_replay(received)) || here.text() == there.text(),
                "both did it: {here:?} {there:?}"
            );
        }
        Some(if is_done(&there) && !is_replay(&there) {
            there
        } else if is_done(&here) {
            here
        } else {
            there
        })
    }

    fn check(&mut self, response: &Response, received: &HttpResponse) {
        let (version, _) = response.place.unwrap_or_else(|| panic!("no version and position: {received:?}"));
        let body = received.json();
        let phases = body.as_array().or_else(|| body["phases"].as_array());
        let project = self.projects.iter().find(|project| project.id == response.command.project).unwrap();
        project.is_covered_by(phases.unwrap());
        if !response.is_replayed {
            self.update_version(response.command.project, version);
        }
    }

    #[track_caller]
    fn update_version(&mut self, project: Uuid, version: i64) {
        let known = self.reached.entry(project).or_default();
        assert!(version >= *known, "version {version} was returned after {known}");
        *known = version;
    }

    /// Sends a change once; returns nothing if it may have to be repeated.
    async fn send(
        &self,
        place: usize,
        patience: Option<Duration>,
        command: &Command,
    ) -> Option<HttpResponse> {
        let received = self.attempt(place, patience, &command.method, &command.path, Some(command)).await;
        received.filter(|received| received.status != 503)
    }

    /// One request; nothing if there was no response.
    async fn attempt(
        &self,
        place: usize,
        patience: Option<Duration>,
        method: &Method,
        path: &str,
        command: Option<&Command>,
    ) -> Option<HttpResponse> {
        let received = match self.servers.at(place) {
            None => None,
            Some(client) => {
                let mut request = client.request(method.clone(), path).bearer(&self.token);
                if let Some(command) = command {
                    request = request
                        .header("idempotency-key", &command.key)
                        .header("x-correlation-id", &command.key);
                    if let Some(version) = command.expected {
                        request = request.header("if-match", &format!("\"{version}\""));
                    }
                    if let Some(body) = &command.body {
                        request = request.json(body);
                    }
                }
                match tokio::time::timeout(patience.unwrap_or(PATIENCE), request.try_send()).await {
                    Ok(received) => received.ok(),
                    Err(_) => {
                        assert!(patience.is_some(), "no response within {PATIENCE:?}: {method} {path}");
                        None
                    }
                }
            }
        };
        let status = received.as_ref().map_or(0, |received| received.status);
        *self.statuses.lock().unwrap().entry(status).or_default() += 1;
        if let Some(received) = &received {
            assert!(STATUSES.contains(&status), "{method} {path} {command:?}: {status} {}", received.text());
        }
        received
    }

    /// The other server, after a pause: both may be busy.
    async fn other_server(&mut self, place: usize) -> usize {
        tokio::time::sleep(Duration::from_millis(self.random.below(10))).await;
        1 - place
    }
}

fn is_replay(received: &HttpResponse) -> bool {
    received.header("idempotent-replayed") == "true"
}

/// Version and position, from the headers.
fn version_and_position(received: &HttpResponse) -> Option<(i64, i64)> {
    let version = received.header("etag").trim_matches('"').parse().ok()?;
    Some((version, received.header("phaseline-position").parse().ok()?))
}

/// The outcome, in one line.
pub(crate) fn summary(writers: &[Writer], responses: &[Response]) -> String {
    let mut statuses: BTreeMap<u16, u64> = BTreeMap::new();
    for (status, count) in writers.iter().flat_map(|writer| writer.statuses.lock().unwrap().clone()) {
        *statuses.entry(status).or_default() += count;
    }
    let count = |is: fn(&Response) -> bool| responses.iter().filter(|response| is(response)).count();
    format!(
        "{} commands, {} done ({} of them replayed), {} lost a response; {} of these were refused then and repeated at the \
         end, {} of which turned out to be done; statuses {statuses:?}",
        responses.len(),
        count(Response::is_done),
        count(|response| response.is_done() && response.is_replayed),
        count(Response::has_lost_a_response),
        count(|response| response.is_settled),
        count(|response| response.is_settled && response.is_replayed),
    )
}

/// Fails unless each tested case occurred often enough.
pub(crate) fn assert_coverage(writers: &[Writer], responses: &[Response]) {
    let share = |is: fn(&Response) -> bool| {
        responses.iter().filter(|response| is(response)).count() as f64 / responses.len().max(1) as f64
    };
    let shares = [
        ("done", share(Response::is_done), 0.3),
        ("refused by a rule", share(|response| response.status == 422), 0.1),
        ("refused for its version", share(|response| response.status == 412), 0.02),
        ("of what is not there", share(|response| response.status == 404), 0.005),
        ("without an received at first", share(Response::has_lost_a_response), 0.02),
        ("replayed", share(|response| response.is_done() && response.is_replayed), 0.001),
    ];
    for (what, share, least) in shares {
        assert!(share >= least, "{what}: {share:.4} of all; {}", summary(writers, responses));
    }
}

//! A service for one test: in this process, on its own port, over a copy of a migrated database.

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use phaseline_api::auth::{Auth, Keys, TokenRules};
use phaseline_api::settings::Settings;
use phaseline_api::state::AppState;
use phaseline_api::{pool, server};
use phaseline_embedded::testing::{PgBouncer, PoolMode, TestCluster, TestDatabase};
use phaseline_migrator::Database;
use phaseline_migrator::migrate::{MigrateOptions, migrate};
use phaseline_migrator::plan::PlanOptions;
use phaseline_migrator::progress::Silent;
use phaseline_migrator::run::Operator;
use phaseline_migrator::sample::{self, SampleOptions};
use phaseline_store::{Servers, Sessions};
use phaseline_tests::http::Client;
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use std::sync::OnceLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// The secret of every test's tokens.
pub(crate) const SECRET: &[u8] = b"a secret of the tests, long enough for HS256";

/// All scopes, as a token has them.
pub(crate) const EVERYTHING: &str = "phases:read phases:write history:read";

/// A service that runs until the test ends.
pub(crate) struct Service {
    pub(crate) client: Client,
    /// The service's own sessions.
    pub(crate) sessions: Sessions,
    stop: Option<oneshot::Sender<()>>,
    serving: JoinHandle<()>,
    /// Dropped with the service; none if it is the test's.
    _database: Option<TestDatabase>,
}

/// Settings whose keys are the tests' secret.
pub(crate) fn settings() -> Settings {
    let mut keys = Keys::default();
    keys.add_secret(SECRET).unwrap();
    let auth = Auth::Tokens { keys: keys.into(), rules: TokenRules::default() };
    Settings { auth, states_interval: None, ..Settings::default() }
}

impl Service {
    /// Over a migrated database of its own.
    pub(crate) async fn start() -> Self {
        Self::with(settings()).await
    }

    /// The same with settings of the test's.
    pub(crate) async fn with(settings: Settings) -> Self {
        let database = migrated();
        let mut service = Self::over(&database, settings).await;
        service._database = Some(database);
        service
    }

    /// Over a database of the test's.
    pub(crate) async fn over(database: &TestDatabase, settings: Settings) -> Self {
        Self::of_routes(database.url(), settings, server::all_routes()).await
    }

    /// With routes of the test's.
    pub(crate) async fn of_routes(url: &str, settings: Settings, routes: axum::Router<AppState>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let url = through_pooler(url);
        let sessions = pool::connect(&Servers::one(url.parse().unwrap()), &settings);
        let app = AppState::new(sessions.clone(), settings);
        let (stop, stopped) = oneshot::channel();
        let shutdown = async move {
            let _ = stopped.await;
        };
        let serving = tokio::spawn(server::serve_routes(listener, routes, app, shutdown));
        Self { client: Client::new(address), sessions, stop: Some(stop), serving, _database: None }
    }

    /// Requests its stop, as a signal does.
    pub(crate) fn request_shutdown(&mut self) {
        let _ = self.stop.take().expect("response once").send(());
    }

    /// Waits until it has stopped.
    pub(crate) async fn stopped(self) {
        self.serving.await.unwrap();
    }

    /// Stops it, and waits until that is done.
    pub(crate) async fn stopped_now(mut self) {
        self.request_shutdown();
        self.stopped().await;
    }

    /// A token with these scopes, for an hour.
    pub(crate) fn token(&self, scope: &str) -> String {
        token(&json!({ "sub": "ada", "exp": in_seconds(3600), "scope": scope }))
    }
}

/// With `PHASELINE_TEST_POOLER=1` a URL through PgBouncer in transaction mode, for a database on the shared cluster.
fn through_pooler(url: &str) -> String {
    static POOLER: OnceLock<Option<PgBouncer>> = OnceLock::new();
    let cluster = TestCluster::shared();
    let is_shared = url.contains(&format!(":{}/", cluster.port()));
    if !is_shared || std::env::var_os("PHASELINE_TEST_POOLER").is_none() {
        return url.to_owned();
    }
    let pooler = POOLER.get_or_init(|| PgBouncer::start(&cluster.url("postgres"), PoolMode::Transaction));
    pooler.as_ref().expect("PgBouncer is installed").url(url)
}

/// A token with these claims, signed with the tests' secret.
pub(crate) fn token(claims: &Value) -> String {
    encode(&Header::new(Algorithm::HS256), claims, &EncodingKey::from_secret(SECRET)).unwrap()
}

/// A moment for a token's claims.
pub(crate) fn in_seconds(seconds: i64) -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    i64::try_from(now).unwrap() + seconds
}

/// A database with 8 projects, migrated.
pub(crate) fn migrated() -> TestDatabase {
    migrated_on(TestCluster::shared())
}

/// The same on a cluster of the test's.
pub(crate) fn migrated_on(cluster: &TestCluster) -> TestDatabase {
    cluster.template("api_migrated", |url| build(url, true));
    cluster.database_from("api_migrated")
}

/// The same before the migration.
pub(crate) fn legacy() -> TestDatabase {
    let cluster = TestCluster::shared();
    cluster.template("api_legacy", |url| build(url, false));
    cluster.database_from("api_legacy")
}

/// Fills an empty database with a sample, and migrates it on request.
pub(crate) fn build(url: &str, and_migrate: bool) {
    let url = url.to_owned();
    // In its own thread, since the caller may be inside a runtime.
    let built = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut connection = PgConnection::connect(&url).await.unwrap();
            let options = SampleOptions { projects: 8, assignments: 120, seed: 3 };
            sample::create(&mut connection, &options).await.unwrap();
            connection.close().await.unwrap();
            if and_migrate {
                migrate_it(&url).await;
            }
        });
    });
    built.join().expect("a template");
}

/// Migrates a database.
pub(crate) async fn migrate_it(url: &str) {
    let operator = Operator { actor: "tester@test".to_owned(), host: "test".to_owned(), reason: None };
    let options = MigrateOptions {
        plan: PlanOptions::default(),
        expected_digest: None,
        lock_timeout: Duration::from_secs(60),
        operator,
    };
    migrate(&Database::new(url.parse().unwrap()), &options, &Silent).await.unwrap();
}

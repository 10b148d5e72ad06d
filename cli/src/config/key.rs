//! The names of the settings.

/// A setting.
#[derive(Debug)]
pub(crate) struct SettingKey {
    /// Its name, as in the file.
    pub(crate) name: &'static str,
    /// The environment variable.
    pub(crate) variable: &'static str,
    /// The default.
    pub(crate) default: Option<&'static str>,
    /// Whether the value is never shown, and not allowed in a settings file.
    pub(crate) secret: bool,
}

const fn key(name: &'static str, variable: &'static str, default: Option<&'static str>) -> SettingKey {
    SettingKey { name, variable, default, secret: false }
}

/// All settings, in the order in which they are shown.
pub(crate) const KEYS: [SettingKey; 29] = [
    key("listen", "PHASELINE_LISTEN", Some("127.0.0.1:8080")),
    key("database_url", "DATABASE_URL", None),
    key("pooler", crate::target::POOLER, Some("auto")),
    key("role", "PHASELINE_ROLE", Some(phaseline_api::settings::DEFAULT_ROLE)),
    SettingKey { secret: true, ..key("jwt_secret", "PHASELINE_JWT_SECRET", None) },
    key("jwt_secret_file", "PHASELINE_JWT_SECRET_FILE", None),
    key("jwt_public_key_file", "PHASELINE_JWT_PUBLIC_KEY_FILE", None),
    key("jwks_file", "PHASELINE_JWKS_FILE", None),
    key("jwks_url", "PHASELINE_JWKS_URL", None),
    key("audience", "PHASELINE_AUDIENCE", None),
    key("issuer", "PHASELINE_ISSUER", None),
    key("default_scopes", "PHASELINE_DEFAULT_SCOPES", Some("")),
    key("subjects", "PHASELINE_SUBJECTS", Some("any")),
    key("no_auth", "PHASELINE_NO_AUTH", Some("false")),
    key("cors_origins", "PHASELINE_CORS_ORIGINS", Some("")),
    key("page_token_header", "PHASELINE_PAGE_TOKEN_HEADER", None),
    key("base_path", "PHASELINE_BASE_PATH", Some("")),
    key("max_connections", "PHASELINE_MAX_CONNECTIONS", Some("16")),
    key("max_clients", "PHASELINE_MAX_CLIENTS", Some("800")),
    key("body_limit", "PHASELINE_BODY_LIMIT", Some("1MiB")),
    key("max_phases", "PHASELINE_MAX_PHASES", Some("5000")),
    key("request_timeout", "PHASELINE_REQUEST_TIMEOUT", Some("30s")),
    key("idle_timeout", "PHASELINE_IDLE_TIMEOUT", Some("75s")),
    key("write_timeout", "PHASELINE_WRITE_TIMEOUT", Some("30s")),
    key("shutdown_timeout", "PHASELINE_SHUTDOWN_TIMEOUT", Some("20s")),
    key("log_format", "PHASELINE_LOG_FORMAT", Some("text")),
    key("cache_timelines", "PHASELINE_CACHE_TIMELINES", Some("10000")),
    key("sweep_interval", "PHASELINE_SWEEP_INTERVAL", Some("60s")),
    key("states_interval", "PHASELINE_STATES_INTERVAL", Some("5s")),
];

/// The setting of this name.
pub(super) fn by_name(name: &str) -> Option<&'static SettingKey> {
    KEYS.iter().find(|key| key.name == name)
}

//! The settings' values with their origins, and the service's settings parsed from them.

use super::key::{self, KEYS, SettingKey};
use super::{FILE_VARIABLE, ServiceArgs, file};
use crate::argument;
use crate::failure::Failure;
use crate::options::GlobalArgs;
use crate::redact;
use phaseline_api::auth::{
    Auth, KeyError, KeySetUrl, Keyring, Keys, SHORTEST_SECRET, TokenHeader, TokenRules,
};
use phaseline_api::cors::WebOrigin;
use phaseline_api::settings::Settings;
use std::fmt;
use std::path::{Path, PathBuf};

/// The origin of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ValueOrigin {
    Flag,
    Environment(&'static str),
    File(PathBuf),
    Default,
}

impl fmt::Display for ValueOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => f.write_str("flag"),
            Self::Environment(name) => write!(f, "env {name}"),
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::Default => f.write_str("default"),
        }
    }
}

/// A value and its origin.
#[derive(Clone, Debug)]
pub(crate) struct Value {
    pub(crate) key: &'static SettingKey,
    /// None if it is not set and has no default.
    pub(crate) text: Option<String>,
    pub(crate) origin: ValueOrigin,
}

impl Value {
    /// The value as it may be shown.
    pub(crate) fn shown(&self) -> Option<String> {
        self.text.as_deref().map(|text| match self.key.name {
            _ if self.key.secret => "(set)".to_owned(),
            // Without ://, the place of a password is unknown.
            "database_url" if !text.contains("://") => "(set, but not a URL)".to_owned(),
            "database_url" => redact::passwords(text),
            _ => text.to_owned(),
        })
    }

    /// A usage error for this value, with its origin.
    pub(crate) fn wrong(&self, what: impl fmt::Display) -> Failure {
        let name = self.key.name;
        Failure::usage(match &self.origin {
            ValueOrigin::Flag => format!("--{}: {what}", name.replace('_', "-")),
            ValueOrigin::Environment(variable) => format!("{variable}: {what}"),
            ValueOrigin::File(path) => format!("{}: {name}: {what}", path.display()),
            ValueOrigin::Default => format!("{name}: {what}"),
        })
    }

    fn parsed<T>(&self, parse: impl FnOnce(&str) -> Result<T, String>) -> Result<T, Failure> {
        parse(self.text.as_deref().unwrap_or_default()).map_err(|what| self.wrong(what))
    }
}

/// All settings.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) file: Option<PathBuf>,
    pub(crate) values: Vec<Value>,
}

/// The format of log lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum LogFormat {
    #[default]
    Text,
    Json,
}

impl Config {
    /// Collects the values. They are not parsed yet, but the file must be valid.
    pub(crate) fn resolve(global: &GlobalArgs, args: &ServiceArgs) -> Result<Self, Failure> {
        let named = args.file.file.clone().or_else(|| variable(FILE_VARIABLE).map(PathBuf::from));
        let in_file = named.as_deref().map(file::read).transpose()?.unwrap_or_default();
        let values = KEYS.iter().map(|key| {
            let flag = match key.name {
                "database_url" => global.database_url.clone(),
                "pooler" => global.pooler.clone(),
                name => args.flag(name),
            };
            let (text, origin) = if let Some(text) = flag {
                (Some(text), ValueOrigin::Flag)
            } else if let Some(text) = variable(key.variable) {
                (Some(text), ValueOrigin::Environment(key.variable))
            } else if let (Some(text), Some(path)) = (in_file.get(key.name), &named) {
                (Some(text.clone()), ValueOrigin::File(path.clone()))
            } else {
                (key.default.map(str::to_owned), ValueOrigin::Default)
            };
            Value { key, text, origin }
        });
        let mut config = Self { values: values.collect(), file: named };
        config.choose_database(global);
        config.choose_secret()?;
        Ok(config)
    }

    /// A private server's folder with a closer origin than the URL overrides the URL.
    fn choose_database(&mut self, global: &GlobalArgs) {
        let url = self.get("database_url");
        let folder = if global.data_dir.is_some() {
            ValueOrigin::Flag
        } else if variable(DATA_DIR).is_some()
            && !matches!(url.origin, ValueOrigin::Flag | ValueOrigin::Environment(_))
        {
            ValueOrigin::Environment(DATA_DIR)
        } else {
            return;
        };
        self.replace("database_url", None, folder);
    }

    /// There is one secret: a flag overrides the environment, which overrides the file. Two of one origin are an error.
    fn choose_secret(&mut self) -> Result<(), Failure> {
        let (secret, file) = (self.get("jwt_secret"), self.get("jwt_secret_file"));
        if secret.text.is_none() || file.text.is_none() {
            return Ok(());
        }
        match &file.origin {
            ValueOrigin::Environment(name) => {
                Err(Failure::usage(format!("both {} and {name} are set", secret.key.variable))
                    .remedy("Unset one of them."))
            }
            ValueOrigin::Flag => {
                self.replace("jwt_secret", None, ValueOrigin::Default);
                Ok(())
            }
            _ => {
                self.replace("jwt_secret_file", None, ValueOrigin::Default);
                Ok(())
            }
        }
    }

    fn replace(&mut self, name: &str, text: Option<String>, origin: ValueOrigin) {
        for value in self.values.iter_mut().filter(|value| value.key.name == name) {
            (value.text, value.origin) = (text.clone(), origin.clone());
        }
    }

    /// The value of this name. Names are those of [`KEYS`].
    pub(crate) fn get(&self, name: &str) -> Value {
        let found = self.values.iter().find(|value| value.key.name == name).cloned();
        found.unwrap_or(Value {
            key: key::by_name(name).unwrap_or(&KEYS[0]),
            text: None,
            origin: ValueOrigin::Default,
        })
    }

    /// The address to listen on.
    pub(crate) fn listen(&self) -> Result<(String, Value), Failure> {
        let value = self.get("listen");
        Ok((value.parsed(argument::address)?, value))
    }

    /// The format of log lines.
    pub(crate) fn log_format(&self) -> Result<LogFormat, Failure> {
        self.get("log_format").parsed(|text| match text {
            "text" => Ok(LogFormat::Text),
            "json" => Ok(LogFormat::Json),
            other => Err(format!("{other:?} is neither text nor json")),
        })
    }

    /// Whether requests need no token.
    pub(crate) fn no_auth(&self) -> Result<bool, Failure> {
        self.get("no_auth").parsed(|text| match text {
            "true" | "1" => Ok(true),
            "false" | "0" => Ok(false),
            other => Err(format!("{other:?} is neither true nor false")),
        })
    }

    /// The secret of HS256 tokens, if one is set, with its value.
    pub(crate) fn secret(&self) -> Result<Option<(Vec<u8>, Value)>, Failure> {
        let (secret, file) = (self.get("jwt_secret"), self.get("jwt_secret_file"));
        if let Some(text) = &secret.text {
            return Ok(Some((text.clone().into_bytes(), secret)));
        }
        let Some(text) = contents(&file)? else { return Ok(None) };
        // Editors end a file with a line break.
        Ok(Some((text.trim_end_matches(['\r', '\n']).as_bytes().to_vec(), file)))
    }

    /// The checked settings, but for address, database and log.
    pub(crate) fn settings(&self) -> Result<Settings, Failure> {
        let auth = if self.no_auth()? {
            Auth::Off
        } else {
            let url = self.key_set_url()?;
            Auth::Tokens { keys: Keyring::new(self.keys()?, url), rules: self.rules()? }
        };
        let role = self.get("role").parsed(|text| match text.trim() {
            "" => Err("the role's name is empty; none keeps the rights of the login".to_owned()),
            "none" => Ok(None),
            role => Ok(Some(role.to_owned())),
        })?;
        let number = |name: &str| self.get(name).parsed(|text| argument::number_to(text, u32::MAX));
        let count = |name: &str| number(name).map(|number| usize::try_from(number).unwrap_or(usize::MAX));
        let duration = |name: &str| self.get(name).parsed(argument::duration);
        Ok(Settings {
            auth,
            role,
            pooler: self.get("pooler").parsed(str::parse)?,
            cors_origins: self.cors_origins()?,
            page_token_header: self.page_token_header()?,
            base_path: self.get("base_path").parsed(|text| text.trim().parse())?,
            max_connections: number("max_connections")?,
            max_clients: count("max_clients")?,
            max_phases: count("max_phases")?,
            body_limit: self.get("body_limit").parsed(argument::size)?,
            request_timeout: duration("request_timeout")?,
            idle_timeout: duration("idle_timeout")?,
            write_timeout: duration("write_timeout")?,
            shutdown_timeout: duration("shutdown_timeout")?,
            cache_timelines: count("cache_timelines")?,
            sweep_interval: duration("sweep_interval")?,
            states_interval: self.get("states_interval").parsed(|text| match text {
                "off" => Ok(None),
                time => argument::duration(time).map(Some).map_err(|what| format!("{what}, or off")),
            })?,
            ..Settings::default()
        })
    }

    /// Checks every value, without reading the keys.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        self.log_format()?;
        self.no_auth()?;
        self.listen()?;
        let mut plain = self.clone();
        plain.replace("no_auth", Some("true".to_owned()), ValueOrigin::Default);
        plain.settings()?;
        self.rules()?;
        self.key_set_url()?;
        Ok(())
    }

    fn rules(&self) -> Result<TokenRules, Failure> {
        let scopes = self.get("default_scopes");
        Ok(TokenRules {
            audience: self.get("audience").text,
            issuer: self.get("issuer").text,
            subjects: self.get("subjects").parsed(|text| text.trim().parse())?,
            default_scopes: scopes.parsed(argument::scopes)?,
        })
    }

    /// The origins, with spaces or commas between them.
    fn cors_origins(&self) -> Result<Vec<WebOrigin>, Failure> {
        self.get("cors_origins").parsed(|text| {
            let words = text.split([' ', ',', '\n', '\t']).filter(|word| !word.is_empty());
            words.map(str::parse).collect()
        })
    }

    fn key_set_url(&self) -> Result<Option<KeySetUrl>, Failure> {
        let value = self.get("jwks_url");
        value.text.as_ref().map(|_| value.parsed(str::parse)).transpose()
    }

    fn page_token_header(&self) -> Result<Option<TokenHeader>, Failure> {
        let value = self.get("page_token_header");
        value.text.as_ref().map(|_| value.parsed(str::parse)).transpose()
    }

    /// The keys of the settings, from the current files.
    pub(crate) fn keys(&self) -> Result<Keys, Failure> {
        let mut keys = Keys::default();
        if let Some((secret, value)) = self.secret()? {
            keys.add_secret(&secret).map_err(|error| unfit(&value, &error))?;
        }
        let (public, set) = (self.get("jwt_public_key_file"), self.get("jwks_file"));
        if let Some(pem) = contents(&public)? {
            keys.add_public_key(&pem).map_err(|error| unfit(&public, &error))?;
        }
        if let Some(json) = contents(&set)? {
            keys.add_key_set(&json).map_err(|error| unfit(&set, &error))?;
        }
        if keys.is_empty() && self.get("jwks_url").text.is_none() {
            return Err(Failure::usage("there is no key to verify tokens, so every request would be refused").remedy(format!(
                "Set PHASELINE_JWT_SECRET (at least {SHORTEST_SECRET} bytes), --jwt-secret-file, --jwt-public-key-file, \
                 --jwks-file or --jwks-url; or, on this machine only, --no-auth."
            )));
        }
        Ok(keys)
    }
}

/// The error for an unusable key; for a short secret with a command that creates a long one, and the other users of the secret.
pub(crate) fn unfit(value: &Value, error: &KeyError) -> Failure {
    let failure = value.wrong(error);
    match error {
        KeyError::ShortSecret { .. } => failure.remedy(
            "Generate one, for example: openssl rand -base64 48. If another service signs the tokens, such as the planner (SECRET_KEY), \
             give it the same secret; tokens that it signed before are invalid then.",
        ),
        _ => failure,
    }
}

/// Reads the file that a value names.
fn contents(value: &Value) -> Result<Option<String>, Failure> {
    let Some(path) = &value.text else { return Ok(None) };
    std::fs::read_to_string(Path::new(path))
        .map(Some)
        .map_err(|error| value.wrong(format!("{path} cannot be read: {error}")))
}

/// The variable with the private server's folder.
const DATA_DIR: &str = "PHASELINE_DATA_DIR";

/// A non-empty environment variable.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.trim().is_empty())
}

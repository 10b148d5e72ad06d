//! What all pages have in common: where they are, who looks at them, and what that person may do.

use super::files::FOLDER;
use crate::auth::{Auth, Caller, TokenScope};
use crate::settings::Settings;

/// The part of the service that a page belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Section {
    /// The list of projects, and each of them.
    Portfolio,
    /// The log.
    Log,
    /// The migrations, rollbacks and repairs.
    Runs,
    /// None of these.
    None,
}

/// What all pages have in common.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    /// The prefix of all paths, without a slash at its end; empty for none.
    pub(crate) base: String,
    /// The part that the page belongs to.
    pub(crate) section: Section,
    /// Who looks at the page; none before signing in.
    pub(crate) visitor: Option<String>,
    /// Whether there are links to the pages: not before signing in.
    pub(crate) has_navigation: bool,
    /// Whether there is a session to end.
    pub(crate) can_sign_out: bool,
    /// Whether the visitor may change timelines.
    pub(crate) can_write: bool,
    /// Whether the visitor may see what was.
    pub(crate) can_look_back: bool,
    /// Whether the visitor's token is for all projects.
    pub(crate) sees_all: bool,
    /// Who holds drafts in this browser; empty before signing in.
    pub(crate) subject: String,
}

impl Frame {
    /// The frame for someone who has not signed in.
    pub(crate) fn of_stranger(settings: &Settings) -> Self {
        Self {
            base: settings.base_path.to_string(),
            section: Section::None,
            visitor: None,
            has_navigation: false,
            can_sign_out: false,
            can_write: false,
            can_look_back: false,
            sees_all: false,
            subject: String::new(),
        }
    }

    /// The frame for a caller.
    pub(crate) fn of(settings: &Settings, caller: &Caller, section: Section) -> Self {
        let signs_in = matches!(settings.auth, Auth::Tokens { .. });
        Self {
            base: settings.base_path.to_string(),
            section,
            visitor: signs_in.then(|| caller.name.clone().unwrap_or_else(|| caller.subject.clone())),
            has_navigation: true,
            can_sign_out: signs_in,
            can_write: caller.scopes.contains(TokenScope::PhasesWrite),
            can_look_back: caller.scopes.contains(TokenScope::HistoryRead),
            sees_all: caller.projects.is_none(),
            subject: caller.subject.clone(),
        }
    }

    /// The folder of scripts and styles.
    pub(crate) fn files(&self) -> String {
        format!("{}{}", self.base, *FOLDER)
    }

    /// Whether this is the page's part, for the navigation.
    pub(crate) fn is_in(&self, name: &str) -> bool {
        matches!(
            (self.section, name),
            (Section::Portfolio, "portfolio") | (Section::Log, "log") | (Section::Runs, "runs")
        )
    }
}

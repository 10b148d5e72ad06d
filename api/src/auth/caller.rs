//! The caller of a request, and its permissions.

use super::{Denied, ScopeSet, TokenScope};
use phaseline_domain::ProjectId;
use std::collections::BTreeSet;

/// An authenticated caller and its permissions. A route that takes `Result<Caller, Denied>` renders a denial itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Its subject (`sub`): the actor in the log.
    pub subject: String,
    /// Its name, if it is known, for the log.
    pub name: Option<String>,
    /// The issuer (`iss`), if the token has one: two issuers may give the same subject to different callers.
    pub issuer: Option<String>,
    /// Its scopes.
    pub scopes: ScopeSet,
    /// The projects to which it is limited; none if it is not limited.
    pub projects: Option<BTreeSet<ProjectId>>,
}

/// A caller who signs in.
#[derive(Clone, Debug)]
pub(crate) struct SignedIn {
    /// The caller.
    pub(crate) caller: Caller,
    /// When the token expires, in seconds since 1970.
    pub(crate) expires_at: i64,
}

impl Caller {
    /// Fails unless the caller has this scope.
    pub fn need(&self, scope: TokenScope) -> Result<(), Denied> {
        if self.scopes.contains(scope) { Ok(()) } else { Err(Denied::Scope(scope)) }
    }

    /// The caller, if it has this scope.
    pub fn with_scope(self, scope: TokenScope) -> Result<Self, Denied> {
        self.need(scope).map(|()| self)
    }

    /// Whether the caller may see this project.
    pub fn may_see(&self, project: ProjectId) -> bool {
        self.projects.as_ref().is_none_or(|projects| projects.contains(&project))
    }

    /// Fails unless the caller may see this project.
    pub fn need_project(&self, project: ProjectId) -> Result<(), Denied> {
        if self.may_see(project) { Ok(()) } else { Err(Denied::Project(project)) }
    }
}

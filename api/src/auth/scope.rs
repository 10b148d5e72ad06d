//! Scopes of tokens.

use std::fmt;
use std::str::FromStr;

/// A permission of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenScope {
    /// `phases:read`: read current timelines.
    PhasesRead,
    /// `phases:write`: change timelines.
    PhasesWrite,
    /// `history:read`: read histories and past timelines.
    HistoryRead,
}

impl TokenScope {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::PhasesRead, Self::PhasesWrite, Self::HistoryRead];

    /// Its name in a token.
    pub const fn name(self) -> &'static str {
        match self {
            Self::PhasesRead => "phases:read",
            Self::PhasesWrite => "phases:write",
            Self::HistoryRead => "history:read",
        }
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

impl fmt::Display for TokenScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// An unknown scope.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a scope; the scopes are phases:read, phases:write and history:read")]
pub struct UnknownScope(String);

impl FromStr for TokenScope {
    type Err = UnknownScope;

    fn from_str(name: &str) -> Result<Self, UnknownScope> {
        Self::ALL.into_iter().find(|scope| scope.name() == name).ok_or_else(|| UnknownScope(name.to_owned()))
    }
}

/// A set of scopes.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct ScopeSet(u8);

impl ScopeSet {
    /// All of them.
    pub fn all() -> Self {
        TokenScope::ALL.into_iter().collect()
    }

    /// Whether it has this one.
    pub const fn contains(self, scope: TokenScope) -> bool {
        self.0 & scope.bit() != 0
    }

    /// Those that it has.
    pub fn iter(self) -> impl Iterator<Item = TokenScope> {
        TokenScope::ALL.into_iter().filter(move |scope| self.contains(*scope))
    }

    /// The scopes of a token; unknown ones, of other services, are ignored.
    pub fn of_token<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        names.into_iter().flat_map(str::split_whitespace).filter_map(|name| name.parse().ok()).collect()
    }
}

impl FromIterator<TokenScope> for ScopeSet {
    fn from_iter<I: IntoIterator<Item = TokenScope>>(scopes: I) -> Self {
        Self(scopes.into_iter().fold(0, |set, scope| set | scope.bit()))
    }
}

impl FromStr for ScopeSet {
    type Err = UnknownScope;

    /// Parses names separated by spaces; an unknown one is an error.
    fn from_str(names: &str) -> Result<Self, UnknownScope> {
        names.split_whitespace().map(str::parse).collect()
    }
}

impl fmt::Display for ScopeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.iter().map(TokenScope::name).collect();
        f.write_str(&names.join(" "))
    }
}

impl fmt::Debug for ScopeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(TokenScope::name)).finish()
    }
}

//! Who asks for a page.

use super::answer::{PageFailure, PageRequest};
use super::frame::{Frame, Section};
use crate::auth::{Caller, Denied, TokenScope};
use crate::routes::RouteFailure;
use crate::state::AppState;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;

/// Who asks for a page, and how.
#[derive(Clone, Debug)]
pub(crate) struct Visitor {
    /// The caller.
    pub(crate) caller: Caller,
    /// What the page has in common with others.
    pub(crate) frame: Frame,
    /// The request.
    pub(crate) request: PageRequest,
}

impl FromRequestParts<AppState> for Visitor {
    type Rejection = PageFailure;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Self, PageFailure> {
        let request = PageRequest::of(&parts.uri, &parts.headers);
        match Caller::from_request_parts(parts, app).await {
            Ok(caller) => {
                let mut frame = Frame::of(&app.settings, &caller, Section::None);
                frame.can_sign_out = app.authenticator.is_session(&parts.headers);
                Ok(Self { caller, frame, request })
            }
            Err(denied) => Err(PageFailure::of_stranger(denied, app, &request)),
        }
    }
}

impl Visitor {
    /// The visitor in a part of the service; fails without the scope.
    pub(crate) fn in_section(mut self, section: Section, scope: TokenScope) -> Result<Self, PageFailure> {
        self.frame.section = section;
        match self.caller.need(scope) {
            Ok(()) => Ok(self),
            Err(denied) => Err(self.failure(denied)),
        }
    }

    /// A failure of the visitor's request.
    pub(crate) fn failure(&self, failure: impl Into<RouteFailure>) -> PageFailure {
        PageFailure::new(failure, &self.frame, &self.request)
    }

    /// Fails unless the visitor has the scope.
    pub(crate) fn need(&self, scope: TokenScope) -> Result<(), PageFailure> {
        self.caller.need(scope).map_err(|denied: Denied| self.failure(denied))
    }
}

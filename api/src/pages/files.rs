//! The scripts, the style sheet and the icon of the pages, as they are in the source tree. Their path has a hash of all of them, so that
//! a browser may keep them for ever, and a new program's page never loads an old program's script.

use crate::problem::not_found;
use crate::state::AppState;
use axum::Router;
use axum::extract::Path;
use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use sha2::{Digest, Sha256};
use std::sync::LazyLock;

const SCRIPT: &str = "text/javascript; charset=utf-8";

/// Name, type and content.
type File = (&'static str, &'static str, &'static [u8]);

macro_rules! files {
    ($($name:literal: $kind:expr),* $(,)?) => {
        [$(($name, $kind, include_bytes!(concat!("../../assets/", $name)) as &[u8])),*]
    };
}

/// All files.
static FILES: &[File] = &files! {
    "icon.svg": "image/svg+xml",
    "phaseline.css": "text/css; charset=utf-8",
    "bars.js": SCRIPT,
    "clock.js": SCRIPT,
    "lists.css": "text/css; charset=utf-8",
    "days.js": SCRIPT,
    "draft.js": SCRIPT,
    "list.js": SCRIPT,
    "live.js": SCRIPT,
    "moments.js": SCRIPT,
    "notices.js": SCRIPT,
    "page.js": SCRIPT,
    "project.js": SCRIPT,
    "region.js": SCRIPT,
    "server.js": SCRIPT,
};

/// The folder of the files in paths: `/assets/` and the hash of all files.
pub(super) static FOLDER: LazyLock<String> = LazyLock::new(|| {
    let mut hash = Sha256::new();
    for (name, _, content) in FILES {
        hash.update(name.as_bytes());
        hash.update(content.len().to_be_bytes());
        hash.update(content);
    }
    let digits: String = hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("/assets/{digits}")
});

/// The route.
pub(super) fn router() -> Router<AppState> {
    Router::new().route(
        "/assets/{hash}/{name}",
        get(async |Path((hash, name)): Path<(String, String)>| file(&hash, &name)),
    )
}

fn file(hash: &str, name: &str) -> Response {
    let found = FILES.iter().find(|(known, ..)| *known == name);
    let Some((_, kind, content)) = found.filter(|_| FOLDER.strip_prefix("/assets/") == Some(hash)) else {
        return not_found(format!("the service has no file /assets/{hash}/{name}: load the page again"))
            .into_response();
    };
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static(kind)),
        (CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable")),
    ];
    (headers, *content).into_response()
}

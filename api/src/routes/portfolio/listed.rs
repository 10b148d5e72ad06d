//! The response with a page of a list: its headers, and whether it may be cached.

use super::list_query::PageQuery;
use crate::problem::{Problem, internal};
use crate::routes::moment::{Caching, add_moment};
use crate::routes::success::{Listed, ResponseContent};
use crate::work::{MANY, aside_if};
use axum::http::header::{CONTENT_TYPE, ETAG, IF_NONE_MATCH, LINK};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use phaseline_store::moment::ResolvedMoment;
use serde::Serialize;
use sha2::{Digest, Sha256};

/// What a page's response has besides its content.
pub(super) struct ListAnswer<'a> {
    pub(super) page: &'a PageQuery,
    /// The moment, of a difference the later one.
    pub(super) moment: ResolvedMoment,
    /// The parameters with the positions.
    pub(super) at: Vec<(&'static str, i64)>,
    /// Where the next page begins.
    pub(super) next: Option<&'a str>,
    /// Whether the query has the positions, not times.
    pub(super) is_fixed: bool,
    /// Whether all events of the page, and of the sums, are the recorded ones: a mark or a later program changes what others mean.
    pub(super) is_sound: bool,
    /// The number of projects and phases.
    pub(super) entries: usize,
}

impl ListAnswer<'_> {
    /// The response; without content if the client has it.
    pub(super) async fn of<C>(self, body: C, headers: &HeaderMap) -> Result<Listed<C>, Box<Problem>>
    where
        C: ResponseContent<Value = C> + Serialize + Send + 'static,
    {
        let content = aside_if(self.entries >= MANY, move || {
            let content = serde_json::to_vec(&body)?;
            let tag = format!("W/\"{}\"", URL_SAFE_NO_PAD.encode(Sha256::digest(&content)));
            Ok::<_, serde_json::Error>((content, tag))
        });
        let (content, tag) = content.await?.map_err(|_| internal())?;
        let is_known = headers.get_all(IF_NONE_MATCH).iter().any(|tags| lists(tags, &tag));
        let mut response = if is_known {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            let json = HeaderValue::from_static("application/json");
            ([(CONTENT_TYPE, json)], content).into_response()
        };
        self.add_headers(&mut response, &tag);
        Ok(Listed::of_response(response))
    }

    fn add_headers(&self, response: &mut Response, tag: &str) {
        let is_immutable = self.is_fixed && self.is_sound && !self.page.has_names();
        let caching = if is_immutable { Caching::Immutable } else { Caching::Revalidated };
        add_moment(response, self.moment, &self.page.canonical(&self.at), caching);
        let headers = response.headers_mut();
        if let Ok(tag) = HeaderValue::from_str(tag) {
            headers.insert(ETAG, tag);
        }
        if let Some(cursor) = self.next {
            let canonical = headers.get(LINK).and_then(|link| link.to_str().ok()).unwrap_or_default();
            let links = format!("{canonical}, <{}>; rel=\"next\"", self.page.link(&self.at, Some(cursor)));
            if let Ok(links) = HeaderValue::from_str(&links) {
                headers.insert(LINK, links);
            }
        }
    }
}

/// Whether `If-None-Match` lists a tag. Tags are weak, since the content may be compressed on the way.
fn lists(tags: &HeaderValue, tag: &str) -> bool {
    let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    let listed = tags.to_str().unwrap_or_default().split(',').map(opaque);
    listed.into_iter().any(|listed| listed == "*" || listed == opaque(tag))
}

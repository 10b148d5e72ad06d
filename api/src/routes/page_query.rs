//! What the queries of pages have in common: the most entries, the parameters that choose what is listed, and the paths of other pages.

use crate::problem::{Problem, bad_request};
use axum::http::StatusCode;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use std::collections::HashMap;

/// The default page size.
const LIMIT: usize = 100;
/// The largest page.
const MOST: usize = 500;

/// The most entries of a requested page.
pub(super) fn page_limit(query: &HashMap<String, String>) -> Result<usize, Box<Problem>> {
    let Some(text) = query.get("limit") else { return Ok(LIMIT) };
    let limit = text.parse::<usize>().ok().filter(|limit| (1..=MOST).contains(limit));
    limit.ok_or_else(|| {
        Box::new(bad_request(format!("limit must be a number from 1 to {MOST}, not {text:?}")))
    })
}

/// A cursor that is not one of the requested list.
pub(super) fn bad_cursor(detail: &'static str) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "bad_cursor", "Bad cursor", detail)
}

/// The parameters that choose what a route lists, as they were given: all pages have them in common.
#[derive(Debug)]
pub(super) struct ChosenParameters {
    path: &'static str,
    given: Vec<(&'static str, String)>,
}

impl ChosenParameters {
    /// Those of `names` that the query of the route at `path` has.
    pub(super) fn of(path: &'static str, names: &[&'static str], query: &HashMap<String, String>) -> Self {
        let given = names.iter().filter_map(|name| Some((*name, query.get(*name)?.clone()))).collect();
        Self { path, given }
    }

    /// A short digest of them and of the route, for cursors.
    pub(super) fn digest(&self) -> String {
        let mut digest = Sha256::new_with_prefix(self.path);
        for (name, value) in &self.given {
            digest.update(format!("&{}:{name}={value}", value.len()));
        }
        URL_SAFE_NO_PAD.encode(&digest.finalize()[..12])
    }

    /// The path with them, and with other parameters.
    pub(super) fn link(&self, others: &[(&str, String)]) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(&self.given).extend_pairs(others);
        format!("{}?{}", self.path, query.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::ChosenParameters;
    use std::collections::HashMap;

    fn chosen(path: &'static str, pairs: &[(&str, &str)]) -> ChosenParameters {
        let query: HashMap<String, String> =
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        ChosenParameters::of(path, &["q", "on"], &query)
    }

    #[test]
    fn a_digest_is_of_the_route_and_of_each_chosen_parameter() {
        let digest = chosen("/a", &[("q", "x"), ("limit", "7")]).digest();
        assert_eq!(chosen("/a", &[("q", "x")]).digest(), digest);
        for (path, pairs) in [
            ("/b", &[("q", "x")][..]),
            ("/a", &[]),
            ("/a", &[("q", "x"), ("on", "")]),
            ("/a", &[("on", "x")]),
        ] {
            assert_ne!(chosen(path, pairs).digest(), digest, "{path} {pairs:?}");
        }
    }

    #[test]
    fn a_path_has_the_parameters_encoded() {
        let link = chosen("/a", &[("q", "x&y=ä +")]).link(&[("limit", "7".to_owned())]);
        assert_eq!(link, "/a?q=x%26y%3D%C3%A4+%2B&limit=7");
    }
}

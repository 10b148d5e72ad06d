//! Refuses query parameters that a route does not have, by the description: a misspelt one would be ignored, and the request
//! carried out without it.

use super::write_request::Unread;
use crate::problem::{FieldError, Problem, bad_request};
use axum::extract::rejection::QueryRejection;
use axum::extract::{MatchedPath, Query, Request, State};
use axum::http::{Method, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use utoipa::openapi::path::{Operation, ParameterIn, PathItem};
use utoipa::openapi::{OpenApi, RefOr};

/// The tag of the planner's own routes, which have their own form of errors.
const PLANNER: &str = "planner";

/// The most parameters that a response lists.
const MOST: usize = 100;

/// The longest part of an unknown name that a response repeats, in characters.
const LONGEST: usize = 100;

/// The query of a request, as its route extracts it.
pub(crate) type QueryResult = Result<Query<HashMap<String, String>>, QueryRejection>;

/// How much of the body of a refused request is read and discarded.
const DISCARDED: usize = 1024 * 1024;

/// The query parameters of every route, by path and method.
pub(crate) type KnownParameters = Arc<HashMap<(String, Method), RouteQuery>>;

/// The query of one route.
#[derive(Debug)]
pub(crate) struct RouteQuery {
    names: BTreeSet<String>,
    is_planners: bool,
}

/// Reads the query parameters of every route from the description.
pub(crate) fn known_parameters(description: &OpenApi) -> KnownParameters {
    let paths = description.paths.paths.iter();
    let each = paths.flat_map(|(path, item)| {
        operations(item).map(|(method, operation)| ((path.clone(), method), RouteQuery::of(operation)))
    });
    Arc::new(each.collect())
}

fn operations(item: &PathItem) -> impl Iterator<Item = (Method, &Operation)> {
    let all = [
        (Method::GET, &item.get),
        (Method::PUT, &item.put),
        (Method::POST, &item.post),
        (Method::DELETE, &item.delete),
        (Method::PATCH, &item.patch),
    ];
    all.into_iter().filter_map(|(method, operation)| Some((method, operation.as_ref()?)))
}

impl RouteQuery {
    fn of(operation: &Operation) -> Self {
        let parameters = operation.parameters.iter().flatten().filter_map(|parameter| match parameter {
            RefOr::T(parameter) if parameter.parameter_in == ParameterIn::Query => {
                Some(parameter.name.clone())
            }
            _ => None,
        });
        let is_planners = operation.tags.iter().flatten().any(|tag| tag == PLANNER);
        Self { names: parameters.collect(), is_planners }
    }

    /// What is wrong with the names of a query: each unknown one, and each known one that occurs twice.
    fn faults(&self, uri: &Uri) -> Vec<FieldError> {
        let Ok(Query(pairs)) = Query::<Vec<(String, String)>>::try_from_uri(uri) else { return Vec::new() };
        let mut counted = BTreeMap::<String, usize>::new();
        for (name, _) in pairs {
            *counted.entry(name).or_default() += 1;
        }
        let faults = counted.into_iter().filter_map(|(name, count)| {
            let message = match self.names.contains(&name) {
                true if count == 1 => return None,
                true => format!("the query has the parameter {name:?} {count} times; send it once"),
                false => self.unknown(&name),
            };
            Some(FieldError { field: Some(start_of(&name)), message, ..FieldError::default() })
        });
        faults.collect()
    }

    fn unknown(&self, name: &str) -> String {
        let shown = start_of(name);
        let nearest = self.names.iter().min_by_key(|known| strsim::damerau_levenshtein(&shown, known));
        match nearest {
            None => format!("unknown query parameter {shown:?}: this route has none"),
            Some(nearest) if strsim::damerau_levenshtein(&shown, nearest) > nearest.len().max(3) / 2 => {
                let all: Vec<&str> = self.names.iter().map(String::as_str).collect();
                format!("unknown query parameter {shown:?}: this route has {}", all.join(", "))
            }
            Some(nearest) => {
                let all: Vec<&str> = self.names.iter().map(String::as_str).collect();
                format!(
                    "unknown query parameter {shown:?}: the nearest of this route is {nearest:?} (it has {})",
                    all.join(", ")
                )
            }
        }
    }

    fn refusal(&self, mut faults: Vec<FieldError>) -> Option<Response> {
        let detail = faults.first()?.message.clone();
        let more = faults.len().saturating_sub(MOST);
        faults.truncate(MOST);
        let problem: Problem = bad_request(detail).errors(faults).more_errors(more);
        Some(match self.is_planners {
            true => {
                let body = json!({ "detail": problem.detail() });
                problem.with_body(&body)
            }
            false => problem.into_response(),
        })
    }
}

fn start_of(name: &str) -> String {
    name.chars().take(LONGEST).collect()
}

/// Refuses a request whose query has a parameter that its route does not have, before the route does anything.
pub(crate) async fn refuse_unknown(
    State(known): State<KnownParameters>,
    path: Option<MatchedPath>,
    request: Request,
    next: Next,
) -> Response {
    if request.uri().query().is_none() {
        return next.run(request).await;
    }
    let method = if request.method() == Method::HEAD { Method::GET } else { request.method().clone() };
    let route = path.and_then(|path| known.get(&(path.as_str().to_owned(), method)));
    let refusal = route.and_then(|route| route.refusal(route.faults(request.uri())));
    match refusal {
        None => next.run(request).await,
        Some(refusal) => {
            drop(Unread::new(request.into_body(), DISCARDED));
            refusal
        }
    }
}

//! The queries of lists of timelines, and their cursors, which are opaque to clients: the log, the positions, what is listed, and the
//! place behind the last project of the page before.

use crate::problem::{Problem, bad_request};
use crate::routes::diff::moments;
use crate::routes::history::log_id;
use crate::routes::moment::{end, resolved};
use crate::routes::page_query::{ChosenParameters, bad_cursor, page_limit};
use crate::state::AppState;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::NaiveDate;
use phaseline_domain::ProjectId;
use phaseline_projections::portfolio::{ListPlace, PortfolioFilter, Positions};
use phaseline_store::moment::{Moment, ResolvedMoment};
use std::collections::{BTreeSet, HashMap};
use utoipa::IntoParams;
use uuid::Uuid;

/// The longest text to search for, in characters.
const LONGEST_SEARCH: usize = 200;
/// The parameters that say what is listed, in the order of a path.
const SELECTING: [&str; 3] = ["q", "on", "names"];

/// The day of a list.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "for the description")]
pub(super) struct DayQuery {
    /// Only projects that run on this day, with the phases that do.
    #[param(format = Date)]
    on: Option<String>,
}

/// What lists of projects have in common.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "for the description")]
pub(super) struct ListQuery {
    /// Only projects with this text in name or cost centre, in any case, or as a prefix of the id.
    #[param(max_length = 200)]
    q: Option<String>,
    /// `false` leaves out names and cost centres, and lists by id.
    names: Option<bool>,
    /// `true` adds the sums over all pages.
    totals: Option<bool>,
    /// The number of projects; the default is 100.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<i64>,
    /// Where the page begins: `next_cursor` of the page before it. It keeps that page's moment, or moments.
    cursor: Option<String>,
}

/// The tag that a client has.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "for the description")]
pub(super) struct KnownTag {
    /// The `ETag` of a stored response: if the content is the same, the response is 304 without it.
    #[param(rename = "If-None-Match", nullable = false)]
    if_none_match: Option<String>,
}

/// The requested page of a list.
#[derive(Debug)]
pub(crate) struct PageQuery {
    log: Uuid,
    /// Which projects.
    pub(crate) filter: PortfolioFilter,
    /// Whether sums over all pages are wanted.
    pub(crate) has_totals: bool,
    /// The most projects.
    pub(crate) limit: usize,
    chosen: ChosenParameters,
    begin: Option<(Positions, ListPlace)>,
    cursor: Option<String>,
}

impl PageQuery {
    /// Reads a query. `only` are the projects that the caller may see; none for all.
    pub(crate) async fn of(
        app: &AppState,
        path: &'static str,
        query: &HashMap<String, String>,
        only: Option<BTreeSet<ProjectId>>,
    ) -> Result<Self, Box<Problem>> {
        let mut page = Self::without_cursor(path, query, only)?;
        page.log = log_id(app).await?;
        if let Some(cursor) = query.get("cursor") {
            page.begin = Some(page.read(cursor).ok_or_else(foreign_cursor)?);
            page.cursor = Some(cursor.clone());
        }
        Ok(page)
    }

    /// The same, without looking at its cursor.
    pub(crate) fn without_cursor(
        path: &'static str,
        query: &HashMap<String, String>,
        only: Option<BTreeSet<ProjectId>>,
    ) -> Result<Self, Box<Problem>> {
        let limit = page_limit(query)?;
        let search = query.get("q").filter(|text| !text.is_empty());
        if search.is_some_and(|text| text.contains('\0') || text.chars().count() > LONGEST_SEARCH) {
            let message = format!("q must be a text of at most {LONGEST_SEARCH} characters without U+0000");
            return Err(Box::new(bad_request(message)));
        }
        let on = query.get("on").map(|text| day("on", text)).transpose()?;
        let has_names = flag(query, "names")?.unwrap_or(true);
        if search.is_some() && !has_names {
            return Err(Box::new(bad_request("q searches names; leave out names=false")));
        }
        Ok(Self {
            log: Uuid::nil(),
            filter: PortfolioFilter {
                only,
                search: search.cloned(),
                on,
                without_names: !has_names,
                begun_by: None,
            },
            has_totals: flag(query, "totals")?.unwrap_or(false),
            limit,
            chosen: ChosenParameters::of(path, &SELECTING, query),
            begin: None,
            cursor: None,
        })
    }

    /// The positions of the page before; none for the first page.
    pub(crate) fn positions(&self) -> Option<Positions> {
        self.begin.as_ref().map(|(positions, _)| *positions)
    }

    /// Where the page begins.
    pub(crate) fn place(&self) -> ListPlace {
        self.begin.as_ref().map_or_else(ListPlace::default, |(_, place)| place.clone())
    }

    /// Whether the list has names.
    pub(crate) const fn has_names(&self) -> bool {
        !self.filter.without_names
    }

    /// The moments of a difference, and whether both were given as positions. Those that are not given are the cursor's.
    pub(crate) async fn moments(
        &self,
        app: &AppState,
        query: &HashMap<String, String>,
    ) -> Result<([ResolvedMoment; 2], bool), Box<Problem>> {
        let mut given = [end(query, "from")?, end(query, "to")?];
        let is_fixed = given.iter().all(|given| matches!(given, Some(Moment::Position(_))));
        if let Some(positions) = self.positions() {
            for (given, position) in given.iter_mut().zip(positions) {
                given.get_or_insert(Moment::Position(position));
            }
        }
        let moments = moments(app, given).await;
        Ok((moments.map_err(|problem| self.without_position(problem))?, is_fixed))
    }

    /// The moment of a cursor's position.
    pub(crate) async fn resolved(
        &self,
        app: &AppState,
        position: i64,
    ) -> Result<ResolvedMoment, Box<Problem>> {
        resolved(app, Moment::Position(position)).await.map_err(|problem| self.without_position(problem))
    }

    /// A cursor's position that the log does not have makes it a bad cursor.
    fn without_position(&self, problem: Box<Problem>) -> Box<Problem> {
        let is_cursors = self.begin.is_some() && problem.code() == "no_such_position";
        if is_cursors { Box::new(foreign_cursor()) } else { problem }
    }

    /// Fails unless the cursor, if there is one, is of these positions.
    pub(crate) fn check(&self, positions: Positions) -> Result<(), Box<Problem>> {
        match self.positions() {
            Some(begun) if begun != positions => Err(Box::new(foreign_cursor())),
            _ => Ok(()),
        }
    }

    /// The cursor of the page behind a place.
    pub(crate) fn cursor(&self, [from, to]: Positions, place: &ListPlace) -> String {
        let place = match place {
            ListPlace::Named(None) | ListPlace::Unnamed(None) => String::new(),
            ListPlace::Named(Some((name, id))) => format!("{}.{name}", id.uuid().simple()),
            ListPlace::Unnamed(Some(id)) => id.uuid().simple().to_string(),
        };
        URL_SAFE_NO_PAD.encode(format!("{}.{from}.{to}.{}.{place}", self.log.simple(), self.chosen.digest()))
    }

    fn read(&self, cursor: &str) -> Option<(Positions, ListPlace)> {
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
        // A name may have dots.
        let mut parts = text.splitn(6, '.');
        let mut next = || parts.next();
        let (log, from, to, selection, id) = (next()?, next()?, next()?, next()?, next()?);
        if log != self.log.simple().to_string() || selection != self.chosen.digest() {
            return None;
        }
        let position = |text: &str| text.parse::<i64>().ok().filter(|position| *position >= 0);
        let id = ProjectId::from(id.parse::<Uuid>().ok()?);
        let place = match next() {
            Some(name) if self.has_names() && !name.contains('\0') => {
                ListPlace::Named(Some((name.to_owned(), id)))
            }
            Some(_) => return None,
            None => ListPlace::Unnamed(Some(id)),
        };
        Some(([position(from)?, position(to)?], place))
    }

    /// The path of this list at these moments, from a cursor on, with all that the query says otherwise.
    pub(crate) fn link(&self, at: &[(&'static str, i64)], cursor: Option<&str>) -> String {
        let mut others: Vec<_> = at.iter().map(|(name, position)| (*name, position.to_string())).collect();
        others.extend(self.has_totals.then(|| ("totals", "true".to_owned())));
        others.push(("limit", self.limit.to_string()));
        others.extend(cursor.map(|cursor| ("cursor", cursor.to_owned())));
        self.chosen.link(&others)
    }

    /// The path of this page at these moments.
    pub(crate) fn canonical(&self, at: &[(&'static str, i64)]) -> String {
        self.link(at, self.cursor.as_deref())
    }
}

/// The day of a parameter.
pub(crate) fn day(name: &str, text: &str) -> Result<NaiveDate, Box<Problem>> {
    let parsed = text.parse::<NaiveDate>().ok().filter(|day| day.to_string() == text);
    parsed.ok_or_else(|| {
        Box::new(bad_request(format!("{name} must be a day such as 2026-01-31, not {text:?}")))
    })
}

fn flag(query: &HashMap<String, String>, name: &str) -> Result<Option<bool>, Box<Problem>> {
    match query.get(name).map(String::as_str) {
        None => Ok(None),
        Some("true") => Ok(Some(true)),
        Some("false") => Ok(Some(false)),
        Some(other) => Err(Box::new(bad_request(format!("{name} must be true or false, not {other:?}")))),
    }
}

fn foreign_cursor() -> Problem {
    bad_cursor("the cursor is not one of this list, of this log, at this moment: begin again without one")
}

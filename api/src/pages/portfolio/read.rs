//! Reads the projects of the page.

use super::form::PortfolioForm;
use super::slip::{Slip, slips};
use crate::auth::{Caller, TokenScope};
use crate::pages::parameters::end_of_day;
use crate::problem::{Problem, internal, of_read};
use crate::routes::moment::{resolved, tip};
use crate::routes::portfolio::PageQuery;
use crate::state::AppState;
use phaseline_domain::ProjectId;
use phaseline_projections::drift::{DriftedProject, find_drift_among};
use phaseline_projections::planner_view::count_projects;
use phaseline_projections::portfolio::{self, ListPage, PortfolioProject, PortfolioTotals};
use phaseline_store::moment::{Moment, ResolvedMoment};
use phaseline_store::{StoreError, read, schema};
use sqlx::PgConnection;
use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};
use uuid::Uuid;

/// Projects that are compared with the log at once.
const BLOCK: usize = 100;
/// How long a page compares projects with the log before it offers to continue.
const COMPARES_FOR: Duration = Duration::from_secs(8);

/// Why there is no list.
#[derive(Debug)]
pub(super) enum RefusedList {
    /// A field of the form has a value that the log refuses.
    Field(&'static str, Box<Problem>),
    /// Anything else.
    Failed(Box<Problem>),
}

impl From<Box<Problem>> for RefusedList {
    fn from(problem: Box<Problem>) -> Self {
        Self::Failed(problem)
    }
}

/// What was found.
#[derive(Debug)]
pub(super) struct FoundProjects {
    pub(super) moment: ResolvedMoment,
    /// Whether the log accepts commands.
    pub(super) accepts: bool,
    pub(super) projects: Vec<PortfolioProject>,
    /// The sums of these projects.
    pub(super) page: PortfolioTotals,
    /// The sums of all pages, if requested.
    pub(super) totals: Option<PortfolioTotals>,
    /// The planner's projects without a timeline, if that is known.
    pub(super) without_timeline: Option<i64>,
    /// The position with which the projects are compared.
    pub(super) since: Option<i64>,
    pub(super) slips: HashMap<ProjectId, Slip>,
    pub(super) drifted: BTreeMap<ProjectId, DriftedProject>,
    /// How many projects were compared with the log.
    pub(super) compared: Option<usize>,
    /// The cursor of the next page.
    pub(super) next: Option<String>,
}

/// What is read in one session.
#[derive(Default)]
struct ReadProjects {
    projects: Vec<PortfolioProject>,
    next: Option<portfolio::ListPlace>,
    totals: Option<PortfolioTotals>,
    without_timeline: Option<i64>,
    slips: HashMap<ProjectId, Slip>,
    drifted: BTreeMap<ProjectId, DriftedProject>,
    compared: Option<usize>,
}

/// What to read.
struct ListRequest<'a> {
    page: &'a PageQuery,
    position: i64,
    since: Option<i64>,
    /// Whether the visitor may see what the planner does not have any more.
    looks_back: bool,
    is_now: bool,
}

/// Finds the projects for a caller, who sees the present only without the right to look back.
pub(super) async fn find(
    app: &AppState,
    caller: &Caller,
    form: &PortfolioForm,
) -> Result<FoundProjects, RefusedList> {
    let looks_back = caller.scopes.contains(TokenScope::HistoryRead);
    let accepts = accepts_commands(app).await?;
    if !accepts && (!looks_back || form.has_drift) {
        return Err(Box::new(Problem::of_store(&StoreError::NotAccepting)).into());
    }
    let page =
        PageQuery::of(app, "/", &form.query(), caller.projects.clone()).await.map_err(
            |problem| match problem.code() {
                "bad_cursor" => RefusedList::Field("cursor", problem),
                _ => RefusedList::Failed(problem),
            },
        )?;
    // Cursors are not signed: without history:read only the place of a cursor counts, and the moment is the end of the log.
    let begun = page.positions().filter(|_| looks_back);
    let moment = match (form.requested, begun) {
        (Some(requested), _) => {
            resolved(app, requested).await.map_err(|problem| of_moment(form.moment_field(), problem))?
        }
        (None, Some([_, position])) => {
            page.resolved(app, position).await.map_err(|problem| of_moment("cursor", problem))?
        }
        (None, None) => tip(app).await?,
    };
    if looks_back {
        page.check([moment.position; 2]).map_err(|problem| RefusedList::Field("cursor", problem))?;
    }
    let since = since(app, form, moment.position).await?;
    let request = ListRequest {
        page: &page,
        position: moment.position,
        since,
        looks_back,
        is_now: form.requested.is_none(),
    };
    let reading = app.readers.acquire().await.map_err(|_| Box::new(internal()))?;
    let mut session = app.sessions.begin().await.map_err(of_read)?;
    let found = match form.has_drift {
        true => drifted(&mut session, &request, COMPARES_FOR.min(app.settings.request_timeout / 3)).await,
        false => listed(&mut session, &request).await,
    };
    let found = session.end(found).map_err(|error| Box::new(Problem::of_store(&error)))?;
    drop(reading);
    let mut sums = PortfolioTotals::default();
    found.projects.iter().for_each(|project| sums.add(project));
    Ok(FoundProjects {
        moment,
        accepts,
        projects: found.projects,
        page: sums,
        totals: found.totals,
        without_timeline: found.without_timeline.filter(|projects| *projects > 0),
        since,
        slips: found.slips,
        drifted: found.drifted,
        compared: found.compared,
        next: found.next.map(|place| page.cursor([moment.position; 2], &place)),
    })
}

async fn accepts_commands(app: &AppState) -> Result<bool, Box<Problem>> {
    let mut session = app.sessions.begin().await.map_err(of_read)?;
    let accepts = schema::accepts_commands(&mut session).await;
    session.end(accepts).map_err(|error| Box::new(Problem::of_store(&error)))
}

/// A moment that the log does not have is a fault of its field; others are failures.
fn of_moment(field: &'static str, problem: Box<Problem>) -> RefusedList {
    match problem.code() {
        "no_such_position" | "in_the_future" | "bad_cursor" => RefusedList::Field(field, problem),
        _ => RefusedList::Failed(problem),
    }
}

/// The position at the end of the day to compare with.
async fn since(app: &AppState, form: &PortfolioForm, shown: i64) -> Result<Option<i64>, RefusedList> {
    let Some(day) = form.since else { return Ok(None) };
    let moment = Moment::Time(end_of_day(day));
    let earlier = resolved(app, moment).await.map_err(|problem| of_moment("since", problem))?;
    if earlier.position > shown {
        let detail = "the day to compare with is after the moment that is shown: choose an earlier one";
        return Err(RefusedList::Field("since", Box::new(crate::problem::bad_request(detail))));
    }
    Ok(Some(earlier.position))
}

impl ListRequest<'_> {
    fn may_show(&self, project: &PortfolioProject) -> bool {
        self.looks_back || project.name.name.is_some()
    }

    async fn page(
        &self,
        connection: &mut PgConnection,
        from: portfolio::ListPlace,
        limit: usize,
    ) -> Result<ListPage<PortfolioProject>, StoreError> {
        let mut page = portfolio::page(connection, self.position, &self.page.filter, from, limit).await?;
        page.projects.retain(|project| self.may_show(project));
        Ok(page)
    }

    /// The planner's projects, among those that the caller may see, without a timeline.
    async fn without_timeline(
        &self,
        connection: &mut PgConnection,
        with: i64,
    ) -> Result<Option<i64>, StoreError> {
        let filter = &self.page.filter;
        if filter.search.is_some() || filter.on.is_some() || !self.is_now {
            return Ok(None);
        }
        let only: Option<Vec<Uuid>> =
            filter.only.as_ref().map(|only| only.iter().map(|id| id.uuid()).collect());
        Ok(count_projects(connection, only.as_deref()).await?.map(|all| (all - with).max(0)))
    }
}

async fn listed(
    connection: &mut PgConnection,
    request: &ListRequest<'_>,
) -> Result<ReadProjects, StoreError> {
    let ListRequest { page, position, since, .. } = *request;
    let found = request.page(connection, page.place(), page.limit).await?;
    let mut read = ReadProjects { projects: found.projects, next: found.next, ..ReadProjects::default() };
    if let Some(since) = since {
        let ids: Vec<ProjectId> = read.projects.iter().map(|project| project.project_id).collect();
        read.slips = slips(connection, &ids, [since, position]).await?;
    }
    if page.has_totals {
        let (mut totals, mut named) = (PortfolioTotals::default(), 0);
        portfolio::each_project(connection, position, &page.filter, |project| {
            if request.may_show(&project) {
                totals.add(&project);
                named += i64::from(project.is_found && project.name.name.is_some());
            }
            Ok(())
        })
        .await?;
        read.totals = Some(totals);
        read.without_timeline = request.without_timeline(connection, named).await?;
    } else if read.projects.is_empty() && page.positions().is_none() {
        read.without_timeline = request.without_timeline(connection, 0).await?;
    }
    Ok(read)
}

/// The projects that differ from the log: as many as a page has, or as are found in some time.
async fn drifted(
    connection: &mut PgConnection,
    request: &ListRequest<'_>,
    duration: Duration,
) -> Result<ReadProjects, StoreError> {
    let begun = Instant::now();
    let mut snapshot = read::snapshot_or_savepoint(connection).await?;
    let mut read = ReadProjects::default();
    let mut compared = 0;
    let mut place = request.page.place();
    loop {
        let block = request.page(&mut snapshot, place, BLOCK).await?;
        let ids: Vec<ProjectId> = block.projects.iter().map(|project| project.project_id).collect();
        compared += ids.len();
        let found = find_drift_among(&mut snapshot, &ids).await?;
        read.projects
            .extend(block.projects.into_iter().filter(|project| found.contains_key(&project.project_id)));
        read.drifted.extend(found);
        let Some(next) = block.next else { break };
        if read.projects.len() >= request.page.limit || begun.elapsed() >= duration {
            read.next = Some(next);
            break;
        }
        place = next;
    }
    read.compared = Some(compared);
    snapshot.rollback().await?;
    Ok(read)
}

//! Successful responses about a timeline. Each kind adds its headers, and describes them in `/openapi.json`.

use super::headers::{REPLAYED, TimelineVersion, mark_quarantine, with_version};
use crate::problem::Problem;
use crate::state::AppState;
use crate::work::{MANY, aside_if};
use axum::Json;
use axum::http::header::{LINK, LOCATION};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use phaseline_domain::ProjectId;
use serde::Serialize;
use std::collections::BTreeMap;
use std::marker::PhantomData;
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::response::ResponseBuilder;
use utoipa::openapi::schema::{
    ArrayBuilder, KnownFormat, ObjectBuilder, Ref, Schema, SchemaFormat, SchemaType, Type,
};
use utoipa::openapi::{self, RefOr};
use utoipa::{IntoResponses, ToSchema};

/// What a response contains: one component of the description, or, as a slice, a list of them.
pub(crate) trait ResponseContent {
    /// What is serialised.
    type Value: Serialize + Send + 'static;

    /// The description.
    fn schema() -> RefOr<Schema>;
}

impl<T: ToSchema + Serialize + Send + 'static> ResponseContent for T {
    type Value = T;

    fn schema() -> RefOr<Schema> {
        RefOr::Ref(Ref::from_schema_name(T::name()))
    }
}

impl<T: ToSchema + Serialize + Send + 'static> ResponseContent for [T] {
    type Value = Vec<T>;

    fn schema() -> RefOr<Schema> {
        RefOr::T(Schema::Array(ArrayBuilder::new().items(<T as ResponseContent>::schema()).build()))
    }
}

/// A header of a response: its name, its type, its description.
pub(crate) struct HeaderDoc(&'static str, Type, &'static str);

const VERSION: HeaderDoc = HeaderDoc("ETag", Type::String, "The timeline's version.");
const POSITION: HeaderDoc =
    HeaderDoc("Phaseline-Position", Type::Integer, "The position of the timeline's last event.");
const QUARANTINE: HeaderDoc = HeaderDoc(
    "Phaseline-Quarantine",
    Type::String,
    "If the timeline is in quarantine: the positions of the first ten events that cannot be read.",
);
const REPLAY: HeaderDoc = HeaderDoc(
    "Idempotent-Replayed",
    Type::String,
    "`true` if this repeats the response to an earlier request with the same key.",
);

/// A status and the headers that come with it.
pub(crate) trait ResponseKind {
    /// The status.
    const STATUS: StatusCode;
    /// What the response contains.
    const DESCRIPTION: &'static str;
    /// All headers.
    const HEADERS: &'static [HeaderDoc];
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $alias:ident = $kind:ident $status:ident $description:literal [$($header:expr),*];)*) => {
        $(
            $(#[$doc])*
            pub(crate) type $alias<C> = Success<$kind, C>;

            /// See the type of the response.
            #[derive(Debug)]
            pub(crate) struct $kind;

            impl ResponseKind for $kind {
                const STATUS: StatusCode = StatusCode::$status;
                const DESCRIPTION: &'static str = $description;
                const HEADERS: &'static [HeaderDoc] = &[$($header),*];
            }
        )*
    };
}

kinds! {
    /// The current rows of a timeline.
    Current = CurrentKind OK "The current state." [VERSION, POSITION, QUARANTINE];
    /// A timeline now, or at a moment.
    AtMoment = AtMomentKind OK "The state now, or at the moment." [
        VERSION, POSITION, QUARANTINE,
        HeaderDoc("Phaseline-At", Type::Integer, "The position of the log that the moment means; absent for now."),
        HeaderDoc("Phaseline-As-Of", Type::String, "The time of that position."),
        HeaderDoc("Link", Type::String, "The same by position: `<...>; rel=\"canonical\"`."),
        HeaderDoc("Cache-Control", Type::String, "Whether the response may be cached.")
    ];
    /// One page of a timeline's rows or events.
    Paged = PagedKind OK "One page, or the whole list." [
        HeaderDoc("Link", Type::String, "The next page, if there is one: `<...>; rel=\"next\"`."),
        VERSION, POSITION, QUARANTINE
    ];
    /// One page of a list of timelines.
    Listed = ListedKind OK "One page, or the whole list." [
        HeaderDoc(
            "Link", Type::String,
            "The same page by position: `<...>; rel=\"canonical\"`. The next page, if there is one: `<...>; rel=\"next\"`."
        ),
        HeaderDoc("ETag", Type::String, "The content's tag, for `If-None-Match`."),
        HeaderDoc("Phaseline-At", Type::Integer, "The position of the log that the response is about."),
        HeaderDoc("Phaseline-As-Of", Type::String, "The time of that position; absent before the first event."),
        HeaderDoc("Cache-Control", Type::String, "Whether the response may be cached.")
    ];
    /// One page of the log.
    Logged = LoggedKind OK "One page." [
        HeaderDoc("Link", Type::String, "The next page, if there is one: `<...>; rel=\"next\"`.")
    ];
    /// The result of a preview.
    Previewed = PreviewedKind OK "The effects of the command." [
        HeaderDoc("ETag", Type::String, "The version that the command was tried on."), POSITION
    ];
    /// A timeline after a command.
    Changed = ChangedKind OK "The state after the change." [VERSION, POSITION, REPLAY];
    /// A timeline that the command opened.
    Opened = OpenedKind CREATED "The new timeline." [VERSION, POSITION, REPLAY];
    /// A phase that the command created.
    Created = CreatedKind CREATED "The new phase, and all phases after the change." [
        HeaderDoc("Location", Type::String, "The path of the new phase."), VERSION, POSITION, REPLAY
    ];
}

/// A response of some kind with some content.
#[derive(Debug)]
pub(crate) struct Success<K, C: ?Sized> {
    response: Response,
    kind: PhantomData<fn() -> K>,
    content: PhantomData<fn() -> Box<C>>,
}

impl<K: ResponseKind, C: ResponseContent + ?Sized> Success<K, C> {
    /// The response with a timeline's version. A large one, by its number of phases or assignments, is serialised on a thread
    /// for blocking work.
    pub(crate) async fn new(
        body: C::Value,
        entries: usize,
        version: TimelineVersion,
    ) -> Result<Self, Box<Problem>> {
        let serialise = move || (K::STATUS, Json(body)).into_response();
        Ok(Self::of(aside_if(entries >= MANY, serialise).await?, version))
    }

    /// The same from a response with the serialised content.
    fn of(response: Response, version: TimelineVersion) -> Self {
        Self { response: with_version(response, version), kind: PhantomData, content: PhantomData }
    }

    /// The current rows, marked if the timeline is in quarantine.
    pub(crate) async fn rows(
        app: &AppState,
        project: ProjectId,
        body: C::Value,
        entries: usize,
        version: TimelineVersion,
    ) -> Result<Self, Box<Problem>> {
        Self::new(body, entries, version).await?.marked(app, project).await
    }

    fn insert(&mut self, name: HeaderName, value: &str) {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.response.headers_mut().insert(name, value);
        }
    }

    /// The same with other headers.
    #[must_use]
    pub(crate) fn changed(mut self, change: impl FnOnce(&mut Response)) -> Self {
        change(&mut self.response);
        self
    }

    /// Adds the positions of the events that cannot be read, if the timeline is in quarantine.
    pub(crate) async fn marked(mut self, app: &AppState, project: ProjectId) -> Result<Self, Box<Problem>> {
        let quarantine = app.store.quarantine_of(project).await.map_err(|error| Problem::of_store(&error))?;
        if let Some(quarantine) = &quarantine {
            mark_quarantine(&mut self.response, quarantine);
        }
        Ok(self)
    }
}

impl<C: ResponseContent + ?Sized> Paged<C> {
    /// A response with a body of its own, which streams the content.
    pub(crate) fn stream(response: Response, version: TimelineVersion) -> Self {
        Self::of(response, version)
    }

    /// Adds the path of the next page.
    #[must_use]
    pub(crate) fn next(mut self, path: Option<String>) -> Self {
        if let Some(path) = path {
            self.insert(LINK, &format!("<{path}>; rel=\"next\""));
        }
        self
    }

    /// Adds the positions of these events.
    #[must_use]
    pub(crate) fn quarantined(mut self, quarantine: &phaseline_store::Quarantine) -> Self {
        mark_quarantine(&mut self.response, quarantine);
        self
    }
}

impl<C: ResponseContent + ?Sized> Listed<C> {
    /// A response with the serialised content.
    pub(crate) const fn of_response(response: Response) -> Self {
        Self { response, kind: PhantomData, content: PhantomData }
    }
}

impl<C: ResponseContent + ?Sized> Logged<C> {
    /// A response about no single timeline. A large one is serialised on a thread for blocking work.
    pub(crate) async fn unversioned(body: C::Value, entries: usize) -> Result<Self, Box<Problem>> {
        let serialise = move || (LoggedKind::STATUS, Json(body)).into_response();
        let response = aside_if(entries >= MANY, serialise).await?;
        Ok(Self { response, kind: PhantomData, content: PhantomData })
    }

    /// Adds the path of the next page.
    #[must_use]
    pub(crate) fn next(mut self, path: Option<String>) -> Self {
        if let Some(path) = path {
            self.insert(LINK, &format!("<{path}>; rel=\"next\""));
        }
        self
    }
}

impl<C: ResponseContent + ?Sized> Created<C> {
    /// Adds the path of the created object.
    #[must_use]
    pub(crate) fn at(mut self, path: &str) -> Self {
        self.insert(LOCATION, path);
        self
    }
}

impl<K: ResponseKind, C: ResponseContent + ?Sized> Success<K, C> {
    /// Marks the response as a repeated one.
    #[must_use]
    pub(crate) fn replayed(mut self, repeated: bool) -> Self {
        if repeated {
            self.insert(REPLAYED, "true");
        }
        self
    }
}

impl<K, C: ?Sized> IntoResponse for Success<K, C> {
    fn into_response(self) -> Response {
        self.response
    }
}

impl<K: ResponseKind, C: ResponseContent + ?Sized> IntoResponses for Success<K, C> {
    fn responses() -> BTreeMap<String, RefOr<openapi::Response>> {
        let content = ContentBuilder::new().schema(Some(C::schema())).build();
        let mut response =
            ResponseBuilder::new().description(K::DESCRIPTION).content("application/json", content);
        for HeaderDoc(name, kind, description) in K::HEADERS {
            let format =
                matches!(kind, Type::Integer).then_some(SchemaFormat::KnownFormat(KnownFormat::Int64));
            let schema = ObjectBuilder::new().schema_type(SchemaType::Type(kind.clone())).format(format);
            let header = HeaderBuilder::new().schema(Some(schema.build())).description(Some(*description));
            response = response.header(*name, header.build());
        }
        BTreeMap::from([(K::STATUS.as_u16().to_string(), RefOr::T(response.build()))])
    }
}

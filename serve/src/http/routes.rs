//! Which routes there are, and who answers them. `openapi.json` has the same list, which a test compares.

use super::message::{Answer, Request};
use super::{Api, OPENAPI, jobs, metrics, preview, schedules};
use serde_json::json;
use std::sync::Arc;

/// What a route does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    Health,
    Describe,
    Metrics,
    ListSchedules,
    CreateSchedule,
    ShowSchedule,
    UpdateSchedule,
    DeleteSchedule,
    History,
    RunSchedule,
    ListJobs,
    IssueJob,
    ShowJob,
    Log,
    Events,
    CancelJob,
    Preview,
}

/// Method, path and call. A segment in braces stands for any one; there is at most one in a path.
pub(super) const ROUTES: &[(&str, &str, Call)] = &[
    ("GET", "/health", Call::Health),
    ("GET", "/openapi.json", Call::Describe),
    ("GET", "/metrics", Call::Metrics),
    ("GET", "/v1/schedules", Call::ListSchedules),
    ("POST", "/v1/schedules", Call::CreateSchedule),
    ("GET", "/v1/schedules/{name}", Call::ShowSchedule),
    ("PATCH", "/v1/schedules/{name}", Call::UpdateSchedule),
    ("DELETE", "/v1/schedules/{name}", Call::DeleteSchedule),
    ("GET", "/v1/schedules/{name}/history", Call::History),
    ("POST", "/v1/schedules/{name}/run", Call::RunSchedule),
    ("GET", "/v1/jobs", Call::ListJobs),
    ("POST", "/v1/jobs", Call::IssueJob),
    ("GET", "/v1/jobs/{id}", Call::ShowJob),
    ("GET", "/v1/jobs/{id}/log", Call::Log),
    ("GET", "/v1/jobs/{id}/events", Call::Events),
    ("POST", "/v1/jobs/{id}/cancel", Call::CancelJob),
    ("POST", "/v1/preview", Call::Preview),
];

/// A route that a request takes.
#[derive(Debug)]
pub(super) struct Route {
    call: Call,
    /// The segment that the route leaves open; empty where there is none.
    name: String,
}

impl Route {
    /// Whether a request may take it.
    pub(super) fn admit(self, api: &Api, request: &Request) -> Result<Route, Answer> {
        // Whoever watches over the server needs no secret to see that it is there.
        if self.call != Call::Health {
            api.admit(request)?;
        }
        Ok(self)
    }
}

/// What is sent back.
pub(super) enum Reply {
    /// All of it.
    Answer(Answer),
    /// What happens to a job, as it happens.
    Events(String),
}

/// Answers a request that was admitted.
///
/// **Errors**: an answer too.
pub(super) async fn reply(api: &Arc<Api>, route: Route, request: &Request) -> Result<Reply, Answer> {
    let Route { call, name } = route;
    let answer = match call {
        Call::Health => Answer::json(200, &json!({"status": "ok"})),
        Call::Describe => Answer::of(200, "application/json", OPENAPI.as_bytes().to_vec()),
        Call::Metrics => metrics::show(api).await?,
        Call::ListSchedules => schedules::list(api).await?,
        Call::CreateSchedule => schedules::create(api, request).await?,
        Call::ShowSchedule => schedules::show(api, name).await?,
        Call::UpdateSchedule => schedules::update(api, name, request).await?,
        Call::DeleteSchedule => schedules::delete(api, name).await?,
        Call::History => schedules::history(api, name, request).await?,
        Call::RunSchedule => schedules::run(api, name, request).await?,
        Call::ListJobs => jobs::list(api, request).await?,
        Call::IssueJob => jobs::issue(api, request).await?,
        Call::ShowJob => jobs::show(api, name).await?,
        Call::Log => jobs::log(api, name, request).await?,
        Call::Events => {
            jobs::find(api, name.as_str()).await?;
            return Ok(Reply::Events(name));
        }
        Call::CancelJob => jobs::cancel(api, name).await?,
        Call::Preview => preview::show(api, request).await?,
    };
    Ok(Reply::Answer(answer))
}

/// The route of a request.
pub(super) fn find(request: &Request) -> Result<Route, Answer> {
    let mut allowed = Vec::new();
    // What GET answers, HEAD answers without the body.
    let asked_method = match request.method.as_str() {
        "HEAD" => "GET",
        method => method,
    };
    for (method, path, call) in ROUTES {
        let Some(name) = matches(path, &request.path) else {
            continue;
        };
        if *method == asked_method {
            return Ok(Route { call: *call, name });
        }
        allowed.push(*method);
    }
    let asked = format!("{} /{}", request.method, request.path.join("/"));
    match allowed.is_empty() {
        true => Err(Answer::error(
            404,
            &format!("`{asked}` is not known"),
            Some("see /openapi.json"),
        )),
        false => {
            let allowed = allowed.join(", ");
            let message = format!("`{asked}` is not known, only {allowed}");
            Err(Answer::not_allowed(&message, allowed.replace("GET", "GET, HEAD")))
        }
    }
}

/// The open segment, if the path fits; empty where there is none.
fn matches(route: &str, path: &[String]) -> Option<String> {
    let segments: Vec<&str> = route.split('/').filter(|segment| !segment.is_empty()).collect();
    if segments.len() != path.len() {
        return None;
    }
    let mut open = String::new();
    for (segment, given) in segments.iter().zip(path) {
        if segment.starts_with('{') {
            open.clone_from(given);
        } else if segment != given {
            return None;
        }
    }
    Some(open)
}

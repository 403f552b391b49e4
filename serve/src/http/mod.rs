//! Answers on HTTP: schedules, jobs and their progress, previews, metrics.
//!
//! Reading order: `message` (requests and answers as bytes), `routes` (which there are), `schedules`, `jobs` and `preview` (what they do),
//! `events` (a job as it runs), `metrics`. `openapi.json` describes it for programs, `docs/api.md` for people.
//!
//! Who may ask: with a token, who knows it; without one, programs of this machine. A page in a browser of this machine is not one of
//! them, so what came from a page, or was sent to a name that is not this machine's, is refused.

mod body;
mod events;
mod jobs;
mod message;
mod metrics;
mod preview;
mod routes;
mod schedules;

use crate::service::Service;
use bucketload_engine::{Blame, Error};
use bucketload_state::StateError;
use message::{Answer, ReadError, Request};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

/// Connections at once; those that watch a job stay open.
const MAX_CONNECTIONS: usize = 256;

/// Connections that watch a job; others have room beside them.
const MAX_WATCHERS: usize = 200;

/// Previews at once; each may hold some tens of megabytes.
const MAX_PREVIEWS: usize = 4;

/// The description of the API.
pub const OPENAPI: &str = include_str!("openapi.json");

/// What answers are made from.
#[derive(Debug)]
pub struct Api {
    service: Arc<Service>,
    /// Where the tables of new schedules and jobs are.
    warehouse: String,
    /// Where relative paths of new configurations start.
    directory: PathBuf,
    token: Option<String>,
    /// Where plans are computed; answers are given elsewhere, so that busy cores delay none.
    compute: Handle,
    previews: Semaphore,
    watchers: Semaphore,
}

impl Api {
    /// An API that listens on an address.
    ///
    /// **Errors**: others than this machine can reach the address, and there is no token.
    pub fn new(
        service: Arc<Service>,
        warehouse: String,
        directory: PathBuf,
        token: Option<String>,
        address: SocketAddr,
        compute: Handle,
    ) -> bucketload_engine::Result<Api> {
        let token = token.filter(|token| !token.is_empty());
        if token.is_none() && !address.ip().to_canonical().is_loopback() {
            return Err(Error::config(format!("other machines can reach `{address}`, and there is no token"))
                .at("--listen")
                .with_hint("set BUCKETLOAD_TOKEN to what clients must send as `Authorization: Bearer ...`, or listen on 127.0.0.1"));
        }
        Ok(Api {
            service,
            warehouse,
            directory,
            token,
            compute,
            previews: Semaphore::new(MAX_PREVIEWS),
            watchers: Semaphore::new(MAX_WATCHERS),
        })
    }

    /// Whether a request may be answered.
    fn admit(&self, request: &Request) -> Result<(), Answer> {
        if let Some(token) = &self.token {
            let given = request
                .headers
                .get("authorization")
                .and_then(|given| given.split_once(' '))
                .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
            return match given.is_some_and(|(_, given)| is_same(given.trim(), token)) {
                true => Ok(()),
                false => Err(Answer::error(
                    401,
                    "the token is missing or wrong",
                    Some("send `Authorization: Bearer TOKEN`"),
                )),
            };
        }
        let host = request.headers.get("host").map(String::as_str).unwrap_or_default();
        let origin = request
            .headers
            .get("origin")
            .map(|origin| origin.split_once("://").map_or("", |(_, host)| host));
        match is_this_machine(host) && origin.is_none_or(is_this_machine) {
            true => Ok(()),
            false => Err(Answer::error(
                403,
                "without a token only programs of this machine are answered",
                Some("ask 127.0.0.1, or start the server with BUCKETLOAD_TOKEN"),
            )),
        }
    }
}

/// Compares all of both, so that the time it takes tells nothing.
fn is_same(left: &str, right: &str) -> bool {
    let differences = left
        .bytes()
        .zip(right.bytes())
        .fold(0, |seen, (left, right)| seen | (left ^ right));
    left.len() == right.len() && differences == 0
}

/// Whether a host, with or without a port, is a name of this machine that no name server can give to another.
fn is_this_machine(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    let is_loopback = |address: IpAddr| address.to_canonical().is_loopback();
    name.eq_ignore_ascii_case("localhost") || name.parse().is_ok_and(is_loopback)
}

/// Answers until the task is dropped.
pub async fn serve(listener: TcpListener, api: Arc<Api>) {
    let connections = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let permit = Arc::clone(&connections).acquire_owned().await;
        let (stream, _) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // As when files run out: the next client may come later.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                continue;
            }
        };
        let api = Arc::clone(&api);
        tokio::spawn(async move {
            let _permit = permit;
            // A client that goes away while it is answered is its own business.
            let _ = converse(stream, &api).await;
        });
    }
}

async fn converse(mut stream: TcpStream, api: &Arc<Api>) -> std::io::Result<()> {
    let (mut request, unread) = match Request::read_head(&mut stream).await {
        Ok(read) => read,
        Err(error) => return refuse(&mut stream, error, false).await,
    };
    let is_head = request.method == "HEAD";
    // The body of what may not be answered is not read: anybody may send one.
    let route = match routes::find(&request).and_then(|route| route.admit(api, &request)) {
        Ok(route) => route,
        Err(answer) => return refuse(&mut stream, ReadError::Refused(answer), is_head).await,
    };
    if let Err(error) = request.read_body(unread, &mut stream).await {
        return refuse(&mut stream, error, is_head).await;
    }
    let answer = match routes::reply(api, route, &request).await {
        Ok(routes::Reply::Answer(answer)) | Err(answer) => answer,
        Ok(routes::Reply::Events(job_id)) => match api.watchers.try_acquire() {
            Ok(_permit) => return events::write(&mut stream, api, &job_id, is_head).await,
            Err(_) => Answer::error(
                503,
                "too many clients watch jobs",
                Some("ask for the job itself now and then"),
            ),
        },
    };
    answer.write(&mut stream, is_head).await
}

/// Tells a client that its request is not read to its end, if there is one to be told.
async fn refuse(stream: &mut TcpStream, error: ReadError, is_head: bool) -> std::io::Result<()> {
    if let ReadError::Refused(answer) = error {
        answer.write(stream, is_head).await?;
        message::let_finish(stream).await;
    }
    Ok(())
}

/// An error of a command as an answer.
fn failed(error: &Error) -> Answer {
    let status = match error.blame() {
        Blame::Config | Blame::Data => 422,
        Blame::Storage => 502,
        Blame::Interrupted => 503,
        Blame::Internal => 500,
    };
    Answer::json(status, &crate::record::error_document(error))
}

/// What the state file says as an answer.
fn refused(error: &StateError) -> Answer {
    let status = match error {
        StateError::NoJob(_) | StateError::NoSchedule(_) => 404,
        StateError::JobRuns(_) | StateError::ScheduleExists(_) | StateError::ScheduleBusy { .. } => 409,
        StateError::ScheduleName(_) | StateError::Timing(_) => 422,
        StateError::QueueFull(_)
        | StateError::Files { .. }
        | StateError::Sqlite { .. }
        | StateError::Replaced { .. }
        | StateError::TooNew { .. }
        | StateError::Broken { .. } => 503,
    };
    Answer::error(status, &error.to_string(), error.hint().as_deref())
}

#[cfg(test)]
mod tests;

//! Sends a request and gives the answer as it came.
//!
//! The client is made here instead of by `object_store`, because that one follows redirects: it drops the signature on the way, so that
//! a bucket of another region would look like one that access is denied to. Here a redirect is an answer like any other.

use crate::error::innermost;
use crate::source::error::SourceError;
use crate::source::options::ProxyOptions;
use bytes::Bytes;
use futures::StreamExt;
use http::StatusCode;
use http::response::Parts;
use object_store::client::{HttpClient, HttpErrorKind, HttpRequest, HttpResponseBody};
use reqwest::redirect::Policy;
use secrecy::ExposeSecret;
use std::error::Error;
use std::fmt;
use std::time::Duration;

/// A connection is up within this time, or it will not be.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A service that sends nothing for this long has forgotten about the request. There is no limit on a request as a whole,
/// since a slow consumer may take any time to read a body.
pub(super) const SILENCE_TIMEOUT: Duration = Duration::from_secs(60);

/// Idle connections are closed before services and load balancers close theirs.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(50);

/// Answers other than file contents are never larger: a page of 1,000 keys of 1,024 characters, each escaped.
const MAX_ANSWER_BYTES: usize = 16 * 1024 * 1024;

/// The connections to a service.
#[derive(Clone)]
pub(super) struct Http {
    client: HttpClient,
    /// Host and port of the proxy, if there is one.
    proxy: Option<String>,
}

impl fmt::Debug for Http {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The client would show the proxy with its password.
        formatter.write_str("Http")
    }
}

impl Http {
    pub(super) fn new(proxy: Option<&ProxyOptions>, endpoint: &str) -> Result<Http, SourceError> {
        let failed = |error: reqwest::Error| SourceError::Client {
            endpoint: endpoint.to_owned(),
            // The error of the proxy's URL would repeat its password.
            source: match proxy {
                Some(_) => "`in.http_proxy` makes no valid proxy".into(),
                None => Box::new(error.without_url()),
            },
        };
        let mut builder = builder();
        if let Some(proxy) = proxy {
            let mut way = reqwest::Proxy::all(format!("http://{}", authority(proxy))).map_err(failed)?;
            if let Some(user) = &proxy.user {
                let password = proxy.password.as_ref().map_or("", |password| password.expose_secret());
                way = way.basic_auth(user, password);
            }
            builder = builder.proxy(way);
        }
        Ok(Http {
            client: HttpClient::new(builder.build().map_err(failed)?),
            proxy: proxy.map(authority),
        })
    }

    /// For services of this machine, which no proxy leads to.
    pub(super) fn direct(endpoint: &str) -> Result<Http, SourceError> {
        let client = builder().no_proxy().build().map_err(|error| SourceError::Client {
            endpoint: endpoint.to_owned(),
            source: Box::new(error),
        })?;
        Ok(Http {
            client: HttpClient::new(client),
            proxy: None,
        })
    }

    /// Sends a request and waits for the head of its answer.
    pub(super) async fn send(
        &self,
        request: HttpRequest,
        endpoint: &str,
    ) -> Result<(Parts, HttpResponseBody), SourceError> {
        match tokio::time::timeout(SILENCE_TIMEOUT, self.client.execute(request)).await {
            Ok(Ok(response)) if response.status() == StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
                Err(SourceError::ProxyRefused {
                    proxy: self.proxy.clone().unwrap_or_else(|| "of the environment".to_owned()),
                })
            }
            Ok(Ok(response)) => Ok(response.into_parts()),
            Ok(Err(error)) => Err(SourceError::Unreachable {
                endpoint: endpoint.to_owned(),
                problem: match error.kind() {
                    HttpErrorKind::Connect => "cannot connect to",
                    _ => "there was no answer from",
                },
                reason: reason(&error),
            }),
            Err(_) => Err(SourceError::Timeout {
                url: endpoint.to_owned(),
                seconds: SILENCE_TIMEOUT.as_secs(),
            }),
        }
    }

    /// Sends a request and reads the whole of its answer.
    pub(super) async fn send_whole(&self, request: HttpRequest, endpoint: &str) -> Result<(Parts, Bytes), SourceError> {
        let (parts, body) = self.send(request, endpoint).await?;
        Ok((parts, self.collect(body, endpoint).await?))
    }

    /// Reads a body that is no file.
    pub(super) async fn collect(&self, body: HttpResponseBody, url: &str) -> Result<Bytes, SourceError> {
        let mut stream = body.bytes_stream();
        let mut collected = Vec::new();
        loop {
            match tokio::time::timeout(SILENCE_TIMEOUT, stream.next()).await {
                Ok(Some(Ok(bytes))) if collected.len() + bytes.len() > MAX_ANSWER_BYTES => {
                    let problem = format!("it has more than {MAX_ANSWER_BYTES} bytes");
                    return Err(SourceError::Protocol {
                        url: url.to_owned(),
                        problem,
                    });
                }
                Ok(Some(Ok(bytes))) => collected.extend_from_slice(&bytes),
                Ok(Some(Err(source))) => {
                    let offset = collected.len() as u64;
                    return Err(SourceError::Interrupted {
                        url: url.to_owned(),
                        offset,
                        source: Box::new(source),
                    });
                }
                Ok(None) => return Ok(collected.into()),
                Err(_) => {
                    return Err(SourceError::Timeout {
                        url: url.to_owned(),
                        seconds: SILENCE_TIMEOUT.as_secs(),
                    });
                }
            }
        }
    }
}

fn builder() -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .redirect(Policy::none())
        .http1_only()
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_idle_timeout(POOL_IDLE_TIMEOUT)
        .user_agent(concat!("bucketload/", env!("CARGO_PKG_VERSION")))
        // Files are wanted as they are stored; decoding is for later.
        .no_gzip()
        .no_brotli()
        .no_zstd()
        .no_deflate()
}

/// Host and port of a proxy.
fn authority(proxy: &ProxyOptions) -> String {
    let host = proxy.host.trim_start_matches("http://").trim_end_matches('/');
    match proxy.port {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

/// The cause at the bottom, such as "connection refused"; those above only say that something was sent.
pub(super) fn reason(error: &(dyn Error + 'static)) -> String {
    let reason = innermost(error);
    // `Connection refused (os error 111)`: the number means nothing to most.
    match reason.split_once(" (os error") {
        Some((words, _)) => words.to_lowercase(),
        None => reason,
    }
}

//! Lists and reads a bucket of an S3-compatible service.
//!
//! One request goes through three layers: [`S3Store::attempt`] signs, sends and classifies; [`S3Store::once`] adds what is decided
//! without waiting (another region, a fresh token); the operations on top repeat it as `retry` has it. A body that breaks off is
//! taken up again at the byte reached, with `If-Match`, so that two versions of a file are never spliced.
//!
//! Deliberately not here: writing, multipart, presigned URLs, requester-pays, and customer-provided keys.

use super::address::{Address, is_unaddressable};
use super::answer::{self, ServiceError};
use super::credentials::{CredentialSource, Credentials, Variables};
use super::http::{Http, SILENCE_TIMEOUT};
use super::retry::Retries;
use super::sign::Signer;
use super::{ByteStream, FileStore, ListPage, ListRequest};
use crate::source::error::SourceError;
use crate::source::file::SourceFile;
use crate::source::options::S3Options;
use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use http::header::{
    CONTENT_LENGTH, CONTENT_RANGE, ETAG, HeaderMap, HeaderName, IF_MATCH, LAST_MODIFIED, LOCATION, RANGE,
};
use http::response::Parts;
use http::{HeaderValue, Method, StatusCode};
use object_store::aws::AwsCredential;
use object_store::client::{HttpError, HttpRequest, HttpRequestBody, HttpResponseBody};
use std::ops::Range;
use std::sync::Arc;
use std::sync::RwLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// Follows from the first attempt to the region that has the bucket.
const MAX_MOVES: u32 = 2;

const BUCKET_REGION: HeaderName = HeaderName::from_static("x-amz-bucket-region");

/// A bucket of an S3-compatible service. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct S3Store {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    options: S3Options,
    address: RwLock<Address>,
    credentials: Credentials,
    signer: Signer,
    http: Http,
    num_slow_downs: AtomicU64,
}

/// What a request is about.
enum Target<'a> {
    Key(&'a str),
    Bucket(&'a [(&'a str, &'a str)]),
}

impl S3Store {
    /// Prepares to reach a bucket; nothing is sent yet.
    pub fn new(options: &S3Options) -> Result<S3Store, SourceError> {
        S3Store::with_variables(options, Variables::of_process())
    }

    /// The same, with credentials looked up in these variables instead of those of the process.
    pub fn with_variables(options: &S3Options, variables: Variables) -> Result<S3Store, SourceError> {
        let is_bucket_name = !options.bucket.is_empty() && !options.bucket.contains(['/', ':', ' ', '?', '#']);
        if !is_bucket_name {
            return Err(SourceError::InvalidBucketName {
                bucket: options.bucket.clone(),
            });
        }
        let address = Address::new(options)?;
        let source = CredentialSource::new(&options.credentials, &address.sts_endpoint(), &address.region);
        Ok(S3Store {
            shared: Arc::new(Shared {
                http: Http::new(options.proxy.as_ref(), &address.endpoint)?,
                credentials: Credentials::new(source, variables),
                signer: Signer::new("s3"),
                address: RwLock::new(address),
                options: options.clone(),
                num_slow_downs: AtomicU64::new(0),
            }),
        })
    }

    fn address(&self) -> Address {
        self.shared
            .address
            .read()
            .expect("no one panics with the address")
            .clone()
    }

    fn bucket_url(&self) -> String {
        format!("s3://{}", self.shared.options.bucket)
    }

    /// Sends one request, again only if the answer tells how to do it right.
    async fn once(
        &self,
        method: &Method,
        target: &Target<'_>,
        headers: &HeaderMap,
    ) -> Result<(Parts, HttpResponseBody), SourceError> {
        let url = match target {
            Target::Key(key) => self.url(key),
            Target::Bucket(_) => self.bucket_url(),
        };
        let mut num_moves = 0;
        let mut is_renewed = false;
        loop {
            let credential = self.shared.credentials.get(&self.shared.http).await?;
            let address = self.address();
            let (parts, body) = self
                .attempt(method, target, headers, &address, credential.as_ref())
                .await?;
            if parts.status.is_success() {
                return Ok((parts, body));
            }
            let body = self.shared.http.collect(body, &url).await.unwrap_or_default();
            let mut error = answer::service_error(&body);
            error.region = error.region.take().or_else(|| header(&parts.headers, &BUCKET_REGION));
            let is_misdirected = parts.status.is_redirection() || error.code == "AuthorizationHeaderMalformed";
            if is_misdirected
                && num_moves < MAX_MOVES
                && let Some(moved) = self.moved(&address, &parts, &error)
            {
                num_moves += 1;
                tracing::debug!(url, region = moved.region, "following the bucket to its region");
                *self.shared.address.write().expect("no one panics with the address") = moved;
                continue;
            }
            let error = self.classify(&url, &address, &parts, &error);
            if matches!(error, SourceError::ExpiredToken { .. })
                && !is_renewed
                && let Some(credential) = &credential
                && self.shared.credentials.forget(credential).await
            {
                is_renewed = true;
                tracing::info!(url, "the session token has expired, getting a new one");
                continue;
            }
            if matches!(error, SourceError::SlowDown { .. }) {
                self.shared.num_slow_downs.fetch_add(1, Ordering::Relaxed);
            }
            return Err(error);
        }
    }

    async fn attempt(
        &self,
        method: &Method,
        target: &Target<'_>,
        headers: &HeaderMap,
        address: &Address,
        credential: Option<&Arc<AwsCredential>>,
    ) -> Result<(Parts, HttpResponseBody), SourceError> {
        let url = match target {
            Target::Key(key) => address.key_url(key),
            Target::Bucket(query) => address.query_url(query),
        };
        let mut request = HttpRequest::new(HttpRequestBody::empty());
        *request.method_mut() = method.clone();
        *request.uri_mut() = url.parse().map_err(|_| SourceError::Setting {
            name: "endpoint",
            value: address.endpoint.clone(),
            problem: "makes no URL together with the bucket",
        })?;
        *request.headers_mut() = headers.clone();
        if let Some(credential) = credential {
            let signed = self.shared.signer.sign(&mut request, credential, &address.region);
            signed.map_err(|_| SourceError::UnusableCredentials {
                endpoint: address.endpoint.clone(),
            })?;
        }
        self.shared.http.send(request, &address.endpoint).await
    }

    /// Where the request should have gone, if that may be followed.
    fn moved(&self, address: &Address, parts: &Parts, error: &ServiceError) -> Option<Address> {
        let region = error.region.as_deref()?;
        if region.is_empty() || region == address.region {
            return None;
        }
        if !address.is_configured {
            return Some(address.moved_to(&self.shared.options, region));
        }
        // The endpoint is what was asked for; only the region that is signed may be another.
        (!parts.status.is_redirection()).then(|| address.signed_for(region))
    }

    fn classify(&self, url: &str, address: &Address, parts: &Parts, error: &ServiceError) -> SourceError {
        let url = url.to_owned();
        let status = parts.status;
        let answer = match error.summary() {
            summary if error.code.is_empty() => format!("status {}, {summary}", status.as_u16()),
            summary => summary,
        };
        let location = header(&parts.headers, &LOCATION);
        let bucket = || self.shared.options.bucket.clone();
        let endpoint = || address.endpoint.clone();
        match error.code.as_str() {
            "NoSuchBucket" => {
                return SourceError::NoSuchBucket {
                    bucket: bucket(),
                    endpoint: endpoint(),
                };
            }
            "InvalidBucketName" => return SourceError::InvalidBucketName { bucket: bucket() },
            "InvalidAccessKeyId"
            | "SignatureDoesNotMatch"
            | "InvalidToken"
            | "InvalidClientTokenId"
            | "UnrecognizedClientException" => return SourceError::InvalidCredentials { url, answer },
            "ExpiredToken" | "ExpiredTokenException" | "TokenRefreshRequired" => {
                return SourceError::ExpiredToken { url };
            }
            "RequestTimeTooSkewed" => return SourceError::ClockSkew { url },
            "InvalidObjectState" => return SourceError::Archived { url },
            "SlowDown" | "Throttling" | "RequestLimitExceeded" => return SourceError::SlowDown { url, answer },
            "AuthorizationHeaderMalformed"
            | "PermanentRedirect"
            | "TemporaryRedirect"
            | "IllegalLocationConstraintException" => {
                return SourceError::WrongRegion {
                    bucket: bucket(),
                    endpoint: endpoint(),
                    region: error.region.clone(),
                };
            }
            _ => {}
        }
        match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => SourceError::AccessDenied { url, answer },
            StatusCode::NOT_FOUND => SourceError::NotFound { url },
            StatusCode::PRECONDITION_FAILED | StatusCode::RANGE_NOT_SATISFIABLE => SourceError::Changed { url },
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => SourceError::SlowDown { url, answer },
            status if status.is_redirection() && error.region.is_none() && location.is_some() => {
                let location = location.unwrap_or_default();
                SourceError::Redirected {
                    endpoint: endpoint(),
                    // What a query may hold is nobody's business.
                    location: location.split(['?', '#']).next().unwrap_or_default().to_owned(),
                }
            }
            status if status.is_redirection() => SourceError::WrongRegion {
                bucket: bucket(),
                endpoint: endpoint(),
                region: error.region.clone(),
            },
            status => SourceError::Status {
                url,
                status: status.as_u16(),
                answer: error.summary(),
            },
        }
    }

    async fn list_once(&self, request: &ListRequest) -> Result<ListPage, SourceError> {
        let mut query = Vec::with_capacity(5);
        if let Some(page) = &request.page {
            query.push(("continuation-token", page.as_str()));
        }
        query.push(("encoding-type", "url"));
        query.push(("list-type", "2"));
        if !request.prefix.is_empty() {
            query.push(("prefix", request.prefix.as_str()));
        }
        if let (None, Some(start_after)) = (&request.page, &request.start_after) {
            query.push(("start-after", start_after.as_str()));
        }
        let (_, body) = self
            .once(&Method::GET, &Target::Bucket(&query), &HeaderMap::new())
            .await?;
        let url = self.bucket_url();
        let body = self.shared.http.collect(body, &url).await?;
        answer::list_page(&body).map_err(|problem| SourceError::Protocol { url, problem })
    }

    async fn head_once(&self, key: &str) -> Result<SourceFile, SourceError> {
        let target = Target::Key(key);
        let parts = match self.once(&Method::HEAD, &target, &HeaderMap::new()).await {
            Ok((parts, _)) => parts,
            // The answer to HEAD has no body, so it cannot say why. One to GET can.
            Err(
                error @ (SourceError::NotFound { .. }
                | SourceError::AccessDenied { .. }
                | SourceError::Status { .. }
                | SourceError::WrongRegion { .. }),
            ) => {
                let mut headers = HeaderMap::new();
                headers.insert(RANGE, HeaderValue::from_static("bytes=0-0"));
                return match self.once(&Method::GET, &target, &headers).await {
                    Ok(_) => Err(error),
                    Err(explained) => Err(explained),
                };
            }
            Err(error) => return Err(error),
        };
        let url = self.url(key);
        let missing = |what: &str| SourceError::Protocol {
            url: url.clone(),
            problem: format!("it has no {what}"),
        };
        let size_bytes = header(&parts.headers, &CONTENT_LENGTH).and_then(|size| size.parse().ok());
        let modified = header(&parts.headers, &LAST_MODIFIED)
            .and_then(|modified| jiff::fmt::rfc2822::parse(&modified).ok())
            .map(|modified| modified.timestamp().as_microsecond());
        Ok(SourceFile {
            key: key.into(),
            size_bytes: size_bytes.ok_or_else(|| missing("usable `Content-Length`"))?,
            modified_micros: modified.ok_or_else(|| missing("usable `Last-Modified`"))?,
            etag: header(&parts.headers, &ETAG).map(|etag| answer::unquoted(&etag).into()),
        })
    }

    /// Opens the body of a file from `range.start` on.
    async fn open(
        &self,
        file: &SourceFile,
        range: &Range<u64>,
    ) -> Result<BoxStream<'static, Result<Bytes, HttpError>>, SourceError> {
        let mut headers = HeaderMap::new();
        let is_whole = *range == (0..file.size_bytes);
        if !is_whole {
            let text = format!("bytes={}-{}", range.start, range.end - 1);
            headers.insert(
                RANGE,
                HeaderValue::try_from(text).expect("digits are valid in a header"),
            );
        }
        if let Some(etag) = file.etag.as_deref()
            && let Ok(etag) = HeaderValue::try_from(format!("\"{etag}\""))
        {
            headers.insert(IF_MATCH, etag);
        }
        let (parts, body) = self.once(&Method::GET, &Target::Key(&file.key), &headers).await?;
        let url = || self.url(&file.key);
        if is_whole || (parts.status == StatusCode::OK && range.start == 0) {
            // Without an entity tag, the size is all there is to tell versions apart.
            let length = header(&parts.headers, &CONTENT_LENGTH).and_then(|length| length.parse::<u64>().ok());
            if length.is_some_and(|length| length != file.size_bytes) && parts.status == StatusCode::OK {
                return Err(SourceError::Changed { url: url() });
            }
            return Ok(body.bytes_stream());
        }
        let content_range = header(&parts.headers, &CONTENT_RANGE).unwrap_or_default();
        let (first, size_bytes) = parse_content_range(&content_range).ok_or_else(|| SourceError::Protocol {
            url: url(),
            problem: format!(
                "a range was asked for, status {} came with range `{content_range}`",
                parts.status.as_u16()
            ),
        })?;
        if size_bytes.is_some_and(|size_bytes| size_bytes != file.size_bytes) {
            return Err(SourceError::Changed { url: url() });
        }
        if first != range.start {
            let problem = format!("bytes from {} were asked for, `{content_range}` came", range.start);
            return Err(SourceError::Protocol { url: url(), problem });
        }
        Ok(body.bytes_stream())
    }

    /// Opens a body, as often as retries allow.
    async fn open_with_retries(
        &self,
        file: &SourceFile,
        range: &Range<u64>,
        retries: &mut Retries<'_>,
    ) -> Result<BoxStream<'static, Result<Bytes, HttpError>>, SourceError> {
        loop {
            match self.open(file, range).await {
                Ok(body) => return Ok(body),
                Err(error) => retries.wait_after(error).await?,
            }
        }
    }
}

#[async_trait]
impl FileStore for S3Store {
    async fn list_page(&self, request: &ListRequest) -> Result<ListPage, SourceError> {
        let url = format!("{}/{}", self.bucket_url(), request.prefix);
        let mut retries = Retries::new(&self.shared.options.retry, "listing", &url);
        loop {
            match self.list_once(request).await {
                Ok(page) => return Ok(page),
                Err(error) => retries.wait_after(error).await?,
            }
        }
    }

    async fn head(&self, key: &str) -> Result<SourceFile, SourceError> {
        let url = self.url(key);
        if is_unaddressable(key) {
            return Err(SourceError::UnaddressableKey { url });
        }
        let mut retries = Retries::new(&self.shared.options.retry, "looking up", &url);
        loop {
            match self.head_once(key).await {
                Ok(file) => return Ok(file),
                Err(error) => retries.wait_after(error).await?,
            }
        }
    }

    async fn get(&self, file: &SourceFile, range: Range<u64>) -> Result<ByteStream, SourceError> {
        let url = self.url(&file.key);
        if is_unaddressable(&file.key) {
            return Err(SourceError::UnaddressableKey { url });
        }
        if range.is_empty() {
            return Ok(futures::stream::empty().boxed());
        }
        let store = self.clone();
        let body = {
            let mut retries = Retries::new(&store.shared.options.retry, "reading", &url);
            self.open_with_retries(file, &range, &mut retries).await?
        };
        let reading = Reading {
            store,
            file: file.clone(),
            range,
            body: Some(body),
        };
        let stream = futures::stream::unfold(Some(reading), |reading| async move {
            let mut reading = reading?;
            match reading.next().await {
                Ok(Some(bytes)) => Some((Ok(bytes), Some(reading))),
                Ok(None) => None,
                Err(error) => Some((Err(error), None)),
            }
        });
        Ok(stream.boxed())
    }

    fn url(&self, key: &str) -> String {
        format!("s3://{}/{key}", self.shared.options.bucket)
    }

    fn num_slow_downs(&self) -> u64 {
        self.shared.num_slow_downs.load(Ordering::Relaxed)
    }
}

/// A body under way.
struct Reading {
    store: S3Store,
    file: SourceFile,
    /// What is still to come.
    range: Range<u64>,
    body: Option<BoxStream<'static, Result<Bytes, HttpError>>>,
}

impl Reading {
    async fn next(&mut self) -> Result<Option<Bytes>, SourceError> {
        if self.range.is_empty() {
            return Ok(None);
        }
        let options = self.store.shared.options.retry.clone();
        let url = self.store.url(&self.file.key);
        let mut retries = Retries::new(&options, "reading", &url);
        let mut is_first_break = true;
        loop {
            let mut body = match self.body.take() {
                Some(body) => body,
                None => {
                    self.store
                        .open_with_retries(&self.file, &self.range, &mut retries)
                        .await?
                }
            };
            let error = match tokio::time::timeout(SILENCE_TIMEOUT, body.next()).await {
                Ok(Some(Ok(bytes))) if bytes.is_empty() => {
                    self.body = Some(body);
                    continue;
                }
                Ok(Some(Ok(mut bytes))) => {
                    // A service that ignores the end of a range is stopped there.
                    let wanted = usize::try_from(self.range.end - self.range.start).unwrap_or(usize::MAX);
                    bytes.truncate(wanted);
                    self.range.start += bytes.len() as u64;
                    self.body = Some(body);
                    retries.reset();
                    return Ok(Some(bytes));
                }
                Ok(Some(Err(source))) => SourceError::Interrupted {
                    url: url.clone(),
                    offset: self.range.start,
                    source: Box::new(source),
                },
                Ok(None) => SourceError::CutShort {
                    url: url.clone(),
                    expected: self.range.end,
                    received: self.range.start,
                },
                Err(_) => SourceError::Timeout {
                    url: url.clone(),
                    seconds: SILENCE_TIMEOUT.as_secs(),
                },
            };
            tracing::warn!(url, offset = self.range.start, error = %error, "reading broke off, resuming");
            // The first resumption is immediate: the connection broke, the service has not refused anything.
            if !std::mem::take(&mut is_first_break) || options.maximum_retries == 0 {
                retries.wait_after(error).await?;
            }
        }
    }
}

fn header(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

/// First byte and size of `bytes 0-9/100`; the size may be `*`.
fn parse_content_range(text: &str) -> Option<(u64, Option<u64>)> {
    let (range, size_bytes) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (first, _) = range.split_once('-')?;
    Some((first.trim().parse().ok()?, size_bytes.trim().parse().ok()))
}

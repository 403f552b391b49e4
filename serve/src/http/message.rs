//! Reads requests and writes answers of HTTP/1.1, one of each a connection.
//!
//! It is a small part of the protocol, and all that the API needs: bodies with a `Content-Length`, no pipelining, no compression, `Connection:
//! close`. A framework would bring the server half of hyper, with which everything below the engine would be built a second time. What is
//! intricate, the head of a request, is read by hyper's own parser, `httparse`.
//!
//! **Source**: RFC 9112.

use crate::percent::decode;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Bytes of the head of a request. Tokens of gateways are long.
const MAX_HEAD_BYTES: usize = 32 * 1024;

/// Bytes that an ordinary head fits into, so that it comes in one read.
const USUAL_HEAD_BYTES: usize = 4 * 1024;

/// Headers of a request.
const MAX_HEADERS: usize = 100;

/// Bytes of a body: that of the largest configuration.
const MAX_BODY_BYTES: usize = 16 * 1024 * 1024;

/// How long a client may take to send a request.
const READ_PATIENCE: Duration = Duration::from_secs(30);

/// How long a client may take nothing of an answer.
const WRITE_PATIENCE: Duration = Duration::from_secs(30);

/// How long a client that was refused may go on sending.
const LET_FINISH: Duration = Duration::from_secs(2);

/// A request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// Segments of the path, decoded.
    pub(crate) path: Vec<String>,
    pub(crate) query: HashMap<String, String>,
    /// Names in lower case.
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: Vec<u8>,
}

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    pub(crate) body: Vec<u8>,
    /// Methods that the path has, if it does not have the one that was asked for.
    pub(crate) allowed: Option<String>,
}

/// The body of a request, as far as it has not come with the head.
#[derive(Debug, Default)]
pub(crate) struct Unread {
    begun: Vec<u8>,
    num_bytes: usize,
    /// The client does not send it before it is told to.
    awaits_word: bool,
}

/// Why a request cannot be read.
#[derive(Debug)]
pub(crate) enum ReadError {
    /// The client is gone or too slow: nobody to answer to.
    Gone,
    /// It is told.
    Refused(Answer),
}

impl Answer {
    /// A JSON document.
    pub(crate) fn json(status: u16, document: &Value) -> Answer {
        let mut body = document.to_string().into_bytes();
        body.push(b'\n');
        Answer::of(status, "application/json", body)
    }

    /// Bytes of a type.
    pub(crate) fn of(status: u16, content_type: &'static str, body: Vec<u8>) -> Answer {
        Answer {
            status,
            content_type,
            body,
            allowed: None,
        }
    }

    /// A method that a path does not have.
    pub(crate) fn not_allowed(message: &str, allowed: String) -> Answer {
        Answer {
            allowed: Some(allowed),
            ..Answer::error(405, message, None)
        }
    }

    /// An error, in the words of every other place that shows one.
    pub(crate) fn error(status: u16, message: &str, hint: Option<&str>) -> Answer {
        Answer::json(status, &json!({"error": message, "at": null, "hint": hint}))
    }

    /// The head, with the body's length.
    fn head(&self) -> String {
        let allowed = self.allowed.as_ref();
        format!(
            "{}{}Content-Length: {}\r\n\r\n",
            head(self.status, self.content_type),
            allowed.map_or_else(String::new, |allowed| format!("Allow: {allowed}\r\n")),
            self.body.len()
        )
    }

    /// Writes head and body, or only the head if that was asked for.
    pub(crate) async fn write(&self, stream: &mut (impl AsyncWrite + Unpin), is_head: bool) -> io::Result<()> {
        let mut bytes = self.head().into_bytes();
        if !is_head {
            bytes.extend_from_slice(&self.body);
        }
        send(stream, &bytes).await?;
        stream.shutdown().await
    }
}

/// Writes bytes to a client that takes them.
///
/// **Errors**: it is gone, or takes nothing for too long: a watcher that never reads would keep its connection for ever.
pub(crate) async fn send(stream: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> io::Result<()> {
    send_within(stream, bytes, WRITE_PATIENCE).await
}

async fn send_within(stream: &mut (impl AsyncWrite + Unpin), bytes: &[u8], patience: Duration) -> io::Result<()> {
    match tokio::time::timeout(patience, stream.write_all(bytes)).await {
        Ok(written) => written,
        Err(late) => Err(late.into()),
    }
}

/// Reads on for a moment what a client still sends that was refused: to close on it would take the answer away from it.
pub(crate) async fn let_finish(stream: &mut (impl AsyncRead + Unpin)) {
    let read_on = async {
        let mut buffer = vec![0; 64 * 1024];
        while stream.read(&mut buffer).await.unwrap_or_default() > 0 {}
    };
    // Whoever sends for longer has had the time to read the answer.
    let _ = tokio::time::timeout(LET_FINISH, read_on).await;
}

/// The head of an answer without its last lines.
pub(crate) fn head(status: u16, content_type: &str) -> String {
    let reason = match status {
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        409 => "Conflict",
        411 => "Length Required",
        413 => "Content Too Large",
        417 => "Expectation Failed",
        422 => "Unprocessable Content",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        _ => "",
    };
    let challenge = match status {
        401 => "WWW-Authenticate: Bearer\r\n",
        _ => "",
    };
    format!(
        "HTTP/1.1 {status} {reason}\r\nContent-Type: {content_type}\r\nCache-Control: no-store\r\n\
         X-Content-Type-Options: nosniff\r\nConnection: close\r\n{challenge}"
    )
}

impl Request {
    /// Reads a request up to its body.
    ///
    /// **Errors**: it is no HTTP, too large, or late.
    pub(crate) async fn read_head(stream: &mut (impl AsyncRead + Unpin)) -> Result<(Request, Unread), ReadError> {
        match tokio::time::timeout(READ_PATIENCE, read_head(stream)).await {
            Ok(read) => read,
            Err(_) => Err(ReadError::Gone),
        }
    }

    /// Reads the body, and asks for it if the client waits for that.
    ///
    /// **Errors**: it is late, or does not come.
    pub(crate) async fn read_body(
        &mut self,
        unread: Unread,
        stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    ) -> Result<(), ReadError> {
        match tokio::time::timeout(READ_PATIENCE, read_body(unread, stream)).await {
            Ok(Ok(body)) => {
                self.body = body;
                Ok(())
            }
            Ok(Err(_)) | Err(_) => Err(ReadError::Gone),
        }
    }

    /// The body as JSON; nothing is null.
    ///
    /// **Errors**: it is no JSON.
    pub(crate) fn json(&self) -> Result<Value, Answer> {
        if self.body.iter().all(u8::is_ascii_whitespace) {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&self.body)
            .map_err(|error| Answer::error(400, &format!("the body is no JSON: {error}"), None))
    }
}

async fn read_head(stream: &mut (impl AsyncRead + Unpin)) -> Result<(Request, Unread), ReadError> {
    let refused = |status, message: &str| Err(ReadError::Refused(Answer::error(status, message, None)));
    let mut bytes = Vec::with_capacity(USUAL_HEAD_BYTES);
    let (request, head_bytes, mut unread) = loop {
        match parse_head(&bytes) {
            Ok(Some(parsed)) => break parsed,
            Ok(None) if bytes.len() >= MAX_HEAD_BYTES => return refused(431, "the head of the request is too large"),
            Ok(None) => {}
            Err(answer) => return Err(ReadError::Refused(answer)),
        }
        if stream.read_buf(&mut bytes).await.unwrap_or_default() == 0 {
            return Err(ReadError::Gone);
        }
    };
    if unread.num_bytes > MAX_BODY_BYTES {
        return refused(413, "the body of the request is too large");
    }
    unread.begun = bytes.split_off(head_bytes);
    Ok((request, unread))
}

async fn read_body(unread: Unread, stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> io::Result<Vec<u8>> {
    let Unread {
        begun: mut body,
        num_bytes,
        awaits_word,
    } = unread;
    // Who has begun to send does not wait.
    if awaits_word && body.is_empty() && num_bytes > 0 {
        stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
    }
    while body.len() < num_bytes {
        if stream.read_buf(&mut body).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    body.truncate(num_bytes);
    Ok(body)
}

/// The request without its body, the bytes of its head, and what is known of its body; `None` if the head is not complete.
fn parse_head(bytes: &[u8]) -> Result<Option<(Request, usize, Unread)>, Answer> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut parsed = httparse::Request::new(&mut headers);
    let head_bytes = match parsed.parse(bytes) {
        Ok(httparse::Status::Complete(head_bytes)) => head_bytes,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(error) => return Err(Answer::error(400, &format!("this is no HTTP request: {error}"), None)),
    };
    let target = parsed.path.unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let decoded = |text: &str| {
        let wrong = || Answer::error(400, &format!("`{text}` is not encoded as URLs are"), None);
        decode(text).ok_or_else(wrong)
    };
    let mut request = Request {
        method: parsed.method.unwrap_or_default().to_owned(),
        ..Request::default()
    };
    for segment in path.split('/').filter(|segment| !segment.is_empty()) {
        request.path.push(decoded(segment)?);
    }
    let query = query.replace('+', " ");
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        request.query.insert(decoded(name)?, decoded(value)?);
    }
    for header in parsed.headers.iter() {
        let name = header.name.to_ascii_lowercase();
        let value = String::from_utf8_lossy(header.value).trim().to_owned();
        if request.headers.insert(name, value).is_some() && header.name.eq_ignore_ascii_case("content-length") {
            return Err(Answer::error(400, "there are two lengths of the body", None));
        }
    }
    if request.headers.contains_key("transfer-encoding") {
        return Err(Answer::error(411, "a body must come with its length", None));
    }
    let num_bytes = match request.headers.get("content-length") {
        None => 0,
        Some(length) => length
            .parse()
            .map_err(|_| Answer::error(400, "the length of the body is no number", None))?,
    };
    // The version before knows no such word.
    let expected = request.headers.get("expect").filter(|_| parsed.version != Some(0));
    let awaits_word = match expected {
        None => false,
        Some(word) if word.eq_ignore_ascii_case("100-continue") => true,
        Some(other) => return Err(Answer::error(417, &format!("`Expect: {other}` is not known"), None)),
    };
    let unread = Unread {
        begun: Vec::new(),
        num_bytes,
        awaits_word,
    };
    Ok(Some((request, head_bytes, unread)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is read of a request, and what the client is told before the answer.
    async fn read_telling(bytes: &[u8]) -> Result<(Request, String), u16> {
        let mut told = Vec::new();
        let mut stream = tokio::io::join(bytes, &mut told);
        let status = |error| match error {
            ReadError::Gone => 0,
            ReadError::Refused(answer) => answer.status,
        };
        let (mut request, unread) = Request::read_head(&mut stream).await.map_err(status)?;
        request.read_body(unread, &mut stream).await.map_err(status)?;
        Ok((request, String::from_utf8(told).unwrap()))
    }

    async fn read_all(bytes: &[u8]) -> Result<Request, u16> {
        read_telling(bytes).await.map(|(request, _)| request)
    }

    #[tokio::test]
    async fn a_body_that_waits_for_a_word_gets_it() {
        let head = "POST / HTTP/1.1\r\nContent-Length: 2000\r\nExpect: 100-Continue\r\n\r\n";
        let body = "x".repeat(2000);
        // The head comes by itself, as it does from such a client.
        let mut told = Vec::new();
        let mut stream = tokio::io::join(head.as_bytes().chain(body.as_bytes()), &mut told);
        let (mut request, unread) = Request::read_head(&mut stream).await.unwrap();
        request.read_body(unread, &mut stream).await.unwrap();
        assert_eq!(
            (request.body.len(), told.as_slice()),
            (2000, &b"HTTP/1.1 100 Continue\r\n\r\n"[..])
        );

        let told = async |text: String| read_telling(text.as_bytes()).await.map(|(_, told)| told);
        let is_there = told(format!("{head}{body}")).await;
        assert_eq!(is_there.as_deref(), Ok(""), "nobody waits any more");
        let is_old = told(format!("{}{body}", head.replace("HTTP/1.1", "HTTP/1.0"))).await;
        assert_eq!(is_old.as_deref(), Ok(""));
        let is_odd = told(head.replace("100-Continue", "200-ok")).await;
        assert_eq!(is_odd, Err(417));
    }

    #[tokio::test]
    async fn a_request_has_path_query_headers_and_body() {
        let request = read_all(
            b"POST /v1/schedules/%E6%AF%8E%20a/run?limit=5&x=a+b%2B HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{} more",
        )
        .await
        .unwrap();
        assert_eq!(request.method, "POST");
        assert_eq!(request.path, ["v1", "schedules", "毎 a", "run"]);
        assert_eq!(request.query["limit"], "5");
        assert_eq!(request.query["x"], "a b+");
        assert_eq!(request.headers["host"], "h");
        assert_eq!(request.body, b"{}");
    }

    #[tokio::test]
    async fn what_is_no_request_is_refused() {
        for (bytes, status) in [
            (&b"hello\r\n\r\n"[..], 400),
            (b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n", 400),
            (b"GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
            (b"GET /%zz HTTP/1.1\r\n\r\n", 400),
            (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 411),
            (b"POST / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n", 413),
            (b"GET / HTTP/1.1\r\n", 0),
            (b"GET / HTTP/1.1\r\nContent-Length: 5\r\n\r\nabc", 0),
        ] {
            assert_eq!(
                read_all(bytes).await.unwrap_err(),
                status,
                "{}",
                String::from_utf8_lossy(bytes)
            );
        }
        let long = format!("GET / HTTP/1.1\r\nX: {}", "x".repeat(MAX_HEAD_BYTES));
        assert_eq!(read_all(long.as_bytes()).await.unwrap_err(), 431);
    }

    #[tokio::test]
    async fn an_answer_says_how_long_it_is() {
        let mut written = Vec::new();
        Answer::error(404, "no", None).write(&mut written, false).await.unwrap();
        let text = String::from_utf8(written).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 404 Not Found\r\n"), "{head}");
        assert!(head.contains(&format!("Content-Length: {}", body.len())), "{head}");
        assert_eq!(body, "{\"error\":\"no\",\"at\":null,\"hint\":null}\n");
        let mut only_head = Vec::new();
        Answer::error(404, "no", None)
            .write(&mut only_head, true)
            .await
            .unwrap();
        assert_eq!(String::from_utf8(only_head).unwrap(), format!("{head}\r\n\r\n"));
    }

    #[tokio::test]
    async fn a_client_that_takes_nothing_is_given_up() {
        let (mut ours, _theirs) = tokio::io::duplex(16);
        let patience = Duration::from_millis(1);
        let late = send_within(&mut ours, &[0; 1000], patience).await.unwrap_err();
        assert_eq!(late.kind(), io::ErrorKind::TimedOut);
    }
}

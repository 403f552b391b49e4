//! A proxy on loopback that counts requests and makes them fail.
//!
//! A program under test takes the proxy for the S3 server, or knows it as an HTTP proxy: requests go through with every header as
//! it was, since the signature covers them (`Host` too). Whatever host an HTTP proxy is asked for, the one server answers, so that it may
//! stand for the hosts of a service with regions. Each request gets a connection of its own, so that a fault hits exactly one.

use crate::message::{Head, origin_form};
use std::collections::VecDeque;
use std::io::{self, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestKind {
    /// Keys of a bucket.
    List,
    /// The bytes of a file, or some of them.
    Get,
    /// The size and date of a file.
    Head,
    /// Writing a file.
    Put,
    /// Writing a version of a table's log.
    Commit,
    /// Anything else.
    Other,
}

/// What happens instead of a plain answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The connection breaks after so many bytes of the answer's body.
    CutBody(u64),
    /// 503 SlowDown, without asking the server.
    SlowDown,
    /// This, without asking the server.
    Answer(Answer),
    /// The request is passed on after this time.
    Delay(Duration),
    /// The request is passed on when [`Proxy::release`] is called, or never.
    Hold,
    /// So many bytes of the answer's body come at once, the others when [`Proxy::release`] is called, or never.
    HoldBody(u64),
    /// The request is passed on, and this comes instead of the server's answer.
    Replace(Answer),
    /// The same, and this comes to every request after it.
    ReplaceAll(Answer),
}

/// An answer made up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// `503 Slow Down`
    pub status: &'static str,
    /// Besides type and length of the body.
    pub headers: &'static [(&'static str, &'static str)],
    /// XML.
    pub body: &'static str,
}

/// A request that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenRequest {
    /// What it asked for.
    pub kind: RequestKind,
    /// Method as sent.
    pub method: String,
    /// Path and query as sent.
    pub target: String,
    /// The host that it is for.
    pub host: String,
    /// Whether the client knew that it asked a proxy.
    pub is_proxied: bool,
    /// The region that it is signed for.
    pub region: Option<String>,
    /// The `Range` header.
    pub range: Option<String>,
    /// Everything before the body, as sent.
    pub head: String,
}

/// A running proxy; dropping it closes its port.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    upstream: SocketAddr,
    authorization: Option<&'static str>,
    state: Mutex<State>,
    released: Condvar,
    is_closed: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    planned: VecDeque<Planned>,
    seen: Vec<SeenRequest>,
    /// What comes to every request.
    last: Option<Answer>,
    num_held: usize,
    is_released: bool,
}

/// A fault for the next `times` requests of a kind.
#[derive(Debug)]
struct Planned {
    kind: RequestKind,
    fault: Fault,
    times: usize,
}

impl Proxy {
    /// Listens on a port of its own and passes everything on to `upstream`.
    pub fn start(upstream: SocketAddr) -> Proxy {
        Proxy::launch(upstream, None)
    }

    /// The same, for clients alone that send this `Proxy-Authorization`.
    pub fn start_guarded(upstream: SocketAddr, authorization: &'static str) -> Proxy {
        Proxy::launch(upstream, Some(authorization))
    }

    fn launch(upstream: SocketAddr, authorization: Option<&'static str>) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").expect("the system has a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let shared = Arc::new(Shared {
            upstream,
            authorization,
            state: Mutex::default(),
            released: Condvar::new(),
            is_closed: AtomicBool::new(false),
        });
        let for_thread = Arc::clone(&shared);
        thread::spawn(move || accept(&listener, &for_thread));
        Proxy { address, shared }
    }

    /// Plans a fault for the next `times` requests of a kind; faults planned earlier come first.
    #[must_use]
    pub fn with_fault(self, kind: RequestKind, fault: Fault, times: usize) -> Proxy {
        self.shared.state().planned.push_back(Planned { kind, fault, times });
        self
    }

    /// `http://127.0.0.1:PORT`
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The port of [`endpoint`](Proxy::endpoint).
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Every request so far, in the order they came.
    pub fn requests(&self) -> Vec<SeenRequest> {
        self.shared.state().seen.clone()
    }

    /// How many requests of a kind came.
    pub fn count(&self, kind: RequestKind) -> usize {
        self.shared
            .state()
            .seen
            .iter()
            .filter(|request| request.kind == kind)
            .count()
    }

    /// How many requests are being held now.
    pub fn num_held(&self) -> usize {
        self.shared.state().num_held
    }

    /// Lets held requests go on, and those that would be held from now on.
    pub fn release(&self) {
        self.shared.state().is_released = true;
        self.shared.released.notify_all();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.is_closed.store(true, Ordering::SeqCst);
        self.release();
        // Wakes the thread that waits for a connection.
        let _ = TcpStream::connect(self.address);
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes the request down and says what is to happen to it.
    fn register(&self, request: SeenRequest) -> Option<Fault> {
        let mut state = self.state();
        let kind = request.kind;
        state.seen.push(request);
        if let Some(last) = state.last {
            return Some(Fault::Answer(last));
        }
        let planned = state
            .planned
            .iter_mut()
            .find(|planned| planned.kind == kind && planned.times > 0)?;
        planned.times -= 1;
        let fault = planned.fault;
        if let Fault::ReplaceAll(made_up) = fault {
            state.last = Some(made_up);
        }
        Some(fault)
    }

    fn hold(&self) {
        let mut state = self.state();
        state.num_held += 1;
        while !state.is_released {
            state = self.released.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.num_held -= 1;
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for connection in listener.incoming() {
        if shared.is_closed.load(Ordering::SeqCst) {
            return;
        }
        let Ok(connection) = connection else { continue };
        let shared = Arc::clone(shared);
        // A client that goes away while it is served is none of the proxy's business.
        thread::spawn(move || drop(serve(connection, &shared)));
    }
}

/// Passes one request on and its answer back.
fn serve(client: TcpStream, shared: &Shared) -> io::Result<()> {
    let mut reader = BufReader::new(client.try_clone()?);
    let Some(head) = Head::read(&mut reader)? else {
        return Ok(());
    };
    let fault = shared.register(seen(&head));
    if shared.authorization.is_some() && head.header("proxy-authorization").as_deref() != shared.authorization {
        drain(&mut reader, head.content_length())?;
        return answer(&client, UNAUTHORIZED);
    }
    match fault {
        Some(Fault::SlowDown) => {
            drain(&mut reader, head.content_length())?;
            return answer(&client, SLOW_DOWN);
        }
        Some(Fault::Answer(made_up)) => {
            drain(&mut reader, head.content_length())?;
            return answer(&client, made_up);
        }
        Some(Fault::Delay(time)) => thread::sleep(time),
        Some(Fault::Hold) => shared.hold(),
        Some(Fault::CutBody(_) | Fault::HoldBody(_) | Fault::Replace(_) | Fault::ReplaceAll(_)) | None => {}
    }
    let mut server = TcpStream::connect(shared.upstream)?;
    server.write_all(&head.closing_bytes())?;
    io::copy(&mut (&mut reader).take(head.content_length()), &mut server)?;
    let mut answers = BufReader::new(server);
    let mut answer = Head::read(&mut answers)?;
    while let Some(interim) = answer.take_if(|answer| answer.is_interim()) {
        (&client).write_all(interim.bytes())?;
        answer = Head::read(&mut answers)?;
    }
    let Some(answer) = answer else { return Ok(()) };
    if let Some(Fault::Replace(made_up) | Fault::ReplaceAll(made_up)) = fault {
        io::copy(&mut answers, &mut io::sink())?;
        return self::answer(&client, made_up);
    }
    (&client).write_all(&answer.closing_bytes())?;
    match fault {
        Some(Fault::CutBody(num_bytes)) => io::copy(&mut answers.take(num_bytes), &mut &client)?,
        Some(Fault::HoldBody(num_bytes)) => {
            io::copy(&mut (&mut answers).take(num_bytes), &mut &client)?;
            shared.hold();
            io::copy(&mut answers, &mut &client)?
        }
        _ => io::copy(&mut answers, &mut &client)?,
    };
    client.shutdown(Shutdown::Both)
}

const SLOW_DOWN: Answer = Answer {
    status: "503 Slow Down",
    headers: &[],
    body: "<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>",
};

const UNAUTHORIZED: Answer = Answer {
    status: "407 Proxy Authentication Required",
    headers: &[("Proxy-Authenticate", "Basic realm=\"tests\"")],
    body: "",
};

fn answer(mut client: &TcpStream, made_up: Answer) -> io::Result<()> {
    let Answer { status, headers, body } = made_up;
    let mut text = format!("HTTP/1.1 {status}\r\n");
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    let length = body.len();
    write!(
        client,
        "{text}Content-Type: application/xml\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )?;
    client.shutdown(Shutdown::Write)
}

fn seen(head: &Head) -> SeenRequest {
    let (method, sent) = head.request_line();
    let (host, target) = origin_form(&sent);
    let path = target.split('?').next().unwrap_or_default().trim_matches('/');
    let is_file = path.contains('/');
    let kind = match method.as_str() {
        "GET" if is_file => RequestKind::Get,
        "GET" => RequestKind::List,
        "HEAD" => RequestKind::Head,
        "PUT" if path.contains("/_delta_log/") || path.contains("/_bucketload_log/") => RequestKind::Commit,
        "PUT" => RequestKind::Put,
        _ => RequestKind::Other,
    };
    // `AWS4-HMAC-SHA256 Credential=KEY/20260101/REGION/s3/aws4_request, ...`
    let region = head
        .header("authorization")
        .and_then(|authorization| authorization.split('/').nth(2).map(str::to_owned));
    SeenRequest {
        kind,
        is_proxied: host.is_some(),
        host: host.or_else(|| head.header("host")).unwrap_or_default(),
        method,
        target,
        region,
        range: head.header("range"),
        head: head.text(),
    }
}

fn drain(reader: &mut impl Read, num_bytes: u64) -> io::Result<()> {
    io::copy(&mut reader.take(num_bytes), &mut io::sink()).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wait::wait_until;

    const BODY: &str = "0123456789";

    /// A server that answers every request with the request's own head length and `BODY`.
    fn upstream() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for connection in listener.incoming() {
                let mut connection = connection.unwrap();
                let head = Head::read(&mut BufReader::new(connection.try_clone().unwrap())).unwrap();
                let Some(head) = head else { continue };
                let host = head.header("host").unwrap();
                write!(
                    connection,
                    "HTTP/1.1 200 OK\r\nX-Host: {host}\r\nContent-Length: 10\r\n\r\n{BODY}"
                )
                .unwrap();
            }
        });
        address
    }

    fn ask(proxy: &Proxy, line: &str) -> String {
        let mut connection = TcpStream::connect(proxy.address).unwrap();
        write!(
            connection,
            "{line} HTTP/1.1\r\nHost: s3.test\r\nRange: bytes=0-9\r\nConnection: keep-alive\r\n\r\n"
        )
        .unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).unwrap();
        answer
    }

    #[test]
    fn requests_pass_unchanged_but_for_the_connection() {
        let proxy = Proxy::start(upstream());
        let answer = ask(&proxy, "GET /bucket/a/b.csv");
        assert_eq!(
            answer,
            format!("HTTP/1.1 200 OK\r\nX-Host: s3.test\r\nContent-Length: 10\r\nConnection: close\r\n\r\n{BODY}")
        );
    }

    #[test]
    fn requests_are_counted_by_what_they_ask_for() {
        let proxy = Proxy::start(upstream());
        for line in [
            "GET /bucket?list-type=2&prefix=a%2Fb",
            "GET /bucket/?prefix=",
            "GET /bucket/a",
            "HEAD /bucket/a",
            "PUT /b/a",
            "PUT /b/t/_delta_log/0.json",
        ] {
            ask(&proxy, line);
        }
        let counts = [
            RequestKind::List,
            RequestKind::Get,
            RequestKind::Head,
            RequestKind::Put,
            RequestKind::Commit,
            RequestKind::Other,
        ]
        .map(|kind| proxy.count(kind));
        assert_eq!(counts, [2, 1, 1, 1, 1, 0]);
        assert_eq!(proxy.requests()[2].range.as_deref(), Some("bytes=0-9"));
    }

    #[test]
    fn faults_hit_the_first_requests_of_their_kind() {
        let proxy = Proxy::start(upstream())
            .with_fault(RequestKind::Get, Fault::CutBody(4), 1)
            .with_fault(RequestKind::Get, Fault::SlowDown, 2);
        assert!(ask(&proxy, "GET /bucket").ends_with(BODY));
        assert!(ask(&proxy, "GET /bucket/a").ends_with("\r\n\r\n0123"));
        assert!(ask(&proxy, "GET /bucket/a").starts_with("HTTP/1.1 503"));
        assert!(ask(&proxy, "GET /bucket/a").contains("<Code>SlowDown</Code>"));
        assert!(ask(&proxy, "GET /bucket/a").ends_with(BODY));
    }

    #[test]
    fn answers_can_be_made_up() {
        let answer = Answer {
            status: "301 Moved Permanently",
            headers: &[("x-amz-bucket-region", "eu-west-1")],
            body: "<Error/>",
        };
        let proxy = Proxy::start(upstream()).with_fault(RequestKind::List, Fault::Answer(answer), 1);
        let answer = ask(&proxy, "GET /bucket");
        assert!(answer.starts_with("HTTP/1.1 301 Moved"), "{answer}");
        assert!(answer.contains("x-amz-bucket-region: eu-west-1\r\n") && answer.ends_with("<Error/>"));
        assert!(ask(&proxy, "GET /bucket").ends_with(BODY));
    }

    #[test]
    fn answers_can_be_lost_and_bodies_held() {
        let answer = Answer {
            status: "500 Internal Server Error",
            headers: &[],
            body: "<Error/>",
        };
        let proxy = Proxy::start(upstream())
            .with_fault(RequestKind::Put, Fault::Replace(answer), 1)
            .with_fault(RequestKind::Get, Fault::HoldBody(4), 1);
        assert!(ask(&proxy, "PUT /bucket/a").ends_with("<Error/>"));
        assert!(ask(&proxy, "PUT /bucket/a").ends_with(BODY));
        thread::scope(|scope| {
            let held = scope.spawn(|| ask(&proxy, "GET /bucket/a"));
            assert!(wait_until(Duration::from_secs(10), || proxy.num_held() == 1));
            assert!(!held.is_finished());
            proxy.release();
            assert!(held.join().unwrap().ends_with(BODY));
        });
    }

    #[test]
    fn a_known_proxy_is_asked_with_the_host() {
        let proxy = Proxy::start(upstream());
        assert!(ask(&proxy, "GET http://bucket.s3.test/a/b").ends_with(BODY));
        let request = &proxy.requests()[0];
        assert_eq!(
            (request.host.as_str(), request.target.as_str(), request.is_proxied),
            ("bucket.s3.test", "/a/b", true)
        );
    }

    #[test]
    fn a_guarded_proxy_refuses_strangers() {
        let proxy = Proxy::start_guarded(upstream(), "Basic eDp5");
        assert!(ask(&proxy, "GET http://h/a").starts_with("HTTP/1.1 407"));
        let mut connection = TcpStream::connect(proxy.address).unwrap();
        write!(
            connection,
            "GET http://h/a HTTP/1.1\r\nHost: h\r\nProxy-Authorization: Basic eDp5\r\n\r\n"
        )
        .unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).unwrap();
        assert!(answer.ends_with(BODY), "{answer}");
    }

    #[test]
    fn a_held_request_waits_for_its_release() {
        let proxy = Proxy::start(upstream()).with_fault(RequestKind::Get, Fault::Hold, 1);
        thread::scope(|scope| {
            let held = scope.spawn(|| ask(&proxy, "GET /bucket/a"));
            assert!(wait_until(Duration::from_secs(10), || proxy.num_held() == 1));
            assert!(ask(&proxy, "GET /bucket/b").ends_with(BODY));
            assert!(!held.is_finished());
            proxy.release();
            assert!(held.join().unwrap().ends_with(BODY));
        });
    }

    #[test]
    fn a_delayed_request_is_answered_all_the_same() {
        let proxy = Proxy::start(upstream()).with_fault(RequestKind::Get, Fault::Delay(Duration::from_millis(30)), 1);
        let start = std::time::Instant::now();
        assert!(ask(&proxy, "GET /bucket/a").ends_with(BODY));
        assert!(start.elapsed() >= Duration::from_millis(30));
    }

    #[test]
    fn a_dropped_proxy_closes_its_port() {
        let proxy = Proxy::start(upstream());
        let address = proxy.address;
        drop(proxy);
        assert!(wait_until(Duration::from_secs(10), || TcpStream::connect(address).is_err()));
    }
}

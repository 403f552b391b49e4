//! Asks a `bucketload serve`, with nothing of ours but the bytes of HTTP, and demands that each answer is as the API is described.

use crate::bucketload::{Bucketload, Running};
use crate::description::{Description, Exchange};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

/// Longer than an answer takes on a machine whose cores are all taken.
const TIME_LIMIT: Duration = Duration::from_secs(120);

/// A running server; killed if it is dropped.
#[derive(Debug)]
pub struct Api {
    /// Its process.
    pub running: Running,
    address: SocketAddr,
    token: Option<String>,
    description: Arc<Description>,
}

/// What was answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// Head and body.
    pub text: String,
}

impl Api {
    /// Starts a server on a free port.
    #[track_caller]
    pub fn start(serve: Bucketload) -> Api {
        let mut running = serve.args(["--listen", "127.0.0.1:0"]).spawn();
        let address = running.line_after("listening on http://");
        Api {
            address: address.trim().parse().expect("it says where it listens"),
            running,
            token: None,
            description: Arc::new(Description::of_this_version()),
        }
    }

    /// Sends a token from now on.
    #[must_use]
    pub fn with_token(mut self, token: &str) -> Api {
        self.token = Some(token.to_owned());
        self
    }

    /// What it says of itself.
    pub fn description(&self) -> &Description {
        &self.description
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Asks, with a JSON body or none.
    #[track_caller]
    pub fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let mut text = String::new();
        let mut stream = self.send(method, path, body);
        stream.read_to_string(&mut text).expect("the server answers in UTF-8");
        let status = text.split(' ').nth(1).and_then(|status| status.parse().ok());
        let answer = Answer {
            status: status.unwrap_or_else(|| panic!("{method} {path} was answered `{text}`")),
            text,
        };
        self.description.check(&Exchange {
            method,
            path,
            sent: body,
            status: answer.status,
            content_type: answer.header("Content-Type"),
            body: answer.body(),
        });
        answer
    }

    /// Asks and demands a document.
    #[track_caller]
    pub fn document(&self, method: &str, path: &str, body: Option<&Value>) -> Value {
        let answer = self.ask(method, path, body);
        assert!((200..300).contains(&answer.status), "{method} {path}: {}", answer.text);
        answer.json()
    }

    /// Names and data of server-sent events, until the server ends them.
    pub fn events(&self, path: &str) -> impl Iterator<Item = (String, Value)> + use<> {
        let description = Arc::clone(&self.description);
        let mut lines = BufReader::new(self.send("GET", path, None)).lines();
        std::iter::from_fn(move || {
            let mut name = String::new();
            loop {
                let line = lines.next()?.ok()?;
                if let Some(event) = line.strip_prefix("event: ") {
                    name = event.to_owned();
                } else if let Some(data) = line.strip_prefix("data: ") {
                    let data = serde_json::from_str(data).expect("the data of an event are JSON");
                    let component = match name.as_str() {
                        "progress" => "ProgressEvent",
                        "log" => "LogLine",
                        "end" => "Job",
                        _ => panic!("`{name}` is not described"),
                    };
                    description.check_component(&data, component);
                    return Some((name, data));
                }
            }
        })
    }

    /// Sends a request and leaves its answer to be read.
    #[track_caller]
    pub fn send(&self, method: &str, path: &str, body: Option<&Value>) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).expect("the server listens");
        stream.set_read_timeout(Some(TIME_LIMIT)).expect("a limit can be set");
        let token = self
            .token
            .as_ref()
            .map(|token| format!("Authorization: Bearer {token}\r\n"));
        let body = body.map(ToString::to_string).unwrap_or_default();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\n{}Content-Length: {}\r\n\r\n{body}",
            self.address,
            token.unwrap_or_default(),
            body.len()
        );
        stream.write_all(request.as_bytes()).expect("the server reads");
        stream
    }
}

impl Answer {
    /// The body.
    pub fn body(&self) -> &str {
        self.text.split_once("\r\n\r\n").map_or("", |(_, body)| body)
    }

    /// The value of a header, spelt as the server spells it; empty: there is none.
    pub fn header(&self, name: &str) -> &str {
        let head = self.text.split_once("\r\n\r\n").map_or("", |(head, _)| head);
        let mut headers = head.lines().filter_map(|line| line.split_once(": "));
        headers.find(|(given, _)| *given == name).map_or("", |(_, value)| value)
    }

    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(self.body()).unwrap_or_else(|error| panic!("no JSON ({error}): {}", self.text))
    }
}

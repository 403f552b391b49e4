//! Stands for the services that hand out credentials to programs on an instance or in a container.
//!
//! **Source**: AWS EC2 user guide, "Use IMDSv2"; AWS SDKs reference guide, "Container credential provider".

use crate::message::Head;
use std::io::{self, BufReader, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// What containers must send, where they were told to.
pub const CONTAINER_TOKEN: &str = "token of the container";
const SESSION_TOKEN: &str = "token-of-the-instance";
const ROLE: &str = "role-of-the-instance";
const INSTANCE_PATH: &str = "/latest/meta-data/iam/security-credentials/";

/// A running service; dropping it closes its port.
#[derive(Debug)]
pub struct MetadataService {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// The document that is handed out.
    document: String,
    seen: Mutex<Vec<String>>,
    is_closed: AtomicBool,
}

impl MetadataService {
    /// Hands out this document, which has `AccessKeyId`, `SecretAccessKey`, `Token` and `Expiration`.
    pub fn start(document: &serde_json::Value) -> MetadataService {
        let listener = TcpListener::bind("127.0.0.1:0").expect("the system has a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let shared = Arc::new(Shared {
            document: document.to_string(),
            seen: Mutex::default(),
            is_closed: AtomicBool::new(false),
        });
        let for_thread = Arc::clone(&shared);
        thread::spawn(move || {
            for connection in listener.incoming() {
                if for_thread.is_closed.load(Ordering::SeqCst) {
                    return;
                }
                if let Ok(connection) = connection {
                    let shared = Arc::clone(&for_thread);
                    // A client that goes away while it is served is its own business.
                    thread::spawn(move || drop(serve(connection, &shared)));
                }
            }
        });
        MetadataService { address, shared }
    }

    /// `http://127.0.0.1:PORT`
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Method and path of every request so far.
    pub fn requests(&self) -> Vec<String> {
        self.shared.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for MetadataService {
    fn drop(&mut self) {
        self.shared.is_closed.store(true, Ordering::SeqCst);
        // Wakes the thread that waits for a connection.
        let _ = TcpStream::connect(self.address);
    }
}

fn serve(client: TcpStream, shared: &Shared) -> io::Result<()> {
    let mut reader = BufReader::new(client.try_clone()?);
    let Some(head) = Head::read(&mut reader)? else {
        return Ok(());
    };
    let (method, path) = head.request_line();
    shared
        .seen
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(format!("{method} {path}"));
    let has_session = head.header("x-aws-ec2-metadata-token").as_deref() == Some(SESSION_TOKEN);
    let has_token = head.header("authorization").as_deref() == Some(CONTAINER_TOKEN);
    let credentials = format!("{INSTANCE_PATH}{ROLE}");
    let (status, body) = match (method.as_str(), path.as_str()) {
        ("PUT", "/latest/api/token") if head.header("x-aws-ec2-metadata-token-ttl-seconds").is_some() => {
            ("200 OK", SESSION_TOKEN)
        }
        ("GET", INSTANCE_PATH) if has_session => ("200 OK", ROLE),
        ("GET", path) if path == credentials && has_session => ("200 OK", shared.document.as_str()),
        ("GET", "/open") => ("200 OK", shared.document.as_str()),
        ("GET", "/guarded") if has_token => ("200 OK", shared.document.as_str()),
        ("GET", "/missing") => ("404 Not Found", ""),
        _ => ("401 Unauthorized", ""),
    };
    let mut client = &client;
    write!(
        client,
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )?;
    client.shutdown(Shutdown::Write)
}

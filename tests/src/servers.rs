//! S3 servers on loopback, started when the first test asks, one of each for a whole test process.
//!
//! SeaweedFS checks signatures, session tokens and anonymous access as the original does, and is fast. moto knows archived objects.

use crate::process::ServerProcess;
use crate::python;
use crate::wait::wait_until;
use http::Method;
use object_store::aws::{AwsAuthorizer, AwsCredential};
use object_store::client::{ClientOptions, HttpClient, HttpConnector, HttpRequest, HttpRequestBody, ReqwestConnector};
use serde_json::json;
use std::future::Future;
use std::net::{SocketAddr, TcpListener};
use std::sync::LazyLock;
use std::time::Duration;
use std::{fs, io};
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// Access key of every server.
pub const ACCESS_KEY: &str = "AKIATESTTESTTESTTEST";
/// Secret key of every server; long and odd, so that a test can look for it in everything that was printed.
pub const SECRET_KEY: &str = "s3cr3t+do/not=print-Wq8Zr1";
/// Region that requests are signed for.
pub const REGION: &str = "us-east-1";
/// Hosts that SeaweedFS takes for its own when the name of a bucket stands before them. Nobody resolves them: an HTTP proxy leads there.
pub const DOMAINS: [&str; 3] = ["s3.test", "s3.us-east-1.amazonaws.com", "s3.eu-west-1.amazonaws.com"];
/// The one bucket that SeaweedFS lets anybody read.
pub const OPEN_BUCKET: &str = "open";
/// Account and name of the role that SeaweedFS hands out sessions of.
pub const ROLE: (&str, &str) = ("000000000000", "loader");

/// SeaweedFS needs about 15 seconds on an idle machine; this is for one whose cores are all taken.
const START_LIMIT: Duration = Duration::from_secs(180);
/// Another program may take a free port before the server does; then it is started once more with others.
const START_ATTEMPTS: usize = 3;

/// A server that answers.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    _process: ServerProcess,
}

/// The process's SeaweedFS.
pub fn seaweedfs() -> &'static Server {
    static SERVER: LazyLock<Server> = LazyLock::new(|| start("SeaweedFS", start_seaweedfs));
    &SERVER
}

/// The process's moto.
pub fn moto() -> &'static Server {
    static SERVER: LazyLock<Server> = LazyLock::new(|| start("moto", start_moto));
    &SERVER
}

/// A port that nobody listens on.
pub fn unused_address() -> SocketAddr {
    free_addresses::<1>().expect("the system has a free port")[0]
}

/// Runs a future of the S3 client to its end.
pub fn block_on<F: Future>(future: F) -> F::Output {
    static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("the system lets us start a thread")
    });
    RUNTIME.block_on(future)
}

impl Server {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://127.0.0.1:PORT`
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Sends a signed request without a body and gives the status; `None` if there was no answer.
    pub fn request(&self, method: Method, path: &str) -> Option<u16> {
        signed_request(self.address, method, path)
    }
}

fn signed_request(address: SocketAddr, method: Method, path: &str) -> Option<u16> {
    static CLIENT: LazyLock<HttpClient> = LazyLock::new(|| {
        let options = ClientOptions::new().with_allow_http(true);
        ReqwestConnector::default()
            .connect(&options)
            .expect("a client without certificates of its own can be made")
    });
    let credential = AwsCredential {
        key_id: ACCESS_KEY.to_owned(),
        secret_key: SECRET_KEY.to_owned(),
        token: None,
    };
    let mut request = HttpRequest::new(HttpRequestBody::empty());
    *request.method_mut() = method;
    *request.uri_mut() = format!("http://{address}{path}")
        .parse()
        .expect("tests ask for valid paths");
    AwsAuthorizer::new(&credential, "s3", REGION).authorize(&mut request, None);
    block_on(CLIENT.execute(request))
        .ok()
        .map(|answer| answer.status().as_u16())
}

/// Starts a server and waits until it lists its buckets.
fn start(name: &str, start_once: fn(&TempDir) -> io::Result<(SocketAddr, ServerProcess)>) -> Server {
    let mut last_words = String::new();
    for _ in 0..START_ATTEMPTS {
        let folder = tempfile::Builder::new()
            .prefix("bucketload-tests-")
            .tempdir()
            .expect("the system's temporary folder can be written");
        let started = start_once(&folder);
        // From here on the process removes its folder itself, when it ends.
        let _ = folder.keep();
        let (address, mut process) = started.unwrap_or_else(|error| panic!("{name} cannot be started: {error}"));
        let mut has_ended = false;
        let answers = || signed_request(address, Method::GET, "/") == Some(200);
        let is_decided = wait_until(START_LIMIT, || {
            has_ended = process.has_ended();
            has_ended || answers()
        });
        if is_decided && !has_ended {
            return Server {
                address,
                _process: process,
            };
        }
        last_words = process.last_words();
        if !has_ended {
            break;
        }
    }
    panic!("{name} did not begin to answer; its last words:\n{last_words}");
}

fn start_seaweedfs(folder: &TempDir) -> io::Result<(SocketAddr, ServerProcess)> {
    let ports = free_addresses::<9>()?;
    let [
        master,
        master_grpc,
        volume,
        volume_grpc,
        filer,
        filer_grpc,
        s3,
        s3_grpc,
        debug,
    ] = ports.map(|address| address.port());
    let configuration = folder.path().join("s3.json");
    fs::write(&configuration, seaweedfs_configuration().to_string())?;
    let configuration = configuration.display();
    let arguments = [
        "server".to_owned(),
        format!("-dir={}", folder.path().display()),
        "-ip=127.0.0.1".to_owned(),
        "-ip.bind=127.0.0.1".to_owned(),
        format!("-debug.port={debug}"),
        "-master.telemetry=false".to_owned(),
        "-master.volumeSizeLimitMB=64".to_owned(),
        format!("-master.port={master}"),
        format!("-master.port.grpc={master_grpc}"),
        // A bucket takes several volumes; a suite has many buckets.
        "-volume.max=2000".to_owned(),
        format!("-volume.port={volume}"),
        format!("-volume.port.grpc={volume_grpc}"),
        "-filer".to_owned(),
        format!("-filer.localSocket={}/filer.sock", folder.path().display()),
        format!("-filer.port={filer}"),
        format!("-filer.port.grpc={filer_grpc}"),
        "-s3".to_owned(),
        format!("-s3.localSocket={}/s3.sock", folder.path().display()),
        format!("-s3.port={s3}"),
        format!("-s3.port.grpc={s3_grpc}"),
        "-s3.port.lance=0".to_owned(),
        "-s3.port.iceberg=0".to_owned(),
        format!("-s3.domainName={}", DOMAINS.join(",")),
        format!("-s3.config={configuration}"),
        format!("-s3.iam.config={configuration}"),
    ];
    let process = ServerProcess::start(&python::program("weed"), arguments, &[], folder.path().to_owned())?;
    Ok((ports[6], process))
}

/// Who may do what: one user with all rights, anybody who reads [`OPEN_BUCKET`], and sessions of [`ROLE`] that read everything.
fn seaweedfs_configuration() -> serde_json::Value {
    let (account, role) = ROLE;
    json!({
        "identities": [
            {"name": "tests", "credentials": [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}],
             "actions": ["Admin", "Read", "List", "Tagging", "Write"]},
            {"name": "anonymous", "actions": [format!("Read:{OPEN_BUCKET}"), format!("List:{OPEN_BUCKET}")]},
        ],
        "sts": {"tokenDuration": "1h", "maxSessionLength": "12h", "issuer": "tests",
                "signingKey": "dGVzdHMtdGVzdHMtdGVzdHMtdGVzdHMtdGVzdHMtdGVzdHM="},
        "roles": [{
            "roleName": role, "roleArn": format!("arn:aws:iam::{account}:role/{role}"),
            "trustPolicy": {"Version": "2012-10-17", "Statement": [
                {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": ["sts:AssumeRole"]}]},
            "attachedPolicies": ["ReadAll"],
        }],
        "policies": [{"name": "ReadAll", "document": {"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": ["s3:GetObject", "s3:ListBucket"],
             "Resource": ["arn:aws:s3:::*", "arn:aws:s3:::*/*"]}]}}],
        "policy": {"defaultEffect": "Deny", "storeType": "memory"},
    })
}

fn start_moto(folder: &TempDir) -> io::Result<(SocketAddr, ServerProcess)> {
    let [address] = free_addresses::<1>()?;
    let port = address.port().to_string();
    let arguments = ["-H", "127.0.0.1", "-p", &port];
    let process = ServerProcess::start(
        &python::program("moto_server"),
        arguments,
        &[],
        folder.path().to_owned(),
    )?;
    Ok((address, process))
}

/// Ports that were free a moment ago; all are held until the last one is known, so that they differ.
fn free_addresses<const N: usize>() -> io::Result<[SocketAddr; N]> {
    let mut listeners = Vec::with_capacity(N);
    for _ in 0..N {
        listeners.push(TcpListener::bind("127.0.0.1:0")?);
    }
    let mut addresses = [SocketAddr::from(([127, 0, 0, 1], 0)); N];
    for (address, listener) in addresses.iter_mut().zip(&listeners) {
        *address = listener.local_addr()?;
    }
    Ok(addresses)
}

//! The harness itself, against the servers: if these fail, no other failure means anything.

use bucketload_tests::bucket::Bucket;
use bucketload_tests::proxy::{Fault, Proxy, RequestKind};
use bucketload_tests::servers::{self, SECRET_KEY};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

/// The status of a plain request, and the answer.
fn plain_get(address: SocketAddr, path: &str) -> (u16, String) {
    let mut connection = TcpStream::connect(address).unwrap();
    write!(
        connection,
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer).unwrap();
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    (status, answer)
}

#[test]
fn seaweedfs_keeps_what_was_put() {
    let bucket = Bucket::new(servers::seaweedfs());
    bucket.put("a/one.csv", "1,2\n");
    bucket.put("a/b/two.csv", vec![b'x'; 300_000]);
    bucket.put("c.csv", "");
    assert_eq!(bucket.keys(), ["a/b/two.csv", "a/one.csv", "c.csv"]);
    assert_eq!(bucket.get("a/one.csv"), b"1,2\n");
    assert_eq!(bucket.get("a/b/two.csv").len(), 300_000);
}

#[test]
fn buckets_of_two_tests_are_apart() {
    let (one, other) = (Bucket::new(servers::seaweedfs()), Bucket::new(servers::seaweedfs()));
    one.put("key", "1");
    assert_ne!(one.name(), other.name());
    assert!(other.keys().is_empty());
}

#[test]
fn seaweedfs_lets_anybody_read_the_open_bucket_alone() {
    let address = servers::seaweedfs().address();
    let (open, closed) = (Bucket::open(), Bucket::new(servers::seaweedfs()));
    open.put("servers/a", "free");
    closed.put("a", "not free");
    let (status, answer) = plain_get(address, &format!("/{}/servers/a", open.name()));
    assert_eq!((status, answer.ends_with("free")), (200, true));
    assert_eq!(plain_get(address, &format!("/{}/a", closed.name())).0, 403);
}

#[test]
fn moto_shows_archived_files_as_such() {
    let bucket = Bucket::new(servers::moto());
    bucket.put_in_class("old", "1", "GLACIER");
    bucket.put("new", "2");
    assert_eq!(bucket.keys(), ["new", "old"]);
    let (status, listing) = plain_get(servers::moto().address(), &format!("/{}?list-type=2", bucket.name()));
    assert_eq!(status, 200);
    assert_eq!(
        listing.matches("<StorageClass>GLACIER</StorageClass>").count(),
        1,
        "{listing}"
    );
    assert_eq!(
        listing.matches("<StorageClass>STANDARD</StorageClass>").count(),
        1,
        "{listing}"
    );
}

#[test]
fn signatures_hold_through_the_proxy() {
    let bucket = Bucket::new(servers::seaweedfs());
    bucket.put("key", "0123456789");
    let proxy = Proxy::start(servers::seaweedfs().address()).with_fault(RequestKind::Get, Fault::SlowDown, 1);
    let through = bucket.through(&proxy);
    assert_eq!(through.get("key"), b"0123456789", "the client tries again");
    assert_eq!(through.keys(), ["key"]);
    assert_eq!((proxy.count(RequestKind::Get), proxy.count(RequestKind::List)), (2, 1));
}

#[test]
fn sessions_of_the_role_are_handed_out() {
    let session = crate::s3::Session::assume();
    assert!(session.access_key_id.len() > 8 && session.session_token.len() > 8);
    assert_ne!(session.secret_access_key, SECRET_KEY);
}

//! A read-only S3 on the loopback device, so that listing and fetching are measured with requests on real connections.
//!
//! It is made to cost little beside its client, since both share the machine: pages of the listing are written once, at the start, and
//! files are answered from memory. It knows what the engine asks (`ListObjectsV2` of the whole bucket, `GET` with and without
//! a range) and checks no signatures. It is not for tests; those have real servers.

use bucketload_engine::source::options::{CredentialOptions, RetryOptions, S3Options};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

/// Keys of a page, as services have it.
const PAGE_KEYS: usize = 1_000;

const BUCKET: &str = "bench";

/// A server that ends when it is dropped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    is_over: Arc<AtomicBool>,
    acceptor: Option<JoinHandle<()>>,
}

struct Bucket {
    files: BTreeMap<String, Arc<Vec<u8>>>,
    pages: Vec<String>,
}

impl Server {
    /// Serves these files by their keys, which must be made of characters that stand for themselves in URLs and XML.
    ///
    /// **Errors**: no port is to be had.
    pub fn start(files: BTreeMap<String, Arc<Vec<u8>>>) -> io::Result<Server> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let is_over = Arc::new(AtomicBool::new(false));
        let bucket = Arc::new(Bucket {
            pages: pages(&files),
            files,
        });
        let acceptor = thread::spawn({
            let is_over = Arc::clone(&is_over);
            move || {
                while let Ok((connection, _)) = listener.accept() {
                    if is_over.load(Ordering::Acquire) {
                        return;
                    }
                    let bucket = Arc::clone(&bucket);
                    // Ends when the client closes the connection, as it does at any time and without a word.
                    thread::spawn(move || drop(bucket.answer_all(connection)));
                }
            }
        });
        Ok(Server {
            address,
            is_over,
            acceptor: Some(acceptor),
        })
    }

    /// How a client reaches it.
    pub fn options(&self) -> S3Options {
        S3Options {
            bucket: BUCKET.to_owned(),
            endpoint: Some(format!("http://{}", self.address)),
            region: None,
            virtual_hosted_style: None,
            credentials: CredentialOptions::Anonymous,
            proxy: None,
            retry: RetryOptions::default(),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Release);
        // Wakes the acceptor, which then sees that it is over.
        let woken = TcpStream::connect(self.address);
        if let (Ok(_), Some(acceptor)) = (woken, self.acceptor.take()) {
            drop(acceptor.join());
        }
    }
}

fn pages(files: &BTreeMap<String, Arc<Vec<u8>>>) -> Vec<String> {
    let entries: Vec<_> = files.iter().collect();
    let num_pages = entries.len().div_ceil(PAGE_KEYS).max(1);
    let page = |index: usize| {
        let mut page = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ListBucketResult>".to_owned();
        for (key, content) in entries.iter().skip(index * PAGE_KEYS).take(PAGE_KEYS) {
            write!(
                page,
                "<Contents><Key>{key}</Key><LastModified>2026-11-20T00:00:00.000Z</LastModified>\
                 <ETag>&quot;{:032x}&quot;</ETag><Size>{}</Size><StorageClass>STANDARD</StorageClass></Contents>",
                content.len(),
                content.len()
            )
            .expect("text has room");
        }
        match index + 1 < num_pages {
            true => write!(
                page,
                "<IsTruncated>true</IsTruncated><NextContinuationToken>{}</NextContinuationToken>",
                index + 1
            ),
            false => write!(page, "<IsTruncated>false</IsTruncated>"),
        }
        .expect("text has room");
        page + "</ListBucketResult>"
    };
    (0..num_pages).map(page).collect()
}

impl Bucket {
    fn answer_all(&self, connection: TcpStream) -> io::Result<()> {
        connection.set_nodelay(true)?;
        let mut answers = connection.try_clone()?;
        let mut requests = BufReader::new(connection);
        while let Some((target, range)) = read_request(&mut requests)? {
            self.answer(&mut answers, &target, range)?;
        }
        Ok(())
    }

    fn answer(&self, to: &mut TcpStream, target: &str, range: Option<Range<usize>>) -> io::Result<()> {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let path = path.trim_start_matches('/');
        let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
        if bucket != BUCKET {
            return respond(to, "404 Not Found", "", b"<Error><Code>NoSuchBucket</Code></Error>");
        }
        if key.is_empty() {
            let token = query
                .split('&')
                .find_map(|pair| pair.strip_prefix("continuation-token="));
            let page = token.and_then(|token| token.parse().ok()).unwrap_or(0);
            return match self.pages.get::<usize>(page) {
                Some(page) => respond(to, "200 OK", "", page.as_bytes()),
                None => respond(
                    to,
                    "400 Bad Request",
                    "",
                    b"<Error><Code>InvalidArgument</Code></Error>",
                ),
            };
        }
        let Some(content) = self.files.get(key) else {
            return respond(to, "404 Not Found", "", b"<Error><Code>NoSuchKey</Code></Error>");
        };
        let Some(range) = range else {
            return respond(to, "200 OK", "", content);
        };
        let end = range.end.min(content.len());
        let header = format!("Content-Range: bytes {}-{}/{}\r\n", range.start, end - 1, content.len());
        respond(to, "206 Partial Content", &header, &content[range.start..end])
    }
}

/// The target and the range of the next request, `None` when there is none.
fn read_request(from: &mut impl BufRead) -> io::Result<Option<(String, Option<Range<usize>>)>> {
    let mut line = String::new();
    if from.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let target = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut range = None;
    loop {
        line.clear();
        from.read_line(&mut line)?;
        let header = line.trim_end().to_ascii_lowercase();
        if header.is_empty() {
            return Ok(Some((target, range)));
        }
        if let Some((start, end)) = header
            .strip_prefix("range: bytes=")
            .and_then(|range| range.split_once('-'))
            && let (Ok(start), Ok(last)) = (start.parse::<usize>(), end.parse::<usize>())
        {
            range = Some(start..last + 1);
        }
    }
}

fn respond(to: &mut TcpStream, status: &str, header: &str, body: &[u8]) -> io::Result<()> {
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n{header}\r\n", body.len());
    // A small file goes out as one segment.
    let mut message = head.into_bytes();
    let (first, rest) = body.split_at(body.len().min(64 * 1024));
    message.extend_from_slice(first);
    to.write_all(&message)?;
    to.write_all(rest)
}

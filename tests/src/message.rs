//! What stands before the body of an HTTP request or answer.

use std::io::{self, BufRead, Read};

/// Longest head of a request or answer; what S3 allows is shorter.
const MAX_HEAD_BYTES: u64 = 64 * 1024;

/// The lines before a body, the empty one included.
#[derive(Debug)]
pub(crate) struct Head {
    bytes: Vec<u8>,
}

impl Head {
    /// `None` if the connection was closed before a whole head came.
    pub(crate) fn read(reader: &mut impl BufRead) -> io::Result<Option<Head>> {
        let mut bytes = Vec::new();
        let mut limited = reader.take(MAX_HEAD_BYTES);
        while limited.read_until(b'\n', &mut bytes)? > 0 {
            if bytes.ends_with(b"\r\n\r\n") {
                return Ok(Some(Head { bytes }));
            }
        }
        Ok(None)
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    pub(crate) fn header(&self, name: &str) -> Option<String> {
        self.text().lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
        })
    }

    /// 0 if the header is missing: requests of S3 clients state it, and the end of an answer is told by the connection.
    pub(crate) fn content_length(&self) -> u64 {
        self.header("content-length")
            .and_then(|value| value.parse().ok())
            .unwrap_or(0)
    }

    pub(crate) fn is_interim(&self) -> bool {
        self.text().starts_with("HTTP/1.1 1")
    }

    /// Method and target of a request, as sent.
    pub(crate) fn request_line(&self) -> (String, String) {
        let text = self.text();
        let mut words = text.split_whitespace().map(str::to_owned);
        (words.next().unwrap_or_default(), words.next().unwrap_or_default())
    }

    /// The same head for a server: it says that the connection carries no other request, and nothing of a proxy.
    pub(crate) fn closing_bytes(&self) -> Vec<u8> {
        let mut result = Vec::with_capacity(self.bytes.len() + 32);
        for (index, line) in self.bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
            if index == 0 {
                let line = String::from_utf8_lossy(line);
                let (_, target) = self.request_line();
                result.extend_from_slice(line.replacen(&target, &origin_form(&target).1, 1).as_bytes());
                continue;
            }
            let name = line
                .split(|byte| *byte == b':')
                .next()
                .unwrap_or_default()
                .to_ascii_lowercase();
            if line == b"\r\n" {
                result.extend_from_slice(b"Connection: close\r\n");
            }
            let is_for_this_connection: &[&[u8]] = &[
                b"connection",
                b"keep-alive",
                b"proxy-connection",
                b"proxy-authorization",
            ];
            if !is_for_this_connection.contains(&name.as_slice()) {
                result.extend_from_slice(line);
            }
        }
        result
    }
}

/// Host, if it stands in the target, and path of a target: clients write `http://host/path` to a proxy that they know as one.
pub(crate) fn origin_form(target: &str) -> (Option<String>, String) {
    let Some(rest) = target.strip_prefix("http://") else {
        return (None, target.to_owned());
    };
    let (host, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let path = match path {
        "" => "/".to_owned(),
        path if path.starts_with('?') => format!("/{path}"),
        path => path.to_owned(),
    };
    (Some(host.to_owned()), path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_target_of_a_proxy_is_host_and_path() {
        for (target, host, path) in [
            ("/a/b?c", None, "/a/b?c"),
            ("http://h:1/a//b?c=d", Some("h:1"), "/a//b?c=d"),
            ("http://h", Some("h"), "/"),
            ("http://h?c", Some("h"), "/?c"),
        ] {
            assert_eq!(origin_form(target), (host.map(str::to_owned), path.to_owned()));
        }
    }

    #[test]
    fn what_is_for_the_proxy_is_not_passed_on() {
        let sent =
            b"GET http://h/a HTTP/1.1\r\nHost: h\r\nProxy-Authorization: Basic eA==\r\nConnection: keep-alive\r\n\r\n";
        let head = Head::read(&mut &sent[..]).unwrap().unwrap();
        assert_eq!(
            String::from_utf8(head.closing_bytes()).unwrap(),
            "GET /a HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
        );
    }
}

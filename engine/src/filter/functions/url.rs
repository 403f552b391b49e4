//! Parts of URLs, and of what stands for them in logs: `/path?a=b`, `//host/path`, `a=b&c=d`.
//!
//! Texts are cut at their delimiters and not judged, so that whatever a client sent has its parts.
//!
//! **Source**: RFC 3986, appendix B; the WHATWG standard of URLs for `a=b&c=d`.

use super::text_function::{Compiled, Gives, Spec};
use crate::parse::columns::ColumnType;
use url::form_urlencoded;

/// The parts of one text, none of them decoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Parts<'a> {
    scheme: Option<&'a str>,
    /// User, host and port.
    authority: Option<&'a str>,
    path: &'a str,
    query: Option<&'a str>,
    fragment: Option<&'a str>,
}

impl<'a> Parts<'a> {
    fn of(text: &'a str) -> Parts<'a> {
        let (rest, fragment) = cut(text, '#');
        let (rest, query) = cut(rest, '?');
        let (scheme, rest) = match rest.split_once(':') {
            Some((scheme, rest)) if is_scheme(scheme) => (Some(scheme), rest),
            _ => (None, rest),
        };
        let (authority, path) = match rest.strip_prefix("//") {
            Some(rest) => {
                let end = rest.find('/').unwrap_or(rest.len());
                (Some(&rest[..end]), &rest[end..])
            }
            None => (None, rest),
        };
        Parts {
            scheme,
            authority,
            path,
            query,
            fragment,
        }
    }

    /// Host and port, without the user.
    fn host_and_port(&self) -> Option<(&'a str, Option<&'a str>)> {
        let authority = self.authority?;
        let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        // An address of version 6 stands in brackets and has colons of its own.
        let from = authority.rfind(']').unwrap_or(0);
        Some(match authority[from..].find(':') {
            Some(at) => (&authority[..from + at], Some(&authority[from + at + 1..])),
            None => (authority, None),
        })
    }
}

fn cut(text: &str, delimiter: char) -> (&str, Option<&str>) {
    match text.split_once(delimiter) {
        Some((before, after)) => (before, Some(after)),
        None => (text, None),
    }
}

fn is_scheme(text: &str) -> bool {
    let is_inner = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    text.starts_with(|first: char| first.is_ascii_alphabetic()) && text.bytes().all(is_inner)
}

/// A function that gives one part.
const fn part(name: &'static str, compile: fn(&[String]) -> Result<Compiled, String>) -> Spec {
    Spec {
        name,
        num_arguments: 1..=1,
        constants: "none",
        gives: Gives::One(ColumnType::String),
        compile,
    }
}

/// Appends a text, if there is one.
fn put(part: Option<&str>, out: &mut String) -> bool {
    out.push_str(part.unwrap_or_default());
    part.is_some()
}

pub(super) static SCHEME: Spec = part("url_scheme", |_| {
    Ok(Compiled::Text(Box::new(|text, out| {
        let is_there = put(Parts::of(text).scheme, out);
        out.make_ascii_lowercase();
        is_there
    })))
});

pub(super) static HOST: Spec = part("url_host", |_| {
    Ok(Compiled::Text(Box::new(|text, out| {
        let host = Parts::of(text).host_and_port().map(|(host, _)| host);
        let is_there = put(host.filter(|host| !host.is_empty()), out);
        out.make_ascii_lowercase();
        is_there
    })))
});

pub(super) static PORT: Spec = Spec {
    name: "url_port",
    num_arguments: 1..=1,
    constants: "none",
    gives: Gives::One(ColumnType::Long),
    compile: |_| {
        Ok(Compiled::Long(Box::new(|text| {
            let (_, port) = Parts::of(text).host_and_port()?;
            port?.parse::<u16>().ok().map(i64::from)
        })))
    },
};

pub(super) static PATH: Spec = part("url_path", |_| {
    Ok(Compiled::Text(Box::new(|text, out| {
        put(Some(Parts::of(text).path), out)
    })))
});

pub(super) static QUERY: Spec = part("url_query", |_| {
    Ok(Compiled::Text(Box::new(|text, out| put(Parts::of(text).query, out))))
});

pub(super) static FRAGMENT: Spec = part("url_fragment", |_| {
    Ok(Compiled::Text(Box::new(|text, out| put(Parts::of(text).fragment, out))))
});

/// The first value of a parameter, decoded.
pub(super) static QUERY_PARAMETER: Spec = Spec {
    name: "query_parameter",
    num_arguments: 2..=2,
    constants: "the name of a parameter",
    gives: Gives::One(ColumnType::String),
    compile: |constants| {
        let name = constants[0].clone();
        Ok(Compiled::Text(Box::new(move |text, out| {
            // Without a question mark the text is what would stand behind one.
            let query = Parts::of(text).query.unwrap_or(text);
            let found = form_urlencoded::parse(query.as_bytes()).find(|(key, _)| *key == name);
            put(found.as_ref().map(|(_, value)| value.as_ref()), out)
        })))
    },
};

pub(super) static DECODE: Spec = part("url_decode", |_| {
    Ok(Compiled::Text(Box::new(|text, out| {
        // As one name without a value; `&` and `=` are no delimiters here.
        let escaped = text.replace('&', "%26").replace('=', "%3D");
        let decoded = form_urlencoded::parse(escaped.as_bytes()).next();
        match decoded {
            Some((decoded, _)) => put(Some(&decoded), out),
            None => true,
        }
    })))
});

pub(super) static ENCODE: Spec = part("url_encode", |_| {
    Ok(Compiled::Text(Box::new(|text, out| {
        out.extend(form_urlencoded::byte_serialize(text.as_bytes()));
        true
    })))
});

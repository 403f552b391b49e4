use super::routes::ROUTES;
use super::*;
use crate::log::JobLogs;
use bucketload_state::State;
use serde_json::Value;
use std::collections::BTreeSet;

fn api(token: Option<&str>, address: &str) -> bucketload_engine::Result<Api> {
    let folder = tempfile::tempdir().unwrap();
    let state = Arc::new(State::open(&folder.path().join("state.db")).unwrap());
    let now = || jiff::Timestamp::from_second(1_800_000_000).unwrap();
    let service = Arc::new(Service::new(state, JobLogs::new(), now, |_| None));
    let place = folder.path().display().to_string();
    let token = token.map(str::to_owned);
    Api::new(
        service,
        place,
        folder.path().to_owned(),
        token,
        address.parse().unwrap(),
        Handle::current(),
    )
}

fn request(headers: &[(&str, &str)]) -> Request {
    Request {
        headers: headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        ..Request::default()
    }
}

#[track_caller]
fn check_admitted(api: &Api, headers: &[(&str, &str)], expected: u16) {
    let status = api
        .admit(&request(headers))
        .map_or_else(|answer| answer.status, |()| 200);
    assert_eq!(status, expected, "{headers:?}");
}

#[tokio::test]
async fn beyond_this_machine_there_must_be_a_token() {
    for address in ["0.0.0.0:8750", "[::]:8750", "10.0.0.1:0"] {
        assert_eq!(api(None, address).unwrap_err().blame(), Blame::Config, "{address}");
        assert_eq!(api(Some(""), address).unwrap_err().blame(), Blame::Config, "{address}");
        api(Some("secret"), address).unwrap();
    }
    for address in ["127.0.0.1:8750", "[::1]:0", "127.9.9.9:1", "[::ffff:127.0.0.1]:0"] {
        api(None, address).unwrap();
    }
}

#[tokio::test]
async fn a_token_is_demanded_where_there_is_one() {
    let api = api(Some("open sesame"), "127.0.0.1:0").unwrap();
    check_admitted(
        &api,
        &[("host", "127.0.0.1"), ("authorization", "Bearer open sesame")],
        200,
    );
    check_admitted(&api, &[("authorization", "bearer  open sesame")], 200);
    for wrong in [
        "Bearer open sesam",
        "Bearer open sesame!",
        "Bearer ",
        "Basic open sesame",
        "open sesame",
    ] {
        check_admitted(&api, &[("host", "127.0.0.1"), ("authorization", wrong)], 401);
    }
    check_admitted(&api, &[("host", "127.0.0.1")], 401);
}

#[tokio::test]
async fn without_a_token_pages_and_other_names_are_refused() {
    let api = api(None, "127.0.0.1:0").unwrap();
    for host in [
        "127.0.0.1:8750",
        "localhost",
        "localhost:8750",
        "LocalHost",
        "[::1]:8750",
        "127.0.0.2:8750",
        "[::ffff:127.0.0.1]:8750",
        "127.1.2.3",
    ] {
        check_admitted(&api, &[("host", host)], 200);
    }
    for host in [
        "",
        "example.com",
        "127.0.0.1.example.com:8750",
        "localhost.example.com",
        "0.0.0.0",
        "[::]:8750",
        "[::ffff:10.0.0.1]",
        "128.0.0.1",
    ] {
        check_admitted(&api, &[("host", host)], 403);
    }
    check_admitted(&api, &[("host", "localhost"), ("origin", "http://localhost:3000")], 200);
    for origin in ["http://example.com", "https://example.com:443", "null", "file://"] {
        check_admitted(&api, &[("host", "localhost"), ("origin", origin)], 403);
    }
}

#[test]
fn the_description_has_the_routes_that_there_are() {
    let document: Value = serde_json::from_str(OPENAPI).unwrap();
    let mut described = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys() {
            described.insert((method.to_ascii_uppercase(), path.clone()));
        }
    }
    let routes: BTreeSet<_> = ROUTES
        .iter()
        .map(|(method, path, _)| ((*method).to_owned(), (*path).to_owned()))
        .collect();
    assert_eq!(described, routes);
}

#[test]
fn the_description_refers_to_what_it_has() {
    fn check(value: &Value, document: &Value) {
        match value {
            Value::Object(members) => {
                if let Some(target) = members.get("$ref").and_then(Value::as_str) {
                    let pointer = target.strip_prefix('#').unwrap();
                    assert!(document.pointer(pointer).is_some(), "{target}");
                }
                members.values().for_each(|member| check(member, document));
            }
            Value::Array(items) => items.iter().for_each(|item| check(item, document)),
            _ => {}
        }
    }
    let document: Value = serde_json::from_str(OPENAPI).unwrap();
    check(&document, &document);
}

#[tokio::test]
async fn head_is_answered_where_get_is_and_others_are_told_what_there_is() {
    let api = Arc::new(api(None, "127.0.0.1:0").unwrap());
    let asked = |method: &str, path: &[&str]| Request {
        method: method.to_owned(),
        path: path.iter().map(|segment| (*segment).to_owned()).collect(),
        ..Request::default()
    };
    let request = asked("HEAD", &["health"]);
    let route = routes::find(&request).unwrap();
    let Ok(routes::Reply::Answer(answer)) = routes::reply(&api, route, &request).await else {
        panic!("HEAD is not answered");
    };
    assert_eq!(answer.status, 200);
    for (method, path, allowed) in [
        ("DELETE", &["v1", "jobs"][..], "GET, HEAD, POST"),
        ("GET", &["v1", "preview"], "POST"),
        ("HEAD", &["v1", "jobs", "a", "cancel"], "POST"),
    ] {
        let answer = routes::find(&asked(method, path)).unwrap_err();
        assert_eq!((answer.status, answer.allowed.as_deref()), (405, Some(allowed)));
    }
}

//! How a bucket is reached: by host or by path, through proxies, in its region, with keys of any characters.
//!
//! Hosts of AWS are asked through an HTTP proxy, behind which SeaweedFS stands for all of them and checks every signature.

use bucketload_tests::bucket::Bucket;
use bucketload_tests::bucketload::{Bucketload, Workplace};
use bucketload_tests::proxy::{Answer, Fault, Proxy, RequestKind, SeenRequest};
use bucketload_tests::python;
use bucketload_tests::servers::{self, ACCESS_KEY, REGION, SECRET_KEY};
use std::collections::BTreeSet;

/// `loader` with the password below, as browsers send it.
const PROXY_AUTHORIZATION: &str = "Basic bG9hZGVyOnAlcyAvOkDDqQ==";
const PROXY_PASSWORD: &str = "p%s /:@é";

const IN_IRELAND: &[(&str, &str)] = &[("x-amz-bucket-region", "eu-west-1")];

/// What AWS says to a request for a bucket of another region.
const MOVED: Answer = Answer {
    status: "301 Moved Permanently",
    headers: IN_IRELAND,
    body: "<Error><Code>PermanentRedirect</Code><Message>The bucket you are attempting to access must be addressed using the \
           specified endpoint.</Message><Endpoint>x.s3-eu-west-1.amazonaws.com</Endpoint></Error>",
};

/// What AWS says to a request for a young bucket, whose region is not known everywhere yet.
const MOVED_FOR_NOW: Answer = Answer {
    status: "307 Temporary Redirect",
    headers: &[
        ("x-amz-bucket-region", "eu-west-1"),
        ("Location", "http://young.s3.eu-west-1.amazonaws.com/?list-type=2"),
    ],
    body: "<Error><Code>TemporaryRedirect</Code><Message>Please re-send this request.</Message></Error>",
};

/// What AWS says to a request that is signed for another region.
const SIGNED_FOR_ANOTHER: Answer = Answer {
    status: "400 Bad Request",
    headers: &[],
    body: "<Error><Code>AuthorizationHeaderMalformed</Code><Message>The authorization header is malformed; the region \
           'us-east-1' is wrong; expecting 'eu-west-1'</Message><Region>eu-west-1</Region></Error>",
};

/// A bucket whose numbers add up to 7.
fn bucket_of_numbers() -> Bucket {
    let bucket = Bucket::new(servers::seaweedfs());
    bucket.put("data/a.csv", "1\n2\n");
    bucket.put("data/b.csv", "4\n");
    bucket
}

/// A job of one long column with these lines in `in`.
fn job(workplace: &Workplace, bucket: &str, lines: &str) -> Bucketload {
    let text = format!(
        "in:\n  type: s3\n  bucket: {bucket}\n  access_key_id: ${{AWS_ACCESS_KEY_ID}}\n  \
         secret_access_key: ${{AWS_SECRET_ACCESS_KEY}}\n  path_prefix: data/\n  initial_retry_interval_millis: 10\n  \
         maximum_retries: 2\n  parser: {{type: csv, columns: [{{name: n, type: long}}]}}\n{lines}\
         filters: [{{type: sql, select: n}}]\nout: {{partition_by: none}}\n"
    );
    workplace
        .issuing(&workplace.write("job.yml", text), &[])
        .env("AWS_ACCESS_KEY_ID", ACCESS_KEY)
        .env("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
}

fn through(proxy: &Proxy) -> String {
    format!(
        "  http_proxy: {{host: 127.0.0.1, port: {}, https: false}}\n",
        proxy.port()
    )
}

fn hosts_and_regions(proxy: &Proxy) -> Vec<(String, String)> {
    let place = |request: SeenRequest| (request.host, request.region.unwrap_or_default());
    proxy.requests().into_iter().map(place).collect()
}

/// Demands that the numbers of [`bucket_of_numbers`] are there.
#[track_caller]
fn check_sum(workplace: &Workplace, loading: Bucketload) {
    loading.run().succeeded().kept_secrets();
    assert_eq!(workplace.number("SELECT sum(n) FROM d.t"), 7);
}

#[test]
fn a_bucket_is_reached_by_its_own_host() {
    let bucket = bucket_of_numbers();
    let proxy = Proxy::start(bucket.server().address());
    let workplace = Workplace::new();
    let lines = format!(
        "  endpoint: http://s3.test\n  virtual_hosted_style: true\n{}",
        through(&proxy)
    );
    check_sum(&workplace, job(&workplace, bucket.name(), &lines));
    let host = format!("{}.s3.test", bucket.name());
    for request in proxy.requests() {
        assert_eq!(request.host, host);
        assert!(!request.target.contains(bucket.name()), "{}", request.target);
    }
    assert_eq!(
        (proxy.count(RequestKind::List), proxy.count(RequestKind::Get)),
        (1, 2),
        "{:#?}",
        proxy.requests()
    );
}

#[test]
fn aws_is_asked_by_the_host_of_the_bucket_in_its_region() {
    let bucket = bucket_of_numbers();
    let proxy = Proxy::start(bucket.server().address());
    let workplace = Workplace::new();
    let lines = format!("  region: eu-west-1\n{}", through(&proxy));
    check_sum(&workplace, job(&workplace, bucket.name(), &lines));
    let expected = (
        format!("{}.s3.eu-west-1.amazonaws.com", bucket.name()),
        "eu-west-1".to_owned(),
    );
    assert_eq!(hosts_and_regions(&proxy), vec![expected; 3]);
}

#[test]
fn a_proxy_is_told_its_user_and_password() {
    let bucket = bucket_of_numbers();
    let proxy = Proxy::start_guarded(bucket.server().address(), PROXY_AUTHORIZATION);
    let workplace = Workplace::new();
    let endpoint = bucket.server().endpoint();
    let lines = |password: &str| {
        format!(
            "  endpoint: {endpoint}\n  http_proxy: {{host: 127.0.0.1, port: {}, user: loader, password: '{password}'}}\n",
            proxy.port()
        )
    };
    check_sum(&workplace, job(&workplace, bucket.name(), &lines(PROXY_PASSWORD)));
    assert!(proxy.requests().iter().all(|request| request.is_proxied));
    let num_requests = proxy.requests().len();
    let refused = job(&Workplace::new(), bucket.name(), &lines("wrong-password-of-mine"))
        .run()
        .exited_with(1)
        .kept_secrets()
        .said(&["proxy", "127.0.0.1", "hint:", "in.http_proxy"]);
    assert!(!refused.stderr.contains("wrong-password-of-mine"), "{refused}");
    assert_eq!(
        proxy.requests().len(),
        num_requests + 1,
        "what is refused is not tried again"
    );
}

#[test]
fn a_proxy_where_nobody_listens_is_named() {
    let bucket = bucket_of_numbers();
    let lines = format!(
        "  endpoint: {}\n  http_proxy: {{host: 127.0.0.1, port: {}}}\n",
        bucket.server().endpoint(),
        servers::unused_address().port()
    );
    let failed = job(&Workplace::new(), bucket.name(), &lines)
        .run()
        .exited_with(1)
        .said(&["in.http_proxy"]);
    failed.error_line();
}

#[test]
fn a_bucket_is_followed_to_its_region() {
    for elsewhere in [MOVED, MOVED_FOR_NOW, SIGNED_FOR_ANOTHER] {
        let bucket = bucket_of_numbers();
        let proxy = Proxy::start(bucket.server().address()).with_fault(RequestKind::List, Fault::Answer(elsewhere), 1);
        let workplace = Workplace::new();
        check_sum(&workplace, job(&workplace, bucket.name(), &through(&proxy)));
        let place = |region: &str| {
            (
                format!("{}.s3.{region}.amazonaws.com", bucket.name()),
                region.to_owned(),
            )
        };
        let there = place("eu-west-1");
        assert_eq!(
            hosts_and_regions(&proxy),
            [place("us-east-1"), there.clone(), there.clone(), there],
            "after `{}`",
            elsewhere.status
        );
    }
}

#[test]
fn a_single_file_is_followed_to_its_region() {
    let bucket = bucket_of_numbers();
    let without_body = Answer { body: "", ..MOVED };
    let proxy = Proxy::start(bucket.server().address()).with_fault(RequestKind::Head, Fault::Answer(without_body), 1);
    let workplace = Workplace::new();
    let lines = format!("  path: data/b.csv\n{}", through(&proxy));
    job(&workplace, bucket.name(), &lines).run().succeeded();
    assert_eq!(workplace.number("SELECT sum(n) FROM d.t"), 4);
    assert_eq!((proxy.count(RequestKind::Head), proxy.count(RequestKind::Get)), (2, 1));
}

#[test]
fn a_bucket_that_is_sent_around_in_circles_is_given_up() {
    let bucket = bucket_of_numbers();
    let to_virginia = Answer {
        headers: &[("x-amz-bucket-region", "us-east-1")],
        ..MOVED
    };
    let mut proxy = Proxy::start(bucket.server().address());
    for _ in 0..10 {
        proxy = proxy.with_fault(RequestKind::List, Fault::Answer(MOVED), 1).with_fault(
            RequestKind::List,
            Fault::Answer(to_virginia),
            1,
        );
    }
    let failed = job(&Workplace::new(), bucket.name(), &through(&proxy))
        .run()
        .exited_with(1)
        .said(&[bucket.name(), "region"]);
    failed.error_line();
    assert!(proxy.requests().len() < 5, "{:#?}", proxy.requests());
}

#[test]
fn another_region_is_signed_for_at_an_endpoint_of_the_users_own() {
    let bucket = bucket_of_numbers();
    let proxy =
        Proxy::start(bucket.server().address()).with_fault(RequestKind::List, Fault::Answer(SIGNED_FOR_ANOTHER), 1);
    let workplace = Workplace::new();
    let lines = format!("  endpoint: {}\n  region: us-east-1\n", proxy.endpoint());
    check_sum(&workplace, job(&workplace, bucket.name(), &lines));
    let regions: Vec<_> = hosts_and_regions(&proxy)
        .into_iter()
        .map(|(_, region)| region)
        .collect();
    assert_eq!(regions, ["us-east-1", "eu-west-1", "eu-west-1", "eu-west-1"]);
}

#[test]
fn a_bucket_of_another_region_than_the_endpoints_is_an_error_that_names_both() {
    let bucket = bucket_of_numbers();
    let proxy = Proxy::start(bucket.server().address()).with_fault(RequestKind::List, Fault::Answer(MOVED), 1);
    let lines = format!("  endpoint: {}\n", proxy.endpoint());
    let failed = job(&Workplace::new(), bucket.name(), &lines)
        .run()
        .exited_with(1)
        .kept_secrets()
        .said(&["hint:", "in.endpoint", "in.region: eu-west-1"]);
    assert!(
        failed.error_line().contains(bucket.name()) && failed.error_line().contains(&proxy.endpoint()),
        "{failed}"
    );
    assert_eq!(proxy.requests().len(), 1, "the endpoint is what was asked for");
}

#[test]
fn an_endpoint_that_sends_elsewhere_is_not_followed() {
    let bucket = bucket_of_numbers();
    let elsewhere = Proxy::start(bucket.server().address());
    let to_https = Answer {
        status: "308 Permanent Redirect",
        headers: &[("Location", "https://s3.test/somewhere?X-Amz-Signature=abc")],
        body: "",
    };
    let proxy = Proxy::start(bucket.server().address()).with_fault(RequestKind::List, Fault::Answer(to_https), 1);
    let lines = format!("  endpoint: {}\n", proxy.endpoint());
    let failed = job(&Workplace::new(), bucket.name(), &lines)
        .run()
        .exited_with(1)
        .kept_secrets()
        .said(&["redirects", "https://s3.test", "hint:", "in.endpoint"]);
    failed.error_line();
    assert_eq!((proxy.requests().len(), elsewhere.requests().len()), (1, 0));
}

/// Keys with everything that has a meaning in a path, a query or a signature.
const ODD_KEYS: [&str; 16] = [
    "data/ leading and trailing ",
    "data/a b.csv",
    "data/a+b.csv",
    "data/a%20b.csv",
    "data/100%.csv",
    "data/%2F",
    "data/a=b&c=d?e#f.csv",
    "data/(it's),;:@$!*.csv",
    "data/[x]{y}|^`~\".csv",
    "data/<tag>.csv",
    "data/grüße-日本-😀.csv",
    "data/cafe\u{301}.csv",
    "data/...csv",
    "data/.hidden",
    "data/a/b.csv",
    "data/\u{7f}\u{1}.csv",
];

/// Keys that a file system could not hold beside the others.
const KEYS_OF_NO_FILE_SYSTEM: [&str; 5] = ["data/a\\b", "data//b.csv", "data///", "data/a//b", "data/a b.csv/c"];

/// Writes one number to each key, each twice the one before, with a client of another maker.
fn put_powers_of_two(bucket: &Bucket, keys: &[&str]) {
    let script = "
import boto3, json, sys
endpoint, key_id, secret, region, bucket, keys = sys.argv[1:]
s3 = boto3.client('s3', endpoint_url=endpoint, region_name=region, aws_access_key_id=key_id, aws_secret_access_key=secret)
for number, key in enumerate(json.loads(keys)):
    s3.put_object(Bucket=bucket, Key=key, Body=b'%d\\n' % 2**number)
";
    let keys = serde_json::to_string(keys).unwrap();
    let endpoint = bucket.server().endpoint();
    python::run(
        script,
        [&endpoint, ACCESS_KEY, SECRET_KEY, REGION, bucket.name(), &keys],
    );
}

/// Computes every signature anew, with the library that AWS gives out.
#[track_caller]
fn check_signatures(requests: &[SeenRequest]) {
    let script = "
import json, sys
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
secret, requests = sys.argv[1], json.loads(sys.argv[2])
for method, target, head in requests:
    headers = dict(line.split(':', 1) for line in head.split('\\r\\n')[1:] if line)
    headers = {name.lower(): value.strip() for name, value in headers.items()}
    words = dict(word.strip(',').split('=', 1) for word in headers['authorization'].split()[1:])
    key_id, _, region, service, _ = words['Credential'].split('/')
    signed = {name: headers[name] for name in words['SignedHeaders'].split(';')}
    request = AWSRequest(method, 'http://' + headers['host'] + target, headers=signed)
    request.context['timestamp'] = headers['x-amz-date']
    auth = S3SigV4Auth(Credentials(key_id, secret), service, region)
    expected = auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)
    assert expected == words['Signature'], (target, auth.canonical_request(request))
print(len(requests))
";
    let shown: Vec<_> = requests
        .iter()
        .map(|request| (&request.method, &request.target, &request.head))
        .collect();
    let checked = python::run(script, [SECRET_KEY, &serde_json::to_string(&shown).unwrap()]);
    assert_eq!(checked.trim(), requests.len().to_string());
}

/// Loads all of `keys` and demands that each came once, under its own name.
#[track_caller]
fn check_keys(bucket: &Bucket, keys: &[&str], prefix: &str) {
    put_powers_of_two(bucket, keys);
    let proxy = Proxy::start(bucket.server().address());
    let workplace = Workplace::new();
    let lines = format!(
        "  endpoint: {}\n  region: us-east-1\n  metadata_columns: [_file_path]\n",
        proxy.endpoint()
    );
    let report = job(&workplace, bucket.name(), &lines)
        .set("filters=[]")
        .set(format!("in.path_prefix={prefix}"))
        .run()
        .succeeded()
        .json();
    assert_eq!(report["files"]["read"], keys.len());
    let json = ["query", "SELECT _file_path AS path, n FROM d.t", "--json"];
    let rows = workplace.bucketload(json).run().succeeded().json();
    let found: BTreeSet<(String, u64)> = rows
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["path"].as_str().unwrap().to_owned(), row["n"].as_u64().unwrap()))
        .collect();
    let expected: BTreeSet<(String, u64)> = keys
        .iter()
        .enumerate()
        .map(|(number, key)| (format!("s3://{}/{key}", bucket.name()), 1 << number))
        .collect();
    assert_eq!(found, expected);
    assert_eq!(proxy.count(RequestKind::Get), keys.len());
    check_signatures(&proxy.requests());
}

#[test]
fn keys_of_any_characters_are_listed_and_read() {
    check_keys(&Bucket::new(servers::seaweedfs()), &ODD_KEYS, "data/");
}

#[test]
fn keys_that_are_no_paths_are_listed_and_read() {
    let keys = [&ODD_KEYS[..], &KEYS_OF_NO_FILE_SYSTEM].concat();
    check_keys(&Bucket::new(servers::moto()), &keys, "data/");
}

#[test]
fn keys_may_begin_with_a_slash() {
    check_keys(&Bucket::new(servers::moto()), &["/a.csv", "//b", "/c d/"], "/");
}

#[test]
fn a_key_with_a_dot_segment_is_refused_with_its_name() {
    let bucket = Bucket::new(servers::moto());
    put_powers_of_two(&bucket, &["data/a.csv"]);
    let lines = format!(
        "  endpoint: {}\n  path: data/../secret.csv\n",
        bucket.server().endpoint()
    );
    let failed = job(&Workplace::new(), bucket.name(), &lines).run().exited_with(2);
    assert!(failed.error_line().contains("data/../secret.csv"), "{failed}");
}

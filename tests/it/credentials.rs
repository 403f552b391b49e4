//! Where credentials come from: a file, the environment, a role, the instance, the container. SeaweedFS checks every signature and
//! token made with them.

use crate::s3::Session;
use bucketload_tests::bucket::Bucket;
use bucketload_tests::bucketload::{Bucketload, Finished, Workplace};
use bucketload_tests::metadata::{CONTAINER_TOKEN, MetadataService};
use bucketload_tests::proxy::{Answer, Fault, Proxy, RequestKind};
use bucketload_tests::servers::{self, ACCESS_KEY, ROLE, SECRET_KEY, Server};
use serde_json::{Value, json};

const EXPIRED: Answer = Answer {
    status: "400 Bad Request",
    headers: &[],
    body: "<Error><Code>ExpiredToken</Code><Message>The provided token has expired.</Message></Error>",
};

fn bucket_of_numbers(server: &'static Server) -> Bucket {
    let bucket = Bucket::new(server);
    bucket.put("data/a.csv", "1\n2\n");
    bucket.put("data/b.csv", "4\n");
    bucket
}

/// A job of one long column, with these lines in `in` and no credential in the environment.
fn job(workplace: &Workplace, endpoint: &str, bucket: &str, lines: &str) -> Bucketload {
    let text = format!(
        "in:\n  type: s3\n  endpoint: {endpoint}\n  region: us-east-1\n  bucket: {bucket}\n  path_prefix: data/\n  \
         initial_retry_interval_millis: 10\n  maximum_retries: 1\n  \
         parser: {{type: csv, columns: [{{name: n, type: long}}]}}\n{lines}out: {{partition_by: none}}\n"
    );
    workplace.issuing(&workplace.write("job.yml", text), &[])
}

#[track_caller]
fn check_loaded(workplace: &Workplace, finished: Finished) {
    finished.succeeded().kept_secrets();
    assert_eq!(workplace.number("SELECT sum(n) FROM d.t"), 7);
}

/// What a service hands out: a session that SeaweedFS knows.
fn document(session: &Session, expiration: &str) -> Value {
    json!({
        "Code": "Success", "Type": "AWS-HMAC", "LastUpdated": "2026-01-01T00:00:00Z", "Expiration": expiration,
        "AccessKeyId": session.access_key_id, "SecretAccessKey": session.secret_access_key, "Token": session.session_token,
    })
}

#[test]
fn a_profile_is_read_from_the_file_that_is_named() {
    let bucket = bucket_of_numbers(servers::seaweedfs());
    let endpoint = bucket.server().endpoint();
    let file = format!(
        "[other]\naws_access_key_id = AKIAOTHER\naws_secret_access_key = x\n\n[tests]\naws_access_key_id = {ACCESS_KEY}\naws_secret_access_key={SECRET_KEY}\n"
    );
    let workplace = Workplace::new();
    let path = workplace.write("keys", &file);
    let lines = format!("  auth_method: profile\n  profile_file: {path}\n  profile_name: tests\n");
    check_loaded(&workplace, job(&workplace, &endpoint, bucket.name(), &lines).run());

    // Without a file's name it is that of the environment, then that of the home directory.
    let lines = "  auth_method: profile\n  profile_name: tests\n";
    let workplace = Workplace::new();
    check_loaded(
        &workplace,
        job(&workplace, &endpoint, bucket.name(), lines)
            .env("AWS_SHARED_CREDENTIALS_FILE", &path)
            .run(),
    );
    let workplace = Workplace::new();
    workplace.write(".aws/credentials", file.replace("[tests]", "[default]"));
    let lines = "  auth_method: profile\n";
    check_loaded(&workplace, job(&workplace, &endpoint, bucket.name(), lines).run());
}

#[test]
fn what_a_profile_lacks_is_named() {
    let workplace = Workplace::new();
    let path = workplace.write("keys", "[half]\naws_access_key_id = AKIA\n");
    for (name, missing) in [("half", "aws_secret_access_key"), ("nobody", "nobody")] {
        let lines = format!("  auth_method: profile\n  profile_file: {path}\n  profile_name: {name}\n");
        let failed = job(&workplace, "http://127.0.0.1:9", "logs", &lines)
            .run()
            .exited_with(2)
            .said(&["hint:", "auth_method"]);
        assert!(
            failed.error_line().contains(&path) && failed.error_line().contains(missing),
            "{failed}"
        );
    }
    let lines = "  auth_method: profile\n  profile_file: no/such/file\n";
    let failed = job(&workplace, "http://127.0.0.1:9", "logs", lines)
        .run()
        .exited_with(2);
    assert!(failed.error_line().contains("no/such/file"), "{failed}");
}

#[test]
fn the_environment_is_read() {
    let bucket = bucket_of_numbers(servers::seaweedfs());
    let workplace = Workplace::new();
    let load = || {
        let lines = "  auth_method: env\n";
        job(&workplace, &bucket.server().endpoint(), bucket.name(), lines).env("AWS_ACCESS_KEY_ID", ACCESS_KEY)
    };
    check_loaded(&workplace, load().env("AWS_SECRET_ACCESS_KEY", SECRET_KEY).run());
    let failed = load().run().exited_with(2);
    assert!(failed.error_line().contains("AWS_SECRET_ACCESS_KEY"), "{failed}");
}

#[test]
fn a_role_is_assumed_with_the_keys_of_the_environment() {
    // SeaweedFS checks what moto only hands out.
    for server in [servers::seaweedfs(), servers::moto()] {
        let bucket = bucket_of_numbers(server);
        let proxy = Proxy::start(server.address());
        let workplace = Workplace::new();
        let lines = format!(
            "  auth_method: assume_role\n  account_id: '{}'\n  role_name: {}\n  session_name: tests\n",
            ROLE.0, ROLE.1
        );
        let loading = job(&workplace, &proxy.endpoint(), bucket.name(), &lines)
            .env("AWS_ACCESS_KEY_ID", ACCESS_KEY)
            .env("AWS_SECRET_ACCESS_KEY", SECRET_KEY);
        check_loaded(&workplace, loading.run());
        let requests = proxy.requests();
        assert_eq!(requests[0].method, "POST", "{requests:#?}");
        assert_eq!(proxy.count(RequestKind::Other), 1, "one session serves all requests");
        for request in &requests[1..] {
            assert!(
                request.head.to_lowercase().contains("x-amz-security-token:"),
                "{}",
                request.head
            );
            assert!(
                !request.head.contains(&format!("Credential={ACCESS_KEY}/")),
                "{}",
                request.head
            );
        }
    }
}

#[test]
fn a_role_is_assumed_where_and_as_it_is_asked() {
    let server = servers::moto();
    let bucket = bucket_of_numbers(server);
    let sts = Proxy::start(server.address());
    let workplace = Workplace::new();
    let lines = format!(
        "  auth_method: assume_role\n  account_id: '{}'\n  role_name: {}\n  external_id: tests\n  duration_in_seconds: 900\n  \
         arn_partition: aws-cn\n  sts_endpoint: {}\n",
        ROLE.0,
        ROLE.1,
        sts.endpoint()
    );
    let loading = job(&workplace, &server.endpoint(), bucket.name(), &lines)
        .env("AWS_ACCESS_KEY_ID", ACCESS_KEY)
        .env("AWS_SECRET_ACCESS_KEY", SECRET_KEY);
    check_loaded(&workplace, loading.run());
    assert_eq!(sts.requests().len(), 1, "the role is asked for there, and nothing else");
    let failed = job(
        &Workplace::new(),
        &servers::seaweedfs().endpoint(),
        "any",
        &lines.replace(&format!("  sts_endpoint: {}\n", sts.endpoint()), ""),
    )
    .env("AWS_ACCESS_KEY_ID", ACCESS_KEY)
    .env("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
    .run()
    .exited_with(1);
    assert!(failed.error_line().contains("arn:aws-cn:iam::"), "{failed}");
}

#[test]
fn a_role_that_there_is_not_is_named() {
    let bucket = bucket_of_numbers(servers::seaweedfs());
    let lines = "  auth_method: assume_role\n  account_id: '000000000000'\n  role_name: nobody\n";
    let failed = job(&Workplace::new(), &bucket.server().endpoint(), bucket.name(), lines)
        .env("AWS_ACCESS_KEY_ID", ACCESS_KEY)
        .env("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
        .run()
        .exited_with(1)
        .kept_secrets()
        .said(&["hint:", "in.role_name"]);
    assert!(
        failed.error_line().contains("arn:aws:iam::000000000000:role/nobody"),
        "{failed}"
    );
}

#[test]
fn an_expired_session_of_a_role_is_renewed() {
    let bucket = bucket_of_numbers(servers::seaweedfs());
    let proxy = Proxy::start(bucket.server().address()).with_fault(RequestKind::Get, Fault::Answer(EXPIRED), 1);
    let workplace = Workplace::new();
    let lines = format!(
        "  auth_method: assume_role\n  account_id: '{}'\n  role_name: {}\n",
        ROLE.0, ROLE.1
    );
    let loading = job(&workplace, &proxy.endpoint(), bucket.name(), &lines)
        .env("AWS_ACCESS_KEY_ID", ACCESS_KEY)
        .env("AWS_SECRET_ACCESS_KEY", SECRET_KEY);
    check_loaded(&workplace, loading.run());
    assert_eq!(proxy.count(RequestKind::Other), 2, "a second session");
}

#[test]
fn an_expired_token_that_nobody_renews_is_an_error() {
    let bucket = bucket_of_numbers(servers::seaweedfs());
    let proxy =
        Proxy::start(bucket.server().address()).with_fault(RequestKind::List, Fault::Answer(EXPIRED), usize::MAX);
    let lines = "  auth_method: session\n  access_key_id: ASIA\n  secret_access_key: k\n  session_token: t\n";
    let failed = job(&Workplace::new(), &proxy.endpoint(), bucket.name(), lines)
        .run()
        .exited_with(1)
        .said(&["hint:", "session token"]);
    assert!(failed.error_line().contains("expired"), "{failed}");
    assert_eq!(proxy.requests().len(), 1);
}

#[test]
fn the_instance_gives_credentials() {
    let bucket = bucket_of_numbers(servers::seaweedfs());
    let session = Session::assume();
    let service = MetadataService::start(&document(&session, "2099-01-01T00:00:00Z"));
    let workplace = Workplace::new();
    let endpoint = bucket.server().endpoint();
    let lines = "  auth_method: instance\n";
    let finished = job(&workplace, &endpoint, bucket.name(), lines)
        .env("AWS_EC2_METADATA_SERVICE_ENDPOINT", service.endpoint())
        .run();
    assert!(!finished.stderr.contains(&session.secret_access_key), "{finished}");
    check_loaded(&workplace, finished);
    assert_eq!(
        service.requests(),
        [
            "PUT /latest/api/token",
            "GET /latest/meta-data/iam/security-credentials/",
            "GET /latest/meta-data/iam/security-credentials/role-of-the-instance"
        ]
    );
    // The last link of the default chain.
    let workplace = Workplace::new();
    let finished = job(&workplace, &endpoint, bucket.name(), "  auth_method: default\n")
        .env("AWS_EC2_METADATA_SERVICE_ENDPOINT", service.endpoint())
        .env("AWS_EC2_METADATA_DISABLED", "false")
        .run();
    check_loaded(&workplace, finished);
}

#[test]
fn an_instance_that_does_not_answer_is_an_error() {
    let address = servers::unused_address();
    let failed = job(
        &Workplace::new(),
        "http://127.0.0.1:9",
        "logs",
        "  auth_method: instance\n",
    )
    .env("AWS_EC2_METADATA_SERVICE_ENDPOINT", format!("http://{address}"))
    .run()
    .exited_with(1)
    .said(&["hint:", "auth_method"]);
    assert!(failed.error_line().contains("instance metadata service"), "{failed}");
}

#[test]
fn no_credentials_at_all_are_an_error_that_says_where_they_were_looked_for() {
    let failed = job(
        &Workplace::new(),
        "http://127.0.0.1:9",
        "logs",
        "  auth_method: default\n",
    )
    .run()
    .exited_with(2)
    .said(&["hint:", "auth_method"]);
    let line = failed.error_line();
    assert!(
        line.contains("environment") && line.contains("credentials file"),
        "{failed}"
    );
}

#[test]
fn the_container_gives_credentials() {
    let bucket = bucket_of_numbers(servers::seaweedfs());
    let service = MetadataService::start(&document(&Session::assume(), "2099-01-01T00:00:00Z"));
    let workplace = Workplace::new();
    let token_file = workplace.write("token", format!("{CONTAINER_TOKEN}\n"));
    let endpoint = bucket.server().endpoint();
    let load = |workplace: &Workplace, path: &str, token: Option<(&str, &str)>| {
        let loading = job(workplace, &endpoint, bucket.name(), "  auth_method: default\n").env(
            "AWS_CONTAINER_CREDENTIALS_FULL_URI",
            format!("{}{path}", service.endpoint()),
        );
        match token {
            Some((name, value)) => loading.env(name, value).run(),
            None => loading.run(),
        }
    };
    for (path, token) in [
        ("/open", None),
        ("/guarded", Some(("AWS_CONTAINER_AUTHORIZATION_TOKEN", CONTAINER_TOKEN))),
        (
            "/guarded",
            Some(("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", token_file.as_str())),
        ),
    ] {
        let workplace = Workplace::new();
        check_loaded(&workplace, load(&workplace, path, token));
    }
    assert_eq!(
        service.requests(),
        ["GET /open", "GET /guarded", "GET /guarded"],
        "one request for each job"
    );
    let wrong = Some(("AWS_CONTAINER_AUTHORIZATION_TOKEN", "wrong-token"));
    for (path, token, answer) in [("/guarded", wrong, "status 401"), ("/missing", None, "status 404")] {
        let failed = load(&Workplace::new(), path, token).exited_with(1);
        assert!(!failed.stderr.contains("wrong-token"), "{failed}");
        assert!(
            failed.error_line().contains("container") && failed.error_line().contains(answer),
            "{failed}"
        );
    }
}

#[test]
fn credentials_of_a_container_that_end_soon_are_used_and_renewed() {
    let bucket = bucket_of_numbers(servers::seaweedfs());
    let service = MetadataService::start(&document(&Session::assume(), "2020-01-01T00:00:00Z"));
    let workplace = Workplace::new();
    let finished = job(
        &workplace,
        &bucket.server().endpoint(),
        bucket.name(),
        "  auth_method: default\n",
    )
    .env(
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        format!("{}/open", service.endpoint()),
    )
    .run();
    check_loaded(&workplace, finished);
    assert_eq!(service.requests().len(), 3, "one for each of three requests");
}

#[test]
fn a_token_of_a_container_is_not_sent_to_strangers() {
    let failed = job(
        &Workplace::new(),
        "http://127.0.0.1:9",
        "logs",
        "  auth_method: default\n",
    )
    .env("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://credentials.example/open")
    .env("AWS_CONTAINER_AUTHORIZATION_TOKEN", CONTAINER_TOKEN)
    .run()
    .exited_with(2);
    assert!(!failed.stderr.contains(CONTAINER_TOKEN), "{failed}");
    assert!(
        failed.error_line().contains("AWS_CONTAINER_CREDENTIALS_FULL_URI"),
        "{failed}"
    );
}

#[test]
fn a_role_is_assumed_with_credentials_of_the_container() {
    let bucket = bucket_of_numbers(servers::moto());
    let document = json!({"AccessKeyId": ACCESS_KEY, "SecretAccessKey": SECRET_KEY, "Token": "", "Expiration": "2020-01-01T00:00:00Z"});
    let service = MetadataService::start(&document);
    let workplace = Workplace::new();
    let lines = "  auth_method: assume_role\n  account_id: '123456789012'\n  role_name: loader\n";
    let finished = job(&workplace, &bucket.server().endpoint(), bucket.name(), lines)
        .env(
            "AWS_CONTAINER_CREDENTIALS_FULL_URI",
            format!("{}/open", service.endpoint()),
        )
        .run();
    check_loaded(&workplace, finished);
}

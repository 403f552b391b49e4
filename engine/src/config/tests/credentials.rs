//! The keys of `in` that say who asks.

use super::*;

#[track_caller]
fn credentials(lines: &str) -> CredentialOptions {
    let text = format!("in: {{bucket: b, path: p, {lines}\n  parser: {{{CSV}}}}}\n");
    let Location::S3(s3) = resolved(&text).plan.input.location else {
        panic!()
    };
    s3.credentials
}

#[track_caller]
fn check_credentials_error(lines: &str, path: &str, message: &str) {
    let text = format!("in: {{bucket: b, path: p, {lines}\n  parser: {{{CSV}}}}}\n");
    check_problems(&text, &[(path, 1, message)]);
}

#[test]
fn keys_come_from_variables() {
    let CredentialOptions::Static {
        access_key_id,
        secret_access_key,
        session_token,
    } = credentials("access_key_id: '${AWS_ACCESS_KEY_ID}', secret_access_key: '${secret:AWS_SECRET_ACCESS_KEY}',")
    else {
        panic!()
    };
    assert_eq!(access_key_id, "AKIA");
    assert_eq!(secret_access_key.expose_secret(), "hush");
    assert!(session_token.is_none());
}

#[test]
fn every_auth_method_is_read() {
    let shown = |lines: &str| format!("{:?}", credentials(lines));
    assert_eq!(shown("auth_method: anonymous,"), "Anonymous");
    assert_eq!(shown("auth_method: env,"), "Env");
    assert_eq!(shown("auth_method: instance,"), "Instance");
    assert_eq!(shown("auth_method: default,"), "Default");
    assert_eq!(
        shown("auth_method: profile,"),
        "Profile { file: None, name: \"default\" }"
    );
    assert_eq!(
        shown("auth_method: profile, profile_file: f, profile_name: n,"),
        "Profile { file: Some(\"f\"), name: \"n\" }"
    );
    assert_eq!(
        shown("auth_method: assume_role, account_id: 0123, role_name: r,"),
        "AssumeRole { role_arn: \"arn:aws:iam::0123:role/r\", external_id: None, session_name: \"embulk\", duration: 3600s, sts_endpoint: None }"
    );
    assert_eq!(
        shown(
            "auth_method: assume_role, account_id: 1, role_name: r, external_id: e, session_name: s, duration_in_seconds: 900, arn_partition: aws-cn, sts_endpoint: 'http://s',"
        ),
        "AssumeRole { role_arn: \"arn:aws-cn:iam::1:role/r\", external_id: Some(\"e\"), session_name: \"s\", duration: 900s, sts_endpoint: Some(\"http://s\") }"
    );
    let session = shown("auth_method: session, access_key_id: a, secret_access_key: hush, session_token: hush,");
    assert!(session.contains("Static") && !session.contains("hush"), "{session}");
}

#[test]
fn basic_without_a_key_is_anonymous_with_a_warning() {
    let text = format!("in: {{bucket: b, path: p,\n  parser: {{{CSV}}}}}\n");
    check_warning(&text, "in.access_key_id", "requests are anonymous", None);
    let text = format!("in: {{bucket: b, path: p, access_key_id: '', secret_access_key: x,\n  parser: {{{CSV}}}}}\n");
    check_warning(&text, "in.access_key_id", "requests are anonymous", None);
}

#[test]
fn missing_and_forbidden_credentials_are_errors() {
    check_credentials_error(
        "access_key_id: a,",
        "in.auth_method",
        "required option is not set: 'secret_access_key'",
    );
    check_credentials_error(
        "auth_method: session, access_key_id: a,",
        "in.auth_method",
        "required option is not set: 'secret_access_key', 'session_token'",
    );
    check_credentials_error(
        "auth_method: assume_role,",
        "in.auth_method",
        "required option is not set: 'account_id', 'role_name'",
    );
    check_credentials_error(
        "auth_method: anonymous, access_key_id: a,",
        "in.access_key_id",
        "invalid option is set: access_key_id",
    );
    check_credentials_error(
        "auth_method: env, profile_name: a,",
        "in.profile_name",
        "invalid option is set: profile_name",
    );
    check_credentials_error("auth_method: properties,", "in.auth_method", "Java");
}

#[test]
fn secrets_never_show() {
    let text = "in: {bucket: b, path: p, auth_method: env, secret_access_key: hush, access_key_id: [hush], session_token: hush,\n  parser: {type: csv}}\nfilters:\n- {type: hash, columns: [{name: a, algorithm: x, secret_key: hush}]}\n";
    let errors = try_resolve(text, true).unwrap_err();
    assert!(!format!("{errors}{errors:?}").contains("hush"));
    let text = file(
        "min_task_size: '${secret:AWS_SECRET_ACCESS_KEY}',",
        CSV,
        "out: {mode: '${secret:AWS_SECRET_ACCESS_KEY}'}\n",
    );
    let errors = try_resolve(&text, true).unwrap_err();
    assert_eq!(errors.problems.len(), 2);
    assert!(!format!("{errors}{errors:?}").contains("hush"), "{errors}");
    let text = "in: {bucket: b, path: p, access_key_id: a, secret_access_key: hush, http_proxy: {host: h, password: hush},\n  parser: {type: json}}\nfilters:\n- {type: hash, columns: [{name: a, algorithm: HmacSHA1, secret_key: hush}]}\n";
    assert!(!format!("{:?}", resolved(text)).contains("hush"));
}

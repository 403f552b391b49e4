//! Reads `auth_method` and what it needs; section 1.2 of the configuration reference.

use super::plan::CredentialOptions;
use super::reader::Reader;
use secrecy::SecretString;
use std::time::Duration;

#[derive(Clone, Copy, PartialEq, Eq)]
enum AuthMethod {
    Basic,
    Session,
    Anonymous,
    Env,
    Profile,
    Properties,
    Instance,
    AssumeRole,
    Default,
}

const METHODS: [(&str, AuthMethod); 9] = [
    ("basic", AuthMethod::Basic),
    ("instance", AuthMethod::Instance),
    ("profile", AuthMethod::Profile),
    ("properties", AuthMethod::Properties),
    ("anonymous", AuthMethod::Anonymous),
    ("env", AuthMethod::Env),
    ("assume_role", AuthMethod::AssumeRole),
    ("session", AuthMethod::Session),
    ("default", AuthMethod::Default),
];

const KEYS: [&str; 2] = ["access_key_id", "secret_access_key"];
const TOKEN: [&str; 1] = ["session_token"];
const PROFILE: [&str; 2] = ["profile_file", "profile_name"];
const ROLE: [&str; 7] = [
    "account_id",
    "role_name",
    "external_id",
    "session_name",
    "duration_in_seconds",
    "arn_partition",
    "sts_endpoint",
];

/// Reads how requests are signed; anonymous where that cannot be told, with the problem reported.
pub(crate) fn read_credentials(input: &Reader<'_>) -> CredentialOptions {
    let complain = |value: &str, _: &str| {
        format!(
            "unknown auth_method '{value}'. Supported methods are basic, instance, profile, anonymous, env, session, assume_role and default"
        )
    };
    let method = match input.is_set("auth_method") {
        true => input.choice("auth_method", &METHODS, complain),
        false => Some(AuthMethod::Basic),
    };
    let Some(method) = method else {
        input.ignore(&[&KEYS[..], &TOKEN, &PROFILE, &ROLE].concat());
        return CredentialOptions::Anonymous;
    };
    let groups = [
        (&KEYS[..], matches!(method, AuthMethod::Basic | AuthMethod::Session)),
        (&TOKEN[..], method == AuthMethod::Session),
        (&PROFILE[..], method == AuthMethod::Profile),
        (&ROLE[..], method == AuthMethod::AssumeRole),
    ];
    for (keys, is_allowed) in groups {
        for key in keys.iter().filter(|key| input.is_set(key) && !is_allowed) {
            input.error(key, format!("invalid option is set: {key}"));
        }
    }
    match method {
        AuthMethod::Basic if !input.is_set("access_key_id") => {
            input
                .warn("access_key_id", "`access_key_id` is not set, requests are anonymous")
                .hint("set `access_key_id` and `secret_access_key`, or `auth_method: anonymous`");
            CredentialOptions::Anonymous
        }
        AuthMethod::Basic | AuthMethod::Session => read_static(input, method),
        AuthMethod::Anonymous => CredentialOptions::Anonymous,
        AuthMethod::Env => CredentialOptions::Env,
        AuthMethod::Profile => CredentialOptions::Profile {
            file: input
                .text("profile_file")
                .filter(|file| !file.is_empty())
                .map(str::to_owned),
            name: input
                .text("profile_name")
                .filter(|name| !name.is_empty())
                .unwrap_or("default")
                .to_owned(),
        },
        AuthMethod::Properties => {
            input
                .error(
                    "auth_method",
                    "the method `properties` reads properties of a Java machine, which is not here",
                )
                .hint("use `env`, `profile` or `default`");
            CredentialOptions::Anonymous
        }
        AuthMethod::Instance => CredentialOptions::Instance,
        AuthMethod::AssumeRole => read_role(input),
        AuthMethod::Default => CredentialOptions::Default,
    }
}

/// Reports all of `keys` that are not set, together.
fn require(input: &Reader<'_>, keys: &[&'static str]) {
    let missing: Vec<String> = keys
        .iter()
        .filter(|key| !input.is_set(key))
        .map(|key| format!("'{key}'"))
        .collect();
    if !missing.is_empty() {
        input.error(
            "auth_method",
            format!("required option is not set: {}", missing.join(", ")),
        );
    }
}

fn read_static(input: &Reader<'_>, method: AuthMethod) -> CredentialOptions {
    let session_token = match method {
        AuthMethod::Session => {
            require(input, &["access_key_id", "secret_access_key", "session_token"]);
            input.secret("session_token")
        }
        _ => {
            require(input, &KEYS);
            None
        }
    };
    CredentialOptions::Static {
        access_key_id: input.text("access_key_id").unwrap_or_default().to_owned(),
        secret_access_key: input
            .secret("secret_access_key")
            .unwrap_or_else(|| SecretString::from("")),
        session_token,
    }
}

fn read_role(input: &Reader<'_>) -> CredentialOptions {
    require(input, &["account_id", "role_name"]);
    let text = |key| input.text(key).filter(|text| !text.is_empty());
    let partition = text("arn_partition").unwrap_or("aws");
    let account = text("account_id").unwrap_or_default();
    let role = text("role_name").unwrap_or_default();
    let lifetime = input.duration("duration_in_seconds", Duration::from_secs(1));
    CredentialOptions::AssumeRole {
        role_arn: format!("arn:{partition}:iam::{account}:role/{role}"),
        external_id: text("external_id").map(str::to_owned),
        session_name: text("session_name").unwrap_or("embulk").to_owned(),
        duration: lifetime.unwrap_or(Duration::from_secs(3_600)),
        sts_endpoint: text("sts_endpoint").map(str::to_owned),
    }
}

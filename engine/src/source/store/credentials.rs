//! Who signs requests.
//!
//! Static keys, the environment and credentials files are read here, so that an error can name the variable, the section or the key
//! that is missing. Web identity and instance credentials come from `object_store`'s providers, which renew them by themselves;
//! roles and containers are asked for in `assume_role` and `container`. A credential that the service calls expired is fetched anew
//! once, from wherever it came; a static one cannot be.

use super::assume_role::AssumeRole;
use super::container;
use super::http::reason;
use crate::source::error::SourceError;
use crate::source::options::CredentialOptions;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey, AwsCredential, AwsCredentialProvider};
use object_store::{BackoffConfig, RetryConfig};
use secrecy::{ExposeSecret, SecretString};
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// A credential is renewed when less than this is left of it, so that it does not expire on its way.
const RENEWAL_MARGIN: Duration = Duration::from_secs(300);

type Lookup = dyn Fn(&str) -> Option<String> + Send + Sync;

/// Variables of the environment that credentials are looked up in.
#[derive(Clone)]
pub struct Variables(Arc<Lookup>);

impl Variables {
    /// Those of this process, read whenever they are needed.
    pub fn of_process() -> Variables {
        Variables(Arc::new(|name| std::env::var(name).ok()))
    }

    /// These and no others.
    pub fn fixed(variables: impl IntoIterator<Item = (String, String)>) -> Variables {
        let variables: HashMap<String, String> = variables.into_iter().collect();
        Variables(Arc::new(move |name| variables.get(name).cloned()))
    }

    /// The value of a variable that is set and not empty.
    pub(super) fn get(&self, name: &str) -> Option<String> {
        (self.0)(name).filter(|value| !value.is_empty())
    }

    fn first_of(&self, names: &[&str]) -> Option<String> {
        names.iter().find_map(|name| self.get(name))
    }
}

impl fmt::Debug for Variables {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Variables")
    }
}

/// Where a credential comes from.
#[derive(Debug)]
pub(super) enum CredentialSource {
    Anonymous,
    Fixed(Arc<AwsCredential>),
    Environment,
    Profile { file: Option<String>, name: String },
    Instance,
    Chain,
    Role(Box<AssumeRole>),
}

impl CredentialSource {
    pub(super) fn new(options: &CredentialOptions, default_sts_endpoint: &str, region: &str) -> CredentialSource {
        match options {
            CredentialOptions::Static {
                access_key_id,
                secret_access_key,
                session_token,
            } => CredentialSource::Fixed(Arc::new(AwsCredential {
                key_id: access_key_id.clone(),
                secret_key: secret_access_key.expose_secret().to_owned(),
                token: session_token
                    .as_ref()
                    .map(|token: &SecretString| token.expose_secret().to_owned()),
            })),
            CredentialOptions::Anonymous => CredentialSource::Anonymous,
            CredentialOptions::Env => CredentialSource::Environment,
            CredentialOptions::Profile { file, name } => CredentialSource::Profile {
                file: file.clone(),
                name: name.clone(),
            },
            CredentialOptions::Instance => CredentialSource::Instance,
            CredentialOptions::Default => CredentialSource::Chain,
            CredentialOptions::AssumeRole {
                role_arn,
                external_id,
                session_name,
                duration,
                sts_endpoint,
            } => CredentialSource::Role(Box::new(AssumeRole {
                role_arn: role_arn.clone(),
                external_id: external_id.clone(),
                session_name: session_name.clone(),
                duration: *duration,
                endpoint: sts_endpoint.clone().unwrap_or_else(|| default_sts_endpoint.to_owned()),
                region: region.to_owned(),
            })),
        }
    }
}

/// A credential and how long it holds.
#[derive(Clone)]
pub(super) enum Credential {
    /// Until the service says otherwise.
    Lasting(Arc<AwsCredential>),
    /// Until a moment.
    Until(Arc<AwsCredential>, Instant),
    /// As long as the provider says, which renews it.
    Provided(AwsCredentialProvider, &'static str),
}

impl Credential {
    /// The credential just fetched, however little is left of it: there is no other.
    async fn fresh(&self) -> Result<Arc<AwsCredential>, SourceError> {
        match self {
            Credential::Lasting(credential) | Credential::Until(credential, _) => Ok(credential.clone()),
            Credential::Provided(provider, name) => provider
                .get_credential()
                .await
                .map_err(|error| not_provided(name, &error)),
        }
    }

    /// The credential kept; `None`: too little is left of it.
    async fn current(&self) -> Result<Option<Arc<AwsCredential>>, SourceError> {
        match self {
            Credential::Until(_, until) if *until <= Instant::now() + RENEWAL_MARGIN => Ok(None),
            kept => kept.fresh().await.map(Some),
        }
    }
}

/// Keeps the credential of one store fresh.
#[derive(Debug)]
pub(super) struct Credentials {
    source: CredentialSource,
    variables: Variables,
    cached: Mutex<Cached>,
}

#[derive(Default)]
struct Cached(Option<Credential>);

impl fmt::Debug for Cached {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Cached")
    }
}

impl Credentials {
    pub(super) fn new(source: CredentialSource, variables: Variables) -> Credentials {
        Credentials {
            source,
            variables,
            cached: Mutex::new(Cached::default()),
        }
    }

    /// The credential to sign with; `None`: requests are not signed.
    pub(super) async fn get(&self, http: &super::http::Http) -> Result<Option<Arc<AwsCredential>>, SourceError> {
        match &self.source {
            CredentialSource::Anonymous => return Ok(None),
            CredentialSource::Fixed(credential) => return Ok(Some(credential.clone())),
            _ => {}
        }
        // Others wait here while one fetches, instead of fetching too.
        let mut cached = self.cached.lock().await;
        if let Some(credential) = &cached.0
            && let Some(credential) = credential.current().await?
        {
            return Ok(Some(credential));
        }
        let fetched = self.fetch(http).await?;
        let credential = fetched.fresh().await?;
        cached.0 = Some(fetched);
        Ok(Some(credential))
    }

    /// Drops a credential that has expired; `false`: there will be no other.
    pub(super) async fn forget(&self, expired: &Arc<AwsCredential>) -> bool {
        if matches!(self.source, CredentialSource::Anonymous | CredentialSource::Fixed(_)) {
            return false;
        }
        let mut cached = self.cached.lock().await;
        let is_current = match &cached.0 {
            Some(Credential::Lasting(credential) | Credential::Until(credential, _)) => credential == expired,
            Some(Credential::Provided(..)) => true,
            None => false,
        };
        // Somebody else may have renewed it already.
        if is_current {
            cached.0 = None;
        }
        true
    }

    async fn fetch(&self, http: &super::http::Http) -> Result<Credential, SourceError> {
        match &self.source {
            CredentialSource::Environment => from_environment(&self.variables)
                .map(Credential::Lasting)
                .map_err(|missing| SourceError::NoCredentials { problem: missing }),
            CredentialSource::Profile { file, name } => {
                let path = profile_path(file.as_deref(), &self.variables);
                from_profile(path, name).await.map(Credential::Lasting)
            }
            CredentialSource::Instance => self.provided("the instance metadata service", &[]),
            CredentialSource::Chain => self.chain().await,
            CredentialSource::Role(role) => {
                let base = self.chain().await?.fresh().await?;
                role.fetch(http, &base).await
            }
            CredentialSource::Anonymous | CredentialSource::Fixed(_) => {
                unreachable!("these are answered without fetching")
            }
        }
    }

    /// Environment, profile, web identity, container, instance: the first that is there.
    async fn chain(&self) -> Result<Credential, SourceError> {
        const WEB_IDENTITY: [AmazonS3ConfigKey; 4] = [
            AmazonS3ConfigKey::WebIdentityTokenFile,
            AmazonS3ConfigKey::RoleArn,
            AmazonS3ConfigKey::RoleSessionName,
            AmazonS3ConfigKey::StsEndpoint,
        ];
        let variables = &self.variables;
        if variables.first_of(&KEY_NAMES).is_some() || variables.first_of(&SECRET_NAMES).is_some() {
            // A half-set environment is a mistake to be named, not a reason to look elsewhere.
            return from_environment(variables)
                .map(Credential::Lasting)
                .map_err(|problem| SourceError::NoCredentials { problem });
        }
        let name = variables.get("AWS_PROFILE");
        match from_profile(profile_path(None, variables), name.as_deref().unwrap_or("default")).await {
            Ok(credential) => return Ok(Credential::Lasting(credential)),
            Err(error) if name.is_some() => return Err(error),
            Err(_) => {}
        }
        if variables.get("AWS_WEB_IDENTITY_TOKEN_FILE").is_some() && variables.get("AWS_ROLE_ARN").is_some() {
            return self.provided("the web identity provider", &WEB_IDENTITY);
        }
        if container::is_named(variables) {
            return container::fetch(variables).await;
        }
        let is_disabled = variables
            .get("AWS_EC2_METADATA_DISABLED")
            .is_some_and(|value| value.eq_ignore_ascii_case("true"));
        if is_disabled {
            let problem =
                "none in the environment nor in a credentials file, and the instance metadata service is disabled";
            return Err(SourceError::NoCredentials {
                problem: problem.to_owned(),
            });
        }
        let instance = self.provided("the instance metadata service", &[])?;
        match instance.fresh().await {
            Ok(_) => Ok(instance),
            Err(SourceError::CredentialProvider { reason, .. }) => Err(SourceError::CredentialProvider {
                provider: "the environment, a credentials file, nor the instance metadata service",
                reason,
                is_passing: false,
            }),
            Err(error) => Err(error),
        }
    }

    /// A provider of `object_store`, told nothing but these settings.
    fn provided(&self, name: &'static str, keys: &[AmazonS3ConfigKey]) -> Result<Credential, SourceError> {
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name("unused")
            .with_retry(provider_retry());
        if let Some(endpoint) = self.variables.get("AWS_EC2_METADATA_SERVICE_ENDPOINT") {
            builder = builder.with_metadata_endpoint(endpoint);
        }
        for key in keys {
            let variable = key.as_ref().to_ascii_uppercase();
            if let Some(value) = self.variables.get(variable_of(&variable)) {
                builder = builder.with_config(*key, value);
            }
        }
        let store = builder.build().map_err(|error| not_provided(name, &error))?;
        Ok(Credential::Provided(store.credentials().clone(), name))
    }
}

fn not_provided(provider: &'static str, error: &object_store::Error) -> SourceError {
    SourceError::CredentialProvider {
        provider,
        reason: reason(error),
        is_passing: false,
    }
}

/// The variable that sets a configuration key of `object_store`, where the two are spelled differently.
fn variable_of(key: &str) -> &str {
    match key {
        "AWS_ENDPOINT_URL_STS" | "AWS_STS_ENDPOINT" => "AWS_ENDPOINT_URL_STS",
        other => other,
    }
}

/// Metadata services are near: if they do not answer soon, they are not there.
fn provider_retry() -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig::default(),
        max_retries: 2,
        retry_timeout: Duration::from_secs(15),
    }
}

const KEY_NAMES: [&str; 2] = ["AWS_ACCESS_KEY_ID", "AWS_ACCESS_KEY"];
const SECRET_NAMES: [&str; 2] = ["AWS_SECRET_KEY", "AWS_SECRET_ACCESS_KEY"];

/// The credential in the environment, or which variable is missing.
fn from_environment(variables: &Variables) -> Result<Arc<AwsCredential>, String> {
    let key_id = variables.first_of(&KEY_NAMES);
    let secret_key = variables.first_of(&SECRET_NAMES);
    match (key_id, secret_key) {
        (Some(key_id), Some(secret_key)) => {
            let token = variables.first_of(&["AWS_SESSION_TOKEN"]);
            Ok(Arc::new(AwsCredential {
                key_id,
                secret_key,
                token,
            }))
        }
        (None, Some(_)) => Err("the environment has no `AWS_ACCESS_KEY_ID`".to_owned()),
        (Some(_), None) => Err("the environment has no `AWS_SECRET_ACCESS_KEY`".to_owned()),
        (None, None) => Err("the environment has neither `AWS_ACCESS_KEY_ID` nor `AWS_SECRET_ACCESS_KEY`".to_owned()),
    }
}

fn profile_path(configured: Option<&str>, variables: &Variables) -> Option<String> {
    let home = || variables.first_of(&["HOME", "USERPROFILE"]);
    let path = configured
        .map(str::to_owned)
        .or_else(|| variables.first_of(&["AWS_CREDENTIAL_PROFILES_FILE", "AWS_SHARED_CREDENTIALS_FILE"]))
        .or_else(|| home().map(|home| format!("{home}/.aws/credentials")))?;
    match (path.strip_prefix("~/"), home()) {
        (Some(rest), Some(home)) => Some(format!("{home}/{rest}")),
        _ => Some(path),
    }
}

async fn from_profile(path: Option<String>, name: &str) -> Result<Arc<AwsCredential>, SourceError> {
    let Some(path) = path else {
        let problem = "there is no home directory to look for `.aws/credentials` in".to_owned();
        return Err(SourceError::NoCredentials { problem });
    };
    let path_to_read = path.clone();
    let text = tokio::task::spawn_blocking(move || std::fs::read_to_string(path_to_read))
        .await
        .map_err(|error| SourceError::File {
            path: path.clone(),
            source: Box::new(error),
        })?
        .map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => SourceError::NoCredentials {
                problem: format!("there is no credentials file `{path}`"),
            },
            _ => SourceError::File {
                path: path.clone(),
                source: Box::new(error),
            },
        })?;
    parse_profile(&text, name)
        .map(Arc::new)
        .map_err(|problem| SourceError::NoCredentials {
            problem: format!("the file `{path}` has no {problem}"),
        })
}

/// Finds a profile in the text of a credentials file or of a config file, or says what is missing.
fn parse_profile(text: &str, name: &str) -> Result<AwsCredential, String> {
    let mut is_found = false;
    let mut is_inside = false;
    let mut values: HashMap<&str, &str> = HashMap::new();
    for line in text.lines().map(str::trim) {
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(section) = line.strip_prefix('[').and_then(|rest| rest.split(']').next()) {
            let section = section.trim();
            let section = section.strip_prefix("profile ").map_or(section, str::trim);
            is_inside = section == name;
            is_found |= is_inside;
        } else if is_inside && let Some((key, value)) = line.split_once('=') {
            values.insert(key.trim(), value.trim());
        }
    }
    if !is_found {
        return Err(format!("profile `{name}`"));
    }
    let value = |key: &str| {
        values
            .get(key)
            .filter(|value| !value.is_empty())
            .map(|value| (*value).to_owned())
    };
    let needed = |key: &str| value(key).ok_or_else(|| format!("`{key}` in profile `{name}`"));
    Ok(AwsCredential {
        key_id: needed("aws_access_key_id")?,
        secret_key: needed("aws_secret_access_key")?,
        token: value("aws_session_token"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "\
# comment
[default]
aws_access_key_id = AK
aws_secret_access_key=SK/+=x
; another
[profile other]
aws_access_key_id = AK2
aws_secret_access_key = SK2
aws_session_token = T2
[half]
aws_access_key_id = AK3
aws_secret_access_key =
";

    fn variables(pairs: &[(&str, &str)]) -> Variables {
        Variables::fixed(
            pairs
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
        )
    }

    #[track_caller]
    fn check_profile(name: &str, expected: Result<(&str, &str, Option<&str>), &str>) {
        let profile = parse_profile(FILE, name);
        let found = match &profile {
            Ok(found) => Ok((found.key_id.as_str(), found.secret_key.as_str(), found.token.as_deref())),
            Err(missing) => Err(missing.as_str()),
        };
        assert_eq!(found, expected);
    }

    #[test]
    fn profiles_are_found_in_both_spellings() {
        check_profile("default", Ok(("AK", "SK/+=x", None)));
        check_profile("other", Ok(("AK2", "SK2", Some("T2"))));
    }

    #[test]
    fn what_a_profile_lacks_is_named() {
        check_profile("half", Err("`aws_secret_access_key` in profile `half`"));
        check_profile("none", Err("profile `none`"));
    }

    #[test]
    fn both_spellings_of_variables_are_read() {
        for (key, secret) in [
            ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
            ("AWS_ACCESS_KEY", "AWS_SECRET_KEY"),
            ("AWS_ACCESS_KEY_ID", "AWS_SECRET_KEY"),
        ] {
            let credential = from_environment(&variables(&[(key, "K"), (secret, "S")])).unwrap();
            assert_eq!((credential.key_id.as_str(), credential.secret_key.as_str()), ("K", "S"));
        }
    }

    #[test]
    fn a_missing_variable_is_named() {
        for (pairs, expected) in [
            (
                &[("AWS_ACCESS_KEY_ID", "K")][..],
                "the environment has no `AWS_SECRET_ACCESS_KEY`",
            ),
            (
                &[("AWS_SECRET_KEY", "S"), ("AWS_ACCESS_KEY", "")],
                "the environment has no `AWS_ACCESS_KEY_ID`",
            ),
            (
                &[],
                "the environment has neither `AWS_ACCESS_KEY_ID` nor `AWS_SECRET_ACCESS_KEY`",
            ),
        ] {
            assert_eq!(from_environment(&variables(pairs)).unwrap_err(), expected);
        }
    }

    #[test]
    fn the_credentials_file_is_looked_up_in_order() {
        let all = [
            ("AWS_CREDENTIAL_PROFILES_FILE", "/1"),
            ("AWS_SHARED_CREDENTIALS_FILE", "/2"),
            ("HOME", "/h"),
        ];
        assert_eq!(profile_path(Some("/0"), &variables(&all)).as_deref(), Some("/0"));
        assert_eq!(profile_path(Some("~/0"), &variables(&all)).as_deref(), Some("/h/0"));
        assert_eq!(profile_path(None, &variables(&all)).as_deref(), Some("/1"));
        assert_eq!(profile_path(None, &variables(&all[1..])).as_deref(), Some("/2"));
        assert_eq!(
            profile_path(None, &variables(&all[2..])).as_deref(),
            Some("/h/.aws/credentials")
        );
        assert_eq!(profile_path(None, &variables(&[])), None);
    }

    #[test]
    fn nothing_secret_is_shown() {
        let options = CredentialOptions::Static {
            access_key_id: "AK".to_owned(),
            secret_access_key: "hidden1".into(),
            session_token: Some("hidden2".into()),
        };
        let shown = format!("{options:?} {:?}", CredentialSource::new(&options, "http://sts", "r"));
        assert!(!shown.contains("hidden"), "{shown}");
    }
}

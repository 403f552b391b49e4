//! How to reach the files of a job; plain data.

use secrecy::SecretString;
use std::time::Duration;

/// Where files live.
#[derive(Clone, Debug)]
pub enum Location {
    /// A bucket of an S3-compatible service.
    S3(Box<S3Options>),
    /// A directory; keys are paths relative to the working directory, or absolute.
    Local,
}

/// How to reach a bucket; sections 1.1, 1.2 and 1.8.
#[derive(Clone, Debug)]
pub struct S3Options {
    /// Bucket name.
    pub bucket: String,
    /// Host or URL; wins over `region`.
    pub endpoint: Option<String>,
    /// AWS region.
    pub region: Option<String>,
    /// `https://bucket.host/key` instead of `https://host/bucket/key`; `None`: path style exactly with an `endpoint`
    /// that is not of AWS.
    pub virtual_hosted_style: Option<bool>,
    /// Who asks.
    pub credentials: CredentialOptions,
    /// Proxy, if any.
    pub proxy: Option<ProxyOptions>,
    /// How often and how fast requests are repeated.
    pub retry: RetryOptions,
}

/// The `auth_method` with what it needs.
#[derive(Clone, Debug)]
pub enum CredentialOptions {
    /// `basic`, and `session` with a token.
    Static {
        /// Access key.
        access_key_id: String,
        /// Secret key.
        secret_access_key: SecretString,
        /// Session token.
        session_token: Option<SecretString>,
    },
    /// Unsigned requests.
    Anonymous,
    /// The environment's variables.
    Env,
    /// A credentials file.
    Profile {
        /// `None`: `$AWS_CREDENTIAL_PROFILES_FILE`, `$AWS_SHARED_CREDENTIALS_FILE`, then `~/.aws/credentials`.
        file: Option<String>,
        /// Section of the file.
        name: String,
    },
    /// The instance's metadata service.
    Instance,
    /// A role, assumed with the credentials of the default chain or of a profile or static key given beside it.
    AssumeRole {
        /// `arn:{partition}:iam::{account}:role/{name}`.
        role_arn: String,
        /// External id.
        external_id: Option<String>,
        /// Session name.
        session_name: String,
        /// Lifetime.
        duration: Duration,
        /// STS endpoint; `None`: that of AWS in the region.
        sts_endpoint: Option<String>,
    },
    /// Environment, profile, web identity, container, instance.
    Default,
}

/// `http_proxy`.
#[derive(Clone, Debug)]
pub struct ProxyOptions {
    /// Host name.
    pub host: String,
    /// Port.
    pub port: Option<u16>,
    /// Whether S3 is spoken to over https.
    pub is_https: bool,
    /// User.
    pub user: Option<String>,
    /// Password.
    pub password: Option<SecretString>,
}

/// Section 1.8.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryOptions {
    /// After the first attempt.
    pub maximum_retries: u32,
    /// First wait; doubled after each retry.
    pub initial_interval: Duration,
    /// Longest wait.
    pub maximum_interval: Duration,
}

impl Default for RetryOptions {
    fn default() -> Self {
        RetryOptions {
            maximum_retries: 7,
            initial_interval: Duration::from_millis(2_000),
            maximum_interval: Duration::from_millis(480_000),
        }
    }
}

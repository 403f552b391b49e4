//! What can go wrong between a job and its files, one variant per cause.
//!
//! Every variant says which bucket, key or setting it is about. What to do is a [`SourceError::hint`], kept apart from the
//! message so that it can stand on a line of its own. Secrets never get here: messages are made of URLs without queries,
//! of names, and of what the service answered.

use std::error::Error;

/// Who has to act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceBlame {
    /// The configuration names something that is not there or not allowed.
    Config,
    /// The service or the network failed, or the files changed under the job.
    Storage,
    /// A promise inside this program was broken.
    Internal,
}

/// Any cause below, with its own causes behind it.
type Cause = Box<dyn Error + Send + Sync>;

/// Why files cannot be listed or read.
#[expect(
    missing_docs,
    reason = "the message says what each variant is, its fields are the values in it"
)]
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    #[error("{name} `{value}` {problem}")]
    Setting {
        /// The configuration key.
        name: &'static str,
        value: String,
        problem: &'static str,
    },
    #[error("cannot set up the connection to `{endpoint}`")]
    Client {
        endpoint: String,
        #[source]
        source: Cause,
    },
    #[error("bucket `{bucket}` does not exist at `{endpoint}`")]
    NoSuchBucket { bucket: String, endpoint: String },
    #[error("`{bucket}` is not a valid bucket name")]
    InvalidBucketName { bucket: String },
    #[error("access to `{url}` is denied ({answer})")]
    AccessDenied {
        url: String,
        /// Code and text of the service.
        answer: String,
    },
    #[error("the credentials for `{url}` are refused ({answer})")]
    InvalidCredentials {
        url: String,
        /// Code and text of the service.
        answer: String,
    },
    #[error(
        "the access key ID or the session token for `{endpoint}` has a character that cannot be sent, such as a line end"
    )]
    UnusableCredentials { endpoint: String },
    #[error("the session token for `{url}` has expired")]
    ExpiredToken { url: String },
    #[error("the clock of this machine differs too much from that of the service of `{url}`")]
    ClockSkew { url: String },
    #[error("no credentials: {problem}")]
    NoCredentials {
        /// What is missing where; names only, never values.
        problem: String,
    },
    #[error("cannot get credentials from {provider} ({reason})")]
    CredentialProvider {
        provider: &'static str,
        reason: String,
        /// Whether the provider may have them in a moment.
        is_passing: bool,
    },
    #[error("cannot assume role `{role_arn}` at `{endpoint}` ({answer})")]
    AssumeRole {
        role_arn: String,
        endpoint: String,
        answer: String,
        is_expired: bool,
    },
    #[error("bucket `{bucket}` is not in the region of `{endpoint}`")]
    WrongRegion {
        bucket: String,
        endpoint: String,
        /// Where the bucket is, if the service told.
        region: Option<String>,
    },
    #[error("{problem} `{endpoint}` ({reason})")]
    Unreachable {
        /// "cannot connect to"
        problem: &'static str,
        endpoint: String,
        reason: String,
    },
    #[error("the proxy `{proxy}` asks for a user and a password, or refuses those that it got")]
    ProxyRefused { proxy: String },
    #[error("`{endpoint}` redirects to `{location}`")]
    Redirected { endpoint: String, location: String },
    #[error("`{url}` does not exist")]
    NotFound { url: String },
    #[error("`{url}` was replaced while the job was running")]
    Changed { url: String },
    #[error("`{url}` is archived and cannot be read")]
    Archived { url: String },
    #[error("the service of `{url}` asks for fewer requests ({answer})")]
    SlowDown { url: String, answer: String },
    #[error("`{url}` was answered with status {status} ({answer})")]
    Status { url: String, status: u16, answer: String },
    #[error("no byte of `{url}` came for {seconds} seconds")]
    Timeout { url: String, seconds: u64 },
    #[error("the connection broke at byte {offset} of `{url}`")]
    Interrupted {
        url: String,
        offset: u64,
        #[source]
        source: Cause,
    },
    #[error("`{url}` ended at byte {received} instead of {expected}")]
    CutShort { url: String, expected: u64, received: u64 },
    #[error("the answer for `{url}` cannot be understood: {problem}")]
    Protocol { url: String, problem: String },
    #[error("`{url}` has a path segment `.` or `..`, which cannot be sent over HTTP")]
    UnaddressableKey { url: String },
    #[error("cannot read `{path}`")]
    File {
        path: String,
        #[source]
        source: Cause,
    },
    #[error("gave up {operation} `{url}` after {num_retries} retries")]
    GaveUp {
        operation: &'static str,
        url: String,
        num_retries: u32,
        /// The first failure: later ones are often only its consequence.
        #[source]
        first: Box<SourceError>,
    },
    #[error("detected an object stored at Glacier: `{url}` has the storage class `{storage_class}`")]
    ArchivedSelected { url: String, storage_class: String },
    #[error(transparent)]
    Select(#[from] super::select::SelectError),
    #[error("cannot look up which files were loaded before")]
    Known(#[source] Cause),
    #[error("fetching stopped before all files were delivered")]
    Stopped,
}

impl SourceError {
    /// Whether the same request may succeed later without anybody's doing.
    pub fn is_retryable(&self) -> bool {
        match self {
            SourceError::Unreachable { .. }
            | SourceError::NotFound { .. }
            | SourceError::SlowDown { .. }
            | SourceError::Timeout { .. }
            | SourceError::Interrupted { .. }
            | SourceError::CutShort { .. }
            | SourceError::Protocol { .. } => true,
            SourceError::Status { status, .. } => *status != 405,
            SourceError::CredentialProvider { is_passing, .. } => *is_passing,
            _ => false,
        }
    }

    /// Whether a fresh session token would help. A job may be attempted again if it can get one.
    pub fn is_expired_token(&self) -> bool {
        match self {
            SourceError::ExpiredToken { .. } => true,
            SourceError::AssumeRole { is_expired, .. } => *is_expired,
            SourceError::GaveUp { first, .. } => first.is_expired_token(),
            _ => false,
        }
    }

    /// Whether a file is not any more what was listed.
    pub fn is_input_changed(&self) -> bool {
        match self {
            SourceError::Changed { .. } | SourceError::NotFound { .. } => true,
            SourceError::GaveUp { first, .. } => first.is_input_changed(),
            _ => false,
        }
    }

    /// Who has to act.
    pub fn blame(&self) -> SourceBlame {
        match self {
            SourceError::Setting { .. }
            | SourceError::InvalidBucketName { .. }
            | SourceError::NoCredentials { .. }
            | SourceError::UnusableCredentials { .. }
            | SourceError::ArchivedSelected { .. }
            | SourceError::UnaddressableKey { .. }
            | SourceError::Select(_) => SourceBlame::Config,
            SourceError::GaveUp { first, .. } => first.blame(),
            SourceError::Stopped => SourceBlame::Internal,
            _ => SourceBlame::Storage,
        }
    }

    /// What to do about it, if there is something to say beyond the message.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            SourceError::Setting { .. } => return None,
            SourceError::NoSuchBucket { .. } => {
                "check `in.bucket` (the name alone, no URL), and that `in.endpoint` is the service that has it".to_owned()
            }
            SourceError::InvalidBucketName { .. } => "`in.bucket` takes the name alone, without `s3://` or a path".to_owned(),
            SourceError::AccessDenied { .. } => {
                "the credentials need `s3:ListBucket` on the bucket and `s3:GetObject` on its objects".to_owned()
            }
            SourceError::InvalidCredentials { .. } | SourceError::UnusableCredentials { .. } => {
                "check `in.access_key_id`, `in.secret_access_key` and `in.session_token`; they belong together".to_owned()
            }
            SourceError::ExpiredToken { .. } => {
                "get a new session token, or use `auth_method: assume_role`, `profile` or `default`, which renew theirs".to_owned()
            }
            SourceError::ClockSkew { .. } => "set this machine's clock; signatures hold for 15 minutes".to_owned(),
            SourceError::NoCredentials { .. } => {
                "set what is missing, or choose another `in.auth_method` (`anonymous` for a public bucket)".to_owned()
            }
            SourceError::CredentialProvider { .. } => {
                "choose another `in.auth_method` if this machine is not meant to have such a provider".to_owned()
            }
            SourceError::AssumeRole { .. } => {
                "check `in.account_id`, `in.role_name` and `in.external_id`, and that the role trusts the base credentials"
                    .to_owned()
            }
            SourceError::WrongRegion { region, .. } => match region {
                Some(region) => format!("leave `in.endpoint` out and set `in.region: {region}`"),
                None => "leave `in.endpoint` out: the bucket's region is then found".to_owned(),
            },
            SourceError::Client { .. } | SourceError::Unreachable { .. } => {
                "check `in.endpoint` and `in.http_proxy`, and that this machine can reach them".to_owned()
            }
            SourceError::ProxyRefused { .. } => "set `in.http_proxy.user` and `in.http_proxy.password`".to_owned(),
            SourceError::Redirected { location, .. } => format!(
                "set `in.endpoint` to the service itself, by its protocol and host (`{}`)",
                location.split('/').take(3).collect::<Vec<_>>().join("/")
            ),
            SourceError::NotFound { .. } => "check `in.path`; keys are case-sensitive and have no leading slash".to_owned(),
            SourceError::Changed { .. } => "run the job again once nothing overwrites its files".to_owned(),
            SourceError::Archived { .. } => "restore the file, or leave it out with `in.path_match_pattern`".to_owned(),
            SourceError::ArchivedSelected { .. } => {
                "set \"skip_glacier_objects\" option to \"true\" to skip this".to_owned()
            }
            SourceError::SlowDown { .. } => "lower `exec.max_requests`".to_owned(),
            SourceError::UnaddressableKey { .. } => "leave the file out with `in.path_match_pattern`".to_owned(),
            SourceError::GaveUp { first, .. } => return first.hint(),
            SourceError::Select(error) => return error.hint(),
            SourceError::File { .. } => "check that it is there and that this user may read it".to_owned(),
            SourceError::Status { .. }
            | SourceError::Timeout { .. }
            | SourceError::Interrupted { .. }
            | SourceError::CutShort { .. }
            | SourceError::Protocol { .. }
            | SourceError::Known(_)
            | SourceError::Stopped => return None,
        };
        Some(hint)
    }
}

impl From<SourceError> for crate::error::Error {
    fn from(error: SourceError) -> crate::error::Error {
        let blame = match error.blame() {
            SourceBlame::Config => crate::error::Blame::Config,
            SourceBlame::Storage => crate::error::Blame::Storage,
            SourceBlame::Internal => crate::error::Blame::Internal,
        };
        let told = match &error {
            // Why it failed comes first, and that it was tried often after it.
            SourceError::GaveUp {
                operation,
                url,
                num_retries,
                first,
            } => crate::error::Error::new(blame, first.to_string()).at(format!(
                "{url} (gave up {operation} after {} attempts)",
                num_retries + 1
            )),
            SourceError::File { source, .. } | SourceError::Known(source) => {
                let reason = crate::error::innermost(source.as_ref());
                crate::error::Error::new(blame, format!("{error}: {reason}"))
            }
            error => crate::error::Error::new(blame, error.to_string()),
        };
        told.with_optional_hint(error.hint())
            .retryable(error.is_retryable())
            .with_changed_input(error.is_input_changed())
            .caused_by(error)
    }
}

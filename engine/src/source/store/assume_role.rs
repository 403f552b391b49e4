//! Exchanges a credential for that of a role, at STS.

use super::address::encode;
use super::answer;
use super::credentials::Credential;
use super::http::Http;
use super::sign::Signer;
use crate::source::error::SourceError;
use http::Method;
use jiff::Timestamp;
use object_store::aws::AwsCredential;
use object_store::client::HttpRequest;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What is asked of STS.
///
/// **Source**: AWS STS API reference, `AssumeRole`, version 2011-06-15.
#[derive(Debug)]
pub(super) struct AssumeRole {
    pub(super) role_arn: String,
    pub(super) external_id: Option<String>,
    pub(super) session_name: String,
    pub(super) duration: Duration,
    pub(super) endpoint: String,
    pub(super) region: String,
}

impl AssumeRole {
    /// Asks for a new session. The caller's request is repeated if this one fails for a passing reason.
    pub(super) async fn fetch(&self, http: &Http, base: &Arc<AwsCredential>) -> Result<Credential, SourceError> {
        let mut request = self.request()?;
        let signed = Signer::new("sts").sign(&mut request, base, &self.region);
        signed.map_err(|_| SourceError::UnusableCredentials {
            endpoint: self.endpoint.clone(),
        })?;
        let sent_at = Instant::now();
        let (parts, body) = http.send_whole(request, &self.endpoint).await?;
        if !parts.status.is_success() {
            return Err(self.refusal(parts.status.as_u16(), &body));
        }
        let role = answer::assumed_role(&body).map_err(|problem| SourceError::Protocol {
            url: self.endpoint.clone(),
            problem,
        })?;
        let lifetime = match role.expires_at {
            Some(expires_at) => {
                let left = expires_at.as_second() - Timestamp::now().as_second();
                Duration::from_secs(u64::try_from(left).unwrap_or(0))
            }
            None => self.duration,
        };
        let credential = AwsCredential {
            key_id: role.access_key_id,
            secret_key: role.secret_access_key,
            token: Some(role.session_token),
        };
        Ok(Credential::Until(Arc::new(credential), sent_at + lifetime))
    }

    fn request(&self) -> Result<HttpRequest, SourceError> {
        let duration_seconds = self.duration.as_secs().to_string();
        let mut form = String::from("Action=AssumeRole&Version=2011-06-15");
        let fields = [
            ("RoleArn", Some(self.role_arn.as_str())),
            ("RoleSessionName", Some(self.session_name.as_str())),
            ("DurationSeconds", Some(duration_seconds.as_str())),
            ("ExternalId", self.external_id.as_deref()),
        ];
        for (name, value) in fields {
            if let Some(value) = value {
                form.push('&');
                form.push_str(name);
                form.push('=');
                form.push_str(&encode(value));
            }
        }
        let url = format!("{}/", self.endpoint.trim_end_matches('/'));
        http::Request::builder()
            .method(Method::POST)
            .uri(url)
            .header(http::header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(form.into())
            .map_err(|_| SourceError::Setting {
                name: "sts_endpoint",
                value: self.endpoint.clone(),
                problem: "is not a URL",
            })
    }

    fn refusal(&self, status: u16, body: &[u8]) -> SourceError {
        let error = answer::service_error(body);
        if status >= 500 || status == 429 || error.code == "Throttling" {
            return SourceError::Status {
                url: self.endpoint.clone(),
                status,
                answer: error.summary(),
            };
        }
        SourceError::AssumeRole {
            role_arn: self.role_arn.clone(),
            endpoint: self.endpoint.clone(),
            is_expired: matches!(error.code.as_str(), "ExpiredToken" | "ExpiredTokenException"),
            answer: error.summary(),
        }
    }
}

//! Asks the service beside a container for the credential of its task.
//!
//! Written here because `object_store` knows the service of EKS only with a token in a file, and asks the instance without one.
//!
//! **Source**: AWS SDKs and Tools reference guide, "Container credential provider".

use super::credentials::{Credential, Variables};
use super::http::Http;
use crate::source::error::SourceError;
use ::http::header::{AUTHORIZATION, HeaderValue};
use jiff::Timestamp;
use object_store::aws::AwsCredential;
use object_store::client::HttpRequest;
use serde::Deserialize;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use url::{Host, Url};

const RELATIVE_URI: &str = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI";
const FULL_URI: &str = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
const TOKEN: &str = "AWS_CONTAINER_AUTHORIZATION_TOKEN";
const TOKEN_FILE: &str = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE";

/// Where relative addresses begin.
const TASK_SERVICE: &str = "http://169.254.170.2";

/// Addresses of the services of ECS and EKS. To these and to this machine alone a token is sent in the clear.
const SERVICES: [&str; 3] = ["169.254.170.2", "169.254.170.23", "fd00:ec2::23"];

/// What the service answers.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Document {
    access_key_id: String,
    secret_access_key: String,
    token: Option<String>,
    /// RFC 3339.
    expiration: Option<String>,
}

/// Whether the environment names such a service.
pub(super) fn is_named(variables: &Variables) -> bool {
    variables.get(RELATIVE_URI).is_some() || variables.get(FULL_URI).is_some()
}

/// Asks for a new credential.
///
/// **Errors**: the environment names a service that must not be asked, or the service refuses.
pub(super) async fn fetch(variables: &Variables) -> Result<Credential, SourceError> {
    let address = match (variables.get(RELATIVE_URI), variables.get(FULL_URI)) {
        (Some(relative), _) => format!("{TASK_SERVICE}{relative}"),
        (None, full) => full.unwrap_or_default(),
    };
    let url = permitted(&address)?;
    let token = read_token(variables).await?;
    let mut request = HttpRequest::new(Vec::new().into());
    *request.uri_mut() = url.as_str().parse().map_err(|_| wrong(&address, "is not a URL"))?;
    if let Some(token) = token {
        let mut value =
            HeaderValue::try_from(token).map_err(|_| refused("its token is not one line of text", false))?;
        value.set_sensitive(true);
        request.headers_mut().insert(AUTHORIZATION, value);
    }
    let sent_at = Instant::now();
    let (parts, body) = match Http::direct(&address)?.send_whole(request, &address).await {
        Ok(answer) => answer,
        Err(error) => return Err(refused(error.to_string(), error.is_retryable())),
    };
    let status = parts.status;
    if !status.is_success() {
        let reason = format!("`{address}` was answered with status {}", status.as_u16());
        return Err(refused(reason, status.is_server_error()));
    }
    let document: Document =
        serde_json::from_slice(&body).map_err(|_| refused(format!("`{address}` gave no credentials"), false))?;
    let credential = Arc::new(AwsCredential {
        key_id: document.access_key_id,
        secret_key: document.secret_access_key,
        token: document.token.filter(|token| !token.is_empty()),
    });
    let expiration = document.expiration.and_then(|text| text.parse::<Timestamp>().ok());
    Ok(match expiration {
        Some(expiration) => {
            let left = expiration.as_second() - Timestamp::now().as_second();
            Credential::Until(
                credential,
                sent_at + Duration::from_secs(u64::try_from(left).unwrap_or(0)),
            )
        }
        None => Credential::Lasting(credential),
    })
}

/// The address, if a token may be sent there.
fn permitted(address: &str) -> Result<Url, SourceError> {
    let url = Url::parse(address).map_err(|_| wrong(address, "is not a URL"))?;
    let is_service = |ip: IpAddr| ip.is_loopback() || SERVICES.contains(&ip.to_string().as_str());
    let is_near = match url.host() {
        Some(Host::Domain(domain)) => domain == "localhost",
        Some(Host::Ipv4(ip)) => is_service(ip.into()),
        Some(Host::Ipv6(ip)) => is_service(ip.into()),
        None => false,
    };
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_near => Ok(url),
        "http" => Err(wrong(
            address,
            "is neither of this machine nor of `https`, so no token may be sent there",
        )),
        _ => Err(wrong(address, "is not a URL of `http` or `https`")),
    }
}

async fn read_token(variables: &Variables) -> Result<Option<String>, SourceError> {
    let Some(path) = variables.get(TOKEN_FILE) else {
        return Ok(variables.get(TOKEN));
    };
    let path_to_read = path.clone();
    let read = tokio::task::spawn_blocking(move || std::fs::read_to_string(path_to_read)).await;
    let text = match read {
        Ok(Ok(text)) => text,
        Ok(Err(source)) => {
            return Err(SourceError::File {
                path,
                source: Box::new(source),
            });
        }
        Err(source) => {
            return Err(SourceError::File {
                path,
                source: Box::new(source),
            });
        }
    };
    Ok(Some(text.trim_end().to_owned()))
}

fn wrong(address: &str, problem: &'static str) -> SourceError {
    SourceError::Setting {
        name: FULL_URI,
        value: address.to_owned(),
        problem,
    }
}

fn refused(reason: impl Into<String>, is_passing: bool) -> SourceError {
    SourceError::CredentialProvider {
        provider: "the container's credential service",
        reason: reason.into(),
        is_passing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_sent_to_this_machine_or_encrypted() {
        for address in [
            "http://127.0.0.1:1/a",
            "http://127.8.0.1/",
            "http://localhost/a?b",
            "http://[::1]:1/",
            "http://169.254.170.2/v2",
            "http://169.254.170.23/v1/credentials",
            "http://[fd00:ec2::23]/v1/credentials",
            "https://example.com/",
        ] {
            assert!(permitted(address).is_ok(), "{address}");
        }
        for address in [
            "http://example.com/",
            "http://169.254.169.254/",
            "http://10.0.0.1/",
            "http://localhost.example.com/",
            "ftp://127.0.0.1/",
            "/v2/credentials",
            "",
        ] {
            let error = permitted(address).unwrap_err();
            assert!(
                matches!(error, SourceError::Setting { name: FULL_URI, .. }),
                "{address}"
            );
        }
    }
}

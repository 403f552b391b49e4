//! Signs requests with AWS Signature Version 4.
//!
//! A load sends as many requests as there are files, so what many of them share is made once: the key of a day, a region and a
//! credential, with the blocks of its HMAC that come before any text. What is left to a request is its own text, hashed twice.
//!
//! **Source**: "Create a signed AWS API request" of the AWS IAM user guide, and "Authenticating requests: using the Authorization
//! header" of the Amazon S3 API reference, whose examples are tests here.

use super::address::encode_path;
use hmac::{Hmac, KeyInit, Mac};
use http::header::{AUTHORIZATION, HOST, HeaderName, InvalidHeaderValue};
use http::{HeaderValue, Uri};
use jiff::Timestamp;
use jiff::tz::Offset;
use object_store::aws::AwsCredential;
use object_store::client::HttpRequest;
use sha2::{Digest, Sha256};
use std::fmt::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const DATE: HeaderName = HeaderName::from_static("x-amz-date");
const CONTENT_HASH: HeaderName = HeaderName::from_static("x-amz-content-sha256");
const TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");

/// SHA-256 of no bytes.
const HASH_OF_NOTHING: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// Writing to a string.
const ENDLESS: &str = "a string takes whatever is written";

/// Signs the requests to one service.
pub(super) struct Signer {
    service: &'static str,
    /// Of the last request.
    key: Mutex<Option<Arc<SigningKey>>>,
}

/// What the requests of a day share.
struct SigningKey {
    credential: Arc<AwsCredential>,
    region: String,
    date: String,
    /// Such as `20130524/us-east-1/s3/aws4_request`.
    scope: String,
    hmac: Hmac<Sha256>,
}

impl fmt::Debug for Signer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Keys are secret.
        write!(formatter, "Signer({})", self.service)
    }
}

impl Signer {
    /// `service` is what the key is for, such as `s3`.
    pub(super) fn new(service: &'static str) -> Signer {
        Signer {
            service,
            key: Mutex::new(None),
        }
    }

    /// Adds the headers that say who sends a request, when, and what it is. All headers that it has are signed.
    ///
    /// The query must be as it is signed: sorted by name, and all but unreserved characters encoded.
    /// **Errors**: the credential has a character that no header may have.
    pub(super) fn sign(
        &self,
        request: &mut HttpRequest,
        credential: &Arc<AwsCredential>,
        region: &str,
    ) -> Result<(), InvalidHeaderValue> {
        self.sign_at(request, credential, region, Timestamp::now())
    }

    fn sign_at(
        &self,
        request: &mut HttpRequest,
        credential: &Arc<AwsCredential>,
        region: &str,
        now: Timestamp,
    ) -> Result<(), InvalidHeaderValue> {
        let time = basic_format(now);
        let key = self.key(credential, region, &time[..8]);
        let content_hash = match request.body().as_bytes() {
            Some(body) if !body.is_empty() => hex(&Sha256::digest(body)),
            _ => HASH_OF_NOTHING.to_owned(),
        };

        let host = request.uri().authority().map_or("", |authority| authority.as_str());
        let host = HeaderValue::try_from(host)?;
        let headers = request.headers_mut();
        headers.insert(HOST, host);
        headers.insert(DATE, HeaderValue::try_from(&time)?);
        headers.insert(CONTENT_HASH, HeaderValue::try_from(&content_hash)?);
        if let Some(token) = &credential.token {
            headers.insert(TOKEN, secret(token)?);
        }

        let mut headers: Vec<_> = request.headers().iter().collect();
        headers.sort_by_key(|(name, _)| name.as_str());
        let mut signed_headers = String::with_capacity(128);
        for (name, _) in &headers {
            if !signed_headers.is_empty() {
                signed_headers.push(';');
            }
            signed_headers.push_str(name.as_str());
        }

        let mut text = String::with_capacity(1024);
        let uri = request.uri();
        text.push_str(request.method().as_str());
        text.push('\n');
        self.push_path(uri, &mut text);
        text.push('\n');
        text.push_str(uri.query().unwrap_or_default());
        text.push('\n');
        for (name, value) in headers {
            text.push_str(name.as_str());
            text.push(':');
            push_value(value, &mut text);
            text.push('\n');
        }
        write!(text, "\n{signed_headers}\n{content_hash}").expect(ENDLESS);

        let request_hash = hex(&Sha256::digest(text.as_bytes()));
        text.clear();
        let scope = &key.scope;
        write!(text, "{ALGORITHM}\n{time}\n{scope}\n{request_hash}").expect(ENDLESS);
        let signature = hex(&key.hmac.clone().chain_update(text.as_bytes()).finalize().into_bytes());

        text.clear();
        let key_id = &credential.key_id;
        write!(
            text,
            "{ALGORITHM} Credential={key_id}/{scope}, SignedHeaders={signed_headers}, Signature={signature}"
        )
        .expect(ENDLESS);
        request.headers_mut().insert(AUTHORIZATION, secret(&text)?);
        Ok(())
    }

    /// The path as it is signed: S3 takes it as it is sent, the others encode it once more.
    fn push_path(&self, uri: &Uri, text: &mut String) {
        match self.service {
            "s3" => text.push_str(uri.path()),
            _ => encode_path(uri.path(), text),
        }
    }

    fn key(&self, credential: &Arc<AwsCredential>, region: &str, date: &str) -> Arc<SigningKey> {
        let mut last = self.key.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = &*last
            && Arc::ptr_eq(&key.credential, credential)
            && key.region == region
            && key.date == date
        {
            return Arc::clone(key);
        }
        let mut hmac = keyed(format!("AWS4{}", credential.secret_key).as_bytes());
        for part in [date, region, self.service, "aws4_request"] {
            hmac = keyed(&hmac.chain_update(part.as_bytes()).finalize().into_bytes());
        }
        let key = Arc::new(SigningKey {
            credential: Arc::clone(credential),
            region: region.to_owned(),
            date: date.to_owned(),
            scope: format!("{date}/{region}/{}/aws4_request", self.service),
            hmac,
        });
        *last = Some(Arc::clone(&key));
        key
    }
}

fn keyed(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("a key of HMAC has any length")
}

/// A header that is not to be shown.
fn secret(text: &str) -> Result<HeaderValue, InvalidHeaderValue> {
    let mut value = HeaderValue::try_from(text)?;
    value.set_sensitive(true);
    Ok(value)
}

/// Such as `20130524T000000Z`.
fn basic_format(time: Timestamp) -> String {
    let time = Offset::UTC.to_datetime(time);
    let mut text = String::with_capacity(16);
    write!(
        text,
        "{:04}{:02}{:02}T{:02}{:02}{:02}Z",
        time.year(),
        time.month(),
        time.day(),
        time.hour(),
        time.minute(),
        time.second()
    )
    .expect(ENDLESS);
    text
}

/// A header's value with single spaces.
fn push_value(value: &HeaderValue, text: &mut String) {
    let value = String::from_utf8_lossy(value.as_bytes());
    for (index, part) in value.split_whitespace().enumerate() {
        if index > 0 {
            text.push(' ');
        }
        text.push_str(part);
    }
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Method;
    use object_store::aws::AwsAuthorizer;
    use object_store::client::HttpRequestBody;

    fn credential(token: Option<&str>) -> Arc<AwsCredential> {
        Arc::new(AwsCredential {
            key_id: "AKIAIOSFODNN7EXAMPLE".to_owned(),
            secret_key: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".to_owned(),
            token: token.map(str::to_owned),
        })
    }

    fn request(method: Method, uri: &str, headers: &[(&'static str, &'static str)]) -> HttpRequest {
        let mut request = HttpRequest::new(HttpRequestBody::empty());
        *request.method_mut() = method;
        *request.uri_mut() = uri.parse().unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(*name, HeaderValue::from_static(value));
        }
        request
    }

    /// The examples of the Amazon S3 API reference.
    #[test]
    fn the_examples_of_the_reference_have_their_signatures() {
        let signer = Signer::new("s3");
        let now = "2013-05-24T00:00:00Z".parse().unwrap();
        for (uri, headers, signed_headers, signature) in [
            (
                "https://examplebucket.s3.amazonaws.com/test.txt",
                &[("range", "bytes=0-9")][..],
                "host;range;x-amz-content-sha256;x-amz-date",
                "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
            ),
            (
                "https://examplebucket.s3.amazonaws.com/?max-keys=2&prefix=J",
                &[],
                "host;x-amz-content-sha256;x-amz-date",
                "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
            ),
        ] {
            let mut request = request(Method::GET, uri, headers);
            signer
                .sign_at(&mut request, &credential(None), "us-east-1", now)
                .unwrap();
            assert_eq!(
                request.headers()[AUTHORIZATION],
                format!(
                    "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, \
                     SignedHeaders={signed_headers}, Signature={signature}"
                )
            );
        }
    }

    /// Both sign in the same second sooner or later.
    #[track_caller]
    fn check_against_library(signer: &Signer, credential: &Arc<AwsCredential>, region: &str, request: &HttpRequest) {
        loop {
            let (mut ours, mut theirs) = (request.clone(), request.clone());
            signer.sign(&mut ours, credential, region).unwrap();
            AwsAuthorizer::new(credential, signer.service, region).authorize(&mut theirs, None);
            if ours.headers()[DATE] == theirs.headers()[DATE] {
                assert_eq!(ours.headers(), theirs.headers(), "{}", request.uri());
                return;
            }
        }
    }

    #[test]
    fn requests_are_signed_as_by_the_library() {
        let credentials = [credential(None), credential(Some("a/session+token=="))];
        let signer = Signer::new("s3");
        for uri in [
            "http://127.0.0.1:9000/bucket/a//b/%2Bc%20d/%E6%97%A5",
            "https://bucket.s3.eu-west-1.amazonaws.com/key",
            "http://[::1]:81/bucket?encoding-type=url&list-type=2&prefix=a%2Fb%20c&start-after=~%21",
        ] {
            // One signer, in turn for different credentials and regions.
            for region in ["us-east-1", "eu-west-1"] {
                for credential in &credentials {
                    for headers in [&[][..], &[("if-match", "\"a  b\""), ("range", "bytes=3-9")]] {
                        for method in [Method::GET, Method::HEAD] {
                            check_against_library(&signer, credential, region, &request(method, uri, headers));
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn requests_of_sts_are_signed_as_by_the_library() {
        for uri in ["https://sts.amazonaws.com/", "http://127.0.0.1:9000/a%20b/"] {
            let mut request = request(
                Method::POST,
                uri,
                &[("content-type", "application/x-www-form-urlencoded")],
            );
            *request.body_mut() = "Action=AssumeRole&Version=2011-06-15".to_owned().into();
            check_against_library(&Signer::new("sts"), &credential(Some("token")), "us-east-1", &request);
        }
    }

    #[test]
    fn what_cannot_be_sent_is_an_error() {
        for (key_id, token) in [("key\n", None), ("key", Some("token\n".to_owned()))] {
            let credential = Arc::new(AwsCredential {
                key_id: key_id.to_owned(),
                secret_key: "secret".to_owned(),
                token,
            });
            let mut request = request(Method::GET, "http://host/bucket/key", &[]);
            assert!(Signer::new("s3").sign(&mut request, &credential, "r").is_err());
        }
    }

    #[test]
    fn secrets_are_not_shown() {
        let signer = Signer::new("s3");
        let mut request = request(Method::GET, "http://host/bucket/key", &[]);
        signer.sign(&mut request, &credential(Some("the token")), "r").unwrap();
        let shown = format!("{signer:?} {:?}", request.headers());
        assert!(!shown.contains("the token") && !shown.contains("Signature="), "{shown}");
    }
}

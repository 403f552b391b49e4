//! Which URL a bucket and its keys have.
//!
//! Keys are written into the path byte by byte, without any normalisation: `a//b` and `/a` are keys like any other. Everything
//! that is not unreserved is percent-encoded, because the path is signed exactly as it is sent.

use crate::source::error::SourceError;
use crate::source::options::S3Options;
use url::Url;

/// Where requests are sent if nothing says where the bucket is; AWS answers with the right region.
const DEFAULT_REGION: &str = "us-east-1";

/// Where one bucket is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    /// Without trailing slash; the key follows after one.
    base: String,
    /// Scheme, host and port, as shown to users.
    pub(super) endpoint: String,
    /// Signed for.
    pub(super) region: String,
    /// Whether the endpoint was configured, so that no other must be asked.
    pub(super) is_configured: bool,
    /// Whether the endpoint belongs to AWS.
    pub(super) is_aws: bool,
}

impl Address {
    pub(super) fn new(options: &S3Options) -> Result<Address, SourceError> {
        let is_https = options.proxy.as_ref().is_none_or(|proxy| proxy.is_https);
        let scheme = if is_https { "https" } else { "http" };
        let Some(endpoint) = options
            .endpoint
            .as_deref()
            .map(str::trim)
            .filter(|endpoint| !endpoint.is_empty())
        else {
            let region = options.region.as_deref().unwrap_or(DEFAULT_REGION);
            return Ok(Address::in_region(
                &options.bucket,
                region,
                scheme,
                options.virtual_hosted_style,
            ));
        };
        let with_scheme = if endpoint.contains("://") {
            endpoint.to_owned()
        } else {
            format!("{scheme}://{endpoint}")
        };
        let wrong = |problem| SourceError::Setting {
            name: "endpoint",
            value: without_userinfo(endpoint),
            problem,
        };
        let url = Url::parse(&with_scheme).map_err(|_| wrong("is neither a host nor a URL"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(wrong("is not a URL of `http` or `https`"));
        }
        let Some(host) = url.host_str() else {
            return Err(wrong("has no host"));
        };
        if !url.username().is_empty() || url.password().is_some() || url.query().is_some() {
            return Err(wrong("must be a host or a URL without user, password and query"));
        }
        let aws_region = region_of_aws_host(host);
        let is_aws = aws_region.is_some();
        let region = aws_region
            .or(options.region.as_deref())
            .unwrap_or(DEFAULT_REGION)
            .to_owned();
        if let (Some(aws_region), Some(region)) = (aws_region, options.region.as_deref())
            && aws_region != region
        {
            tracing::warn!(
                host,
                region,
                "`in.endpoint` and `in.region` are both set, the endpoint wins"
            );
        }
        let authority = &url[url::Position::BeforeHost..url::Position::AfterPort];
        let path = url.path().trim_end_matches('/');
        let is_virtual_hosted = options
            .virtual_hosted_style
            .unwrap_or(is_aws && is_host_label(&options.bucket));
        let base = if is_virtual_hosted {
            format!("{}://{}.{authority}{path}", url.scheme(), options.bucket)
        } else {
            format!("{}://{authority}{path}/{}", url.scheme(), encode(&options.bucket))
        };
        let endpoint = format!("{}://{authority}{path}", url.scheme());
        Ok(Address {
            base,
            endpoint,
            region,
            is_configured: true,
            is_aws,
        })
    }

    fn in_region(bucket: &str, region: &str, scheme: &str, virtual_hosted_style: Option<bool>) -> Address {
        let domain = aws_domain(region);
        let host = format!("s3.{region}.{domain}");
        let base = if virtual_hosted_style.unwrap_or(is_host_label(bucket)) {
            format!("{scheme}://{bucket}.{host}")
        } else {
            format!("{scheme}://{host}/{}", encode(bucket))
        };
        let endpoint = format!("{scheme}://{host}");
        Address {
            base,
            endpoint,
            region: region.to_owned(),
            is_configured: false,
            is_aws: true,
        }
    }

    /// The same bucket of AWS in another region.
    pub(super) fn moved_to(&self, options: &S3Options, region: &str) -> Address {
        let scheme = if self.endpoint.starts_with("http:") {
            "http"
        } else {
            "https"
        };
        Address::in_region(&options.bucket, region, scheme, options.virtual_hosted_style)
    }

    /// The same endpoint, signed for another region.
    pub(super) fn signed_for(&self, region: &str) -> Address {
        Address {
            region: region.to_owned(),
            ..self.clone()
        }
    }

    pub(super) fn key_url(&self, key: &str) -> String {
        let mut url = String::with_capacity(self.base.len() + 1 + key.len());
        url.push_str(&self.base);
        url.push('/');
        encode_path(key, &mut url);
        url
    }

    pub(super) fn query_url(&self, query: &[(&str, &str)]) -> String {
        let mut url = self.base.clone();
        // The bucket itself: `/bucket`, but `/` where the bucket is in the host name.
        if Url::parse(&self.base).is_ok_and(|base| base.path() == "/") {
            url.push('/');
        }
        for (index, (name, value)) in query.iter().enumerate() {
            url.push(if index == 0 { '?' } else { '&' });
            url.push_str(name);
            url.push('=');
            encode_into(value, false, &mut url);
        }
        url
    }

    /// Where roles are assumed unless the configuration says otherwise.
    pub(super) fn sts_endpoint(&self) -> String {
        if self.is_aws {
            format!("https://sts.{}.{}", self.region, aws_domain(&self.region))
        } else {
            self.endpoint.clone()
        }
    }
}

/// Whether HTTP clients would send the key's path as another one.
pub(super) fn is_unaddressable(key: &str) -> bool {
    key.split('/').any(|segment| matches!(segment, "." | ".."))
}

/// Percent-encodes everything but unreserved characters.
pub(super) fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    encode_into(text, false, &mut out);
    out
}

/// Percent-encodes everything but unreserved characters and slashes.
pub(super) fn encode_path(path: &str, out: &mut String) {
    encode_into(path, true, out);
}

fn encode_into(text: &str, keeps_slashes: bool, out: &mut String) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            b'/' if keeps_slashes => out.push('/'),
            _ => {
                out.push('%');
                out.push(char::from(DIGITS[usize::from(byte >> 4)]));
                out.push(char::from(DIGITS[usize::from(byte & 15)]));
            }
        }
    }
}

fn without_userinfo(endpoint: &str) -> String {
    match endpoint.rsplit_once('@') {
        Some((_, host)) => host.to_owned(),
        None => endpoint.to_owned(),
    }
}

fn aws_domain(region: &str) -> &'static str {
    if region.starts_with("cn-") {
        "amazonaws.com.cn"
    } else {
        "amazonaws.com"
    }
}

/// The region of an S3 host of AWS: `s3.REGION.amazonaws.com`, `s3-REGION.amazonaws.com`, `s3.dualstack.REGION.amazonaws.com`, `s3.amazonaws.com`.
fn region_of_aws_host(host: &str) -> Option<&str> {
    let service = host
        .strip_suffix(".amazonaws.com")
        .or_else(|| host.strip_suffix(".amazonaws.com.cn"))?;
    let last = service.rsplit('.').next().unwrap_or(service);
    let region = last.strip_prefix("s3-").unwrap_or(last);
    Some(if matches!(region, "s3" | "external-1") {
        DEFAULT_REGION
    } else {
        region
    })
}

/// Whether the bucket's name can be a part of a host name that a wildcard certificate covers.
fn is_host_label(bucket: &str) -> bool {
    !bucket.is_empty()
        && bucket
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::options::{CredentialOptions, ProxyOptions, RetryOptions};

    fn options(endpoint: Option<&str>, region: Option<&str>) -> S3Options {
        S3Options {
            bucket: "logs".to_owned(),
            endpoint: endpoint.map(str::to_owned),
            region: region.map(str::to_owned),
            virtual_hosted_style: None,
            credentials: CredentialOptions::Anonymous,
            proxy: None,
            retry: RetryOptions::default(),
        }
    }

    #[track_caller]
    fn check(endpoint: Option<&str>, region: Option<&str>, expected_url: &str, expected_region: &str) {
        let address = Address::new(&options(endpoint, region)).unwrap();
        assert_eq!(
            (address.key_url("k").as_str(), address.region.as_str()),
            (expected_url, expected_region)
        );
    }

    #[test]
    fn aws_is_reached_by_the_name_of_the_bucket() {
        check(None, None, "https://logs.s3.us-east-1.amazonaws.com/k", "us-east-1");
        check(
            None,
            Some("eu-west-1"),
            "https://logs.s3.eu-west-1.amazonaws.com/k",
            "eu-west-1",
        );
        check(
            None,
            Some("cn-north-1"),
            "https://logs.s3.cn-north-1.amazonaws.com.cn/k",
            "cn-north-1",
        );
        check(
            Some("s3-eu-west-1.amazonaws.com"),
            None,
            "https://logs.s3-eu-west-1.amazonaws.com/k",
            "eu-west-1",
        );
        check(
            Some("s3.amazonaws.com"),
            Some("eu-west-1"),
            "https://logs.s3.amazonaws.com/k",
            "us-east-1",
        );
    }

    #[test]
    fn other_services_are_reached_by_path() {
        check(
            Some("http://127.0.0.1:9000"),
            None,
            "http://127.0.0.1:9000/logs/k",
            "us-east-1",
        );
        check(
            Some("minio.example:9000"),
            Some("x-1"),
            "https://minio.example:9000/logs/k",
            "x-1",
        );
        check(
            Some("https://example.com/s3/"),
            None,
            "https://example.com/s3/logs/k",
            "us-east-1",
        );
    }

    #[test]
    fn the_style_can_be_chosen() {
        let chosen = S3Options {
            virtual_hosted_style: Some(true),
            ..options(Some("http://host:1"), None)
        };
        assert_eq!(Address::new(&chosen).unwrap().key_url("k"), "http://logs.host:1/k");
        assert_eq!(
            Address::new(&chosen).unwrap().query_url(&[("a", "b/c")]),
            "http://logs.host:1/?a=b%2Fc"
        );
        let chosen = S3Options {
            virtual_hosted_style: Some(false),
            ..options(None, None)
        };
        assert_eq!(
            Address::new(&chosen).unwrap().key_url("k"),
            "https://s3.us-east-1.amazonaws.com/logs/k"
        );
        assert_eq!(
            Address::new(&chosen).unwrap().query_url(&[("a", "b c")]),
            "https://s3.us-east-1.amazonaws.com/logs?a=b%20c"
        );
    }

    #[test]
    fn a_bucket_with_dots_is_reached_by_path() {
        let dotted = S3Options {
            bucket: "my.logs".to_owned(),
            ..options(None, None)
        };
        assert_eq!(
            Address::new(&dotted).unwrap().key_url("k"),
            "https://s3.us-east-1.amazonaws.com/my.logs/k"
        );
    }

    #[test]
    fn the_proxy_setting_chooses_the_protocol() {
        let proxy = ProxyOptions {
            host: "p".to_owned(),
            port: None,
            is_https: false,
            user: None,
            password: None,
        };
        let proxied = S3Options {
            proxy: Some(proxy),
            ..options(Some("host:1"), None)
        };
        assert_eq!(Address::new(&proxied).unwrap().key_url("k"), "http://host:1/logs/k");
    }

    #[test]
    fn keys_are_written_byte_by_byte() {
        let address = Address::new(&options(Some("http://h"), None)).unwrap();
        for (key, expected) in [
            ("a//b", "a//b"),
            ("/a", "/a"),
            ("a b+c%41=#?&", "a%20b%2Bc%2541%3D%23%3F%26"),
            ("日.gz", "%E6%97%A5.gz"),
        ] {
            assert_eq!(address.key_url(key), format!("http://h/logs/{expected}"));
        }
    }

    #[test]
    fn dot_segments_cannot_be_addressed() {
        for (key, expected) in [
            ("a/./b", true),
            ("..", true),
            ("a/..", true),
            ("a/.b", false),
            ("a...b/c.", false),
        ] {
            assert_eq!(is_unaddressable(key), expected, "{key}");
        }
    }

    #[test]
    fn a_wrong_endpoint_is_a_config_error_without_its_password() {
        for endpoint in [
            "ftp://host",
            "http://",
            "http://user:secret@host",
            "http://host?x=1",
            "::",
        ] {
            let error = Address::new(&options(Some(endpoint), None)).unwrap_err();
            assert!(
                matches!(error, SourceError::Setting { name: "endpoint", .. }),
                "{endpoint}"
            );
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }
}

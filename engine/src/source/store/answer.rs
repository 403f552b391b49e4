//! Reads what S3 and STS answer.
//!
//! Listings are read event by event, since a prefix may have millions of keys; everything else is small. The services differ in details
//! (namespaces, order, optional elements), so elements are known by their local name and place, and what is unknown is passed over.

use super::ListPage;
use crate::source::file::{ArchiveClass, ListedFile, SourceFile};
use jiff::Timestamp;
use quick_xml::Reader;
use quick_xml::events::Event;
use std::borrow::Cow;
use std::sync::Arc;

/// Code and message of an error, as far as they were given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ServiceError {
    pub(super) code: String,
    pub(super) message: String,
    /// Where the bucket is, in answers to requests sent to the wrong region.
    pub(super) region: Option<String>,
}

impl ServiceError {
    /// Code and message as shown to users.
    pub(super) fn summary(&self) -> String {
        match (self.code.as_str(), self.message.as_str()) {
            ("", "") => "no reason given".to_owned(),
            (code, "") => code.to_owned(),
            ("", message) => message.to_owned(),
            (code, message) => format!("{code}: {message}"),
        }
    }
}

/// What an assumed role gives.
pub(super) struct AssumedRole {
    pub(super) access_key_id: String,
    pub(super) secret_access_key: String,
    pub(super) session_token: String,
    /// `None`: not given.
    pub(super) expires_at: Option<Timestamp>,
}

/// Reads the body of a failed request; an empty body or one that is no XML says nothing.
pub(super) fn service_error(body: &[u8]) -> ServiceError {
    let mut error = ServiceError::default();
    let read = each_element(body, |path, text| {
        if let Some((above, name)) = path.rsplit_once('/')
            && last_of(above) == "Error"
        {
            match name {
                "Code" => error.code = text.to_owned(),
                "Message" => error.message = one_line(text),
                "Region" => error.region = Some(text.to_owned()),
                _ => {}
            }
        }
        Ok(())
    });
    if read.is_err() && error.code.is_empty() {
        return ServiceError::default();
    }
    error
}

/// Reads the answer to `AssumeRole`.
pub(super) fn assumed_role(body: &[u8]) -> Result<AssumedRole, String> {
    let (mut key, mut secret, mut token, mut expires_at) = (None, None, None, None);
    each_element(body, |path, text| {
        if let Some((above, name)) = path.rsplit_once('/')
            && last_of(above) == "Credentials"
        {
            match name {
                "AccessKeyId" => key = Some(text.to_owned()),
                "SecretAccessKey" => secret = Some(text.to_owned()),
                "SessionToken" => token = Some(text.to_owned()),
                "Expiration" => expires_at = text.parse().ok(),
                _ => {}
            }
        }
        Ok(())
    })?;
    match (key, secret, token) {
        (Some(access_key_id), Some(secret_access_key), Some(session_token)) => Ok(AssumedRole {
            access_key_id,
            secret_access_key,
            session_token,
            expires_at,
        }),
        _ => Err("it has no credentials".to_owned()),
    }
}

/// Reads one page of `ListObjectsV2`.
pub(super) fn list_page(body: &[u8]) -> Result<ListPage, String> {
    let mut page = ListPage {
        files: Vec::with_capacity(1_000),
        next_page: None,
    };
    let mut is_url_encoded = false;
    let mut is_truncated = false;
    let mut has_result = false;
    let mut entry = Entry::default();
    let mut class: Option<Arc<str>> = None;
    let mut entries: Vec<Entry> = Vec::with_capacity(1_000);
    each_element(body, |path, text| {
        let Some((_, inner)) = path.split_once('/') else {
            has_result = path == "ListBucketResult";
            return Ok(());
        };
        match inner {
            "Contents" => entries.push(std::mem::take(&mut entry)),
            "Contents/Key" => entry.key = Some(text.to_owned()),
            "Contents/LastModified" => entry.modified_micros = Some(parse_time(text)?),
            "Contents/ETag" => entry.etag = Some(unquoted(text).into()),
            "Contents/Size" => entry.size_bytes = Some(text.parse().map_err(|_| format!("`{text}` is not a size"))?),
            "Contents/StorageClass" => {
                entry.archive = ArchiveClass::from_storage_class(text);
                // Most files of a prefix are of one class.
                if class.as_deref() != Some(text) {
                    class = Some(text.into());
                }
                entry.storage_class.clone_from(&class);
            }
            "NextContinuationToken" => page.next_page = Some(text.to_owned()),
            "IsTruncated" => is_truncated = text == "true",
            "EncodingType" => is_url_encoded = text == "url",
            _ => {}
        }
        Ok(())
    })?;
    if !has_result {
        return Err("it is not a listing".to_owned());
    }
    for entry in entries {
        page.files.push(entry.listed(is_url_encoded)?);
    }
    match (is_truncated, &page.next_page) {
        (true, None) => Err("it is cut, but does not say where to go on".to_owned()),
        (true, Some(_)) => Ok(page),
        (false, _) => Ok(ListPage {
            next_page: None,
            ..page
        }),
    }
}

#[derive(Default)]
struct Entry {
    key: Option<String>,
    size_bytes: Option<u64>,
    modified_micros: Option<i64>,
    etag: Option<Arc<str>>,
    archive: Option<ArchiveClass>,
    storage_class: Option<Arc<str>>,
}

impl Entry {
    fn listed(self, is_url_encoded: bool) -> Result<ListedFile, String> {
        let key = self.key.ok_or("a file has no key")?;
        let key = if is_url_encoded {
            form_decoded(&key)?
        } else {
            Cow::Borrowed(key.as_str())
        };
        let size_bytes = self.size_bytes.ok_or_else(|| format!("`{key}` has no size"))?;
        let modified_micros = self
            .modified_micros
            .ok_or_else(|| format!("`{key}` has no modified time"))?;
        let file = SourceFile {
            key: key.into(),
            size_bytes,
            modified_micros,
            etag: self.etag.filter(|etag| !etag.is_empty()),
        };
        Ok(ListedFile {
            file,
            archive: self.archive,
            storage_class: self.storage_class,
        })
    }
}

/// An entity tag without the quotes around it.
pub(super) fn unquoted(etag: &str) -> &str {
    etag.trim().trim_matches('"')
}

fn parse_time(text: &str) -> Result<i64, String> {
    let timestamp: Timestamp = text.parse().map_err(|_| format!("`{text}` is not a time"))?;
    Ok(timestamp.as_microsecond())
}

fn one_line(text: &str) -> String {
    text.split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .trim_end_matches('.')
        .to_owned()
}

/// Undoes the encoding of `encoding-type=url`, which writes a space as `+`.
fn form_decoded(text: &str) -> Result<Cow<'_, str>, String> {
    if !text.contains(['%', '+']) {
        return Ok(Cow::Borrowed(text));
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let digits = rest.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
                let value = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
                bytes.push(value.ok_or_else(|| format!("the key `{text}` is not encoded as announced"))?);
                rest = &rest[2..];
            }
            other => bytes.push(*other),
        }
    }
    String::from_utf8(bytes)
        .map(Cow::Owned)
        .map_err(|_| format!("the key `{text}` is not UTF-8"))
}

/// The last element of a path.
fn last_of(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, last)| last)
}

/// Calls back at the end of each element with its path, such as `ListBucketResult/Contents/Key`, and its own text.
///
/// **Cost**: path and text are one buffer each; a listing has eight elements a file.
fn each_element(body: &[u8], mut on_end: impl FnMut(&str, &str) -> Result<(), String>) -> Result<(), String> {
    let mut reader = Reader::from_reader(body);
    reader.config_mut().expand_empty_elements = true;
    let mut path = String::new();
    let mut text = String::new();
    loop {
        match reader
            .read_event()
            .map_err(|error| format!("it is not XML ({error})"))?
        {
            Event::Start(start) => {
                if !path.is_empty() {
                    path.push('/');
                }
                path.push_str(&String::from_utf8_lossy(start.local_name().as_ref()));
                text.clear();
            }
            Event::Text(part) => text.push_str(&part.decode().map_err(|error| error.to_string())?),
            Event::CData(part) => text.push_str(&part.decode().map_err(|error| error.to_string())?),
            Event::GeneralRef(reference) => {
                let name = reference.decode().map_err(|error| error.to_string())?;
                match reference.resolve_char_ref().map_err(|error| error.to_string())? {
                    Some(character) => text.push(character),
                    None => text.push_str(
                        quick_xml::escape::resolve_xml_entity(&name).ok_or_else(|| format!("`&{name};` is unknown"))?,
                    ),
                }
            }
            Event::End(_) => {
                on_end(&path, &text)?;
                text.clear();
                path.truncate(path.rfind('/').unwrap_or(0));
            }
            Event::Eof if path.is_empty() => return Ok(()),
            Event::Eof => return Err("it is cut off".to_owned()),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing(inner: &str) -> String {
        format!(
            r#"<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{inner}</ListBucketResult>"#
        )
    }

    fn contents(key: &str) -> String {
        format!(
            "<Contents><Key>{key}</Key><LastModified>2024-01-02T03:04:05.678Z</LastModified>\
             <ETag>&quot;abc&quot;</ETag><Size>7</Size><StorageClass>GLACIER</StorageClass></Contents>"
        )
    }

    #[test]
    fn a_listing_is_read() {
        let page = list_page(listing(&contents("a &amp; b&#x41;")).as_bytes()).unwrap();
        let [listed] = &page.files[..] else { panic!("{page:?}") };
        assert_eq!(&*listed.file.key, "a & bA");
        assert_eq!(listed.file.size_bytes, 7);
        assert_eq!(listed.file.modified_micros, 1_704_164_645_678_000);
        assert_eq!(listed.file.etag.as_deref(), Some("abc"));
        assert_eq!(listed.archive, Some(ArchiveClass::Glacier));
        assert_eq!(page.next_page, None);
    }

    #[test]
    fn encoded_keys_are_decoded_when_the_answer_says_so() {
        let inner = format!("{}<EncodingType>url</EncodingType>", contents("a+b%2Bc%0A%E6%97%A5"));
        assert_eq!(
            &*list_page(listing(&inner).as_bytes()).unwrap().files[0].file.key,
            "a b+c\n日"
        );
        assert_eq!(
            &*list_page(listing(&contents("a+b%2B")).as_bytes()).unwrap().files[0]
                .file
                .key,
            "a+b%2B"
        );
        let inner = format!("{}<EncodingType>url</EncodingType>", contents("a%2"));
        assert!(list_page(listing(&inner).as_bytes()).is_err());
    }

    #[test]
    fn a_listing_goes_on_only_if_it_is_truncated() {
        for (is_truncated, expected) in [("true", Some("t")), ("false", None)] {
            let inner =
                format!("<IsTruncated>{is_truncated}</IsTruncated><NextContinuationToken>t</NextContinuationToken>");
            assert_eq!(
                list_page(listing(&inner).as_bytes()).unwrap().next_page.as_deref(),
                expected
            );
        }
        assert!(list_page(listing("<IsTruncated>true</IsTruncated>").as_bytes()).is_err());
    }

    #[test]
    fn a_missing_storage_class_and_etag_are_fine() {
        let inner = "<Contents><Key>k</Key><LastModified>2024-01-02T03:04:05Z</LastModified><Size>0</Size></Contents>";
        let page = list_page(listing(inner).as_bytes()).unwrap();
        assert_eq!(
            (page.files[0].archive, page.files[0].file.etag.as_deref()),
            (None, None)
        );
    }

    #[test]
    fn what_is_no_listing_is_refused() {
        for body in [
            "",
            "<html></html>",
            "hello",
            "<ListBucketResult>",
            "<ListBucketResult><Contents/></ListBucketResult>",
        ] {
            assert!(list_page(body.as_bytes()).is_err(), "{body}");
        }
    }

    #[test]
    fn errors_are_read_from_s3_and_sts() {
        let s3 = service_error(
            b"<Error><Code>NoSuchBucket</Code><Message>Not\n there.</Message><Region>eu</Region></Error>",
        );
        assert_eq!(s3.summary(), "NoSuchBucket: Not there");
        assert_eq!(s3.region.as_deref(), Some("eu"));
        let sts = service_error(
            b"<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code></Error></ErrorResponse>",
        );
        assert_eq!(sts.summary(), "AccessDenied");
        assert_eq!(service_error(b"").summary(), "no reason given");
        assert_eq!(service_error(b"<html>oops").summary(), "no reason given");
    }
}

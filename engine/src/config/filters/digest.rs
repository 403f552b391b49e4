//! The filter `digest`, also called `hash`.

use crate::config::reader::Reader;
use crate::filter::rules::{DigestAlgorithm, DigestColumn, DigestRule};

const ALGORITHMS: [(&str, DigestAlgorithm); 12] = [
    ("MD5", DigestAlgorithm::Md5),
    ("SHA-1", DigestAlgorithm::Sha1),
    ("SHA-224", DigestAlgorithm::Sha224),
    ("SHA-256", DigestAlgorithm::Sha256),
    ("SHA-384", DigestAlgorithm::Sha384),
    ("SHA-512", DigestAlgorithm::Sha512),
    ("HmacMD5", DigestAlgorithm::HmacMd5),
    ("HmacSHA1", DigestAlgorithm::HmacSha1),
    ("HmacSHA224", DigestAlgorithm::HmacSha224),
    ("HmacSHA256", DigestAlgorithm::HmacSha256),
    ("HmacSHA384", DigestAlgorithm::HmacSha384),
    ("HmacSHA512", DigestAlgorithm::HmacSha512),
];

pub(super) fn read_digest(filter: &Reader<'_>) -> Option<DigestRule> {
    if filter.value("columns").is_none() {
        filter.error("columns", "`columns` is required");
    }
    let mut columns = Vec::new();
    for entry in filter.maps("columns")? {
        let name = entry.required_name("name").map(str::to_owned);
        let algorithm = read_algorithm(&entry);
        let secret_key = entry.text("secret_key").map(str::to_owned);
        let key_file = entry.name("key_file").map(str::to_owned);
        let new_name = entry.name("new_name").map(str::to_owned);
        entry.finish();
        let Some(algorithm) = algorithm else { continue };
        let has_key = secret_key.as_deref().is_some_and(|key| !key.is_empty());
        if is_keyed(algorithm) && !has_key && entry.value("key_file").is_none() {
            entry
                .error("secret_key", "secret key must not be null")
                .hint("set `secret_key: ${secret:NAME}`, or `key_file`");
        }
        if has_key && key_file.is_some() {
            entry.error("key_file", "either `secret_key` or `key_file` can be set");
        }
        for (key, is_set) in [("secret_key", secret_key.is_some()), ("key_file", key_file.is_some())] {
            if is_set && !is_keyed(algorithm) {
                entry
                    .warn(key, format!("the algorithm has no key, `{key}` is not used"))
                    .hint("use an Hmac algorithm");
            }
        }
        let Some(name) = name else { continue };
        let secret_key = secret_key.filter(|key| is_keyed(algorithm) && !key.is_empty());
        let key_file = key_file.filter(|_| is_keyed(algorithm));
        columns.push(DigestColumn {
            name,
            algorithm,
            secret_key,
            key_file,
            new_name,
        });
    }
    Some(DigestRule { columns })
}

/// Algorithms are named in any case, with and without the hyphen.
fn read_algorithm(entry: &Reader<'_>) -> Option<DigestAlgorithm> {
    let Some(text) = entry.name("algorithm") else {
        return Some(DigestAlgorithm::Sha256);
    };
    let simple = |name: &str| name.replace('-', "").to_ascii_lowercase();
    let wanted = match simple(text).as_str() {
        "sha" => "sha1".to_owned(),
        other => other.to_owned(),
    };
    let found = ALGORITHMS
        .iter()
        .find(|(name, _)| simple(name) == wanted)
        .map(|(_, algorithm)| *algorithm);
    if found.is_none() {
        let names = ALGORITHMS.map(|(name, _)| name).join(", ");
        entry
            .error("algorithm", format!("no such algorithm: {text}"))
            .hint(format!("supported are {names}"));
    }
    found
}

fn is_keyed(algorithm: DigestAlgorithm) -> bool {
    match algorithm {
        DigestAlgorithm::Md5
        | DigestAlgorithm::Sha1
        | DigestAlgorithm::Sha224
        | DigestAlgorithm::Sha256
        | DigestAlgorithm::Sha384
        | DigestAlgorithm::Sha512 => false,
        DigestAlgorithm::HmacMd5
        | DigestAlgorithm::HmacSha1
        | DigestAlgorithm::HmacSha224
        | DigestAlgorithm::HmacSha256
        | DigestAlgorithm::HmacSha384
        | DigestAlgorithm::HmacSha512 => true,
    }
}

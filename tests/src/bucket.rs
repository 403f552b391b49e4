//! A bucket of a test's own.

use crate::proxy::Proxy;
use crate::servers::{self, ACCESS_KEY, REGION, SECRET_KEY, Server, block_on};
use http::Method;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path;
use object_store::{Attribute, Attributes, ObjectStore, ObjectStoreExt, PutOptions};
use std::fs;
use std::sync::atomic::{AtomicU64, Ordering};

/// A bucket that no other test knows, or the open one.
#[derive(Debug)]
pub struct Bucket {
    server: &'static Server,
    name: String,
    store: AmazonS3,
}

impl Bucket {
    /// Makes an empty bucket.
    #[track_caller]
    pub fn new(server: &'static Server) -> Bucket {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Bucket::named(server, &format!("bucket-{}", NEXT.fetch_add(1, Ordering::Relaxed)))
    }

    /// The bucket of SeaweedFS that anybody may read; tests that use it choose keys of their own.
    #[track_caller]
    pub fn open() -> Bucket {
        Bucket::named(servers::seaweedfs(), servers::OPEN_BUCKET)
    }

    #[track_caller]
    fn named(server: &'static Server, name: &str) -> Bucket {
        let status = server.request(Method::PUT, &format!("/{name}"));
        // 409: another test has made the open bucket.
        assert!(
            matches!(status, Some(200 | 409)),
            "bucket `{name}` cannot be made: status {status:?}"
        );
        Bucket {
            server,
            name: name.to_owned(),
            store: client(&server.endpoint(), name),
        }
    }

    /// The same bucket, asked through a proxy.
    pub fn through(&self, proxy: &Proxy) -> Bucket {
        Bucket {
            server: self.server,
            name: self.name.clone(),
            store: client(&proxy.endpoint(), &self.name),
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The server it lies on.
    pub fn server(&self) -> &'static Server {
        self.server
    }

    /// Writes a file.
    #[track_caller]
    pub fn put(&self, key: &str, bytes: impl Into<Vec<u8>>) {
        self.put_with(key, bytes, Attributes::new());
    }

    /// Writes a file of a storage class, such as `GLACIER`.
    #[track_caller]
    pub fn put_in_class(&self, key: &str, bytes: impl Into<Vec<u8>>, class: &'static str) {
        self.put_with(key, bytes, Attributes::from_iter([(Attribute::StorageClass, class)]));
    }

    #[track_caller]
    fn put_with(&self, key: &str, bytes: impl Into<Vec<u8>>, attributes: Attributes) {
        let options = PutOptions {
            attributes,
            ..PutOptions::default()
        };
        let written = block_on(self.store.put_opts(&path(key), bytes.into().into(), options));
        if let Err(error) = written {
            panic!("cannot write `{key}` to bucket `{}`: {error}", self.name);
        }
    }

    /// Writes every file of a folder, not of those below it, under `prefix` and its name.
    #[track_caller]
    pub fn put_folder(&self, prefix: &str, folder: &std::path::Path) {
        for entry in fs::read_dir(folder).expect("the folder exists") {
            let entry = entry.expect("the folder can be read");
            let name = entry.file_name().into_string().expect("files of ours have UTF-8 names");
            self.put(
                &format!("{prefix}{name}"),
                fs::read(entry.path()).expect("the file can be read"),
            );
        }
    }

    /// Reads a file.
    #[track_caller]
    pub fn get(&self, key: &str) -> Vec<u8> {
        let bytes = block_on(async { self.store.get(&path(key)).await?.bytes().await });
        match bytes {
            Ok(bytes) => bytes.to_vec(),
            Err(error) => panic!("cannot read `{key}` of bucket `{}`: {error}", self.name),
        }
    }

    /// Every key, in order.
    #[track_caller]
    pub fn keys(&self) -> Vec<String> {
        match block_on(list_all(&self.store)) {
            Ok(keys) => keys,
            Err(error) => panic!("cannot list bucket `{}`: {error}", self.name),
        }
    }
}

fn client(endpoint: &str, bucket: &str) -> AmazonS3 {
    AmazonS3Builder::new()
        .with_endpoint(endpoint)
        .with_allow_http(true)
        .with_region(REGION)
        .with_access_key_id(ACCESS_KEY)
        .with_secret_access_key(SECRET_KEY)
        .with_bucket_name(bucket)
        .build()
        .expect("the settings are complete")
}

async fn list_all(store: &AmazonS3) -> object_store::Result<Vec<String>> {
    let mut keys = Vec::new();
    let mut folders = vec![None::<Path>];
    while let Some(folder) = folders.pop() {
        let found = store.list_with_delimiter(folder.as_ref()).await?;
        keys.extend(found.objects.into_iter().map(|object| object.location.to_string()));
        folders.extend(found.common_prefixes.into_iter().map(Some));
    }
    keys.sort();
    Ok(keys)
}

fn path(key: &str) -> Path {
    Path::parse(key).expect("tests use plain keys")
}

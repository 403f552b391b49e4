//! Turns a pax extended header into what it says about name and size.
//!
//! **Source**: POSIX.1-2024 `pax`, "pax Header Block": records `<length> <key>=<value>\n`, the length counting itself.

use super::super::codec::Fault;

/// The records that matter here; the last of a key holds.
#[derive(Default)]
pub(super) struct Pax {
    /// `path`; `None` if absent or empty, which POSIX defines as absent.
    pub(super) path: Option<String>,
    /// `size`
    pub(super) size: Option<u64>,
    /// Some `GNU.sparse.` record.
    pub(super) is_sparse: bool,
}

impl Pax {
    pub(super) fn read(&mut self, mut records: &[u8]) -> Result<(), Fault> {
        while !records.is_empty() {
            let Some((record, rest)) = split_record(records) else {
                return Err(Fault::Corrupt("a record of an extended header is malformed".to_owned()));
            };
            records = rest;
            let (key, value) = record;
            match key {
                b"path" => {
                    self.path = (!value.is_empty()).then(|| String::from_utf8_lossy(value).into_owned());
                }
                b"size" if value.is_empty() => self.size = None,
                b"size" => {
                    let size = std::str::from_utf8(value)
                        .ok()
                        .and_then(|value| value.parse::<u64>().ok());
                    let Some(size) = size.filter(|size| *size <= i64::MAX as u64) else {
                        let reason = format!("size `{}` of an extended header is not a number", value.escape_ascii());
                        return Err(Fault::Corrupt(reason));
                    };
                    self.size = Some(size);
                }
                key if key.starts_with(b"GNU.sparse.") => self.is_sparse = true,
                _ => {}
            }
        }
        Ok(())
    }
}

/// Cuts off the first record: its key and value, and what follows it.
#[expect(clippy::type_complexity, reason = "three slices with names in the line above")]
fn split_record(records: &[u8]) -> Option<((&[u8], &[u8]), &[u8])> {
    let space = records.iter().position(|&byte| byte == b' ')?;
    let length = std::str::from_utf8(&records[..space]).ok()?.parse::<usize>().ok()?;
    let (record, rest) = records.split_at_checked(length)?;
    let body = record.get(space + 1..)?.strip_suffix(b"\n")?;
    let equals = body.iter().position(|&byte| byte == b'=')?;
    Some(((&body[..equals], &body[equals + 1..]), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(records: &[u8], path: Option<&str>, size: Option<u64>, is_sparse: bool) {
        let mut pax = Pax::default();
        pax.read(records).expect("well-formed");
        assert_eq!((pax.path.as_deref(), pax.size, pax.is_sparse), (path, size, is_sparse));
    }

    #[track_caller]
    fn check_error(records: &[u8]) {
        assert!(matches!(Pax::default().read(records), Err(Fault::Corrupt(_))));
    }

    #[test]
    fn the_last_record_of_a_key_holds() {
        check(b"10 path=a\n10 path=b\n11 size=42\n", Some("b"), Some(42), false);
    }

    #[test]
    fn an_empty_value_takes_a_record_back() {
        check(b"10 path=a\n8 path=\n11 size=42\n8 size=\n", None, None, false);
    }

    #[test]
    fn values_may_hold_line_ends_and_equal_signs() {
        check(b"14 path=a\n=b=\n", Some("a\n=b="), None, false);
    }

    #[test]
    fn sparse_records_are_noticed() {
        check(b"22 GNU.sparse.major=1\n", None, None, true);
    }

    #[test]
    fn malformed_records_are_errors() {
        for records in [
            &b"path=a\n"[..],
            b"8 path=a\n",
            b"11 path=a\n",
            b"99 path=a\n",
            b"1 path=a\n",
            b"0 p=a\n",
            b"9 size=x\n",
            b"7",
        ] {
            check_error(records);
        }
    }
}

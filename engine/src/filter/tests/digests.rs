//! `digest`.

use super::*;

#[test]
fn values_of_every_type_are_digested_in_their_text_form() {
    let rule = FilterRule::Digest(DigestRule {
        columns: ["flag", "Count", "ratio", "a.name", "at", "payload"]
            .into_iter()
            .map(|name| digest(name, DigestAlgorithm::Md5))
            .collect(),
    });
    // The digests of `true`, `42`, `1.0E10`, `x`, `2015-03-31T06:12:37.12Z` and the JSON text.
    check(all_types(), &[rule], DIGESTS);
}

const DIGESTS: &str = "
        +----------------------------------+----------------------------------+----------------------------------+----------------------------------+----------------------------------+----------------------------------+
        | flag                             | Count                            | ratio                            | a.name                           | at                               | payload                          |
        +----------------------------------+----------------------------------+----------------------------------+----------------------------------+----------------------------------+----------------------------------+
        | b326b5062b2f0e69046810717534cb09 | a1d0c6e83f027327d8461063f4ac58a6 | 117c481f65f5b33d028bc53b3f108195 | 9dd4e461268c8034f5c8564e155c67a6 | 0c019b92a69c821d41dbcda599a3a64b | 57b6516cf607a68400a86b7a2e349c90 |
        |                                  |                                  |                                  |                                  |                                  |                                  |
        +----------------------------------+----------------------------------+----------------------------------+----------------------------------+----------------------------------+----------------------------------+
        flag:string Count:string ratio:string a.name:string at:string payload:string";

#[track_caller]
fn check_digest(algorithm: DigestAlgorithm, secret_key: Option<&str>, expected: &str) {
    let input = batch(vec![(
        "v",
        ColumnType::String,
        texts(&[Some("what do ya want for nothing?")]),
    )]);
    let rule = FilterRule::Digest(DigestRule {
        columns: vec![DigestColumn {
            secret_key: secret_key.map(str::to_owned),
            ..digest("v", algorithm)
        }],
    });
    let job = Job::new(1);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let batches = runtime.block_on(async { job.apply(vec![input], &[rule]).await.unwrap().collect().await.unwrap() });
    assert_eq!(
        batches[0].column(0).as_string::<i32>().value(0),
        expected,
        "{algorithm:?}"
    );
}

#[test]
fn every_algorithm_gives_its_published_digest() {
    for (algorithm, key, expected) in [
        (DigestAlgorithm::Md5, None, "d03cb659cbf9192dcd066272249f8412"),
        (DigestAlgorithm::Sha1, None, "8f820394f95335182045da24f34de52bf8bc3432"),
        (
            DigestAlgorithm::Sha224,
            None,
            "9b67b9bb148fae726d5bc97300f3ef9e11b8fa3d3e4b58cab50a4d9a",
        ),
        (
            DigestAlgorithm::Sha256,
            None,
            "b381e7fec653fc3ab9b178272366b8ac87fed8d31cb25ed1d0e1f3318644c89c",
        ),
        (
            DigestAlgorithm::Sha384,
            None,
            "1ab7b35ff828054ad6d188df1d8fb729f67515d1288fd66e7725043e9da06e36598f26b302f8b044a554ec1230bf1702",
        ),
        (
            DigestAlgorithm::Sha512,
            None,
            "a3adca3c9c1e45b39ef51b0703692e09ab3a20404dd7617537144720f35e304e89e530db6db9deb50f8b33e38d951f2ffc973085b7f0ccb11178799d113481f2",
        ),
        (
            DigestAlgorithm::HmacMd5,
            Some("Jefe"),
            "750c783e6ab0b503eaa86e310a5db738",
        ),
        (
            DigestAlgorithm::HmacSha1,
            Some("Jefe"),
            "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79",
        ),
        (
            DigestAlgorithm::HmacSha224,
            Some("Jefe"),
            "a30e01098bc6dbbf45690f3a7e9e6d0f8bbea2a39e6148008fd05e44",
        ),
        (
            DigestAlgorithm::HmacSha256,
            Some("Jefe"),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        ),
        (
            DigestAlgorithm::HmacSha384,
            Some("Jefe"),
            "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649",
        ),
        (
            DigestAlgorithm::HmacSha512,
            Some("Jefe"),
            "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
        ),
    ] {
        check_digest(algorithm, key, expected);
    }
}

#[test]
fn digested_column_can_get_a_new_name() {
    let column = DigestColumn {
        new_name: Some("hash".to_owned()),
        ..digest("a.name", DigestAlgorithm::Md5)
    };
    check(
        all_types(),
        &[
            FilterRule::Digest(DigestRule { columns: vec![column] }),
            keep(&["hash", "Count"]),
        ],
        "
            +-------+----------------------------------+
            | Count | hash                             |
            +-------+----------------------------------+
            | 42    | 9dd4e461268c8034f5c8564e155c67a6 |
            |       |                                  |
            +-------+----------------------------------+
            Count:long hash:string",
    );
}

#[test]
fn missing_column_and_missing_key_are_errors() {
    for (column, expected) in [
        (
            digest("a_name", DigestAlgorithm::Md5),
            "column `a_name` doesn't exist in the schema; hint: did you mean `a.name`?",
        ),
        (
            digest("at", DigestAlgorithm::HmacSha256),
            "secret key must not be null: column `at` uses `HmacSHA256`",
        ),
    ] {
        check(
            all_types(),
            &[FilterRule::Digest(DigestRule { columns: vec![column] })],
            &format!("error: filters[0] (hash): {expected}"),
        );
    }
}

#[tokio::test]
async fn plan_does_not_show_the_key() {
    let column = DigestColumn {
        secret_key: Some("s3cret".to_owned()),
        ..digest("a.name", DigestAlgorithm::HmacSha1)
    };
    let job = Job::new(1);
    let rule = FilterRule::Digest(DigestRule { columns: vec![column] });
    let frame = job.apply(vec![all_types()], &[rule]).await.unwrap();
    let plan = frame.logical_plan().clone();
    let physical = frame.create_physical_plan().await.unwrap();
    for text in [
        format!("{plan:?}"),
        plan.display_indent_schema().to_string(),
        format!("{physical:?}"),
    ] {
        assert!(!text.contains("s3cret"), "{text}");
    }
}

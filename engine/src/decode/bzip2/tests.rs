//! Against the library, whose decoder this one takes the place of.

use super::*;
use ::bzip2::read::{BzDecoder, BzEncoder};
use proptest::prelude::*;
use std::io::Read as _;

fn compressed(plain: &[u8], level: u32) -> Vec<u8> {
    let mut file = Vec::new();
    BzEncoder::new(plain, ::bzip2::Compression::new(level))
        .read_to_end(&mut file)
        .unwrap();
    file
}

/// Decodes one stream, of which so many bytes come at a time into so much room. Gives what it holds and the bytes that it takes.
fn decoded(file: &[u8], input_bytes: usize, room_bytes: usize) -> Result<(Vec<u8>, usize), String> {
    let mut codec = Bzip2Codec::new();
    codec.begin();
    let mut plain = Vec::new();
    let mut room = vec![0; room_bytes];
    let mut consumed = 0;
    let mut num_idle = 0;
    loop {
        let input = &file[consumed..file.len().min(consumed + input_bytes)];
        let step = codec.step(input, &mut room).map_err(|error| match error.fault {
            Fault::Corrupt(reason) | Fault::Unsupported(reason) => reason,
        })?;
        consumed += step.consumed;
        plain.extend_from_slice(&room[..step.produced]);
        if step.has_ended {
            return Ok((plain, consumed));
        }
        num_idle = match step.consumed + step.produced {
            0 => num_idle + 1,
            _ => 0,
        };
        if num_idle > 1 {
            return Err("cut short".to_owned());
        }
    }
}

#[track_caller]
fn check(plain: &[u8], level: u32) {
    let file = compressed(plain, level);
    let followed = [file.as_slice(), b"more"].concat();
    for (input_bytes, room_bytes) in [(usize::MAX, 1 << 20), (100_000, 30_000), (7, 1 << 16)] {
        let input_bytes = input_bytes.min(followed.len());
        let (decoded, consumed) = decoded(&followed, input_bytes, room_bytes).unwrap();
        assert!(decoded == plain, "{input_bytes} bytes at a time");
        assert_eq!(consumed, file.len(), "{input_bytes} bytes at a time");
    }
}

fn numbers(num_bytes: usize) -> Vec<u8> {
    (0..num_bytes as u64 / 8)
        .flat_map(|number| {
            (number * number % 65_521)
                .wrapping_mul(0x9E37_79B9_7F4A_7C15)
                .to_le_bytes()
        })
        .collect()
}

#[test]
fn streams_of_several_blocks_are_decoded() {
    let log: String = (0..40_000)
        .map(|row| {
            format!(
                "2026-11-22T00:00:{:02}Z,GET,/page/{},{}\n",
                row % 60,
                row * 7_919 % 10_007,
                row % 5
            )
        })
        .collect();
    check(log.as_bytes(), 1);
    check(log.as_bytes(), 9);
    check(&numbers(750_000), 1);
}

#[test]
fn short_streams_and_long_runs_are_decoded() {
    check(b"", 9);
    check(b"a", 1);
    for num_equal in [3, 4, 5, 258, 259, 260, 1_000_000] {
        check(&vec![b'x'; num_equal], 1);
        check(
            &[vec![b'x'; num_equal], b"y".to_vec(), vec![b'z'; num_equal]].concat(),
            1,
        );
    }
    let all: Vec<u8> = (0..=255).collect();
    check(&all, 1);
}

#[test]
fn a_stream_that_is_cut_anywhere_does_not_end() {
    let file = compressed(&numbers(3_000), 1);
    for end in 0..file.len() {
        assert_eq!(
            decoded(&file[..end], end.max(1), 1 << 16).unwrap_err(),
            "cut short",
            "after {end} bytes"
        );
    }
}

#[test]
fn what_is_no_stream_is_told_by_its_first_byte() {
    assert_eq!(
        decoded(b"\n", 1, 1 << 16).unwrap_err(),
        "not the first bytes of a bzip2 stream"
    );
    assert_eq!(decoded(b"BZ", 2, 1 << 16).unwrap_err(), "cut short");
}

/// The first block of a stream of one block says that it is randomised; it means `plain` then.
fn randomised(mut file: Vec<u8>, plain: &[u8]) -> Vec<u8> {
    let mut checksum = checksum::Checksum::default();
    checksum.add(plain);
    let checksum = checksum.value();
    file[10..14].copy_from_slice(&checksum.to_be_bytes());
    file[14] |= 0x80;
    let end = (0..=file.len() * 8 - 80)
        .rev()
        .find(|at| Bits::new(&file, *at).take_words::<3>() == Ok(END_MAGIC))
        .unwrap()
        + 48;
    for bit in 0..32 {
        let at = end + bit;
        file[at / 8] &= !(0x80 >> (at % 8));
        file[at / 8] |= ((checksum >> (31 - bit) & 1) as u8) << (7 - at % 8);
    }
    file
}

#[test]
fn blocks_of_the_first_versions_are_decoded() {
    // Nowhere four equal bytes, with and without the bits that are the other ones.
    let plain: Vec<u8> = (0..60_000_u32).map(|at| (at * 6 % 251) as u8).collect();
    let mut stored = plain.clone();
    randomised::Randomised::default().restore(&mut stored);
    assert_ne!(stored, plain);
    let file = randomised(compressed(&stored, 1), &plain);
    let mut by_library = Vec::new();
    BzDecoder::new(file.as_slice()).read_to_end(&mut by_library).unwrap();
    assert!(by_library == plain);
    assert!(decoded(&file, file.len(), 1 << 16).unwrap().0 == plain);
}

proptest! {
    #[test]
    fn whatever_is_compressed_is_decoded(
        plain in prop::collection::vec(prop_oneof![Just(0_u8), Just(0), any::<u8>(), b'a'..b'e'], 0..3_000),
        input_bytes in 1..500_usize,
        room_bytes in 1..500_usize,
    ) {
        let file = compressed(&plain, 1);
        prop_assert_eq!(decoded(&file, input_bytes, room_bytes), Ok((plain, file.len())));
    }

    #[test]
    fn damaged_streams_are_what_the_library_makes_of_them(
        plain in prop::collection::vec(prop_oneof![Just(0_u8), any::<u8>(), b'a'..b'e'], 1..400),
        damages in prop::collection::vec((any::<prop::sample::Index>(), 0..8_u32), 1..4),
    ) {
        let mut file = compressed(&plain, 1);
        for (at, bit) in damages {
            let at = at.index(file.len());
            file[at] ^= 1 << bit;
        }
        let mut expected = Vec::new();
        let is_sound = BzDecoder::new(file.as_slice()).read_to_end(&mut expected).is_ok();
        let actual = decoded(&file, file.len(), 1 << 16);
        match actual {
            Ok((actual, _)) => prop_assert!(is_sound && actual == expected),
            Err(reason) => prop_assert!(!is_sound, "{}", reason),
        }
    }
}

//! The decoder against the library's, on whole, cut and damaged streams.

use super::super::zlib::library_step;
use super::*;
use flate2::{Compress, Compression, Decompress, FlushCompress, Status};
use proptest::prelude::*;

fn deflate(data: &[u8], level: u32) -> Vec<u8> {
    let mut compress = Compress::new(Compression::new(level), false);
    let mut stream = Vec::with_capacity(data.len() * 2 + 100);
    let status = compress.compress_vec(data, &mut stream, FlushCompress::Finish).unwrap();
    assert_eq!(status, Status::StreamEnd);
    stream
}

/// What a decoder gives of a stream that is handed to it in parts; the number of bytes it took, if the stream was complete.
fn decode(
    inflate: &mut impl Codec,
    stream: &[u8],
    input_bytes: usize,
    output_bytes: usize,
) -> Result<(Vec<u8>, Option<usize>), usize> {
    inflate.begin();
    let (mut data, mut at) = (Vec::new(), 0);
    loop {
        let mut output = vec![0; output_bytes];
        let end = (at + input_bytes).min(stream.len());
        let step = inflate
            .step(&stream[at..end], &mut output)
            .map_err(|error| at + error.consumed)?;
        at += step.consumed;
        data.extend_from_slice(&output[..step.produced]);
        if step.has_ended {
            return Ok((data, Some(at)));
        }
        if at == stream.len() && step.produced < output_bytes {
            return Ok((data, None));
        }
    }
}

/// Lines as they stand in logs, with noise where the seed says so.
fn text(seed: u64, num_bytes: usize) -> Vec<u8> {
    let mut state = seed | 1;
    let mut next = || {
        state = state
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (state >> 33) as u32
    };
    let mut text = Vec::new();
    while text.len() < num_bytes {
        match next() % 8 {
            0 => text.extend((0..next() % 300).map(|index| (index * 7) as u8)),
            1 => text.extend((0..next() % 600).map(|_| b'-')),
            2 => (0..next() % 50).for_each(|_| text.push(next() as u8)),
            _ => text.extend(format!("{},GET,/index/{}.html,200,{}\n", next(), next() % 1000, next() % 77).bytes()),
        }
    }
    text.truncate(num_bytes);
    text
}

#[test]
fn every_level_and_size_comes_back() {
    let mut inflate = Inflate::new();
    for level in [0, 1, 2, 6, 9] {
        for num_bytes in [0, 1, 2, 100, 291, 292, 293, 70_000, 300_000] {
            let data = text(num_bytes as u64 + 7, num_bytes);
            let mut stream = deflate(&data, level);
            let num_stream_bytes = stream.len();
            stream.extend(b"what follows is not looked at, whatever it may be");
            for (input_bytes, output_bytes) in [(stream.len(), 400_000), (1_000, 300), (65_536, 33_000), (3, 70_000)] {
                let got = decode(&mut inflate, &stream, input_bytes, output_bytes).unwrap();
                assert!(
                    got == (data.clone(), Some(num_stream_bytes)),
                    "level {level}, {num_bytes} bytes"
                );
            }
        }
    }
}

#[test]
fn matches_reach_back_over_the_whole_window() {
    // A word, noise up to the farthest distance, and the word again.
    let noise = text(3, 2 * window::WINDOW_BYTES);
    for gap in [32_768 - 40, 32_768 - 39, 32_700, 20_000] {
        let mut data = b"a word that occurs twice, far from itself".to_vec();
        data.truncate(40);
        data.extend(&noise[..gap]);
        data.extend_from_within(..40);
        let stream = deflate(&data, 9);
        for output_bytes in [1, 1_000, 32_768, 100_000] {
            assert!(
                decode(&mut Inflate::new(), &stream, stream.len(), output_bytes)
                    .unwrap()
                    .0
                    == data
            );
        }
    }
}

#[test]
fn what_is_wrong_is_said() {
    for (stream, words) in [
        (&[0b111][..], "type 3"),
        (&[0b001, 5, 0, 5, 0], "complement"),
        // fixed code, length 3 at distance 1 as the first symbol
        (&[0b0000_0011, 0b0000_0010, 0, 0], "before the first"),
        // fixed code, the length symbol 286
        (&[0b0001_1011, 0b0000_0011, 0, 0], "no code"),
        (&[0b101, 0xff, 0xff, 0xff], "more codes than there are symbols"),
        // twelve codes of one bit
        (
            &[0b101, 0, 0x93, 0x24, 0x49, 0x92, 0x24],
            "more codes than there can be",
        ),
        // twelve codes of seven bits
        (&[0b101, 0, 0xff, 0xff, 0xff, 0xff, 0xff], "without a meaning"),
    ] {
        let error = Inflate::new().step(stream, &mut [0; 100]).unwrap_err();
        let Fault::Corrupt(reason) = error.fault else {
            panic!("not corrupt");
        };
        assert!(reason.contains(words), "{reason}");
        assert!(error.consumed <= stream.len());
    }
}

proptest! {
    /// However input and output are cut, the same bytes come.
    #[test]
    fn cuts_change_nothing(seed: u64, num_bytes in 0_usize..5_000, level in 0_u32..10, input_bytes in 1_usize..700, output_bytes in 1_usize..700) {
        let data = text(seed, num_bytes);
        let stream = deflate(&data, level);
        let (got, end) = decode(&mut Inflate::new(), &stream, input_bytes, output_bytes).unwrap();
        prop_assert!(got == data);
        prop_assert_eq!(end, Some(stream.len()));
    }

    /// A damaged stream is judged as the library judges it: the same bytes, or an error.
    #[test]
    fn damage_is_judged_as_by_the_library(seed: u64, num_bytes in 1_usize..3_000, level in 0_u32..10, damage in prop::collection::vec((any::<prop::sample::Index>(), 0_u8..8), 1..4), length in any::<prop::sample::Index>()) {
        let mut stream = deflate(&text(seed, num_bytes), level);
        for (place, bit) in damage {
            *place.get_mut(&mut stream) ^= 1 << bit;
        }
        stream.truncate(length.index(stream.len() * 2) + 1);
        let mut library = LibraryInflate(Decompress::new(false));
        let wanted = decode(&mut library, &stream, stream.len(), 1 << 20);
        for (input_bytes, output_bytes) in [(stream.len(), 1 << 20), (7, 400)] {
            match (&wanted, decode(&mut Inflate::new(), &stream, input_bytes, output_bytes)) {
                (Ok(wanted), Ok(got)) => prop_assert!(*wanted == got),
                (Err(_), Err(_)) => {}
                // A fault is found when the bits that show it are there; the library may want more of them first.
                (Ok((_, None)), Err(_)) | (Err(_), Ok((_, None))) => {}
                (wanted, got) => prop_assert!(false, "{:?} and {:?}", wanted.as_ref().map(|ok| ok.1), got.map(|ok| ok.1)),
            }
        }
    }

    /// Noise is no reason to panic.
    #[test]
    fn noise_gives_bytes_or_an_error(noise in prop::collection::vec(any::<u8>(), 0..600), cut in 1_usize..90) {
        let _ = decode(&mut Inflate::new(), &noise, cut, 333);
    }
}

struct LibraryInflate(Decompress);

impl Codec for LibraryInflate {
    const FORMAT: &'static str = "deflate";
    const IS_CONCATENABLE: bool = false;

    fn begin(&mut self) {
        self.0.reset(false);
    }

    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step, StepError> {
        library_step(&mut self.0, input, output)
    }
}

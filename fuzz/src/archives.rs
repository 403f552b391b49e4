//! One file through its decoders.

use bucketload_engine::decode::{DecodeError, DecodeOptions, Event, FileDecoder};

/// The plain bytes of a file that is no archive, or those of each entry with its name.
pub type Entries = Vec<(Option<String>, Vec<u8>)>;

/// Bytes that are taken of one file; what a bomb holds beyond them is not looked at.
const MAX_PLAIN_BYTES: usize = 8 * 1024 * 1024;

/// Decodes a file in pieces of these lengths. `Ok(None)`: it holds more than is taken.
pub fn decode(
    options: &DecodeOptions,
    file: &[u8],
    chunk_bytes: usize,
    output_bytes: usize,
) -> Result<Option<Entries>, DecodeError> {
    let mut decoder = FileDecoder::new(options);
    let mut entries: Entries = vec![(None, Vec::new())];
    let mut output = vec![0; output_bytes];
    let mut num_bytes = 0;
    let mut chunks = file.chunks(chunk_bytes.max(1));
    let mut chunk: Option<&[u8]> = chunks.next();
    loop {
        let progress = match chunk {
            Some(input) => decoder.decode(input, &mut output)?,
            None => decoder.finish(&mut output)?,
        };
        num_bytes += progress.produced;
        if num_bytes > MAX_PLAIN_BYTES {
            return Ok(None);
        }
        if let Some((_, bytes)) = entries.last_mut() {
            bytes.extend(&output[..progress.produced]);
        }
        chunk = chunk.map(|input| &input[progress.consumed..]);
        match progress.event {
            Event::NeedsInput if chunk.is_none() => break,
            Event::NeedsInput => {
                assert_eq!(chunk, Some(&[][..]), "input is left although more is wanted");
                chunk = chunks.next();
            }
            Event::OutputFull => assert_eq!(progress.produced, output.len(), "the output is not full"),
            Event::Entry(name) => entries.push((Some(name), Vec::new())),
        }
    }
    // What stands outside all entries exists only where there are none.
    if entries.len() > 1 {
        let outside = entries.remove(0);
        assert_eq!(outside, (None, Vec::new()), "bytes outside all entries");
    }
    Ok(Some(entries))
}

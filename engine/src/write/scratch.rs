//! Room on local disk for what a writer cannot hold in memory.
//!
//! One unlinked temporary file serves a whole writer: it is gone with the process, however that ends. The file is dealt out in
//! extents to any number of streams that grow side by side; a stream that is dropped gives its extents back, so that the file does
//! not grow with the job but with what is set aside at a time. What is written here mostly stays in the system's page cache.

use std::fs::File;
use std::io::{Error, ErrorKind, Read, Result, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// Bytes of an extent. A stream leaves at most one unfinished, and the part of it that was never written takes no disk.
const EXTENT_BYTES: u64 = 1024 * 1024;

/// A temporary file, made when the first stream needs it.
#[derive(Debug)]
pub(super) struct Scratch {
    /// `None`: the system's folder for temporary files.
    folder: Option<PathBuf>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    file: Option<File>,
    num_extents: u64,
    free: Vec<u64>,
}

impl Scratch {
    pub(super) fn new(folder: Option<PathBuf>) -> Scratch {
        Scratch {
            folder,
            state: Mutex::default(),
        }
    }

    /// A stream without bytes.
    pub(super) fn stream(self: &Arc<Scratch>) -> ScratchStream {
        ScratchStream {
            scratch: Arc::clone(self),
            extents: Vec::new(),
            num_bytes: 0,
        }
    }

    fn with_file<T>(&self, act: impl FnOnce(&mut File, &mut Vec<u64>, &mut u64) -> Result<T>) -> Result<T> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let State {
            file,
            num_extents,
            free,
        } = &mut *state;
        let file = match file {
            Some(file) => file,
            None => file.insert(match &self.folder {
                Some(folder) => tempfile::tempfile_in(folder)?,
                None => tempfile::tempfile()?,
            }),
        };
        act(file, free, num_extents)
    }
}

/// Bytes set aside one after the other.
#[derive(Debug)]
pub(super) struct ScratchStream {
    scratch: Arc<Scratch>,
    extents: Vec<u64>,
    num_bytes: u64,
}

impl ScratchStream {
    /// Appends bytes and gives the offset of the first.
    ///
    /// **Errors**: the disk is full, or the temporary file cannot be made.
    pub(super) fn append(&mut self, mut bytes: &[u8]) -> Result<u64> {
        let offset = self.num_bytes;
        let extents = &mut self.extents;
        let num_bytes = &mut self.num_bytes;
        self.scratch.with_file(|file, free, num_extents| {
            while !bytes.is_empty() {
                let within = *num_bytes % EXTENT_BYTES;
                if within == 0 {
                    extents.push(free.pop().unwrap_or_else(|| {
                        *num_extents += 1;
                        *num_extents - 1
                    }));
                }
                let extent = extents.last().expect("an extent was taken for the first byte");
                let room = usize::try_from(EXTENT_BYTES - within).unwrap_or(usize::MAX);
                let (now, later) = bytes.split_at(bytes.len().min(room));
                file.seek(SeekFrom::Start(extent * EXTENT_BYTES + within))?;
                file.write_all(now)?;
                *num_bytes += now.len() as u64;
                bytes = later;
            }
            Ok(offset)
        })
    }

    /// Fills `output` with the bytes from `offset` on.
    ///
    /// **Errors**: there are fewer bytes, or the disk cannot be read.
    pub(super) fn read(&self, mut offset: u64, mut output: &mut [u8]) -> Result<()> {
        if offset + output.len() as u64 > self.num_bytes {
            return Err(Error::from(ErrorKind::UnexpectedEof));
        }
        self.scratch.with_file(|file, _, _| {
            while !output.is_empty() {
                let within = offset % EXTENT_BYTES;
                let extent = self.extents[usize::try_from(offset / EXTENT_BYTES).unwrap_or(usize::MAX)];
                let room = usize::try_from(EXTENT_BYTES - within).unwrap_or(usize::MAX);
                let length = output.len().min(room);
                let (now, later) = std::mem::take(&mut output).split_at_mut(length);
                file.seek(SeekFrom::Start(extent * EXTENT_BYTES + within))?;
                file.read_exact(now)?;
                offset += now.len() as u64;
                output = later;
            }
            Ok(())
        })
    }

    /// Reads the stream from its first byte on.
    pub(super) fn into_reader(self) -> ScratchReader {
        ScratchReader {
            stream: self,
            offset: 0,
        }
    }
}

impl Write for ScratchStream {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        self.append(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

impl Drop for ScratchStream {
    fn drop(&mut self) {
        let mut state = self.scratch.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.free.append(&mut self.extents);
    }
}

/// A stream as it is read.
#[derive(Debug)]
pub(super) struct ScratchReader {
    stream: ScratchStream,
    offset: u64,
}

impl Read for ScratchReader {
    fn read(&mut self, output: &mut [u8]) -> Result<usize> {
        let left = self.stream.num_bytes - self.offset;
        let length = output.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        self.stream.read(self.offset, &mut output[..length])?;
        self.offset += length as u64;
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(seed: usize, length: usize) -> Vec<u8> {
        (0..length).map(|index| ((index * 31 + seed * 7) % 251) as u8).collect()
    }

    #[test]
    fn streams_grow_side_by_side_and_come_back_whole() {
        let scratch = Arc::new(Scratch::new(None));
        let mut streams: Vec<ScratchStream> = (0..3).map(|_| scratch.stream()).collect();
        let extent = usize::try_from(EXTENT_BYTES).expect("an extent fits memory");
        let lengths = [1, extent - 1, 10, 2 * extent + 5, 0, 77];
        let mut places = Vec::new();
        for (part, length) in lengths.iter().enumerate() {
            for (index, stream) in streams.iter_mut().enumerate() {
                let bytes = pattern(part * 3 + index, *length);
                places.push((index, stream.append(&bytes).expect("room"), bytes));
            }
        }
        for (index, offset, bytes) in &places {
            let mut output = vec![0; bytes.len()];
            streams[*index].read(*offset, &mut output).expect("the bytes");
            assert_eq!(&output, bytes);
        }
        let whole: Vec<u8> = places
            .iter()
            .filter(|(index, _, _)| *index == 1)
            .flat_map(|(_, _, bytes)| bytes.clone())
            .collect();
        let mut read = Vec::new();
        let stream = streams.remove(1);
        stream.into_reader().read_to_end(&mut read).expect("the bytes");
        assert_eq!(read, whole);
    }

    #[test]
    fn a_dropped_stream_makes_room_for_the_next() {
        let scratch = Arc::new(Scratch::new(None));
        for _ in 0..10 {
            let mut stream = scratch.stream();
            stream.append(&pattern(1, 3 * 1024 * 1024)).expect("room");
        }
        let state = scratch.state.lock().expect("nobody panicked");
        assert_eq!(state.num_extents, 3);
    }

    #[test]
    fn reading_past_the_end_is_an_error() {
        let scratch = Arc::new(Scratch::new(None));
        let mut stream = scratch.stream();
        stream.append(b"abc").expect("room");
        assert!(stream.read(1, &mut [0; 3]).is_err());
    }

    #[test]
    fn a_folder_that_is_missing_is_an_error_when_room_is_needed() {
        let scratch = Arc::new(Scratch::new(Some(PathBuf::from("/nowhere/at/all"))));
        assert!(scratch.stream().append(b"a").is_err());
    }
}

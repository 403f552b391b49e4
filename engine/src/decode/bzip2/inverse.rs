//! Takes blocks back to what they were before the Burrows-Wheeler transform.
//!
//! Each byte says where the next one stands, somewhere in a table of some megabytes: the processor waits for memory most of the time. So
//! several blocks are gone through together, whose bytes do not wait for each other.
//!
//! Source: Burrows, Wheeler: "A block-sorting lossless data compression algorithm", 1994.

use super::randomised::Randomised;

/// Blocks that are gone through together; each takes 4.5 MB. More would not fit into the third-level cache beside those of other cores.
pub(super) const MAX_TOGETHER: usize = 3;

/// A block as it was read.
pub(super) struct Transformed {
    /// The bytes; when they are inverted, each with the place of the next one above it.
    pub(super) links: Vec<u32>,
    /// How often each byte comes.
    pub(super) counts: [u32; 256],
    /// Where the first byte stands.
    pub(super) origin: usize,
    pub(super) is_randomised: bool,
    /// Of what the block means.
    pub(super) checksum: u32,
}

/// A block whose runs of four equal bytes are still shortened.
pub(super) struct Plain {
    pub(super) bytes: Vec<u8>,
    pub(super) checksum: u32,
}

impl Transformed {
    /// Appends bytes. `false`: they are too many.
    #[inline(always)]
    pub(super) fn push(&mut self, byte: u8, num_bytes: usize, max_bytes: usize) -> bool {
        if num_bytes > max_bytes - self.links.len() {
            return false;
        }
        self.counts[usize::from(byte)] += num_bytes as u32;
        match num_bytes {
            1 => self.links.push(u32::from(byte)),
            _ => self.links.resize(self.links.len() + num_bytes, u32::from(byte)),
        }
        true
    }

    /// Links each byte with the next one, and gives the place of the first.
    fn link(&mut self) -> u32 {
        let mut next = [0; 256];
        let mut sum = 0;
        for (next, count) in next.iter_mut().zip(self.counts) {
            *next = sum;
            sum += count;
        }
        for place in 0..self.links.len() {
            let next = &mut next[(self.links[place] & 0xFF) as usize];
            self.links[*next as usize] |= (place as u32) << 8;
            *next += 1;
        }
        self.links[self.origin] >> 8
    }
}

/// Inverts blocks, none of which is empty. Room that is not needed any more is put into `spare`.
pub(super) fn invert(blocks: Vec<Transformed>, spare: &mut Vec<Vec<u32>>) -> Vec<Plain> {
    let mut walks: Vec<Walk> = blocks.into_iter().map(Walk::new).collect();
    loop {
        let mut unfinished: Vec<&mut Walk> = walks.iter_mut().filter(|walk| walk.num_left() > 0).collect();
        let num_bytes = unfinished.iter().map(|walk| walk.num_left()).min().unwrap_or(0);
        match unfinished.as_mut_slice() {
            [] => break,
            [a, b, c, ..] => together([a, b, c], num_bytes),
            [a, b] => together([a, b], num_bytes),
            [a] => together([a], num_bytes),
        }
    }
    walks.into_iter().map(|walk| walk.end(spare)).collect()
}

/// A way through a block.
struct Walk {
    block: Transformed,
    at: u32,
    bytes: Vec<u8>,
}

impl Walk {
    fn new(mut block: Transformed) -> Walk {
        Walk {
            at: block.link(),
            bytes: Vec::with_capacity(block.links.len()),
            block,
        }
    }

    fn num_left(&self) -> usize {
        self.block.links.len() - self.bytes.len()
    }

    fn end(mut self, spare: &mut Vec<Vec<u32>>) -> Plain {
        if self.block.is_randomised {
            Randomised::default().restore(&mut self.bytes);
        }
        if spare.len() < MAX_TOGETHER {
            spare.push(self.block.links);
        }
        Plain {
            bytes: self.bytes,
            checksum: self.block.checksum,
        }
    }
}

/// Goes on by `num_bytes` in each of the blocks.
fn together<const BLOCKS: usize>(walks: [&mut &mut Walk; BLOCKS], num_bytes: usize) {
    let mut ways = walks.map(|walk| {
        let Walk { block, at, bytes } = &mut **walk;
        let start = bytes.len();
        bytes.resize(start + num_bytes, 0);
        (block.links.as_slice(), at, &mut bytes[start..])
    });
    for index in 0..num_bytes {
        for (links, at, bytes) in &mut ways {
            let link = links[**at as usize];
            bytes[index] = link as u8;
            **at = link >> 8;
        }
    }
}

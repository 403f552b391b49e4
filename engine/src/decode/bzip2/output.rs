//! Hands a block out: lengthens its runs of equal bytes again, and checks the checksum.

use super::checksum::Checksum;

/// Equal bytes after which the next one says how many more there are.
const RUN_BYTES: u32 = 4;

/// What is handed out of a block.
#[derive(Default)]
pub(super) struct Output {
    /// Bytes of the block that were looked at.
    at: usize,
    last: u8,
    /// Bytes equal to `last` that came together.
    num_equal: u32,
    /// Bytes equal to `last` that are to come.
    num_repeated: usize,
    checksum: Checksum,
}

impl Output {
    /// Hands out what `room` has room for. Gives the number of bytes; less than the room only at the end of the block.
    pub(super) fn hand_out(&mut self, block: &[u8], room: &mut [u8]) -> usize {
        let mut produced = 0;
        while produced < room.len() {
            if self.num_repeated > 0 {
                let num_bytes = self.num_repeated.min(room.len() - produced);
                room[produced..produced + num_bytes].fill(self.last);
                self.num_repeated -= num_bytes;
                produced += num_bytes;
                continue;
            }
            let Some(byte) = block.get(self.at) else { break };
            self.at += 1;
            if self.num_equal == RUN_BYTES {
                self.num_repeated = usize::from(*byte);
                self.num_equal = 0;
                continue;
            }
            self.num_equal = match *byte == self.last {
                true => self.num_equal + 1,
                false => 1,
            };
            self.last = *byte;
            room[produced] = *byte;
            produced += 1;
        }
        self.checksum.add(&room[..produced]);
        produced
    }

    /// Whether the whole block was handed out.
    pub(super) fn is_complete(&self, block: &[u8]) -> bool {
        self.at == block.len() && self.num_repeated == 0
    }

    /// The checksum of what was handed out.
    pub(super) fn checksum(&self) -> u32 {
        self.checksum.value()
    }
}

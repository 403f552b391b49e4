//! Turns an input into one that is a little worse.

/// Numbers that look random and are the same for the same seed, on every machine.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// Starts a sequence.
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    /// The next one (splitmix64).
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `limit`; 0 if that is 0.
    pub fn below(&mut self, limit: usize) -> usize {
        match limit {
            0 => 0,
            _ => (self.number() % limit as u64) as usize,
        }
    }
}

/// Bytes that have been trouble wherever bytes are read.
const TROUBLE: &[&[u8]] = &[
    b"",
    b"\0",
    b"\n",
    b"\r",
    b"\r\n",
    b"\"",
    b"\\",
    b"'",
    b" ",
    b"-",
    b"9223372036854775808",
    b"1e999",
    b"\xEF\xBB\xBF",
    b"\xFF\xFE",
    b"\xC0\x80",
    b"\xE2\x82",
    b"\xF0\x9F\x98\x80",
    b"\xFF\xFF\xFF\xFF",
    b"\x7F",
    b"\xC2\x85",
    b"\xE2\x80\xA8",
];

/// Longest run that is copied or repeated: enough to leave the blocks of 32 and 64 bytes that fast paths look at.
const MAX_RUN_BYTES: usize = 200;

/// Changes `input` in one to six places; `others` lend pieces, `dictionary` has the words of the format.
pub fn mutated(
    input: &[u8],
    others: &[Vec<u8>],
    dictionary: &[&[u8]],
    max_bytes: usize,
    random: &mut Random,
) -> Vec<u8> {
    let mut bytes = input.to_vec();
    for _ in 0..=random.below(6) {
        change(&mut bytes, others, dictionary, random);
    }
    bytes.truncate(max_bytes);
    bytes
}

fn change(bytes: &mut Vec<u8>, others: &[Vec<u8>], dictionary: &[&[u8]], random: &mut Random) {
    let at = random.below(bytes.len() + 1);
    match random.below(11) {
        0 => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << random.below(8);
            }
        }
        1 => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = random.number().to_le_bytes()[0];
            }
        }
        2 => insert(bytes, at, TROUBLE[random.below(TROUBLE.len())]),
        3 | 4 if !dictionary.is_empty() => insert(bytes, at, dictionary[random.below(dictionary.len())]),
        5 => drop(bytes.drain(run(bytes.len(), at, random))),
        6 => {
            let copied = bytes[run(bytes.len(), at, random)].to_vec();
            let target = random.below(bytes.len() + 1);
            insert(bytes, target, &copied);
        }
        7 => {
            let copied = bytes[run(bytes.len(), at, random)].repeat(1 + random.below(20));
            insert(bytes, at, &copied);
        }
        8 => bytes.truncate(at),
        9 if !others.is_empty() => {
            let other = &others[random.below(others.len())];
            let start = random.below(other.len() + 1);
            insert(bytes, at, &other[run(other.len(), start, random)]);
        }
        10 if !others.is_empty() => {
            let other = &others[random.below(others.len())];
            bytes.truncate(at);
            bytes.extend(&other[random.below(other.len() + 1)..]);
        }
        _ => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = byte.wrapping_add(1);
            }
        }
    }
}

fn run(length: usize, start: usize, random: &mut Random) -> std::ops::Range<usize> {
    let longest = (length - start).min(MAX_RUN_BYTES);
    start..start + random.below(longest + 1)
}

fn insert(bytes: &mut Vec<u8>, at: usize, inserted: &[u8]) {
    bytes.splice(at..at, inserted.iter().copied());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_mutations_and_another_gives_others() {
        let others = [b"other".to_vec()];
        let run = |seed| -> Vec<Vec<u8>> {
            let mut random = Random::new(seed);
            (0..50)
                .map(|_| mutated(b"a,b\nc,d\n", &others, &[b"word"], 100, &mut random))
                .collect()
        };
        assert_eq!(run(1), run(1));
        assert_ne!(run(1), run(2));
    }

    #[test]
    fn mutations_differ_and_stay_within_their_length() {
        let mut random = Random::new(7);
        let mutations: Vec<_> = (0..1000)
            .map(|_| mutated(b"some input", &[b"other".to_vec()], &[b"word"], 12, &mut random))
            .collect();
        assert!(mutations.iter().all(|mutation| mutation.len() <= 12));
        let num_changed = mutations.iter().filter(|mutation| *mutation != b"some input").count();
        assert!(num_changed > 900, "{num_changed}");
        let has_word = |mutation: &Vec<u8>| mutation.windows(4).any(|window| window == b"word");
        assert!(mutations.iter().any(has_word));
    }

    #[test]
    fn empty_inputs_can_be_mutated() {
        let mut random = Random::new(3);
        assert!((0..100).any(|_| !mutated(b"", &[], &[], 10, &mut random).is_empty()));
    }
}

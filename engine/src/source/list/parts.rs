//! Cuts what is left of a prefix into parts that are listed side by side.
//!
//! A listing is a chain of requests, each of which needs the answer to the one before it, so a million keys are a thousand round
//! trips. But a request may start after any key, whether it exists or not. So a place ahead is guessed, and what is asked for there
//! is an ordinary page: if it has keys of this part, they are the beginning of a new one, and nothing was asked for in vain. If
//! it has none, the part ends before that place, and the next guess is nearer.
//!
//! A guess changes one character of the key reached, as far to the left as the end of the part allows, since that is where most
//! keys lie; and never one that changes within a page, since what that would cut off is hardly a page. Where many characters could be
//! changed, most are those of words that all keys have in common, so the first guesses are made in the middle: is there anything
//! that does not begin like this? While a guess is under way, further ones take it that there is not. Nothing is requested here.

use crate::source::file::FileList;
use crate::source::known::KnownCursor;

/// Characters that keys are guessed with, those of one kind together. Others are listed as well, nothing is cut at them.
const KINDS: [(char, char); 3] = [('0', '9'), ('A', 'Z'), ('a', 'z')];

/// Follows all characters that keys usually have.
const AFTER_ALL: char = '~';

/// So many characters are tried one by one.
const FEW_CHARACTERS: usize = 3;

/// A run of the key space that one chain of requests walks through.
#[derive(Default)]
pub(super) struct Part {
    /// Only keys greater than this belong to it.
    pub(super) after: String,
    /// The greatest key that may belong to it; `None`: to the end of the prefix.
    pub(super) until: Option<String>,
    /// Key of the last file seen.
    pub(super) reached: String,
    /// So many bytes of it are the same in all keys of its page.
    pub(super) steady_bytes: usize,
    /// Asks for the next page; `None` while it is under way, and after the last.
    pub(super) next_page: Option<String>,
    /// Whether all its keys were seen.
    pub(super) is_complete: bool,
    /// Places ahead that are being asked for.
    pub(super) guesses: Vec<String>,
    /// Its selected files.
    pub(super) files: FileList,
    /// Walks through what is known of its files; `None`: nobody asks, or it is complete.
    pub(super) known: Option<Box<dyn KnownCursor>>,
}

impl Part {
    /// Whether a key lies before the end of this part.
    pub(super) fn has(&self, key: &str) -> bool {
        self.until.as_deref().is_none_or(|until| key <= until)
    }

    /// Where this part ends if nothing is found at the places that are being asked for.
    fn nearest_end(&self) -> Option<&str> {
        let ends = self.guesses.iter().chain(&self.until);
        ends.map(String::as_str).min()
    }

    /// Notes the first and the last key of a page of this part.
    pub(super) fn note_page(&mut self, first: &str, last: &str) {
        self.steady_bytes = common_bytes(first, last);
        self.reached = last.to_owned();
    }

    /// Cuts this part at a place, and gives what lies behind it, of which nothing is listed yet.
    pub(super) fn cut_off(&mut self, place: String) -> Part {
        Part {
            until: self.until.replace(place.clone()),
            guesses: self.guesses.extract_if(.., |guess| *guess > place).collect(),
            after: place,
            ..Part::default()
        }
    }

    /// A place to cut this part, and the number of bytes that it has in common with the key reached: the fewer, the more keys may lie
    /// behind it. `None`: hardly a page is left. All keys of the listing have their first `num_prefix_bytes` in common.
    pub(super) fn cut(&self, num_prefix_bytes: usize) -> Option<(usize, String)> {
        let steady = &self.reached[..self.steady_bytes];
        let until = self.nearest_end();
        let num_common = until.map_or(num_prefix_bytes, |until| common_bytes(steady, until));
        let open = steady.get(num_common..)?;
        let end = until.and_then(|until| until[num_common..].chars().next());
        let is_between = |place: &str| place > self.reached.as_str() && until.is_none_or(|until| place < until);
        let num_open = open.chars().count();
        let (far, near) = if num_open > FEW_CHARACTERS {
            (num_open / 2, num_open)
        } else {
            (0, num_open)
        };
        for (nth, (index, character)) in open.char_indices().enumerate().take(near).skip(far) {
            let chosen = match num_open > FEW_CHARACTERS {
                true => Some(AFTER_ALL),
                // Only the first character is limited by the end; what follows a smaller one may be anything.
                false => middle(character, end.filter(|_| nth == 0)),
            };
            let Some(chosen) = chosen else { continue };
            let index = num_common + index;
            let place = format!("{}{chosen}", &steady[..index]);
            if is_between(&place) {
                return Some((index, place));
            }
        }
        None
    }
}

/// A character in the middle of those of its kind that follow `character`, up to `end`; failing these, of those of the next kind.
fn middle(character: char, end: Option<char>) -> Option<char> {
    let own = KINDS
        .iter()
        .position(|(first, last)| (*first..=*last).contains(&character))?;
    KINDS[own..].iter().find_map(|(first, last)| {
        let last = end.map_or(*last, |end| end.min(*last));
        let following: Vec<char> = (*first..=last).filter(|other| *other > character).collect();
        following.get(following.len().saturating_sub(1) / 2).copied()
    })
}

/// How many bytes two texts have in common at their beginning; whole characters.
fn common_bytes(one: &str, other: &str) -> usize {
    let same = one.char_indices().zip(other.chars());
    let differing = same.clone().find(|((_, one), other)| one != other);
    differing.map_or(one.len().min(other.len()), |((index, _), _)| index)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(first: &str, last: &str, until: Option<&str>, expected: Option<&str>) {
        let mut part = Part {
            until: until.map(str::to_owned),
            ..Part::default()
        };
        part.note_page(first, last);
        assert_eq!(part.cut("p/".len()).map(|(_, place)| place).as_deref(), expected);
    }

    #[test]
    fn the_leftmost_character_that_can_follow_is_changed() {
        check("p/01/a", "p/02/b", None, Some("p/5"));
        check("p/01/a", "p/02/b", Some("p/5"), Some("p/3"));
        check("p/01/a", "p/02/b", Some("p/3"), Some("p/2"));
        check("p/01/a", "p/02/b", Some("p/2"), Some("p/1"));
        check("p/01/a", "p/01/b", Some("p/1"), Some("p/05"));
        check("p/9f0", "p/9f1", None, Some("p/M"));
        check("p/9f0", "p/9f1", Some("p/9z"), Some("p/9p"));
    }

    #[test]
    fn many_characters_are_taken_for_words() {
        check("p/day=01/a", "p/day=02/b", None, Some("p/da~"));
        check("p/day=01/a", "p/day=02/b", Some("p/da~"), Some("p/daz"));
    }

    #[test]
    fn a_guess_that_is_under_way_is_taken_to_find_nothing() {
        let mut part = Part::default();
        part.note_page("p/day=01/a", "p/day=02/b");
        for expected in ["p/da~", "p/daz", "p/day=5"] {
            let (_, place) = part.cut(2).unwrap();
            assert_eq!(place, expected);
            part.guesses.push(place);
        }
    }

    #[test]
    fn guesses_go_with_the_part_that_they_lie_in() {
        let mut part = Part {
            until: Some("p/9".to_owned()),
            guesses: vec!["p/7".to_owned(), "p/3".to_owned(), "p/5".to_owned()],
            ..Part::default()
        };
        let behind = part.cut_off("p/4".to_owned());
        assert_eq!(
            (part.until.as_deref(), part.guesses),
            (Some("p/4"), vec!["p/3".to_owned()])
        );
        assert_eq!((behind.after.as_str(), behind.until.as_deref()), ("p/4", Some("p/9")));
        assert_eq!(behind.guesses, ["p/7", "p/5"]);
    }

    #[test]
    fn what_changes_within_a_page_is_left_alone() {
        check("p/0000", "p/0999", Some("p/01"), None);
        check("p/x0", "p/y0", None, None);
    }

    #[test]
    fn a_cut_lies_between_what_was_reached_and_the_end() {
        check("p/z1", "p/z2", None, None);
        check("p/-1", "p/-2", None, None);
        check("p/日41", "p/日42", Some("p/日9"), Some("p/日7"));
        check("p/a41", "p/a42", Some("p/b"), Some("p/a7"));
    }
}

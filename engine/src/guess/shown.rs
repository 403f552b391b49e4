//! Texts of files as notes and doubts show them.

/// A name in backticks, as it is shown in doubts.
pub(crate) fn shown(name: &str) -> String {
    format!("`{}`", shorten(name))
}

/// At most 40 characters of a value, control characters made visible.
pub(crate) fn shorten(text: &str) -> String {
    const MAX_SHOWN: usize = 40;
    let mut short: String = text.chars().take(MAX_SHOWN).flat_map(visible).collect();
    if text.chars().count() > MAX_SHOWN {
        short.push('…');
    }
    short
}

/// Whether a character cannot stand as it is in a line of YAML: it is a control character, ends lines, or is none at all.
pub(super) fn is_unprintable(character: char) -> bool {
    let is_line_end = matches!(character, '\u{85}' | '\u{2028}' | '\u{2029}');
    character.is_control() || is_line_end || matches!(character, '\u{FEFF}' | '\u{FFFE}' | '\u{FFFF}')
}

fn visible(character: char) -> Vec<char> {
    if is_unprintable(character) {
        character.escape_default().collect()
    } else {
        vec![character]
    }
}

//! Ruby's tables of zone names.

use super::text::is_white;

/// Longer than every name of the table with its suffix; a longer text is none.
const MAX_NAME_BYTES: usize = 40;

/// The offset in seconds of a zone name of Ruby's `Date`, in any case; ` standard time` may follow, and ` dst` or
/// ` daylight time` add an hour.
pub(super) fn ruby_name(name: &[u8]) -> Option<i64> {
    let mut buffer = [0_u8; MAX_NAME_BYTES];
    let name = normalized(name, &mut buffer)?;
    let (name, daylight_seconds) = if let Some(name) = name.strip_suffix(b" STANDARD TIME") {
        (name, 0)
    } else if let Some(name) = name
        .strip_suffix(b" DAYLIGHT TIME")
        .or_else(|| name.strip_suffix(b" DST"))
    {
        (name, 3600)
    } else {
        (name, 0)
    };
    let offset = match name {
        [letter] => military_letter(*letter)?,
        _ => {
            let index = NAMES.binary_search_by(|(entry, _)| entry.as_bytes().cmp(name)).ok()?;
            i64::from(NAMES[index].1) * 60
        }
    };
    Some(offset + daylight_seconds)
}

/// The offset in seconds of a zone name of Ruby's `Time`: those of RFC 822, in any case.
pub(super) fn rfc_822_name(name: &[u8]) -> Option<i64> {
    let mut buffer = [0_u8; 3];
    let upper = buffer.get_mut(..name.len())?;
    upper.copy_from_slice(name);
    upper.make_ascii_uppercase();
    let hours = match &*upper {
        b"UTC" | b"UT" | b"GMT" => 0,
        b"EDT" => -4,
        b"EST" | b"CDT" => -5,
        b"CST" | b"MDT" => -6,
        b"MST" | b"PDT" => -7,
        b"PST" => -8,
        [letter] => return military_letter(*letter),
        _ => return None,
    };
    Some(hours * 3600)
}

/// `A` to `M` go east, `N` to `Y` west, `J` is left out; `Z` is zero.
fn military_letter(letter: u8) -> Option<i64> {
    let hours = match letter {
        b'A'..=b'I' => letter - b'A' + 1,
        b'K'..=b'M' => letter - b'K' + 10,
        b'N'..=b'Y' => return Some(-i64::from(letter - b'N' + 1) * 3600),
        b'Z' => 0,
        _ => return None,
    };
    Some(i64::from(hours) * 3600)
}

/// Upper case, with single blanks between words and none around them; `None` if that does not fit `buffer`.
fn normalized<'buffer>(name: &[u8], buffer: &'buffer mut [u8]) -> Option<&'buffer [u8]> {
    let mut length = 0;
    for word in name.split(|byte| is_white(*byte)).filter(|word| !word.is_empty()) {
        if length > 0 {
            *buffer.get_mut(length)? = b' ';
            length += 1;
        }
        let target = buffer.get_mut(length..length + word.len())?;
        target.copy_from_slice(word);
        target.make_ascii_uppercase();
        length += word.len();
    }
    Some(&buffer[..length])
}

/// Names of more than one letter and their offsets in minutes, in byte order.
///
/// **Source**: `zonetab.list` of Ruby 2.5, ext/date.
#[rustfmt::skip]
const NAMES: &[(&str, i16)] = &[
    ("ADT", -180),
    ("AFGHANISTAN", 270),
    ("AHST", -600),
    ("AKDT", -480),
    ("AKST", -540),
    ("ALASKAN", -540),
    ("ARAB", 180),
    ("ARABIAN", 240),
    ("ARABIC", 180),
    ("ART", -180),
    ("AST", -240),
    ("AT", -120),
    ("ATLANTIC", -240),
    ("AUS CENTRAL", 570),
    ("AUS EASTERN", 600),
    ("AZORES", -60),
    ("BRST", -120),
    ("BRT", -180),
    ("BST", 60),
    ("BT", 180),
    ("CANADA CENTRAL", -360),
    ("CAPE VERDE", -60),
    ("CAT", -600),
    ("CAUCASUS", 240),
    ("CCT", 480),
    ("CDT", -300),
    ("CEN. AUSTRALIA", 570),
    ("CENTRAL", -360),
    ("CENTRAL AMERICA", -360),
    ("CENTRAL ASIA", 360),
    ("CENTRAL EUROPE", 60),
    ("CENTRAL EUROPEAN", 60),
    ("CENTRAL PACIFIC", 660),
    ("CEST", 120),
    ("CET", 60),
    ("CHINA", 480),
    ("CLST", -180),
    ("CLT", -240),
    ("CST", -360),
    ("DATELINE", -720),
    ("E. AFRICA", 180),
    ("E. AUSTRALIA", 600),
    ("E. EUROPE", 120),
    ("E. SOUTH AMERICA", -180),
    ("EADT", 660),
    ("EAST", 600),
    ("EASTERN", -300),
    ("EAT", 180),
    ("EDT", -240),
    ("EEST", 180),
    ("EET", 120),
    ("EGYPT", 120),
    ("EKATERINBURG", 300),
    ("EST", -300),
    ("FIJI", 720),
    ("FLE", 120),
    ("FST", 120),
    ("FWT", 60),
    ("GMT", 0),
    ("GREENLAND", -180),
    ("GREENWICH", 0),
    ("GST", 600),
    ("GTB", 120),
    ("HADT", -540),
    ("HAST", -600),
    ("HAWAIIAN", -600),
    ("HDT", -540),
    ("HST", -600),
    ("IDLE", 720),
    ("IDLW", -720),
    ("INDIA", 330),
    ("IRAN", 210),
    ("IST", 330),
    ("JERUSALEM", 120),
    ("JST", 540),
    ("KOREA", 540),
    ("KST", 540),
    ("MALAY PENINSULA", 480),
    ("MDT", -360),
    ("MEST", 120),
    ("MESZ", 120),
    ("MET", 60),
    ("MEWT", 60),
    ("MEXICO", -360),
    ("MEZ", 60),
    ("MID-ATLANTIC", -120),
    ("MOUNTAIN", -420),
    ("MSD", 240),
    ("MSK", 180),
    ("MST", -420),
    ("MYANMAR", 390),
    ("N. CENTRAL ASIA", 360),
    ("NDT", -150),
    ("NEPAL", 345),
    ("NEW ZEALAND", 720),
    ("NEWFOUNDLAND", -210),
    ("NORTH ASIA", 420),
    ("NORTH ASIA EAST", 480),
    ("NST", -210),
    ("NT", -660),
    ("NZDT", 780),
    ("NZST", 720),
    ("NZT", 720),
    ("PACIFIC", -480),
    ("PACIFIC SA", -240),
    ("PDT", -420),
    ("PST", -480),
    ("ROMANCE", 60),
    ("RUSSIAN", 180),
    ("SA EASTERN", -180),
    ("SA PACIFIC", -300),
    ("SA WESTERN", -240),
    ("SAMOA", -660),
    ("SAST", 120),
    ("SE ASIA", 420),
    ("SGT", 480),
    ("SOUTH AFRICA", 120),
    ("SRI LANKA", 360),
    ("SST", 120),
    ("SWT", 60),
    ("TAIPEI", 480),
    ("TASMANIA", 600),
    ("TOKYO", 540),
    ("TONGA", 780),
    ("US EASTERN", -300),
    ("US MOUNTAIN", -420),
    ("UT", 0),
    ("UTC", 0),
    ("VLADIVOSTOK", 600),
    ("W. AUSTRALIA", 480),
    ("W. CENTRAL AFRICA", 60),
    ("W. EUROPE", 60),
    ("WADT", 480),
    ("WAST", 420),
    ("WAT", 60),
    ("WEST", 60),
    ("WEST ASIA", 300),
    ("WEST PACIFIC", 600),
    ("WET", 0),
    ("YAKUTSK", 540),
    ("YDT", -480),
    ("YST", -540),
    ("ZP4", 240),
    ("ZP5", 300),
    ("ZP6", 360),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_is_in_byte_order() {
        assert!(NAMES.windows(2).all(|pair| pair[0].0.as_bytes() < pair[1].0.as_bytes()));
    }

    #[test]
    fn every_name_fits_the_buffer_with_its_suffix() {
        for (name, minutes) in NAMES {
            let offset = i64::from(*minutes) * 60;
            assert_eq!(ruby_name(name.as_bytes()), Some(offset), "{name}");
            assert_eq!(
                ruby_name(format!("{name}  standard  time").as_bytes()),
                Some(offset),
                "{name}"
            );
            assert_eq!(
                ruby_name(format!("{name} Daylight Time").as_bytes()),
                Some(offset + 3600),
                "{name}"
            );
        }
    }

    #[test]
    fn military_letters() {
        for (letter, hours) in [
            (b'A', 1),
            (b'I', 9),
            (b'K', 10),
            (b'M', 12),
            (b'N', -1),
            (b'Y', -12),
            (b'Z', 0),
        ] {
            assert_eq!(ruby_name(&[letter]), Some(hours * 3600));
            assert_eq!(rfc_822_name(&[letter.to_ascii_lowercase()]), Some(hours * 3600));
        }
        assert_eq!(ruby_name(b"J"), None);
        assert_eq!(ruby_name(b""), None);
        assert_eq!(ruby_name(&[b'A'; 1000]), None);
    }
}

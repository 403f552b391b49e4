//! What the name of a column says about its values.

/// Whether a column of this name speaks about a moment.
pub(crate) fn is_time_name(name: &str) -> bool {
    words_of(name).iter().any(|word| {
        matches!(
            word.as_str(),
            "dt" | "ymd" | "yyyymmdd" | "ts" | "timestamp" | "dob" | "at" | "on" | "created" | "updated"
        ) || ["date", "time", "day"].iter().any(|end| word.ends_with(end))
            || word.starts_with("date")
            || matches!(word.as_str(), "日付" | "年月日" | "datum" | "fecha")
    })
}

/// Whether a column of this name holds numbers that count or name something.
pub(crate) fn is_number_name(name: &str) -> bool {
    const WORDS: [&str; 24] = [
        "id",
        "ids",
        "no",
        "nr",
        "num",
        "number",
        "code",
        "key",
        "ref",
        "reference",
        "zip",
        "postcode",
        "phone",
        "tel",
        "sku",
        "isbn",
        "serial",
        "account",
        "count",
        "quantity",
        "amount",
        "total",
        "price",
        "bytes",
    ];
    words_of(name).iter().any(|word| WORDS.contains(&word.as_str()))
}

/// The words of a name in lower case: `orderDate` has two.
fn words_of(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut was_lower = false;
    for character in name.chars() {
        if !character.is_alphanumeric() || (character.is_uppercase() && was_lower) {
            words.push(String::new());
        }
        was_lower = character.is_lowercase();
        if character.is_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.extend(character.to_lowercase());
        }
    }
    words
}

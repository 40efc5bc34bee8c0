//! Keys and versions as events spell them.

use percent_encoding::percent_decode_str;

/// The key as given and, where that differs, form-decoded.
pub(super) fn spellings(key: &str) -> Vec<String> {
    let mut keys = vec![key.to_owned()];
    keys.extend(Some(form_decoded(key)).filter(|decoded| decoded != key));
    keys
}

/// The key form-decoded, as S3 encodes it in its notices, and then as given.
pub(super) fn decoded_first(key: &str) -> Vec<String> {
    let mut keys = spellings(key);
    keys.reverse();
    keys
}

/// `+` is a space, `%xx` a byte. A key that then is no UTF-8 was not encoded: it stays.
fn form_decoded(key: &str) -> String {
    let spaced = key.replace('+', " ");
    percent_decode_str(&spaced)
        .decode_utf8()
        .map_or_else(|_| key.to_owned(), |decoded| decoded.into_owned())
}

/// Objects of a bucket without versions have the version `null`.
pub(super) fn real_version(version: Option<String>) -> Option<String> {
    version.filter(|version| !version.is_empty() && version != "null")
}

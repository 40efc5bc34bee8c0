//! Keys and versions as events spell them.

use percent_encoding::percent_decode_str;

/// Returns the key as given and, where that differs, form-decoded.
pub(super) fn as_given_first(key: &str) -> Vec<String> {
    let mut keys = vec![key.to_owned()];
    keys.extend(Some(form_decoded(key)).filter(|decoded| decoded != key));
    keys
}

/// Returns the key form-decoded, since S3 encodes it in its notifications, and then as given.
pub(super) fn decoded_first(key: &str) -> Vec<String> {
    let mut keys = as_given_first(key);
    keys.reverse();
    keys
}

/// Decodes a key in which `+` is a space and `%xx` a byte. One that is not UTF-8 then was not
/// encoded, and stays as it is.
fn form_decoded(key: &str) -> String {
    let with_spaces = key.replace('+', " ");
    percent_decode_str(&with_spaces)
        .decode_utf8()
        .map_or_else(|_| key.to_owned(), |decoded| decoded.into_owned())
}

/// Drops the version `null`, which objects of a bucket without versions have.
pub(super) fn real_version(version: Option<&str>) -> Option<String> {
    let version = version.filter(|version| !version.is_empty() && *version != "null");
    version.map(str::to_owned)
}

//! Numbers with fewer decimals.

/// Appends the number in `text` with at most so many decimals; `false` if it is none.
pub(super) fn round(text: &[u8], decimals: usize, out: &mut Vec<u8>) -> bool {
    let Some(text) = std::str::from_utf8(text)
        .ok()
        .filter(|_| crate::json::is_number(text))
    else {
        return false;
    };
    let given = text.split_once('.').map_or(0, |(_, digits)| digits.len());
    if given <= decimals && !text.contains(['e', 'E']) {
        out.extend_from_slice(text.as_bytes());
        return true;
    }
    let Some(number) = text.parse::<f64>().ok().filter(|number| number.is_finite()) else {
        return false;
    };
    let rounded = format!("{number:.decimals$}");
    let is_zero = rounded.bytes().all(|c| matches!(c, b'-' | b'0' | b'.'));
    let unsigned = rounded.strip_prefix('-').filter(|_| is_zero);
    out.extend_from_slice(unsigned.unwrap_or(&rounded).as_bytes());
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_keeps_some_of_its_decimals() {
        for (given, expected) in [
            ("52.5200066", "52.5"),
            ("-13.04999", "-13.0"),
            ("-0.0499", "0.0"),
            ("52", "52"),
            ("52.5", "52.5"),
            ("1.23456e1", "12.3"),
            ("5e-7", "0.0"),
        ] {
            let mut out = Vec::new();
            assert!(round(given.as_bytes(), 1, &mut out), "{given}");
            assert_eq!(String::from_utf8(out).unwrap(), expected, "{given}");
        }
        for given in ["", "north", "1e999", "0x1", "1_0.55555"] {
            assert!(!round(given.as_bytes(), 1, &mut Vec::new()), "{given}");
        }
    }
}

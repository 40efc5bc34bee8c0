//! The parameters of a URL.

use std::borrow::Cow;

/// What becomes of a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It stays.
    Kept,
    /// It goes.
    Dropped,
    /// Its value is hashed.
    Hashed,
}

/// What becomes of the parameters of a URL.
pub(super) trait Parameters {
    /// Returns what becomes of the parameter called `name`.
    fn fate(&self, name: &[u8]) -> Fate;
    /// Whether all that is not named goes, or is hashed: then nothing may stay that nobody can name.
    fn is_closed(&self) -> bool;
    /// Appends the hash of a value.
    fn hash(&self, value: &[u8], out: &mut Vec<u8>);
}

/// Whether `c` may stand before a parameter. After a semicolon some readers see another parameter;
/// a fragment may hold a query of its own.
fn separates(c: u8) -> bool {
    matches!(c, b'?' | b'#' | b'&' | b';')
}

/// Appends `url` with its parameters as `parameters` say.
pub(super) fn edit(url: &[u8], parameters: &dyn Parameters, out: &mut Vec<u8>) {
    let starts = |c: &u8| matches!(c, b'?' | b'#');
    let (before, mut rest) = url.split_at(url.iter().position(starts).unwrap_or(url.len()));
    out.extend_from_slice(before);
    // What stands before the next parameter, if one before it went.
    let mut pending = None;
    while let Some((&separator, tail)) = rest.split_first() {
        if separator == b'#' && parameters.is_closed() {
            return;
        }
        let length = tail
            .iter()
            .position(|c| separates(*c))
            .unwrap_or(tail.len());
        let (name, value) = split(tail.get(..length).unwrap_or_default());
        let fate = parameters.fate(&decoded(name));
        // The value of one that is not kept ends where every reader sees its end.
        let end = match fate {
            Fate::Kept => length,
            _ => tail
                .iter()
                .position(|c| matches!(c, b'&' | b'#'))
                .unwrap_or(tail.len()),
        };
        let begins = matches!(separator, b'?' | b'#');
        if begins {
            pending = Some(separator);
        }
        if fate == Fate::Kept || (fate == Fate::Hashed && value.is_some()) {
            out.push(pending.take().unwrap_or(separator));
            out.extend_from_slice(name);
        }
        match (fate, value) {
            (Fate::Kept, Some(value)) => {
                out.push(b'=');
                out.extend_from_slice(value);
            }
            (Fate::Hashed, Some(_)) => {
                out.push(b'=');
                let whole = tail.get(name.len() + 1..end).unwrap_or_default();
                parameters.hash(&decoded(whole), out);
            }
            _ => {}
        }
        rest = tail.get(end..).unwrap_or_default();
    }
}

/// Returns the name of a parameter, and its value, if it has one.
fn split(parameter: &[u8]) -> (&[u8], Option<&[u8]>) {
    match parameter.iter().position(|&c| c == b'=') {
        Some(at) => (
            parameter.get(..at).unwrap_or_default(),
            parameter.get(at + 1..),
        ),
        None => (parameter, None),
    }
}

/// Resolves `%41` and `+`, as in a form.
pub(in crate::click) fn decoded(text: &[u8]) -> Cow<'_, [u8]> {
    if !text.iter().any(|c| matches!(c, b'%' | b'+')) {
        return Cow::Borrowed(text);
    }
    let (mut out, mut rest) = (Vec::with_capacity(text.len()), text);
    while let Some((&c, tail)) = rest.split_first() {
        let hex = |c: &u8| char::from(*c).to_digit(16);
        rest = match (c, tail) {
            (b'%', [high, low, after @ ..]) if hex(high).is_some() && hex(low).is_some() => {
                let byte = hex(high).unwrap_or(0) << 4 | hex(low).unwrap_or(0);
                out.push(byte as u8);
                after
            }
            (b'+', _) => {
                out.push(b' ');
                tail
            }
            _ => {
                out.push(c);
                tail
            }
        };
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Named(&'static [(&'static str, Fate)], Fate);

    impl Parameters for Named {
        fn fate(&self, name: &[u8]) -> Fate {
            let known = self.0.iter().find(|(known, _)| known.as_bytes() == name);
            known.map_or(self.1, |(_, fate)| *fate)
        }

        fn is_closed(&self) -> bool {
            self.1 != Fate::Kept
        }

        fn hash(&self, value: &[u8], out: &mut Vec<u8>) {
            out.push(b'<');
            out.extend_from_slice(value);
            out.push(b'>');
        }
    }

    fn edited(url: &str, parameters: &Named) -> String {
        let mut out = Vec::new();
        edit(url.as_bytes(), parameters, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_parameter_goes_wherever_a_reader_may_see_it() {
        let named = Named(&[("x", Fate::Dropped)], Fate::Kept);
        for (url, expected) in [
            ("https://a/b?x=1", "https://a/b"),
            ("https://a/b?x=1&y=2", "https://a/b?y=2"),
            ("https://a/b?y=2&x=1&x=2&z", "https://a/b?y=2&z"),
            ("https://a/b?y=2&%78=1", "https://a/b?y=2"),
            ("https://a/b?y=2;x=1&z=3", "https://a/b?y=2&z=3"),
            ("https://a/b?x=1;2&z=3", "https://a/b?z=3"),
            ("https://a/b?y=2#x=1", "https://a/b?y=2"),
            ("https://a/b#/app?x=1&y=2", "https://a/b#/app?y=2"),
            ("https://a/b?x=1#end", "https://a/b#end"),
            ("https://a/b?x", "https://a/b"),
            ("https://a/x=1", "https://a/x=1"),
            ("https://a/b?xx=1&y=x", "https://a/b?xx=1&y=x"),
            ("", ""),
            ("?&x=1", "?"),
        ] {
            assert_eq!(edited(url, &named), expected, "{url}");
        }
    }

    #[test]
    fn a_value_is_hashed_as_its_reader_sees_it() {
        let named = Named(&[("x", Fate::Hashed)], Fate::Kept);
        for (url, expected) in [
            ("https://a/b?x=a%20b+c&y=2", "https://a/b?x=<a b c>&y=2"),
            ("https://a/b?y=1&x=1;2#z", "https://a/b?y=1&x=<1;2>#z"),
            ("https://a/b?x&y", "https://a/b?y"),
        ] {
            assert_eq!(edited(url, &named), expected, "{url}");
        }
    }

    #[test]
    fn where_few_may_stay_the_fragment_goes() {
        let named = Named(&[("u", Fate::Kept)], Fate::Dropped);
        for (url, expected) in [
            ("https://a/b?x=1&u=2&y=3#u=4", "https://a/b?u=2"),
            ("https://a/b?u=1;y=2&u=3", "https://a/b?u=1&u=3"),
            ("https://a/b?x=1#z", "https://a/b"),
        ] {
            assert_eq!(edited(url, &named), expected, "{url}");
        }
    }
}

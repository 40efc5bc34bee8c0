//! The key by which values are hashed: without it, nobody can try which value a hash is of.

use clicks::click::redact::Hasher;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::config::settings::Reference;
use crate::config::vars::Scope;
use crate::targets::Var;

/// The variable that holds the key, below the target's prefix.
pub const HASH_KEY: &str = "HASH_KEY";

/// Its entry in the table of variables.
pub const VAR: Var = Var {
    name: HASH_KEY,
    default: "",
    doc: "the key of hashes, a secret of at least 16 bytes; `_HASH`, `_ID=keyed` and the function `hmac` of `_FILTER` and `_MAP` hash with it",
};

/// Bytes of the shortest key.
const SHORTEST: usize = 16;

/// A key for hashes. It is read once and never printed.
#[derive(Clone)]
pub struct HashKey(Hmac<Sha256>);

impl HashKey {
    /// Reads the key of a target; `None` if it has none, or a mistake was noted.
    pub fn read(scope: &Scope<'_>) -> Option<HashKey> {
        let key = scope.text(HASH_KEY)?;
        let is_elsewhere = matches!(Reference::parse(key), Some(Ok(_)));
        if key.len() < SHORTEST && !is_elsewhere {
            // Even a wrong key may be in use somewhere.
            let found = format!("a key of {} bytes", key.len());
            let expected = format!("at least {SHORTEST}: make one with `openssl rand -hex 32`");
            scope.wrong_value(HASH_KEY, found, expected);
            return None;
        }
        HashKey::new(key.as_bytes())
    }

    fn new(key: &[u8]) -> Option<HashKey> {
        // HMAC takes keys of any length.
        Hmac::new_from_slice(key).ok().map(HashKey)
    }

    /// Returns the HMAC-SHA-256 of `bytes`.
    pub fn digest(&self, bytes: &[u8]) -> [u8; 32] {
        let mut mac = self.0.clone();
        mac.update(bytes);
        mac.finalize().into_bytes().into()
    }

    /// Returns a value by which another key is known, and which tells nothing of this one.
    pub fn check(&self) -> String {
        self.hmac(b"clickstream-forwarder: which key is this?")
    }

    /// Returns the HMAC-SHA-256 of `bytes` in lower-case hexadecimal digits.
    pub fn hmac(&self, bytes: &[u8]) -> String {
        let digits = self.digest(bytes).into_iter().flat_map(digits);
        digits.map(char::from).collect()
    }
}

impl Hasher for HashKey {
    fn hash(&self, bytes: &[u8], out: &mut Vec<u8>) {
        out.extend(self.digest(bytes).into_iter().flat_map(digits));
    }
}

/// Returns the two lower-case hexadecimal digits of a byte.
fn digits(byte: u8) -> [u8; 2] {
    [byte >> 4, byte & 15].map(|n| if n < 10 { b'0' + n } else { b'a' + n - 10 })
}

impl std::fmt::Debug for HashKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HashKey(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::vars::Vars;

    fn read(key: &str) -> (Option<HashKey>, Vec<String>) {
        let vars = Vars::from([("HOOK_HASH_KEY".into(), key.into())]);
        let scope = Scope::new(&vars, "HOOK_");
        let key = HashKey::read(&scope);
        let mistakes = scope.into_mistakes();
        (key, mistakes.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_hash_is_hmac_sha_256_in_lower_case_digits() {
        // RFC 4231, test case 2, whose key is too short to be configured.
        let key = HashKey::new(b"Jefe").unwrap();
        assert_eq!(
            key.hmac(b"what do ya want for nothing?"),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }

    #[test]
    fn a_short_key_is_a_mistake_that_does_not_show_it() {
        let (key, mistakes) = read("abc");
        assert!(key.is_none());
        assert_eq!(mistakes.len(), 1);
        let text = &mistakes[0];
        assert!(text.starts_with("HOOK_HASH_KEY: found a key of 3 bytes; expected at least 16"));
        assert!(!text.contains("abc"), "{text}");
        let (key, mistakes) = read("0123456789abcdef");
        assert!(mistakes.is_empty());
        assert_eq!(format!("{key:?}"), "Some(HashKey(***))");
    }
}

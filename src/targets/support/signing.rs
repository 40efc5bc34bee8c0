//! Standard Webhooks 1.0.0: the id of a request and its signature.

use std::time::SystemTime;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use clicks::Uuid8;

use crate::targets::Entry;

/// The signature of one attempt.
pub struct Signature {
    /// The value of `webhook-timestamp`: seconds since 1970.
    pub timestamp: String,
    /// The value of `webhook-signature`: one signature a key, separated by spaces.
    pub text: String,
}

/// Signs with one key or, during a rotation, several.
pub struct Signer {
    keys: Vec<Vec<u8>>,
}

impl Signer {
    /// Reads `whsec_…` keys separated by spaces. `Err` says what is expected.
    pub fn new(text: &str) -> Result<Signer, String> {
        let key = |text: &str| {
            let key = STANDARD.decode(text.strip_prefix("whsec_")?).ok()?;
            (24..=64).contains(&key.len()).then_some(key)
        };
        let keys: Option<Vec<_>> = text.split_whitespace().map(key).collect();
        keys.map(|keys| Signer { keys })
            .ok_or("whsec_ and 24 to 64 bytes in Base64; several, separated by spaces".into())
    }

    /// Signs an attempt at `now` to send `body` as the request `id`.
    pub fn sign(&self, id: &str, now: SystemTime, body: &[u8]) -> Signature {
        let seconds = now
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default()
            .as_secs();
        let one = |key: &Vec<u8>| {
            // HMAC takes keys of any length.
            let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
            mac.update(format!("{id}.{seconds}.").as_bytes());
            mac.update(body);
            Some(format!(
                "v1,{}",
                STANDARD.encode(mac.finalize().into_bytes())
            ))
        };
        let signatures: Vec<_> = self.keys.iter().filter_map(one).collect();
        Signature {
            timestamp: seconds.to_string(),
            text: signatures.join(" "),
        }
    }
}

/// The id of a request.
pub type RequestId = Uuid8;

/// Derives the id of a request from the ids of its clicks, in order: the same clicks, the same id.
pub fn request_id(batch: &[Entry]) -> RequestId {
    let hash = batch.iter().fold(Sha256::new(), |hash, entry| {
        hash.chain_update(entry.id.text())
    });
    RequestId::from_digest(&hash.finalize().into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn signs_as_the_specification_shows() {
        let signer = Signer::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_614_265_330);
        let signature = signer.sign(
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            at,
            br#"{"test": 2432232314}"#,
        );
        assert_eq!(signature.timestamp, "1614265330");
        assert_eq!(
            signature.text,
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
    }

    #[test]
    fn two_keys_give_two_signatures_and_a_short_one_none() {
        let keys = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
        let signature = Signer::new(keys)
            .unwrap()
            .sign("a", SystemTime::UNIX_EPOCH, b"");
        assert_eq!(signature.text.split(' ').count(), 2);
        assert!(Signer::new("whsec_c2hvcnQ=").is_err());
        assert!(Signer::new("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").is_err());
    }
}

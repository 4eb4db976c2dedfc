//! Content digests.
//!
//! Owns the `Digest` type that names ops, blobs and cache keys throughout the project. Only SHA-256 is known.

use std::borrow::Borrow;
use std::fmt;
use std::hash::{Hash, Hasher as State};
use std::str::FromStr;

use sha2::{Digest as _, Sha256};

/// `sha256:` and 64 lower-case hexadecimal digits. Cheap to clone: the text stands in the value itself, since graphs have
/// one for each vertex and compare them all.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Digest([u8; TEXT]);

const PREFIX: &str = "sha256:";

/// Bytes of the text.
const TEXT: usize = PREFIX.len() + 64;

/// A text that is no digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a digest of the form sha256:<64 hexadecimal digits>")]
pub struct InvalidDigest {
    /// The text.
    pub text: String,
}

/// SHA-256 over data that arrives in pieces.
#[derive(Clone, Default)]
pub struct Hasher(Sha256);

impl Digest {
    /// The digest of some bytes.
    pub fn of(bytes: impl AsRef<[u8]>) -> Self {
        let mut hasher = Hasher::default();
        hasher.update(bytes);
        hasher.finish()
    }

    /// The whole text, `sha256:…`.
    pub fn as_str(&self) -> &str {
        // All of it is ASCII.
        str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The 64 hexadecimal digits.
    pub fn hex(&self) -> &str {
        self.as_str().get(PREFIX.len()..).unwrap_or_default()
    }

    /// Eight bytes that differ between digests, as a rule: what sorts and finds most of them. They sort as digests do.
    pub(crate) fn beginning(&self) -> u64 {
        let digits = self.0.get(PREFIX.len()..).and_then(|digits| digits.first_chunk().copied());
        u64::from_be_bytes(digits.unwrap_or_default())
    }
}

impl Hasher {
    /// Adds bytes.
    pub fn update(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.update(bytes.as_ref());
    }

    /// The digest of everything added.
    pub fn finish(self) -> Digest {
        let digit = |value: u8| value + if value < 10 { b'0' } else { b'a' - 10 };
        let mut text = [0_u8; TEXT];
        let (prefix, digits) = text.split_at_mut(PREFIX.len());
        prefix.copy_from_slice(PREFIX.as_bytes());
        for (pair, byte) in digits.chunks_exact_mut(2).zip(self.0.finalize()) {
            pair.copy_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
        }
        Digest(text)
    }
}

impl FromStr for Digest {
    type Err = InvalidDigest;

    fn from_str(text: &str) -> Result<Self, InvalidDigest> {
        let valid = text.strip_prefix(PREFIX).is_some_and(|hex| {
            hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
        });
        match text.as_bytes().try_into() {
            Ok(text) if valid => Ok(Self(text)),
            _ => Err(InvalidDigest { text: text.to_owned() }),
        }
    }
}

impl Hash for Digest {
    /// As the text does, which `Borrow` promises.
    fn hash<H: State>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl AsRef<str> for Digest {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl Borrow<str> for Digest {
    /// So that maps can be asked by a text.
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<[u8]> for Digest {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

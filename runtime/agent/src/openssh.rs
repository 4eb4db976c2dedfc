//! Private keys in OpenSSH's file format.
//!
//! Owns the envelope and the order of the numbers in it. What they are good for is not looked at here.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::wire::{take, take_u32};

const BEGIN: &str = "-----BEGIN OPENSSH PRIVATE KEY-----";
const END: &str = "-----END OPENSSH PRIVATE KEY-----";
const MAGIC: &[u8] = b"openssh-key-v1\0";

/// A private key.
pub(crate) struct PrivateKey {
    /// The public half, in SSH's form.
    pub(crate) public: Vec<u8>,
    pub(crate) comment: String,
    pub(crate) numbers: Numbers,
}

/// What a private key consists of. Numbers are big-endian, without zeros in front.
pub(crate) enum Numbers {
    Ed25519 {
        public: Vec<u8>,
        seed: Vec<u8>,
    },
    Rsa(Box<Rsa>),
    Ecdsa {
        curve: String,
        point: Vec<u8>,
        scalar: Vec<u8>,
    },
    /// A key of another type, of this name.
    Other(String),
}

/// The numbers of an RSA key, by their usual names.
pub(crate) struct Rsa {
    pub(crate) n: Vec<u8>,
    pub(crate) e: Vec<u8>,
    pub(crate) d: Vec<u8>,
    /// The inverse of `q` modulo `p`.
    pub(crate) q_inverse: Vec<u8>,
    pub(crate) p: Vec<u8>,
    pub(crate) q: Vec<u8>,
}

/// Why a file gives no key.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It has another format.
    Format,
    /// It ends early, or says things that do not fit together.
    Damaged,
    /// Only its passphrase opens it.
    Passphrase,
}

/// Reads the text of a key file.
pub(crate) fn read(text: &str) -> Result<PrivateKey, Fault> {
    let (_, body) = text.split_once(BEGIN).ok_or(Fault::Format)?;
    let (body, _) = body.split_once(END).ok_or(Fault::Damaged)?;
    let body: String = body.split_whitespace().collect();
    let bytes = STANDARD.decode(body).map_err(|_| Fault::Damaged)?;
    let mut rest = bytes.strip_prefix(MAGIC).ok_or(Fault::Damaged)?;
    let cipher = take(&mut rest).ok_or(Fault::Damaged)?;
    if cipher != b"none" {
        return Err(Fault::Passphrase);
    }
    open(rest).ok_or(Fault::Damaged)
}

/// What follows the name of the cipher, which is none.
fn open(mut rest: &[u8]) -> Option<PrivateKey> {
    let (_derivation, _options) = (take(&mut rest)?, take(&mut rest)?);
    if take_u32(&mut rest)? != 1 {
        return None;
    }
    let public = take(&mut rest)?.to_vec();
    let mut private = take(&mut rest)?;
    if take_u32(&mut private)? != take_u32(&mut private)? {
        return None;
    }
    let kind = text(take(&mut private)?)?;
    let numbers = match kind.as_str() {
        "ssh-ed25519" => {
            let (public, both) = (take(&mut private)?.to_vec(), take(&mut private)?);
            let (seed, _) = both.split_at_checked(32)?;
            Numbers::Ed25519 { public, seed: seed.to_vec() }
        }
        "ssh-rsa" => {
            let mut number = || take(&mut private).and_then(number);
            let (n, e, d) = (number()?, number()?, number()?);
            let (q_inverse, p, q) = (number()?, number()?, number()?);
            Numbers::Rsa(Box::new(Rsa { n, e, d, q_inverse, p, q }))
        }
        kind if kind.starts_with("ecdsa-sha2-") => {
            let (curve, point) = (text(take(&mut private)?)?, take(&mut private)?.to_vec());
            Numbers::Ecdsa { curve, point, scalar: number(take(&mut private)?)? }
        }
        // What follows is not known, the comment neither.
        _ => return Some(PrivateKey { public, comment: String::new(), numbers: Numbers::Other(kind) }),
    };
    let comment = String::from_utf8_lossy(take(&mut private)?).into_owned();
    Some(PrivateKey { public, comment, numbers })
}

fn text(bytes: &[u8]) -> Option<String> {
    String::from_utf8(bytes.to_vec()).ok()
}

/// A positive number.
fn number(bytes: &[u8]) -> Option<Vec<u8>> {
    if bytes.first().is_some_and(|first| first & 0x80 != 0) {
        return None;
    }
    let start = bytes.iter().position(|byte| *byte != 0)?;
    Some(bytes.get(start..)?.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads bytes that are put into the envelope.
    fn check(bytes: &[u8], expected: Fault) {
        let text = format!("{BEGIN}\n{}\n{END}\n", STANDARD.encode(bytes));
        assert_eq!(read(&text).err(), Some(expected), "{bytes:?}");
    }

    #[test]
    fn what_is_no_key_is_refused() {
        assert_eq!(read("").err(), Some(Fault::Format));
        assert_eq!(read("-----BEGIN RSA PRIVATE KEY-----").err(), Some(Fault::Format));
        assert_eq!(read(BEGIN).err(), Some(Fault::Damaged));
        assert_eq!(read(&format!("{BEGIN}?{END}")).err(), Some(Fault::Damaged));
        check(b"", Fault::Damaged);
        check(b"openssh-key-v1\0", Fault::Damaged);
        check(b"openssh-key-v1\0\0\0\0\x04none", Fault::Damaged);
        check(b"openssh-key-v1\0\xff\xff\xff\xffnone", Fault::Damaged);
        check(b"openssh-key-v1\0\0\0\0\x0aaes256-ctr", Fault::Passphrase);
    }

    #[test]
    fn numbers_are_positive_and_have_no_zeros_in_front() {
        assert_eq!(number(&[0, 0x80]), Some(vec![0x80]));
        assert_eq!(number(&[0, 0, 7]), Some(vec![7]));
        assert_eq!(number(&[0x80]), None);
        assert_eq!(number(&[]), None);
        assert_eq!(number(&[0]), None);
    }
}

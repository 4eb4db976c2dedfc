//! An agent of our own, which holds the keys of files.
//!
//! Owns the reading of keys and the making of signatures. The keys are in memory as long as the connection is.

use std::io;
use std::path::{Path, PathBuf};

use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RSA_PKCS1_SHA256,
    RSA_PKCS1_SHA512, RsaKeyPair,
};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::openssh::{self, Fault, Numbers};
use crate::{AgentError, rsa, wire};

/// Flags of a request to sign with an RSA key.
const SHA256: u32 = 2;
const SHA512: u32 = 4;

/// Files larger than this are not read: they are no keys.
const MAX_FILE: u64 = 1 << 20;

/// Keys that can sign.
pub(crate) struct Keyring(Vec<Key>);

struct Key {
    /// The public key, in SSH's form.
    public: Vec<u8>,
    comment: String,
    signer: Signer,
}

enum Signer {
    Ed25519(Ed25519KeyPair),
    Rsa(Box<RsaKeyPair>),
    /// With the name of its algorithm.
    Ecdsa(EcdsaKeyPair, &'static str),
}

impl Keyring {
    /// Reads key files.
    pub(crate) async fn load(paths: &[PathBuf]) -> Result<Self, AgentError> {
        let mut keys = Vec::with_capacity(paths.len());
        for path in paths {
            let unreadable = |source| AgentError::KeyUnreadable { path: path.clone(), source };
            let found = tokio::fs::metadata(path).await.map_err(unreadable)?;
            if found.len() > MAX_FILE {
                return Err(key_error(path, format!("a file of {} bytes is no key", found.len())));
            }
            let text = tokio::fs::read(path).await.map_err(unreadable)?;
            keys.push(read(path, &text)?);
        }
        Ok(Self(keys))
    }

    /// Answers requests until the client ends.
    pub(crate) async fn serve(&self, mut client: impl AsyncRead + AsyncWrite + Unpin) -> io::Result<()> {
        while let Some(request) = wire::read(&mut client).await? {
            let answer = self.answer(&request).unwrap_or_else(|| vec![wire::FAILURE]);
            wire::write(&mut client, &answer).await?;
        }
        Ok(())
    }

    fn answer(&self, request: &[u8]) -> Option<Vec<u8>> {
        let (kind, mut rest) = request.split_first()?;
        match *kind {
            wire::REQUEST_IDENTITIES => Some(self.identities()),
            wire::SIGN_REQUEST => {
                let (public, data) = (wire::take(&mut rest)?, wire::take(&mut rest)?);
                let flags = wire::take_u32(&mut rest)?;
                let key = self.0.iter().find(|key| key.public == public)?;
                let mut answer = vec![wire::SIGN_RESPONSE];
                wire::put(&mut answer, &key.signer.sign(data, flags)?);
                Some(answer)
            }
            _ => None,
        }
    }

    fn identities(&self) -> Vec<u8> {
        let mut answer = vec![wire::IDENTITIES_ANSWER];
        answer.extend_from_slice(&u32::try_from(self.0.len()).unwrap_or(0).to_be_bytes());
        for key in &self.0 {
            wire::put(&mut answer, &key.public);
            wire::put(&mut answer, key.comment.as_bytes());
        }
        answer
    }
}

impl Signer {
    /// A signature in SSH's form; `None` where the key cannot make one of the kind that is asked for.
    fn sign(&self, data: &[u8], flags: u32) -> Option<Vec<u8>> {
        let (name, signature) = match self {
            Self::Ed25519(pair) => ("ssh-ed25519", pair.sign(data).as_ref().to_vec()),
            Self::Rsa(pair) => {
                let (name, padding) = match flags {
                    flags if flags & SHA512 != 0 => ("rsa-sha2-512", &RSA_PKCS1_SHA512),
                    flags if flags & SHA256 != 0 => ("rsa-sha2-256", &RSA_PKCS1_SHA256),
                    // A signature over SHA-1, which servers have not taken for years.
                    _ => return None,
                };
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(padding, &SystemRandom::new(), data, &mut signature).ok()?;
                (name, signature)
            }
            Self::Ecdsa(pair, name) => {
                let fixed = pair.sign(&SystemRandom::new(), data).ok()?;
                let (r, s) = fixed.as_ref().split_at_checked(fixed.as_ref().len() / 2)?;
                let mut signature = Vec::new();
                wire::put_number(&mut signature, r);
                wire::put_number(&mut signature, s);
                (*name, signature)
            }
        };
        let mut out = Vec::new();
        wire::put(&mut out, name.as_bytes());
        wire::put(&mut out, &signature);
        Some(out)
    }
}

fn read(path: &Path, text: &[u8]) -> Result<Key, AgentError> {
    let key = openssh::read(&String::from_utf8_lossy(text)).map_err(|fault| match fault {
        Fault::Passphrase => AgentError::Passphrase { path: path.to_owned() },
        Fault::Damaged => key_error(path, "it is damaged"),
        Fault::Format => {
            let rewrite = format!("`ssh-keygen -p -f {}` rewrites older ones", path.display());
            key_error(path, format!("it is no private key in OpenSSH's format; {rewrite}"))
        }
    })?;
    let signer = signer(&key.numbers).map_err(|reason| key_error(path, reason))?;
    Ok(Key { public: key.public, comment: key.comment, signer })
}

fn signer(numbers: &Numbers) -> Result<Signer, String> {
    let rejected = |error: ring::error::KeyRejected| format!("its numbers are refused: {error}");
    match numbers {
        Numbers::Ed25519 { public, seed } => {
            Ok(Signer::Ed25519(Ed25519KeyPair::from_seed_and_public_key(seed, public).map_err(rejected)?))
        }
        Numbers::Rsa(numbers) => Ok(Signer::Rsa(Box::new(rsa::pair(numbers)?))),
        Numbers::Ecdsa { curve, point, scalar } => {
            let (algorithm, length, name) = match curve.as_str() {
                "nistp256" => (&ECDSA_P256_SHA256_FIXED_SIGNING, 32, "ecdsa-sha2-nistp256"),
                "nistp384" => (&ECDSA_P384_SHA384_FIXED_SIGNING, 48, "ecdsa-sha2-nistp384"),
                curve => return Err(unsupported(&format!("ecdsa-sha2-{curve}"))),
            };
            let mut private = vec![0; usize::saturating_sub(length, scalar.len())];
            private.extend_from_slice(scalar);
            let random = SystemRandom::new();
            let pair = EcdsaKeyPair::from_private_key_and_public_key(algorithm, &private, point, &random);
            Ok(Signer::Ecdsa(pair.map_err(rejected)?, name))
        }
        Numbers::Other(kind) => Err(unsupported(kind)),
    }
}

fn unsupported(kind: &str) -> String {
    format!("keys of type {kind} are not supported yet, those of type ed25519, rsa and ecdsa (256, 384) are")
}

fn key_error(path: &Path, reason: impl Into<String>) -> AgentError {
    AgentError::Key { path: path.to_owned(), reason: reason.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A key made for this test, whose private number begins with a zero byte, which the file leaves out.
    const SHORT: [&str; 6] = [
        "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAaAAAABNlY2RzYS",
        "1zaGEyLW5pc3RwMjU2AAAACG5pc3RwMjU2AAAAQQT17Y8irUtn45WaDH/WjcuikFo9FZMR",
        "AUWY0E4dNSd2bQBhBILPITvlfSBFrpXVEDhirDMOPmWhKlBQ55l84SWRAAAAoJPNBCCTzQ",
        "QgAAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBPXtjyKtS2fjlZoM",
        "f9aNy6KQWj0VkxEBRZjQTh01J3ZtAGEEgs8hO+V9IEWuldUQOGKsMw4+ZaEqUFDnmXzhJZ",
        "EAAAAfd4lPZtTdigMwArmKTORSgp2sz4JcNw1TMReKSxWHmgAAAAVzaG9ydAECAwQ=",
    ];

    #[test]
    fn short_numbers_are_padded() {
        let text = format!("-----BEGIN OPENSSH {0}\n{1}\n-----END OPENSSH {0}", "PRIVATE KEY-----", SHORT.join("\n"));
        let key = read(Path::new("short"), text.as_bytes()).unwrap();
        assert_eq!(key.comment, "short");
        assert!(key.signer.sign(b"data", 0).is_some());
    }
}

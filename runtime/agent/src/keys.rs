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
use ssh_key::PrivateKey;
use ssh_key::private::{EcdsaKeypair, KeypairData};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::{AgentError, rsa, wire};

/// Flags of a request to sign with an RSA key.
const SHA256: u32 = 2;
const SHA512: u32 = 4;

/// What every key file in OpenSSH's format begins with.
const MARK: &str = "-----BEGIN OPENSSH PRIVATE KEY-----";
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
    if !String::from_utf8_lossy(text).contains(MARK) {
        let reason = format!(
            "it is no private key in OpenSSH's format; `ssh-keygen -p -f {}` rewrites older ones",
            path.display()
        );
        return Err(key_error(path, reason));
    }
    let key = PrivateKey::from_openssh(text).map_err(|error| key_error(path, format!("it cannot be read: {error}")))?;
    if key.is_encrypted() {
        return Err(AgentError::Passphrase { path: path.to_owned() });
    }
    let public = key.public_key().to_bytes().map_err(|error| key_error(path, error.to_string()))?;
    let signer = signer(key.key_data()).map_err(|reason| key_error(path, reason))?;
    Ok(Key { public, comment: key.comment().to_owned(), signer })
}

fn signer(data: &KeypairData) -> Result<Signer, String> {
    let rejected = |error: ring::error::KeyRejected| format!("its numbers are refused: {error}");
    match data {
        KeypairData::Ed25519(pair) => {
            let pair = Ed25519KeyPair::from_seed_and_public_key(pair.private.as_ref(), pair.public.as_ref());
            Ok(Signer::Ed25519(pair.map_err(rejected)?))
        }
        KeypairData::Rsa(pair) => Ok(Signer::Rsa(Box::new(rsa::pair(pair)?))),
        KeypairData::Ecdsa(pair) => {
            let (algorithm, name) = match pair {
                EcdsaKeypair::NistP256 { .. } => (&ECDSA_P256_SHA256_FIXED_SIGNING, "ecdsa-sha2-nistp256"),
                EcdsaKeypair::NistP384 { .. } => (&ECDSA_P384_SHA384_FIXED_SIGNING, "ecdsa-sha2-nistp384"),
                EcdsaKeypair::NistP521 { .. } => return Err(unsupported("ecdsa-sha2-nistp521")),
            };
            let (private, public) = (pair.private_key_bytes(), pair.public_key_bytes());
            let random = SystemRandom::new();
            let pair = EcdsaKeyPair::from_private_key_and_public_key(algorithm, private, public, &random);
            Ok(Signer::Ecdsa(pair.map_err(rejected)?, name))
        }
        other => Err(unsupported(&other.algorithm().map_or_else(|_| "unknown".to_owned(), |name| name.to_string()))),
    }
}

fn unsupported(kind: &str) -> String {
    format!("keys of type {kind} are not supported yet, those of type ed25519, rsa and ecdsa (256, 384) are")
}

fn key_error(path: &Path, reason: impl Into<String>) -> AgentError {
    AgentError::Key { path: path.to_owned(), reason: reason.into() }
}

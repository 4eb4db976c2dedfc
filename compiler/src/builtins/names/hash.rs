//! The namespace `hash`.
//!
//! Owns how digests are written: as hexadecimal digits in small letters.

use sha2::{Digest, Sha256, Sha512};

use super::Table;
use super::refusal::Refusal;
use crate::builtins::argument::Arguments;
use crate::eval::value::Value;

pub(super) const TABLE: Table = &[
    ("sha256", |_, call| Ok(Value::Text(digits(Sha256::digest(call.text(0))).into()))),
    ("sha512", |_, call| Ok(Value::Text(digits(Sha512::digest(call.text(0))).into()))),
    ("short", |_, call| {
        let digits = digits(Sha256::digest(call.text(0)));
        match usize::try_from(call.int(1)).ok().filter(|length| *length > 0).and_then(|length| digits.get(..length)) {
            Some(short) => Ok(Value::Text(short.into())),
            None => Err(Refusal::new(format!("a digest has no {} digits", call.int(1)))
                .help("write a number from 1 to 64")
                .at(call, 1)),
        }
    }),
];

fn digits(bytes: impl AsRef<[u8]>) -> String {
    bytes.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

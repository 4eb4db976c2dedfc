//! RSA keys as OpenSSH keeps them.
//!
//! Owns the two numbers that OpenSSH leaves out and signing needs: the private exponent modulo each prime less one.

use ring::rsa::{KeyPair, KeyPairComponents, PublicKeyComponents};

use crate::openssh::Rsa;

/// A key that can sign; or why it cannot.
pub(crate) fn pair(key: &Rsa) -> Result<KeyPair, String> {
    let (dp, dq) = (remainder(&key.d, &less_one(&key.p)), remainder(&key.d, &less_one(&key.q)));
    let components = KeyPairComponents {
        public_key: PublicKeyComponents { n: &key.n, e: &key.e },
        d: &key.d,
        p: &key.p,
        q: &key.q,
        dP: &dp,
        dQ: &dq,
        qInv: &key.q_inverse,
    };
    KeyPair::from_components(&components)
        .map_err(|error| format!("its numbers are refused: {error}; keys of 2048 to 4096 bits can be used"))
}

/// An odd number less one.
fn less_one(prime: &[u8]) -> Vec<u8> {
    let mut bytes = prime.to_vec();
    if let Some(last) = bytes.last_mut() {
        *last &= !1;
    }
    bytes
}

/// What is left of a number after division, without leading zeros. All numbers are of big-endian bytes.
fn remainder(number: &[u8], divisor: &[u8]) -> Vec<u8> {
    // One byte more than the divisor, for the bit that doubling puts out.
    let mut rest = vec![0_u8; divisor.len() + 1];
    for bit in number.iter().flat_map(|byte| (0..8).rev().map(move |at| (byte >> at) & 1)) {
        let mut carry = bit;
        for byte in rest.iter_mut().rev() {
            (*byte, carry) = (*byte << 1 | carry, *byte >> 7);
        }
        let tail = rest.get(1..).unwrap_or_default();
        if rest.first() != Some(&0) || tail >= divisor {
            subtract(&mut rest, divisor);
        }
    }
    let start = rest.iter().position(|byte| *byte != 0).unwrap_or(rest.len());
    rest.split_off(start)
}

/// Subtracts a number from one that is not less.
fn subtract(from: &mut [u8], number: &[u8]) {
    let mut borrow = false;
    let padded = number.iter().rev().chain(std::iter::repeat(&0));
    for (byte, less) in from.iter_mut().rev().zip(padded) {
        let (once, under) = byte.overflowing_sub(*less);
        let (twice, under_again) = once.overflowing_sub(u8::from(borrow));
        *byte = twice;
        borrow = under || under_again;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remainders_are_those_of_division() {
        let check = |number: u128, divisor: u64| {
            let found = remainder(&number.to_be_bytes(), &divisor.to_be_bytes());
            let found = found.iter().fold(0_u128, |value, byte| value << 8 | u128::from(*byte));
            assert_eq!(found, number % u128::from(divisor), "{number} % {divisor}");
        };
        check(0, 7);
        check(6, 7);
        check(7, 7);
        check(u128::MAX, 1);
        check(u128::MAX, u64::MAX);
        check(u128::MAX - 12345, u64::MAX - 58);
        check(0x1234_5678_9abc_def0_1122_3344_5566_7788, 0x8000_0000_0000_0000);
        check(0x1234_5678_9abc_def0_1122_3344_5566_7788, 0xff);
    }

    #[test]
    fn primes_lose_one() {
        assert_eq!(less_one(&[1, 0xff]), [1, 0xfe]);
        assert!(less_one(&[]).is_empty());
    }
}

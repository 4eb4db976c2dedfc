//! The wire form of the SSH agent protocol: frames, numbers, strings.
//!
//! Owns lengths and their limit, and the numbers of messages. Knows no key and no agent.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// Longer frames are not read: what agents exchange is much shorter.
pub(crate) const MAX_FRAME: usize = 256 << 10;

pub(crate) const FAILURE: u8 = 5;
pub(crate) const REQUEST_IDENTITIES: u8 = 11;
pub(crate) const IDENTITIES_ANSWER: u8 = 12;
pub(crate) const SIGN_REQUEST: u8 = 13;
pub(crate) const SIGN_RESPONSE: u8 = 14;

/// The next message: its number and what follows; `None` at the end of the connection.
pub(crate) async fn read(from: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Vec<u8>>> {
    let length = match from.read_u32().await {
        Ok(length) => usize::try_from(length).unwrap_or(usize::MAX),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    };
    if length == 0 || length > MAX_FRAME {
        let text = format!("a message of {length} bytes is none of an SSH agent");
        return Err(io::Error::new(io::ErrorKind::InvalidData, text));
    }
    let mut message = vec![0; length];
    from.read_exact(&mut message).await?;
    Ok(Some(message))
}

/// Sends a message.
pub(crate) async fn write(to: &mut (impl AsyncWrite + Unpin), message: &[u8]) -> io::Result<()> {
    let mut frame = Vec::with_capacity(message.len() + 4);
    put(&mut frame, message);
    to.write_all(&frame).await?;
    to.flush().await
}

/// Appends a string: its length, its bytes.
pub(crate) fn put(out: &mut Vec<u8>, string: &[u8]) {
    // Nothing here is as long as 4 GiB: frames have a limit.
    out.extend_from_slice(&u32::try_from(string.len()).unwrap_or(u32::MAX).to_be_bytes());
    out.extend_from_slice(string);
}

/// Appends a number that is not negative, of big-endian bytes.
pub(crate) fn put_number(out: &mut Vec<u8>, number: &[u8]) {
    let start = number.iter().position(|byte| *byte != 0).unwrap_or(number.len());
    let mut bytes = number.get(start..).unwrap_or_default().to_vec();
    // The first bit is the sign.
    if bytes.first().is_some_and(|first| first & 0x80 != 0) {
        bytes.insert(0, 0);
    }
    put(out, &bytes);
}

/// Takes a number from the front.
pub(crate) fn take_u32(from: &mut &[u8]) -> Option<u32> {
    let (bytes, rest) = from.split_first_chunk::<4>()?;
    *from = rest;
    Some(u32::from_be_bytes(*bytes))
}

/// Takes a string from the front.
pub(crate) fn take<'a>(from: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::try_from(take_u32(from)?).ok()?;
    let (string, rest) = from.split_at_checked(length)?;
    *from = rest;
    Some(string)
}

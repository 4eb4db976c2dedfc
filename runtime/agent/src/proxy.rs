//! Somebody else's agent, for reading only.
//!
//! Owns which requests pass: listing keys and signing. A step could otherwise lock the agent, take keys out of it or load
//! libraries into it.

use std::io;

use tokio::io::{AsyncRead, AsyncWrite};

use crate::wire;

/// Passes requests on to an agent and its answers back, until the client ends.
pub(crate) async fn serve(
    mut client: impl AsyncRead + AsyncWrite + Unpin,
    mut agent: impl AsyncRead + AsyncWrite + Unpin,
) -> io::Result<()> {
    while let Some(request) = wire::read(&mut client).await? {
        if !matches!(request.first(), Some(&(wire::REQUEST_IDENTITIES | wire::SIGN_REQUEST))) {
            wire::write(&mut client, &[wire::FAILURE]).await?;
            continue;
        }
        wire::write(&mut agent, &request).await?;
        let answer = wire::read(&mut agent).await?.ok_or(io::ErrorKind::UnexpectedEof)?;
        wire::write(&mut client, &answer).await?;
    }
    Ok(())
}

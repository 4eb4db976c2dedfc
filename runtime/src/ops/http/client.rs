//! The HTTP client of the runtime.
//!
//! Owns how connections are made: TLS by rustls with ring, proxies from the environment, time limits.

use std::sync::OnceLock;
use std::time::Duration;

use super::HttpError;

/// To connect to a host.
const CONNECT: Duration = Duration::from_secs(30);
/// Between two pieces of an answer. There is no limit on the whole: files may be large.
const SILENCE: Duration = Duration::from_secs(60);

/// The one client, made at the first use. Cheap to clone; its connections are shared.
pub(crate) fn client() -> Result<reqwest::Client, HttpError> {
    static CLIENT: OnceLock<Result<reqwest::Client, String>> = OnceLock::new();
    CLIENT.get_or_init(build).clone().map_err(HttpError::Client)
}

fn build() -> Result<reqwest::Client, String> {
    // Fails only if a provider was installed before, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .user_agent(concat!("hlbc/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT)
        .read_timeout(SILENCE)
        .build()
        .map_err(|error| error.to_string())
}

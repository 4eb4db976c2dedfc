//! Images: their names, their metadata and where they come from.
//!
//! ```text
//! "debian" --Reference--> docker.io/library/debian:latest --Images::resolve--> manifest, config --fetch--> layers
//!                                                              |
//!                       RegistryConfig: OCI layouts and archives first, then mirrors, then the registry itself
//! ```
//!
//! [`Images`] is the way in; [`Images::pusher`] is the way back. Everything that comes from outside is checked against its digest before it is used; metadata
//! keep the fields that this crate does not know. The crate knows neither the store nor what a layer contains.

mod archive;
mod authorize;
mod circuit;
mod client;
mod config;
mod credentials;
pub mod date;
mod delivery;
mod digest_text;
mod failure;
mod fetch;
mod image;
mod images;
mod layout;
mod patience;
mod platform;
mod push;
mod reference;
mod shelf;
mod transport;
mod trust;
mod warnings;

pub use config::{ConfigError, RegistryConfig};
pub use credentials::{Credential, Credentials, DockerCredentials};
pub use failure::{Failure, FailureKind};
pub use fetch::{Landing, Memory};
pub use image::{Descriptor, History, ImageConfig, Index, Manifest, RootFs, RunConfig};
pub use images::{Asking, ImageError, Images, ResolvedImage};
pub use layout::{Layout, LayoutError};
pub use patience::{Patience, retry_after};
pub use platform::Platform;
pub use push::{PushError, Pusher};
pub use reference::{InvalidReference, Reference};
pub use shelf::{Recalled, Shelf};

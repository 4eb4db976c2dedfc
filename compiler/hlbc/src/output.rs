//! Outputs as options say them.
//!
//! Owns what an output is, and what several outputs may be together. How one is written is `parse`'s, the form of its keys is
//! `keys`'s, what it is for the runtime is `deliver`'s.

mod keys;
mod parse;

use std::io::IsTerminal;
use std::path::PathBuf;

use hlb_runtime::{Attestations, FileOptions, ImageOptions, Place};

use crate::error::{Failure, Kind};
pub(crate) use keys::fields;
pub(crate) use parse::parse;

/// The variable that says which time is the latest of all.
const EPOCH: &str = "SOURCE_DATE_EPOCH";

/// Why nothing is said of images for Docker.
pub(crate) const HOLDS_NONE: &str = "images for Docker hold no attestations";

/// Where a result goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Output {
    /// As it was written.
    pub(crate) text: String,
    pub(crate) to: OutputTo,
}

/// What a result becomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum OutputTo {
    /// Files in a directory; in one of their platform in it if they are split.
    Directory { path: PathBuf, split: bool, options: FileOptions },
    /// One tar file of them.
    Tar { place: Place, split: bool, options: FileOptions },
    /// An image.
    Image { place: ImagePlace, options: ImageOptions },
}

/// Where an image goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ImagePlace {
    OciTar(Place),
    OciDirectory(PathBuf),
    DockerTar(Place),
    DockerEngine,
    Registry,
    Store,
}

impl Output {
    fn is_for_docker(&self) -> bool {
        matches!(self.to, OutputTo::Image { place: ImagePlace::DockerTar(_) | ImagePlace::DockerEngine, .. })
    }

    /// Whether it goes to standard output.
    pub(crate) fn is_stdout(&self) -> bool {
        let place = match &self.to {
            OutputTo::Tar { place, .. } => place,
            OutputTo::Image { place: ImagePlace::OciTar(place) | ImagePlace::DockerTar(place), .. } => place,
            OutputTo::Directory { .. } | OutputTo::Image { .. } => return false,
        };
        *place == Place::Stdout
    }
}

/// Looks whether outputs can be written at once, and hold what is to be said of them.
///
/// # Errors
/// If standard output is one of them and shows it to people, or is two of them; if something is said of an image for Docker.
pub(crate) fn check(outputs: &[Output], attestations: &Attestations) -> Result<(), Failure> {
    if !attestations.is_empty() && outputs.iter().any(Output::is_for_docker) {
        return Err(Failure::new(Kind::Usage, HOLDS_NONE).help("use `type=oci` or `type=image`"));
    }
    let mut streams = outputs.iter().filter(|output| output.is_stdout());
    let Some(_) = streams.next() else { return Ok(()) };
    if streams.next().is_some() {
        return Err(Failure::new(Kind::Usage, "standard output takes one output")
            .help("name a file for the others with `dest=FILE`"));
    }
    if std::io::stdout().is_terminal() {
        return Err(Failure::new(Kind::Usage, "standard output is a terminal")
            .help("name a file with `dest=FILE`, or pass it on to another program"));
    }
    Ok(())
}

/// The latest time, in seconds since 1970, that the environment says.
///
/// # Errors
/// If it is no number; in words.
pub(crate) fn epoch() -> Result<Option<u64>, String> {
    match std::env::var(EPOCH) {
        Ok(text) if !text.is_empty() => keys::seconds(EPOCH, &text).map(Some),
        _ => Ok(None),
    }
}

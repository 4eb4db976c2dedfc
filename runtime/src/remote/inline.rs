//! The cache in the configuration of an image.
//!
//! Owns that an image gets it whose solve was told so, and that one that cannot have it is made without. What of the steps is in it is
//! known to `export`.

use std::fmt;
use std::sync::Arc;

use hlb_llb::Digest;
use hlb_llb::status::Status;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::collect::Ended;
use super::{export, manifest};
use crate::engine::Engine;
use crate::error::{ErrorKind, SolveError};
use crate::export::image;
use crate::export::layers::blobs;
use crate::export::options::ImageOptions;
use crate::runtime::Solved;
use crate::solver::job::StatusSink;

/// What is kept of a solve for the image of its result.
#[derive(Clone)]
pub(crate) struct Inline {
    pub(crate) ended: Ended,
    /// Hears if it cannot be written.
    pub(crate) status: StatusSink,
}

impl fmt::Debug for Inline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inline").finish_non_exhaustive()
    }
}

/// The configuration of the image of a result, with the cache if there is to be one.
///
/// # Errors
/// `ErrorKind::Cancelled`. What else goes wrong is told of, and the configuration stays as it is.
pub(crate) async fn config(
    engine: &Arc<Engine>,
    solved: &Solved,
    config: &[u8],
    options: &ImageOptions,
    cancel: &CancellationToken,
) -> Result<Vec<u8>, SolveError> {
    let Some(inline) = &solved.inline else { return Ok(config.to_vec()) };
    match with_cache(engine, solved, inline, config, options, cancel).await {
        Ok(with) => Ok(with.unwrap_or_else(|| config.to_vec())),
        Err(error) if error.kind() == ErrorKind::Cancelled => Err(error),
        Err(error) => {
            let text = format!("the cache was not written into the image: {error}");
            (inline.status)(Status::Warning { text });
            Ok(config.to_vec())
        }
    }
}

async fn with_cache(
    engine: &Arc<Engine>,
    solved: &Solved,
    inline: &Inline,
    config: &[u8],
    options: &ImageOptions,
    cancel: &CancellationToken,
) -> Result<Option<Vec<u8>>, SolveError> {
    let form = (image::form(options), options.force);
    let layers = blobs(engine, &solved.snapshot, form, cancel).await.map_err(image::told)?;
    let layers: Vec<Digest> = layers.into_iter().map(|blob| blob.digest).collect();
    let Some(cache) = export::inline(engine, inline.ended.clone(), &layers, form, cancel).await? else {
        return Ok(None);
    };
    // What is no object is for the export to refuse.
    let Ok(Value::Object(mut fields)) = serde_json::from_slice(config) else { return Ok(None) };
    fields.insert(manifest::INLINE.to_owned(), cache.into());
    Ok(Some(Value::Object(fields).to_string().into_bytes()))
}

//! What an output says.
//!
//! Owns the form `type=TYPE,KEY=VALUE,…`, which keys a type has, which of them go together, and the words for those that mean
//! nothing here.

use std::path::PathBuf;

use hlb_runtime::{Attestations, Compression, FileOptions, ImageOptions, Place};

use super::keys::{Keys, fields};
use super::{ImagePlace, Output, OutputTo};

/// Reads an output: a directory, or a type with its keys.
///
/// # Errors
/// If it cannot be understood; in words.
pub(crate) fn parse(text: &str) -> Result<Output, String> {
    parse_at(text, super::epoch()?)
}

/// The same, at a machine whose environment says this epoch.
fn parse_at(text: &str, epoch: Option<u64>) -> Result<Output, String> {
    let fields = fields(text)?;
    let to = match fields.as_slice() {
        [dir] if dir.is_empty() => return Err("name a directory".to_owned()),
        [dir] if !dir.starts_with("type=") => directory(dir, false, FileOptions { epoch, ..FileOptions::default() })?,
        fields => typed(Keys::read(fields)?, epoch)?,
    };
    Ok(Output { text: text.to_owned(), to })
}

fn typed(mut keys: Keys, epoch: Option<u64>) -> Result<OutputTo, String> {
    let to = match keys.kind.as_str() {
        "local" => {
            match keys.text("mode")?.as_deref() {
                None | Some("copy") => {}
                Some("delete") => {
                    return Err("`mode=delete` is not supported: other files in the directory stay; remove it before"
                        .to_owned());
                }
                Some(other) => return Err(format!("`mode` can be `copy`, not `{other}`")),
            }
            let dest = keys.needed("dest")?;
            let (split, options) = files(&mut keys, epoch)?;
            directory(&dest, split, options)?
        }
        "tar" => {
            let place = file(&mut keys)?;
            let (split, options) = files(&mut keys, epoch)?;
            OutputTo::Tar { place, split, options }
        }
        "oci" => {
            let options = image(&mut keys, true, epoch)?;
            let place = match (keys.flag("tar")?, file(&mut keys)?) {
                (Some(false), Place::File(path)) => ImagePlace::OciDirectory(path),
                (Some(false), Place::Stdout) => return Err("`tar=false` needs a directory: `dest=DIR`".to_owned()),
                (_, place) => ImagePlace::OciTar(place),
            };
            OutputTo::Image { place, options }
        }
        "docker" => {
            let options = image(&mut keys, false, epoch)?;
            if keys.flag("tar")? == Some(false) {
                return Err("`type=docker` is always one file: use `type=oci` with `tar=false`".to_owned());
            }
            let place = match keys.place()? {
                Some(place) => ImagePlace::DockerTar(place),
                None => ImagePlace::DockerEngine,
            };
            if options.names.is_empty() {
                return Err(no_name("docker"));
            }
            OutputTo::Image { place, options }
        }
        "image" | "registry" => registry(&mut keys, epoch)?,
        other => {
            return Err(format!(
                "`{other}` is no type of output: choose `local`, `tar`, `oci`, `docker`, `image` or `registry`"
            ));
        }
    };
    keys.end()?;
    Ok(to)
}

fn directory(path: &str, split: bool, options: FileOptions) -> Result<OutputTo, String> {
    match path {
        "-" => Err("a directory cannot be written to standard output: use `type=tar,dest=-`".to_owned()),
        path => Ok(OutputTo::Directory { path: PathBuf::from(path), split, options }),
    }
}

fn file(keys: &mut Keys) -> Result<Place, String> {
    let kind = keys.kind.clone();
    keys.place()?.ok_or_else(|| format!("`type={kind}` needs `dest=FILE`"))
}

fn files(keys: &mut Keys, epoch: Option<u64>) -> Result<(bool, FileOptions), String> {
    let split = keys.flag("platform-split")?.unwrap_or_default();
    let attestation_prefix = keys.text("attestation-prefix")?.unwrap_or_default();
    if attestation_prefix.contains('/') {
        return Err("`attestation-prefix` is the beginning of a name, which has no `/`".to_owned());
    }
    let epoch = keys.seconds("source-date-epoch")?.or(epoch);
    Ok((split, FileOptions { epoch, folder: None, attestations: Attestations::default(), attestation_prefix }))
}

fn no_name(kind: &str) -> String {
    format!("`type={kind}` needs `name=…`")
}

fn registry(keys: &mut Keys, epoch: Option<u64>) -> Result<OutputTo, String> {
    let push = keys.flag("push")?.unwrap_or(keys.kind == "registry");
    let options = image(keys, false, epoch)?;
    let by_digest = options.push_by_digest;
    if keys.flag("registry.insecure")? == Some(true) {
        return Err(
            "`registry.insecure` is not supported: say under `[registries.\"HOST\"]` in `hlbc.toml` what may be \
                    done without, for example `plain-http = true`"
                .to_owned(),
        );
    }
    // Layers of a result are unpacked anyway; files that get another time are not those that are unpacked.
    if keys.flag("unpack")? == Some(true) && options.epoch.is_some() && options.rewrite {
        return Err("`unpack` and times in layers that are set to an epoch do not go together: add \
                    `rewrite-timestamp=false`"
            .to_owned());
    }
    // Names with digests are told of all images.
    keys.flag("name-canonical")?;
    for key in ["dangling-name-prefix", "danging-name-empty-only", "dangling-name-empty-only"] {
        if keys.has(key) {
            return Err(format!("`{key}` is not supported: images without a name have no other one here"));
        }
    }
    let store = keys.flag("store")?.unwrap_or(true);
    let place = match push {
        true if options.names.is_empty() => return Err(no_name(&keys.kind)),
        true => ImagePlace::Registry,
        false if by_digest => return Err("`push-by-digest` needs `push=true`".to_owned()),
        false if !store => return Err("`store=false` needs `push=true`: nothing would be left of the image".to_owned()),
        false => ImagePlace::Store,
    };
    Ok(OutputTo::Image { place, options })
}

/// What images of all types have.
fn image(keys: &mut Keys, oci: bool, epoch: Option<u64>) -> Result<ImageOptions, String> {
    let push_by_digest = match keys.kind.as_str() {
        "image" | "registry" => keys.flag("push-by-digest")?.unwrap_or_default(),
        _ => false,
    };
    let names = keys.names(push_by_digest)?;
    for (key, why) in [
        ("oci-artifact", "what is said about an image is an image manifest"),
        ("attestation-inline", "what is said about an image stands beside it"),
        ("prefer-nondist-layers", "all layers are such as everybody may pass on"),
    ] {
        if keys.flag(key)? == Some(true) {
            return Err(format!("`{key}` is not supported: {why}"));
        }
    }
    let said = keys.text("compression")?;
    let compression = match said.as_deref() {
        None => Compression::Gzip,
        Some(name) => Compression::named(name).ok_or_else(|| {
            format!("`compression={name}` is not known: choose `uncompressed`, `gzip`, `estargz` or `zstd`")
        })?,
    };
    let level = keys.text("compression-level")?.map(|text| level(&text, compression)).transpose()?;
    let force = keys.flag("force-compression")?.unwrap_or_default();
    if force && said.is_none() {
        return Err("`force-compression` needs `compression=…`".to_owned());
    }
    let epoch = keys.seconds("source-date-epoch")?.or(epoch);
    let rewrite = keys.flag("rewrite-timestamp")?;
    if rewrite == Some(true) && epoch.is_none() {
        return Err("`rewrite-timestamp` needs `source-date-epoch=SECONDS`".to_owned());
    }
    let oci_types = keys.flag("oci-mediatypes")?.unwrap_or(oci);
    let annotations = keys.annotations()?;
    let (rewrite, attestations) = (epoch.is_some() && rewrite != Some(false), Attestations::default());
    Ok(ImageOptions {
        names,
        oci_types,
        compression,
        level,
        force,
        annotations,
        epoch,
        rewrite,
        push_by_digest,
        attestations,
    })
}

fn level(text: &str, compression: Compression) -> Result<i32, String> {
    let name = compression.name();
    let Some(levels) = compression.levels() else {
        return Err(format!("`compression-level`: `{name}` has no levels"));
    };
    let level = text.parse().ok().filter(|level| levels.contains(level));
    level.ok_or_else(|| {
        format!("`compression-level={text}`: {name} has levels from {} to {}", levels.start(), levels.end())
    })
}

#[cfg(test)]
mod tests;

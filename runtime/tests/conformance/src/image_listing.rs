//! An image as text, from an OCI layout or from a file for `docker load`.
//!
//! Owns what of an image counts: media types, annotations, config, and the entries of each layer. Digests and sizes of
//! compressed layers do not: two programs that compress may differ. Nor does what an exporter writes of itself: times of
//! creation, for which BuildKit takes the clock and the embedded runtime does not, and the words of history entries that are
//! filled in for layers of which nobody has said anything.

use std::fmt::Write as _;
use std::io::Read as _;
use std::path::Path;
use std::process::Command;

use hlb_llb::Digest;
use serde_json::{Map, Value};

use crate::listing;
use crate::namespaces::run;

/// Lists the image in a tar file, which is unpacked beside it.
///
/// # Errors
/// If it is not one that can be read.
pub fn list_archive(archive: &Path) -> Result<String, String> {
    let layout = archive.with_extension("layout");
    std::fs::create_dir_all(&layout).map_err(|error| error.to_string())?;
    run(Command::new("tar").arg("-xf").arg(archive).arg("-C").arg(&layout));
    let mut text = String::new();
    if layout.join("manifest.json").exists() {
        let old = json(&layout.join("manifest.json"))?;
        let first = &old[0];
        let layers = first["Layers"].as_array().map_or(0, Vec::len);
        let _ = writeln!(text, "manifest.json: {} with {layers} layers", first["RepoTags"]);
    }
    text.push_str(&list(&layout)?);
    Ok(text)
}

/// Lists the one image of an OCI layout.
///
/// # Errors
/// If it is not one that can be read.
pub fn list(layout: &Path) -> Result<String, String> {
    let mut text = String::new();
    let index = json(&layout.join("index.json"))?;
    let entry = &index["manifests"][0];
    let _ = writeln!(text, "manifest: {} {}", entry["mediaType"], names(&entry["annotations"]));
    let manifest = json(&blob(layout, entry)?)?;
    let config = json(&blob(layout, &manifest["config"])?)?;
    let _ = writeln!(text, "config: {}", manifest["config"]["mediaType"]);
    if !manifest["annotations"].is_null() {
        let _ = writeln!(text, "annotations: {}", manifest["annotations"]);
    }
    said(&mut text, "", &config);
    let nothing = Vec::new();
    let layers = manifest["layers"].as_array().unwrap_or(&nothing);
    let ids = config["rootfs"]["diff_ids"].as_array().map_or(0, Vec::len);
    if ids != layers.len() {
        return Err(format!("{} layers, but {ids} of them in the config", layers.len()));
    }
    for layer in layers {
        let _ = writeln!(text, "layer: {} {}", layer["mediaType"], keys(&layer["annotations"]));
        let bytes = std::fs::read(blob(layout, layer)?).map_err(|error| error.to_string())?;
        let listed = match bytes.starts_with(&[0x1f, 0x8b]) {
            true => listing::list(run_bytes(Command::new("gzip").arg("-dc").arg(blob(layout, layer)?))?.as_slice())?,
            false => listing::list(bytes.as_slice())?,
        };
        for line in listed.lines() {
            let _ = writeln!(text, "  {line}");
        }
        if let Some(digest) = layer["annotations"]["containerd.io/snapshot/stargz/toc.digest"].as_str() {
            list_index(&mut text, &blob(layout, layer)?, &bytes, digest)?;
        }
    }
    Ok(text)
}

/// What the index of an eStargz layer says, found as by a program that reads the end of the layer first. Offsets are those of
/// a compressed stream.
fn list_index(text: &mut String, path: &Path, layer: &[u8], digest: &str) -> Result<(), String> {
    let digits = layer.len().checked_sub(35).and_then(|at| std::str::from_utf8(layer.get(at..at + 16)?).ok());
    let offset = digits.and_then(|digits| u64::from_str_radix(digits, 16).ok()).ok_or("no footer")?;
    let from = format!("+{}", offset + 1);
    let mut unpack = Command::new("sh");
    unpack.args(["-c", "tail -c \"$1\" \"$2\" | gzip -dc", "sh", &from]).arg(path);
    let behind = run_bytes(&mut unpack)?;
    let mut archive = tar::Archive::new(behind.as_slice());
    let entry =
        archive.entries().and_then(|mut entries| entries.next().transpose()).map_err(|error| error.to_string())?;
    let mut bytes = Vec::new();
    entry.ok_or("no index")?.read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if Digest::of(&bytes).as_str() != digest {
        return Err("the annotation is not the digest of the index".to_owned());
    }
    let mut index: Value = serde_json::from_slice(&bytes).map_err(|error| error.to_string())?;
    let _ = writeln!(text, "  index: version {}", index["version"]);
    for item in index["entries"].as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
        for key in ["offset", "modtime"] {
            if let Some(value) = item.get_mut(key) {
                *value = "…".into();
            }
        }
        let _ = writeln!(text, "  {}", Value::Object(std::mem::take(item)));
    }
    Ok(())
}

fn run_bytes(command: &mut Command) -> Result<Vec<u8>, String> {
    let output = command.output().map_err(|error| error.to_string())?;
    if output.status.success() { Ok(output.stdout) } else { Err(format!("{command:?}: {}", output.status)) }
}

/// Names in annotations that both must give; the time of creation is not one.
fn names(annotations: &Value) -> String {
    let wanted = ["io.containerd.image.name", "org.opencontainers.image.ref.name"];
    let found = wanted.iter().filter(|key| !annotations[**key].is_null());
    found.map(|key| format!("{key}={}", annotations[*key])).collect::<Vec<_>>().join(" ")
}

fn keys(annotations: &Value) -> String {
    let keys = annotations.as_object().into_iter().flatten().map(|(key, _)| key.as_str());
    keys.filter(|key| !key.contains("buildkit")).collect::<Vec<_>>().join(" ")
}

/// The comments of history entries that the two engines fill in.
const FILLED_IN: [&str; 2] = ["buildkit.exporter.image.v0", "exported from a build graph"];

/// A config, a line for each value. What follows from the layers is left out.
fn said(text: &mut String, path: &str, value: &Value) {
    if value.is_null() || path == ".created" || (path.starts_with(".history.") && path.ends_with(".created")) {
        return;
    }
    if path.starts_with(".history.") && FILLED_IN.iter().any(|comment| value["comment"] == *comment) {
        let _ = writeln!(text, "{path}: filled in");
        return;
    }
    let nothing = Map::new();
    match value {
        Value::Object(fields) if !fields.is_empty() || path.is_empty() => {
            let fields = if fields.is_empty() { &nothing } else { fields };
            for (key, value) in fields {
                if path.is_empty() && key == "rootfs" {
                    continue;
                }
                said(text, &format!("{path}.{key}"), value);
            }
        }
        Value::Array(values) if path == ".history" => {
            for (at, value) in values.iter().enumerate() {
                said(text, &format!(".history.{at}"), value);
            }
        }
        value => {
            let _ = writeln!(text, "{path}: {value}");
        }
    }
}

fn json(path: &Path) -> Result<Value, String> {
    let bytes = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    serde_json::from_slice(&bytes).map_err(|error| format!("{}: {error}", path.display()))
}

fn blob(layout: &Path, descriptor: &Value) -> Result<std::path::PathBuf, String> {
    let digest = descriptor["digest"].as_str().ok_or("a descriptor without digest")?;
    Ok(layout.join("blobs").join(digest.replace(':', "/")))
}

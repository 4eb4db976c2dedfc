//! The machine as the programs of cases see it.
//!
//! Owns `CaseWorld`: files of this machine, images of the registry.

use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use hlb_compiler::{Command, CommandOutput, FileKind, ImageConfig, ImageManifest, Platform, World, WorldError};
use hlb_llb::digest::Hasher;
use hlb_registry::{Images, Reference};
use hlb_runtime::select::{Selected, select};
use serde_json::{Value, json};

/// Files and images; nothing else.
pub struct CaseWorld<'a> {
    /// Where waiting is done.
    pub tokio: &'a tokio::runtime::Runtime,
    /// Where images are looked up, if they are.
    pub images: Option<&'a Images>,
}

fn failed(path: &Utf8Path, error: &std::io::Error) -> WorldError {
    match error.kind() {
        std::io::ErrorKind::NotFound => WorldError::NotFound { path: path.to_owned() },
        _ => WorldError::Unreadable { path: path.to_owned(), reason: error.to_string() },
    }
}

fn selected(dir: &Utf8Path, include: &[String], exclude: &[String]) -> Result<Vec<Selected>, WorldError> {
    select(dir.as_std_path(), include, exclude).map_err(|error| failed(dir, &error))
}

impl World for CaseWorld<'_> {
    fn read_text(&self, path: &Utf8Path) -> Result<String, WorldError> {
        std::fs::read_to_string(path).map_err(|error| failed(path, &error))
    }

    fn stat(&self, path: &Utf8Path) -> Result<FileKind, WorldError> {
        let found = std::fs::metadata(path).map_err(|error| failed(path, &error))?;
        Ok(match found.file_type() {
            kind if kind.is_file() => FileKind::File,
            kind if kind.is_dir() => FileKind::Directory,
            _ => FileKind::Other,
        })
    }

    fn files(&self, dir: &Utf8Path, include: &[String], exclude: &[String]) -> Result<Vec<Utf8PathBuf>, WorldError> {
        let files = selected(dir, include, exclude)?.into_iter().filter(|entry| entry.is_file);
        Ok(files.map(|entry| Utf8PathBuf::from_path_buf(entry.path).unwrap()).collect())
    }

    fn local_fingerprint(&self, dir: &Utf8Path, include: &[String], exclude: &[String]) -> Result<String, WorldError> {
        let mut hasher = Hasher::default();
        hasher.update(format!("{dir} {include:?} {exclude:?}"));
        for entry in selected(dir, include, exclude)? {
            hasher.update(format!("{:?} {}", entry.path, entry.stamp));
        }
        Ok(hasher.finish().to_string())
    }

    fn env(&self, _: &str) -> Option<String> {
        None
    }

    fn cwd(&self) -> Result<Utf8PathBuf, WorldError> {
        Ok(Utf8PathBuf::from("/"))
    }

    fn home(&self) -> Option<Utf8PathBuf> {
        None
    }

    fn host(&self) -> Platform {
        let host = hlb_registry::Platform::host();
        Platform { os: host.os.into(), architecture: host.architecture.into(), variant: host.variant.into() }
    }

    fn unique(&self) -> String {
        "once".to_owned()
    }

    fn run(&self, _: &Command) -> Result<CommandOutput, WorldError> {
        Err(WorldError::Refused { action: "running a command".to_owned() })
    }

    fn image_config(&self, reference: &str, platform: &Platform) -> Result<Option<ImageConfig>, WorldError> {
        let Some(images) = self.images else { return Ok(None) };
        let other = |error: &dyn std::error::Error| WorldError::Other(error.to_string());
        let reference = Reference::parse(reference).map_err(|error| other(&error))?;
        let platform = hlb_registry::Platform::new(&platform.os, &platform.architecture, &platform.variant);
        // What an image that cannot be had means is for the engines to say.
        let image = self.tokio.block_on(images.resolve(&reference, &platform)).ok();
        Ok(image.map(|image| config(&image.config_bytes)))
    }

    fn image_manifest(&self, _: &str, _: Option<&Platform>) -> Result<Option<ImageManifest>, WorldError> {
        Ok(None)
    }
}

/// What a build reads of an image config; the rest is kept as it is.
fn config(bytes: &[u8]) -> ImageConfig {
    let all: Value = serde_json::from_slice(bytes).unwrap();
    let run = &all["config"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let texts = |value: &Value| value.as_array().into_iter().flatten().map(text).collect::<Vec<_>>();
    let keys = |value: &Value| value.as_object().into_iter().flatten().map(|(key, _)| key.clone()).collect();
    ImageConfig {
        architecture: text(&all["architecture"]),
        os: text(&all["os"]),
        env: texts(&run["Env"]),
        working_dir: text(&run["WorkingDir"]),
        user: text(&run["User"]),
        entrypoint: texts(&run["Entrypoint"]),
        cmd: texts(&run["Cmd"]),
        labels: run["Labels"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(key, value)| (key.clone(), text(value)))
            .collect(),
        exposed_ports: keys(&run["ExposedPorts"]),
        base: Some(Arc::from(String::from_utf8_lossy(bytes).as_ref())),
        ..ImageConfig::default()
    }
}

/// An image config as JSON, without what follows from the layers.
pub fn to_json(image: &ImageConfig) -> Vec<u8> {
    let base = image.base.as_deref().and_then(|text| serde_json::from_str(text).ok());
    let mut all: Value = base.unwrap_or_else(|| json!({}));
    let fields = all.as_object_mut().unwrap();
    fields.remove("rootfs");
    fields.remove("created");
    let set_of =
        |all: &std::collections::BTreeSet<String>| all.iter().map(|key| (key.clone(), json!({}))).collect::<Value>();
    let history = |entry: &hlb_compiler::History| {
        let mut all = json!({ "created_by": entry.created_by, "comment": entry.comment, "empty_layer": entry.empty_layer,
            "created": entry.created });
        retain(&mut all);
        all
    };
    let time = |time: std::time::Duration| json!(time.as_nanos() as u64);
    let health = |check: &hlb_compiler::Healthcheck| {
        let mut all = json!({ "Test": check.test, "Interval": time(check.interval), "Timeout": time(check.timeout),
            "StartPeriod": time(check.start_period), "StartInterval": time(check.start_interval), "Retries": check.retries });
        retain(&mut all);
        all
    };
    let mut run = json!({
        "Env": image.env, "WorkingDir": image.working_dir, "User": image.user, "Entrypoint": image.entrypoint, "Cmd": image.cmd,
        "Labels": image.labels, "ExposedPorts": set_of(&image.exposed_ports), "Volumes": set_of(&image.volumes),
        "StopSignal": image.stop_signal, "Shell": image.shell, "OnBuild": image.on_build,
        "Healthcheck": image.healthcheck.as_ref().map_or(Value::Null, health),
    });
    retain(&mut run);
    for (key, value) in [
        ("architecture", json!(image.architecture)),
        ("variant", json!(image.variant)),
        ("os", json!(image.os)),
        ("author", json!(image.author)),
        ("config", run),
        ("history", json!(image.history.iter().map(history).collect::<Vec<_>>())),
    ] {
        fields.insert(key.to_owned(), value);
    }
    retain(&mut all);
    serde_json::to_vec(&all).unwrap()
}

/// Takes out what says nothing.
fn retain(value: &mut Value) {
    value.as_object_mut().unwrap().retain(|_, value| match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(all) => !all.is_empty(),
        Value::Object(all) => !all.is_empty(),
        Value::Number(number) => number.as_u64() != Some(0),
        Value::Bool(said) => *said,
    });
}

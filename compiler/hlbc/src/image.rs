//! Image configs between the compiler, which knows no JSON, and the world, which knows nothing else.
//!
//! Owns both directions. What the compiler has no field for is kept from the base image.

use std::sync::Arc;
use std::time::Duration;

use hlb_compiler::{Healthcheck, History, ImageConfig};
use hlb_registry::ResolvedImage;
use serde_json::{Map, Value, json};

/// The config of an image.
pub(crate) fn read(image: &ResolvedImage) -> ImageConfig {
    from_json(&String::from_utf8_lossy(&image.config_bytes)).unwrap_or_default()
}

/// The config in a text of JSON; none if that is no object.
pub(crate) fn from_json(text: &str) -> Option<ImageConfig> {
    let all: Value = serde_json::from_str(text).ok()?;
    let all = all.as_object()?;
    let nothing = Map::new();
    let run = all.get("config").and_then(Value::as_object).unwrap_or(&nothing);
    Some(ImageConfig {
        architecture: text_of(all, "architecture"),
        variant: text_of(all, "variant"),
        os: text_of(all, "os"),
        env: texts_of(run, "Env"),
        working_dir: text_of(run, "WorkingDir"),
        user: text_of(run, "User"),
        entrypoint: texts_of(run, "Entrypoint"),
        cmd: texts_of(run, "Cmd"),
        labels: map_of(run, "Labels")
            .map(|(key, value)| (key.clone(), value.as_str().unwrap_or_default().to_owned()))
            .collect(),
        // Sets are objects with empty objects as values.
        exposed_ports: map_of(run, "ExposedPorts").map(|(port, _)| port.clone()).collect(),
        volumes: map_of(run, "Volumes").map(|(path, _)| path.clone()).collect(),
        stop_signal: text_of(run, "StopSignal"),
        shell: texts_of(run, "Shell"),
        on_build: texts_of(run, "OnBuild"),
        healthcheck: run.get("Healthcheck").and_then(Value::as_object).map(healthcheck),
        author: text_of(all, "author"),
        history: all.get("history").and_then(Value::as_array).into_iter().flatten().filter_map(history).collect(),
        base: Some(Arc::from(text)),
    })
}

/// A config as the JSON that images have, without what only their layers tell (`rootfs`). Keys are in order, so that equal
/// configs have equal bytes.
pub(crate) fn to_json(image: &ImageConfig) -> Vec<u8> {
    let base = image.base.as_deref().and_then(|text| serde_json::from_str(text).ok());
    let mut all: Map<String, Value> = base.unwrap_or_default();
    for of_the_base in ["rootfs", "created"] {
        all.remove(of_the_base);
    }
    let mut run = match all.remove("config") {
        Some(Value::Object(run)) => run,
        _ => Map::new(),
    };
    set(&mut all, "architecture", json!(image.architecture));
    set(&mut all, "variant", json!(image.variant));
    set(&mut all, "os", json!(image.os));
    set(&mut all, "author", json!(image.author));
    set(&mut run, "Env", json!(image.env));
    set(&mut run, "WorkingDir", json!(image.working_dir));
    set(&mut run, "User", json!(image.user));
    set(&mut run, "Entrypoint", json!(image.entrypoint));
    set(&mut run, "Cmd", json!(image.cmd));
    set(&mut run, "Labels", json!(image.labels));
    set(&mut run, "ExposedPorts", set_of(&image.exposed_ports));
    set(&mut run, "Volumes", set_of(&image.volumes));
    set(&mut run, "StopSignal", json!(image.stop_signal));
    set(&mut run, "Shell", json!(image.shell));
    set(&mut run, "OnBuild", json!(image.on_build));
    set(&mut run, "Healthcheck", image.healthcheck.as_ref().map_or(Value::Null, healthcheck_json));
    all.insert("config".to_owned(), Value::Object(run));
    set(&mut all, "history", Value::Array(image.history.iter().map(history_json).collect()));
    serde_json::to_vec(&all).unwrap_or_default()
}

/// Puts a value in, or takes the key out if the value says nothing.
fn set(into: &mut Map<String, Value>, key: &str, value: Value) {
    let nothing = match &value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(all) => all.is_empty(),
        Value::Object(all) => all.is_empty(),
        Value::Number(number) => number.as_u64() == Some(0),
        Value::Bool(_) => false,
    };
    if nothing {
        into.remove(key);
    } else {
        into.insert(key.to_owned(), value);
    }
}

fn text_of(from: &Map<String, Value>, key: &str) -> String {
    from.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn texts_of(from: &Map<String, Value>, key: &str) -> Vec<String> {
    let all = from.get(key).and_then(Value::as_array).into_iter().flatten();
    all.filter_map(Value::as_str).map(str::to_owned).collect()
}

fn map_of<'a>(from: &'a Map<String, Value>, key: &str) -> impl Iterator<Item = (&'a String, &'a Value)> {
    from.get(key).and_then(Value::as_object).into_iter().flatten()
}

fn set_of<'a>(all: impl IntoIterator<Item = &'a String>) -> Value {
    Value::Object(all.into_iter().map(|key| (key.clone(), json!({}))).collect())
}

fn healthcheck(from: &Map<String, Value>) -> Healthcheck {
    let number = |key: &str| from.get(key).and_then(Value::as_u64).unwrap_or_default();
    let time = |key: &str| Duration::from_nanos(number(key));
    Healthcheck {
        test: texts_of(from, "Test"),
        interval: time("Interval"),
        timeout: time("Timeout"),
        start_period: time("StartPeriod"),
        start_interval: time("StartInterval"),
        retries: u32::try_from(number("Retries")).unwrap_or(u32::MAX),
    }
}

fn healthcheck_json(check: &Healthcheck) -> Value {
    let time = |time: Duration| json!(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
    let mut all = Map::new();
    set(&mut all, "Test", json!(check.test));
    set(&mut all, "Interval", time(check.interval));
    set(&mut all, "Timeout", time(check.timeout));
    set(&mut all, "StartPeriod", time(check.start_period));
    set(&mut all, "StartInterval", time(check.start_interval));
    set(&mut all, "Retries", json!(check.retries));
    Value::Object(all)
}

fn history(from: &Value) -> Option<History> {
    let from = from.as_object()?;
    Some(History {
        created_by: text_of(from, "created_by"),
        comment: text_of(from, "comment"),
        empty_layer: from.get("empty_layer").and_then(Value::as_bool).unwrap_or_default(),
        created: text_of(from, "created"),
    })
}

fn history_json(entry: &History) -> Value {
    let mut all = Map::new();
    set(&mut all, "created_by", json!(entry.created_by));
    set(&mut all, "comment", json!(entry.comment));
    set(&mut all, "created", json!(entry.created));
    if entry.empty_layer {
        all.insert("empty_layer".to_owned(), json!(true));
    }
    Value::Object(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_base_image_says_is_kept() {
        let base = r#"{"architecture":"amd64","os":"linux","os.version":"10","created":"2020-01-01T00:00:00Z","config":
            {"Env":["A=1"],"Cmd":["sh"],"ArgsEscaped":true,"Healthcheck":{"Test":["CMD","x"],"Interval":5,"Retries":3},
            "Shell":["bash","-c"],"Volumes":{"/v":{}}},"rootfs":{"type":"layers"},"history":[{"created_by":"a"}]}"#;
        let mut image = from_json(base).unwrap();
        image.cmd.clear();
        image.labels.insert("k".to_owned(), "v".to_owned());
        insta::assert_snapshot!(String::from_utf8(to_json(&image)).unwrap(), @r#"{"architecture":"amd64","config":{"ArgsEscaped":true,"Env":["A=1"],"Healthcheck":{"Interval":5,"Retries":3,"Test":["CMD","x"]},"Labels":{"k":"v"},"Shell":["bash","-c"],"Volumes":{"/v":{}}},"history":[{"created_by":"a"}],"os":"linux","os.version":"10"}"#);
    }

    #[test]
    fn what_is_written_is_read_again() {
        let image = ImageConfig {
            os: "linux".to_owned(),
            architecture: "arm".to_owned(),
            variant: "v7".to_owned(),
            env: vec!["A=1".to_owned()],
            exposed_ports: ["80/tcp".to_owned()].into(),
            healthcheck: Some(Healthcheck {
                test: vec!["NONE".to_owned()],
                timeout: Duration::from_secs(3),
                ..Healthcheck::default()
            }),
            history: vec![History {
                created_by: "RUN make".to_owned(),
                comment: "hlb.v0".to_owned(),
                empty_layer: false,
                created: String::new(),
            }],
            ..ImageConfig::default()
        };
        let text = String::from_utf8(to_json(&image)).unwrap();
        let again = from_json(&text).unwrap();
        assert_eq!(ImageConfig { base: None, ..again }, image);
    }
}

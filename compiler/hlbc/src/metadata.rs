//! What is told of the things that were written out.
//!
//! Owns the file of `--metadata-file`, whose keys are those of other clients of BuildKit, and what is printed of images that stay
//! here or are in a registry.

use std::io::Write;

use camino::{Utf8Path, Utf8PathBuf};
use serde_json::{Map, Value, json};

use crate::cli::OutputArgs;
use crate::error::{Failure, Kind};
use crate::execute::Delivered;
use crate::output::{ImagePlace, Output, OutputTo};
use crate::report::Screen;

/// Tells of all that was written out, also if something else was not. `number` is the build's in the history.
///
/// # Errors
/// If the file cannot be written.
pub(crate) fn tell(
    outputs: &OutputArgs,
    done: &[Delivered],
    number: Option<i64>,
    screen: Screen,
) -> Result<(), Failure> {
    // Standard output that is for programs has something else.
    let is_taken = screen.is_json() || outputs.output.iter().any(Output::is_stdout);
    for name in named(&outputs.output, done).iter().filter(|_| !is_taken) {
        // A reader that has gone does not want it.
        let _ = writeln!(std::io::stdout(), "{name}");
    }
    let Some(path) = &outputs.metadata_file else { return Ok(()) };
    let text = format!("{:#}\n", metadata(done, number));
    write(path, text.as_bytes()).map_err(|error| {
        Failure::new(Kind::Build, format!("cannot write `{path}`, which `--metadata-file` names")).because(error)
    })
}

/// The names, with digests, by which images can be had that are in no file and no engine.
fn named(outputs: &[Output], done: &[Delivered]) -> Vec<String> {
    let is_named = |output: &&Output| {
        matches!(&output.to, OutputTo::Image { place: ImagePlace::Store | ImagePlace::Registry, .. })
    };
    let mut found = Vec::new();
    for output in outputs.iter().filter(is_named) {
        let Some(Delivered { exported, .. }) = done.iter().find(|done| done.title == output.text) else { continue };
        let Some(digest) = &exported.digest else { continue };
        match exported.names.as_slice() {
            [] => found.push(digest.to_string()),
            names => found.extend(names.iter().map(|name| format!("{name}@{digest}"))),
        }
    }
    found
}

/// One thing as other clients tell it, several by their titles.
fn metadata(done: &[Delivered], number: Option<i64>) -> Value {
    let mut all = match done {
        [one] => of(one),
        several => {
            let mut all = Map::new();
            for one in several {
                let mut title = one.title.clone();
                for again in 2.. {
                    if !all.contains_key(&title) {
                        break;
                    }
                    title = format!("{} #{again}", one.title);
                }
                all.insert(title, Value::Object(of(one)));
            }
            all
        }
    };
    if let Some(number) = number {
        all.insert("hlbc.build".to_owned(), number.into());
    }
    Value::Object(all)
}

fn of(done: &Delivered) -> Map<String, Value> {
    let exported = &done.exported;
    let values = [
        ("containerimage.config.digest", exported.config_digest.as_ref().map(|digest| json!(digest.as_str()))),
        ("containerimage.descriptor", exported.descriptor.clone()),
        ("containerimage.digest", exported.digest.as_ref().map(|digest| json!(digest.as_str()))),
        ("hlbc.build.provenance", done.provenance.clone()),
        ("image.name", Some(exported.names.join(",")).filter(|names| !names.is_empty()).map(Value::from)),
    ];
    values.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect()
}

/// Puts a file in its place when it is complete. What is no file, such as a pipe, is written into.
fn write(path: &Utf8Path, bytes: &[u8]) -> std::io::Result<()> {
    if std::fs::metadata(path).is_ok_and(|there| !there.is_file()) {
        return std::fs::write(path, bytes);
    }
    if let Some(parent) = path.parent().filter(|parent| !parent.as_str().is_empty()) {
        std::fs::create_dir_all(parent)?;
    }
    let part = Utf8PathBuf::from(format!("{path}.{}", std::process::id()));
    let written = std::fs::write(&part, bytes).and_then(|()| std::fs::rename(&part, path));
    if written.is_err() {
        let _ = std::fs::remove_file(&part);
    }
    written
}

#[cfg(test)]
mod tests {
    use hlb_llb::Digest;
    use hlb_runtime::Exported;

    use super::*;

    fn done(title: &str, names: &[&str]) -> Delivered {
        let digest = Digest::of(title);
        let exported = Exported {
            digest: Some(digest.clone()),
            config_digest: Some(Digest::of("config")),
            descriptor: Some(json!({ "size": 3, "digest": digest.as_str() })),
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            sent: None,
        };
        Delivered { title: title.to_owned(), exported, provenance: None }
    }

    fn short(value: &Value) -> String {
        ["a", "b", "config"]
            .iter()
            .fold(value.to_string(), |text, it| text.replace(Digest::of(it).hex(), &format!("of-{it}")))
    }

    #[test]
    fn one_export_is_told_as_others_tell_it() {
        insta::assert_snapshot!(short(&metadata(&[done("a", &["x:1", "y:2"])], Some(7))), @r#"{"containerimage.config.digest":"sha256:of-config","containerimage.descriptor":{"digest":"sha256:of-a","size":3},"containerimage.digest":"sha256:of-a","hlbc.build":7,"image.name":"x:1,y:2"}"#);
        assert_eq!(short(&metadata(&[], None)), "{}");
    }

    #[test]
    fn several_exports_have_their_titles() {
        let files = Delivered { exported: Exported::default(), ..done("b", &[]) };
        let all = [done("a", &[]), files.clone(), Delivered { provenance: Some(json!({ "x": 1 })), ..files }];
        insta::assert_snapshot!(short(&metadata(&all, None)), @r##"{"a":{"containerimage.config.digest":"sha256:of-config","containerimage.descriptor":{"digest":"sha256:of-a","size":3},"containerimage.digest":"sha256:of-a"},"b":{},"b #2":{"hlbc.build.provenance":{"x":1}}}"##);
    }

    #[test]
    fn a_file_appears_whole_or_not_at_all() {
        let dir = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(dir.path().join("deep/er/x.json")).unwrap();
        for text in ["one", "two"] {
            write(&path, text.as_bytes()).unwrap();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
        write(Utf8Path::new("/dev/null"), b"x").unwrap();
        assert!(write(&path.join("below"), b"x").is_err());
    }
}

//! Outputs as options say them.
//!
//! Owns the form `type=TYPE,KEY=VALUE,…`, a line of CSV as BuildKit's own tools take it, and which keys a type has.

use camino::Utf8PathBuf;
use hlb_compiler::ExportTo;
use hlb_registry::Reference;

/// Where a result goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Output(pub(crate) ExportTo);

/// Reads an output: a directory, or a type with its keys.
///
/// # Errors
/// If it cannot be understood; in words.
pub(crate) fn parse(text: &str) -> Result<Output, String> {
    let fields = fields(text)?;
    if let [dir] = fields.as_slice()
        && !dir.starts_with("type=")
    {
        return if dir.is_empty() { Err("name a directory".to_owned()) } else { directory(dir.as_str()) };
    }
    let mut keys = Keys(Vec::new());
    for field in &fields {
        let Some((key, value)) = field.split_once('=') else {
            return Err(format!("`{field}` has no value: write it as `{field}=VALUE`"));
        };
        let key = key.trim().to_lowercase();
        if keys.0.iter().any(|(known, _)| *known == key) {
            return Err(format!("`{key}` is there twice"));
        }
        keys.0.push((key, value.to_owned()));
    }
    let Some(kind) = keys.take("type") else { return Err("say what it is with `type=TYPE`".to_owned()) };
    let output = match kind.as_str() {
        "local" => directory(keys.needed("dest", &kind)?),
        "tar" => Ok(Output(ExportTo::Tar(keys.file(&kind)?))),
        "oci" => Ok(Output(ExportTo::OciTar(keys.file(&kind)?))),
        "docker" => {
            let reference = keys.reference(&kind)?;
            match keys.optional_file()? {
                Some(path) => Ok(Output(ExportTo::DockerTar { path, reference })),
                None => Ok(Output(ExportTo::DockerEngine(reference))),
            }
        }
        "image" | "registry" => {
            let reference = keys.reference(&kind)?;
            let push = keys.flag("push")?.unwrap_or(kind == "registry");
            if !push {
                return Err("`type=image` needs `push=true`: there is no place here that holds images".to_owned());
            }
            let stargz = match keys.take("compression").as_deref() {
                None | Some("gzip") => false,
                Some("estargz") => true,
                Some(other) => return Err(format!("`compression={other}` is not supported yet")),
            };
            Ok(Output(ExportTo::Registry { reference, stargz }))
        }
        _ => Err(format!("`{kind}` is no type of output: choose `local`, `tar`, `oci`, `docker` or `image`")),
    }?;
    match keys.0.first() {
        Some((key, _)) => Err(format!("`{key}` is not supported yet for `type={kind}`")),
        None => Ok(output),
    }
}

fn directory(path: impl Into<Utf8PathBuf>) -> Result<Output, String> {
    let path = path.into();
    if path == "-" { Err(to_stdout()) } else { Ok(Output(ExportTo::Directory(path))) }
}

fn to_stdout() -> String {
    "standard output is not supported yet: name a file or a directory".to_owned()
}

/// Keys that nobody has asked for yet.
struct Keys(Vec<(String, String)>);

impl Keys {
    fn take(&mut self, key: &str) -> Option<String> {
        let at = self.0.iter().position(|(known, _)| known == key)?;
        Some(self.0.remove(at).1)
    }

    fn needed(&mut self, key: &str, kind: &str) -> Result<String, String> {
        let value = self.take(key).filter(|value| !value.is_empty());
        value.ok_or_else(|| format!("`type={kind}` needs `{key}=…`"))
    }

    fn flag(&mut self, key: &str) -> Result<Option<bool>, String> {
        match self.take(key).as_deref() {
            None => Ok(None),
            Some("" | "true" | "1") => Ok(Some(true)),
            Some("false" | "0") => Ok(Some(false)),
            Some(other) => Err(format!("`{key}` can be `true` or `false`, not `{other}`")),
        }
    }

    fn optional_file(&mut self) -> Result<Option<Utf8PathBuf>, String> {
        match self.take("dest").filter(|value| !value.is_empty()) {
            Some(path) if path == "-" => Err(to_stdout()),
            path => Ok(path.map(Utf8PathBuf::from)),
        }
    }

    fn file(&mut self, kind: &str) -> Result<Utf8PathBuf, String> {
        self.optional_file()?.ok_or_else(|| format!("`type={kind}` needs `dest=FILE`"))
    }

    /// The normalised name of an image.
    fn reference(&mut self, kind: &str) -> Result<String, String> {
        let name = self.needed("name", kind)?;
        if name.contains(',') {
            return Err("several names of one image are not supported yet".to_owned());
        }
        Reference::parse(&name).map(|reference| reference.to_string()).map_err(|error| error.to_string())
    }
}

/// The fields of a line of CSV. A field in quotes may hold commas, and quotes as two of them.
pub(crate) fn fields(text: &str) -> Result<Vec<String>, String> {
    let mut fields = Vec::new();
    let mut rest = text;
    loop {
        let (field, behind) = match rest.strip_prefix('"') {
            None => match rest.split_once(',') {
                Some((field, behind)) => (field.to_owned(), Some(behind)),
                None => (rest.to_owned(), None),
            },
            Some(quoted) => {
                let (field, behind) = unquote(quoted).ok_or_else(|| "a quote is not closed".to_owned())?;
                match behind.strip_prefix(',') {
                    Some(behind) => (field, Some(behind)),
                    None if behind.is_empty() => (field, None),
                    None => return Err(format!("after a quote a comma must come, not `{behind}`")),
                }
            }
        };
        fields.push(field);
        match behind {
            Some(behind) => rest = behind,
            None => return Ok(fields),
        }
    }
}

/// The text up to the closing quote, and what is behind it.
fn unquote(quoted: &str) -> Option<(String, &str)> {
    let mut field = String::new();
    let mut rest = quoted;
    loop {
        let (before, behind) = rest.split_once('"')?;
        field.push_str(before);
        match behind.strip_prefix('"') {
            Some(behind) => {
                field.push('"');
                rest = behind;
            }
            None => return Some((field, behind)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> String {
        match parse(text) {
            Ok(Output(to)) => format!("{to:?}"),
            Err(why) => why,
        }
    }

    #[test]
    fn outputs_are_directories_or_types() {
        let all = [
            "out",
            "a=b",
            "type=local,dest=out",
            "type=tar,dest=x.tar",
            "type=oci,dest=x.tar",
            "type=docker,name=a/b,dest=x.tar",
            "type=docker,name=a",
            "type=image,name=localhost:5000/a:1,push=true",
            "type=image,name=a,push,compression=estargz",
            "type=registry,name=a",
            "type=tar,\"dest=a,b\"\"c\"",
            "TYPE=tar,Dest=X",
        ];
        insta::assert_snapshot!(all.map(check).join("\n"), @r#"
        Directory("out")
        Directory("a=b")
        Directory("out")
        Tar("x.tar")
        OciTar("x.tar")
        DockerTar { path: "x.tar", reference: "docker.io/a/b:latest" }
        DockerEngine("docker.io/library/a:latest")
        Registry { reference: "localhost:5000/a:1", stargz: false }
        `push` has no value: write it as `push=VALUE`
        Registry { reference: "docker.io/library/a:latest", stargz: false }
        Tar("a,b\"c")
        Tar("X")
        "#);
    }

    #[test]
    fn mistakes_are_told() {
        let all = [
            "",
            "-",
            "type=tar",
            "type=tar,dest=-",
            "type=local,dest=",
            "dest=a,name=b",
            "type=x",
            "type=tar,dest=a,dest=b",
            "type=tar,dest=a,source-date-epoch=1",
            "type=image,name=a",
            "type=image,name=a,push=maybe",
            "type=image,name=A,push=true",
            "type=docker,\"name=a,b\"",
            "type=image,name=a,push=true,compression=zstd",
            "type=tar,\"dest=a",
            "type=tar,\"dest=a\"b",
        ];
        insta::assert_snapshot!(all.map(check).join("\n"), @r"
        name a directory
        standard output is not supported yet: name a file or a directory
        `type=tar` needs `dest=FILE`
        standard output is not supported yet: name a file or a directory
        `type=local` needs `dest=…`
        say what it is with `type=TYPE`
        `x` is no type of output: choose `local`, `tar`, `oci`, `docker` or `image`
        `dest` is there twice
        `source-date-epoch` is not supported yet for `type=tar`
        `type=image` needs `push=true`: there is no place here that holds images
        `push` can be `true` or `false`, not `maybe`
        `A` is not an image reference: repository name must be lowercase
        several names of one image are not supported yet
        `compression=zstd` is not supported yet
        a quote is not closed
        after a quote a comma must come, not `b`
        ");
    }
}

//! Shared caches as options and `hlbc.toml` say them.
//!
//! Owns the form `type=TYPE,KEY=VALUE,…`, as BuildKit's own tools take it, and which keys a type has.

use std::collections::{BTreeMap, BTreeSet};

use hlb_registry::Reference;
use hlb_runtime::{CacheCollector, CacheImports, CacheMode, CachePlace, CacheSource, CacheTarget, Hints, Which};

use crate::cli::CacheArgs;
use crate::config::Places;
use crate::error::{Failure, Kind};
use crate::output;

/// A shared cache to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Place(CacheTarget),
    /// The images that are exported.
    Inline,
}

/// The shared caches of a command.
#[derive(Clone, Debug, Default)]
pub(crate) struct Caches {
    imports: Option<CacheImports>,
    inline: bool,
    /// Those to write, and what is collected for them.
    pub(crate) targets: Vec<CacheTarget>,
    pub(crate) collector: CacheCollector,
}

impl Caches {
    /// Those that options name; where they name none to read or none to write, those of the configuration file.
    ///
    /// # Errors
    /// If one is written twice, or the configuration file says what cannot be understood.
    pub(crate) fn of(args: &CacheArgs) -> Result<Self, Failure> {
        let (mut from, mut to) = (args.cache_from.clone(), args.cache_to.clone());
        if from.is_empty() || to.is_empty() {
            let (configured_from, configured_to) = Places::here().shared()?;
            if from.is_empty() {
                from = configured_from;
            }
            if to.is_empty() {
                to = configured_to;
            }
        }
        let mut caches = Self { imports: (!from.is_empty()).then(|| CacheImports::new(from)), ..Self::default() };
        let mut seen = BTreeSet::new();
        for target in to {
            match target {
                Target::Inline => caches.inline = true,
                Target::Place(target) => {
                    let name = format!("{:?}", target.to);
                    if !seen.insert(name) {
                        let what = match target.to {
                            CachePlace::Registry { reference } => reference,
                            CachePlace::Local { directory, tag } => format!("{}:{tag}", directory.display()),
                        };
                        return Err(Failure::new(Kind::Usage, format!("the cache `{what}` is to be written twice"))
                            .help("name it once"));
                    }
                    caches.targets.push(target);
                }
            }
        }
        Ok(caches)
    }

    /// What a solve is told of them.
    pub(crate) fn hints(&self, hints: Hints) -> Hints {
        Hints {
            cache_from: self.imports.clone(),
            cache_to: (!self.targets.is_empty()).then(|| self.collector.clone()),
            inline_cache: self.inline,
            ..hints
        }
    }
}

/// Reads a cache to read.
///
/// # Errors
/// If it cannot be understood; in words.
pub(crate) fn source(text: &str) -> Result<CacheSource, String> {
    let mut keys = match read(text)? {
        Read::Name(reference) => return Ok(CacheSource::Registry { reference }),
        Read::Keys(keys) => keys,
    };
    let source = match keys.kind.as_str() {
        "registry" => {
            keys.insecure()?;
            CacheSource::Registry { reference: keys.reference()? }
        }
        "local" => {
            let directory = keys.needed("src")?.into();
            let which = match keys.take("digest") {
                Some(digest) => Which::Digest(digest.parse().map_err(|_| format!("`{digest}` is no sha256 digest"))?),
                None => Which::Tag(keys.take("tag").unwrap_or_else(|| "latest".to_owned())),
            };
            CacheSource::Local { directory, which }
        }
        "inline" => return Err("an image that holds a cache is read with `type=registry,ref=NAME`".to_owned()),
        other => return Err(unknown(other, "`registry` or `local`")),
    };
    keys.end()?;
    Ok(source)
}

/// Reads a cache to write.
///
/// # Errors
/// If it cannot be understood; in words.
pub(crate) fn target(text: &str) -> Result<Target, String> {
    let place =
        |to, mode, image_manifest, ignore_error| Target::Place(CacheTarget { to, mode, image_manifest, ignore_error });
    let mut keys = match read(text)? {
        Read::Name(reference) => return Ok(place(CachePlace::Registry { reference }, CacheMode::Min, true, true)),
        Read::Keys(keys) => keys,
    };
    let mode = match keys.take("mode").as_deref() {
        None | Some("min") => CacheMode::Min,
        Some("max") if keys.kind == "inline" => {
            return Err(
                "an image holds only the cache of its own layers: `mode=max` needs `type=registry` or `type=local`"
                    .to_owned(),
            );
        }
        Some("max") => CacheMode::Max,
        Some(other) => return Err(format!("`mode` can be `min` or `max`, not `{other}`")),
    };
    if let Some(other) = keys.take("compression").filter(|compression| compression != "gzip") {
        return Err(format!("`compression={other}` is not supported for caches: their layers are `gzip`"));
    }
    if keys.flag("oci-mediatypes")? == Some(false) {
        return Err("`oci-mediatypes=false` is not supported for caches: leave it out".to_owned());
    }
    // An image that holds a cache is what it is without, and is made anyway: the keys are no choice there.
    let (mut image_manifest, mut ignore_error) = (true, true);
    if keys.kind != "inline" {
        image_manifest = keys.flag("image-manifest")?.unwrap_or(true);
        ignore_error = keys.flag("ignore-error")?.unwrap_or(true);
    }
    let target = match keys.kind.as_str() {
        "registry" => {
            keys.insecure()?;
            place(CachePlace::Registry { reference: keys.reference()? }, mode, image_manifest, ignore_error)
        }
        "local" => {
            let directory = keys.needed("dest")?.into();
            let tag = keys.take("tag").unwrap_or_else(|| "latest".to_owned());
            place(CachePlace::Local { directory, tag }, mode, image_manifest, ignore_error)
        }
        "inline" => Target::Inline,
        other => return Err(unknown(other, "`registry`, `local` or `inline`")),
    };
    keys.end()?;
    Ok(target)
}

/// Reads a place to write to that is no image.
///
/// # Errors
/// As [`target`].
pub(crate) fn place(text: &str) -> Result<CachePlace, String> {
    match target(text)? {
        Target::Place(target) => Ok(target.to),
        Target::Inline => {
            Err("what an image is made of is no place: choose `type=registry` or `type=local`".to_owned())
        }
    }
}

fn unknown(kind: &str, known: &str) -> String {
    match kind {
        "gha" | "s3" | "azblob" => format!("caches of `type={kind}` are not supported: use {known}"),
        _ => format!("`{kind}` is no type of cache: choose {known}"),
    }
}

enum Read {
    Name(String),
    Keys(Keys),
}

/// Keys that nobody has asked for yet.
struct Keys {
    kind: String,
    left: BTreeMap<String, String>,
}

/// Reads a name by itself, or a type with its keys.
fn read(text: &str) -> Result<Read, String> {
    let fields = output::fields(text)?;
    if let [name] = fields.as_slice()
        && !name.contains('=')
    {
        return normal(name).map(Read::Name);
    }
    let mut left = BTreeMap::new();
    for field in &fields {
        let (key, value) = field.split_once('=').unwrap_or((field, ""));
        let key = key.trim().to_lowercase();
        if left.insert(key.clone(), value.to_owned()).is_some() {
            return Err(format!("`{key}` is there twice"));
        }
    }
    match left.remove("type") {
        Some(kind) => Ok(Read::Keys(Keys { kind, left })),
        None => Err("say what it is with `type=TYPE`".to_owned()),
    }
}

/// The normalised name of something in a registry.
fn normal(name: &str) -> Result<String, String> {
    Reference::parse(name).map(|reference| reference.to_string()).map_err(|error| error.to_string())
}

impl Keys {
    fn take(&mut self, key: &str) -> Option<String> {
        self.left.remove(key).filter(|value| !value.is_empty())
    }

    fn needed(&mut self, key: &str) -> Result<String, String> {
        self.take(key).ok_or_else(|| format!("`type={}` needs `{key}=…`", self.kind))
    }

    fn reference(&mut self) -> Result<String, String> {
        normal(&self.needed("ref")?)
    }

    fn flag(&mut self, key: &str) -> Result<Option<bool>, String> {
        match self.left.remove(key).as_deref() {
            None => Ok(None),
            Some("" | "true" | "1") => Ok(Some(true)),
            Some("false" | "0") => Ok(Some(false)),
            Some(other) => Err(format!("`{key}` can be `true` or `false`, not `{other}`")),
        }
    }

    fn insecure(&mut self) -> Result<(), String> {
        match self.flag("registry.insecure")? {
            Some(true) => {
                Err("`registry.insecure` is set for a registry and not for a cache: write `plain-http` under \
                               `[registries.\"HOST\"]` in `hlbc.toml`"
                    .to_owned())
            }
            _ => Ok(()),
        }
    }

    fn end(self) -> Result<(), String> {
        match self.left.keys().next() {
            Some(key) => Err(format!("`{key}` means nothing for `type={}`", self.kind)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(text: &str) -> String {
        source(text).map_or_else(|why| why, |source| format!("{source:?}"))
    }

    fn to(text: &str) -> String {
        match target(text) {
            Ok(Target::Inline) => "inline".to_owned(),
            Ok(Target::Place(CacheTarget { to, mode, image_manifest, ignore_error })) => {
                format!("{to:?} {mode:?} {image_manifest} {ignore_error}")
            }
            Err(why) => why,
        }
    }

    #[test]
    fn caches_to_read_are_names_or_types() {
        let digest = hlb_llb::Digest::of("x");
        let by_digest = format!("type=local,src=d,digest={digest}");
        let all = ["a/b", "type=registry,ref=localhost:5000/a:1", "type=local,src=d", "type=local,src=d,tag=t"];
        insta::assert_snapshot!(all.map(from).join("\n"), @r#"
        Registry { reference: "docker.io/a/b:latest" }
        Registry { reference: "localhost:5000/a:1" }
        Local { directory: "d", which: Tag("latest") }
        Local { directory: "d", which: Tag("t") }
        "#);
        assert!(from(&by_digest).contains(digest.as_str()));
        let wrong = [
            "",
            "A",
            "ref=a",
            "type=registry",
            "type=registry,ref=a,ref=b",
            "type=registry,ref=a,registry.insecure=true",
            "type=registry,ref=a,mode=max",
            "type=local",
            "type=local,src=d,digest=5",
            "type=s3,bucket=b",
            "type=gha",
            "type=inline",
            "type=x",
        ];
        insta::assert_snapshot!(wrong.map(from).join("\n"), @r#"
        `` is not an image reference: it is empty
        `A` is not an image reference: repository name must be lowercase
        say what it is with `type=TYPE`
        `type=registry` needs `ref=…`
        `ref` is there twice
        `registry.insecure` is set for a registry and not for a cache: write `plain-http` under `[registries."HOST"]` in `hlbc.toml`
        `mode` means nothing for `type=registry`
        `type=local` needs `src=…`
        `5` is no sha256 digest
        caches of `type=s3` are not supported: use `registry` or `local`
        caches of `type=gha` are not supported: use `registry` or `local`
        an image that holds a cache is read with `type=registry,ref=NAME`
        `x` is no type of cache: choose `registry` or `local`
        "#);
    }

    #[test]
    fn caches_to_write_are_names_or_types() {
        let all = [
            "a/b",
            "type=registry,ref=a,mode=max",
            "type=registry,ref=a,image-manifest=false,ignore-error=false,compression=gzip,oci-mediatypes=true",
            "type=local,dest=d,tag=t",
            "type=inline",
            "type=inline,mode=min",
        ];
        insta::assert_snapshot!(all.map(to).join("\n"), @r#"
        Registry { reference: "docker.io/a/b:latest" } Min true true
        Registry { reference: "docker.io/library/a:latest" } Max true true
        Registry { reference: "docker.io/library/a:latest" } Min false false
        Local { directory: "d", tag: "t" } Min true true
        inline
        inline
        "#);
        let wrong = [
            "type=registry,ref=a,mode=mid",
            "type=inline,mode=max",
            "type=local,mode=max",
            "type=local,dest=d,compression=zstd",
            "type=local,dest=d,oci-mediatypes=false",
            "type=local,dest=d,ignore-error=maybe",
            "type=azblob,name=n",
            "type=inline,ref=a",
        ];
        insta::assert_snapshot!(wrong.map(to).join("\n"), @r"
        `mode` can be `min` or `max`, not `mid`
        an image holds only the cache of its own layers: `mode=max` needs `type=registry` or `type=local`
        `type=local` needs `dest=…`
        `compression=zstd` is not supported for caches: their layers are `gzip`
        `oci-mediatypes=false` is not supported for caches: leave it out
        `ignore-error` can be `true` or `false`, not `maybe`
        caches of `type=azblob` are not supported: use `registry`, `local` or `inline`
        `ref` means nothing for `type=inline`
        ");
    }
}

//! What a daemon is asked to do.
//!
//! Owns the request, its check against this machine, and its form on the wire.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io;
use std::path::{Path, PathBuf};

use bollard_buildkit_proto::moby::buildkit::v1 as control;
use bollard_buildkit_proto::pb as wire;
use hlb_agent::Lent;
use hlb_llb::pb;
use prost::Message;

use crate::error::{BuildkitError, LocalError};

/// What to solve, and what of this machine the daemon may use for it.
#[derive(Clone, Debug)]
pub struct SolveRequest {
    /// The graph. Just one of this and `frontend` is given. One without ops is the empty file system.
    pub definition: Option<pb::Definition>,
    /// A program of the daemon's that makes the graph.
    pub frontend: Option<Frontend>,
    /// Directories by the names that `local://` sources use.
    pub locals: BTreeMap<String, PathBuf>,
    /// Files by the ids that secrets use.
    pub secrets: BTreeMap<String, PathBuf>,
    /// Connections by the ids that SSH mounts use.
    pub sockets: BTreeMap<String, Lent>,
    /// What steps may do beyond the usual, as BuildKit names it: `network.host`, `security.insecure`.
    pub entitlements: BTreeSet<String>,
    /// Where the result goes; `None` to leave it in the daemon's cache.
    pub export: Option<Export>,
    /// Shared caches that the daemon looks for results in.
    pub cache_from: Vec<SharedCache>,
    /// Shared caches that the daemon writes results into.
    pub cache_to: Vec<SharedCache>,
}

/// A shared cache, as the daemon is told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedCache {
    /// What it is, such as `registry` or `inline`.
    pub kind: String,
    /// Where it is and what is in it, such as `ref` and `mode`.
    pub attrs: BTreeMap<String, String>,
}

/// A frontend and what it is told.
#[derive(Clone, Debug, PartialEq)]
pub struct Frontend {
    /// `gateway.v0` for one that is an image, or the name of one that is built into the daemon.
    pub name: String,
    /// Its options, `source` of a gateway among them.
    pub attrs: BTreeMap<String, String>,
    /// Graphs that it reads.
    pub inputs: BTreeMap<String, pb::Definition>,
}

/// Where a result goes. Directories that are missing are made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Export {
    /// Its files into a directory, whose other files stay. They belong to whoever runs this process.
    Directory(PathBuf),
    /// A tar file of its files.
    Tar(PathBuf),
    /// A tar file with an OCI layout, and the exporter's attributes.
    Oci(PathBuf, BTreeMap<String, String>),
    /// A tar file that `docker load` takes, and the exporter's attributes.
    Docker(PathBuf, BTreeMap<String, String>),
    /// An image that the daemon stores or pushes, as the exporter's attributes say.
    Image(BTreeMap<String, String>),
}

/// What came of a solve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Solved {
    /// What the exporter says of the result, such as `containerimage.digest`.
    pub response: BTreeMap<String, String>,
    /// What was left out of a directory, because only files, directories and links are made there.
    pub skipped: Vec<PathBuf>,
}

impl Export {
    /// The exporter and its attributes.
    fn wire(&self) -> control::Exporter {
        let none = BTreeMap::new();
        let (name, attrs) = match self {
            Self::Directory(_) => ("local", &none),
            Self::Tar(_) => ("tar", &none),
            Self::Oci(_, attrs) => ("oci", attrs),
            Self::Docker(_, attrs) => ("docker", attrs),
            Self::Image(attrs) => ("image", attrs),
        };
        control::Exporter { r#type: name.to_owned(), attrs: hashed(attrs) }
    }
}

impl SharedCache {
    fn wire(&self) -> control::CacheOptionsEntry {
        control::CacheOptionsEntry { r#type: self.kind.clone(), attrs: hashed(&self.attrs) }
    }
}

impl SolveRequest {
    /// Whether what it lends is there, and just one graph is given.
    pub(crate) fn check(&self) -> Result<(), BuildkitError> {
        if self.definition.is_some() == self.frontend.is_some() {
            let message = "a request needs either a definition or a frontend".to_owned();
            return Err(BuildkitError::Refused { message });
        }
        for directory in self.locals.values() {
            check_directory(directory)?;
        }
        Ok(())
    }

    /// Whether the result is the empty file system, for which the wire has no definition.
    pub(crate) fn is_scratch(&self) -> bool {
        self.definition.as_ref().is_some_and(|definition| definition.def.is_empty())
    }

    /// The request as the daemon takes it.
    pub(crate) fn wire(&self, reference: &str, session: &str) -> Result<control::SolveRequest, BuildkitError> {
        let exporter = self.export.as_ref().map(Export::wire);
        // Daemons before 2024 know only the older fields, and newer ones ignore these if they see the others.
        let (exporter_deprecated, exporter_attrs_deprecated) =
            exporter.as_ref().map(|exporter| (exporter.r#type.clone(), exporter.attrs.clone())).unwrap_or_default();
        let definition = self.definition.as_ref().filter(|definition| !definition.def.is_empty());
        let frontend = self.frontend.as_ref();
        let inputs = frontend.into_iter().flat_map(|frontend| &frontend.inputs);
        Ok(control::SolveRequest {
            r#ref: reference.to_owned(),
            definition: definition.map(definition_on_wire).transpose()?,
            exporter_deprecated,
            exporter_attrs_deprecated,
            session: session.to_owned(),
            frontend: frontend.map(|frontend| frontend.name.clone()).unwrap_or_default(),
            frontend_attrs: frontend.map(|frontend| hashed(&frontend.attrs)).unwrap_or_default(),
            frontend_inputs: inputs
                .map(|(name, definition)| Ok((name.clone(), definition_on_wire(definition)?)))
                .collect::<Result<_, BuildkitError>>()?,
            entitlements: self.entitlements.iter().cloned().collect(),
            exporters: exporter.into_iter().collect(),
            cache: Some(control::CacheOptions {
                imports: self.cache_from.iter().map(SharedCache::wire).collect(),
                exports: self.cache_to.iter().map(SharedCache::wire).collect(),
                ..control::CacheOptions::default()
            }),
            ..control::SolveRequest::default()
        })
    }
}

/// Our types and those of the client are the same on the wire.
fn definition_on_wire(definition: &pb::Definition) -> Result<wire::Definition, BuildkitError> {
    wire::Definition::decode(hlb_llb::encode_definition(definition).as_slice())
        .map_err(|error| BuildkitError::Protocol { what: format!("a definition of ours cannot be read back: {error}") })
}

fn check_directory(path: &Path) -> Result<(), LocalError> {
    match std::fs::metadata(path) {
        Ok(found) if found.is_dir() => Ok(()),
        Ok(_) => Err(LocalError::NotDirectory { path: path.to_owned() }),
        Err(source) => Err(LocalError::Read { path: path.to_owned(), source }),
    }
}

fn hashed(map: &BTreeMap<String, String>) -> HashMap<String, String> {
    map.iter().map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// A name that nobody else uses.
pub(crate) fn fresh_id() -> Result<String, BuildkitError> {
    use io::Read;
    let path = Path::new("/dev/urandom");
    let mut bytes = [0; 16];
    std::fs::File::open(path)
        .and_then(|mut file| file.read_exact(&mut bytes))
        .map_err(|source| LocalError::Read { path: path.to_owned(), source })?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(definition: Option<pb::Definition>, export: Option<Export>) -> SolveRequest {
        SolveRequest {
            definition,
            frontend: None,
            locals: BTreeMap::new(),
            secrets: BTreeMap::new(),
            sockets: BTreeMap::new(),
            entitlements: BTreeSet::new(),
            export,
            cache_from: Vec::new(),
            cache_to: Vec::new(),
        }
    }

    #[test]
    fn requests_are_checked_before_anybody_is_asked() {
        let check = |request: &SolveRequest| request.check().unwrap_err().to_string();
        assert_eq!(
            check(&request(None, None)),
            "BuildKit refused the build: a request needs either a definition or a frontend"
        );
        let mut lends = request(Some(pb::Definition::default()), None);
        lends.locals.insert("src".to_owned(), "/nowhere".into());
        assert_eq!(check(&lends), "cannot read `/nowhere`: No such file or directory (os error 2)");
        lends.locals.insert("src".to_owned(), "/dev/null".into());
        assert_eq!(check(&lends), "`/dev/null` is not a directory");
    }

    #[test]
    fn shared_caches_are_said_with_what_is_known_of_them() {
        let cache = |kind: &str, reference: &str| SharedCache {
            kind: kind.to_owned(),
            attrs: BTreeMap::from([("ref".to_owned(), reference.to_owned())]),
        };
        let mut asked = request(Some(pb::Definition::default()), None);
        asked.cache_from = vec![cache("registry", "a"), cache("registry", "b")];
        asked.cache_to = vec![cache("local", "c")];
        let said = asked.wire("r", "s").unwrap().cache.unwrap();
        let shown = |all: &[control::CacheOptionsEntry]| -> Vec<String> {
            all.iter().map(|it| format!("{} {}", it.r#type, it.attrs["ref"])).collect()
        };
        assert_eq!(
            (shown(&said.imports), shown(&said.exports)),
            (vec!["registry a".to_owned(), "registry b".to_owned()], vec!["local c".to_owned()])
        );
    }

    #[test]
    fn exporters_are_said_to_old_and_new_daemons() {
        let attrs = BTreeMap::from([("name".to_owned(), "a/b".to_owned())]);
        let definition = pb::Definition { def: vec![b"op".to_vec().into()], ..pb::Definition::default() };
        let wire = request(Some(definition), Some(Export::Image(attrs))).wire("r", "s").unwrap();
        assert_eq!((wire.exporter_deprecated.as_str(), wire.exporters.len()), ("image", 1));
        assert_eq!(wire.exporter_attrs_deprecated, wire.exporters[0].attrs);
        assert_eq!(wire.cache.unwrap(), control::CacheOptions::default());
        assert_eq!(wire.definition.unwrap().def, [b"op".to_vec()]);
    }
}

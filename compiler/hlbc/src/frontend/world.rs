//! What a program sees when it is compiled in a frontend.
//!
//! Owns `GatewayWorld`: modules, the build context and images through the solver, environment variables from build arguments.
//! What only the client's machine could give is refused.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use camino::{Utf8Path, Utf8PathBuf};
use hlb_compiler::{
    Command, CommandOutput, FileKind, FrontendCall, FrontendResult, ImageConfig, ImageManifest, LocalOrigin, Pin,
    PinRequest, Platform, ReadAnswer, ReadRequest, World, WorldError,
};
use hlb_gateway::client::{CallError, FileType, Gateway, Reference};
use hlb_llb::{ops, pb};
use hlb_modules::{Lock, Name};
use tokio::runtime::Handle;

use super::changes::Changes;
use super::look;
use super::place::{self, Place, Places};
use super::wanted::Wanted;
use crate::image;

/// The world of a frontend.
pub(crate) struct GatewayWorld<'a> {
    gateway: &'a Gateway,
    handle: &'a Handle,
    wanted: &'a Wanted,
    places: &'a Places,
    session: String,
    own: Platform,
    given: AtomicU64,
    /// The program's directory, and parts of the context by path.
    program: Mutex<Option<Reference>>,
    /// What names stand for, read from beside the program.
    lock: Mutex<Option<Lock>>,
    parts: Mutex<HashMap<String, Reference>>,
    /// Results that were looked into, by their last op.
    results: Mutex<HashMap<pb::Bytes, Reference>>,
}

impl<'a> GatewayWorld<'a> {
    pub(crate) fn new(
        gateway: &'a Gateway,
        handle: &'a Handle,
        wanted: &'a Wanted,
        places: &'a Places,
        session: String,
        own: Platform,
    ) -> Self {
        Self {
            gateway,
            handle,
            wanted,
            places,
            session,
            own,
            given: AtomicU64::new(0),
            program: Mutex::new(None),
            lock: Mutex::new(None),
            parts: Mutex::default(),
            results: Mutex::default(),
        }
    }

    /// A text of a result.
    fn read(&self, from: &Reference, path: &Utf8Path) -> Result<String, WorldError> {
        let read = self.handle.block_on(self.gateway.read_file(from, path.as_str()));
        let bytes = read.map_err(|error| file_error(path, error))?;
        String::from_utf8(bytes)
            .map_err(|_| WorldError::Unreadable { path: path.to_owned(), reason: "it is not UTF-8".to_owned() })
    }

    fn solve(&self, definition: &pb::Definition) -> Result<Reference, WorldError> {
        self.handle.block_on(self.gateway.solve(definition, false)).map_err(other)
    }

    /// The directory of the program: its text and all modules that it may import.
    fn program(&self) -> Result<Reference, WorldError> {
        let mut known = self.program.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = &*known {
            return Ok(known.clone());
        }
        let filename = &self.wanted.filename;
        let made = match &self.places.program {
            Place::Graph(definition) => self.solve(definition)?,
            Place::Local(name) => {
                let mut local = ops::Local::new(name, self.owner());
                local.shared_key_hint = format!("{name}:hlb");
                local.include = vec!["**/*.hlb".to_owned(), filename.clone(), self.lock_path().into_string()];
                self.solve(&place::local(local, format!("[internal] load build definition from {filename}")))?
            }
        };
        *known = Some(made.clone());
        Ok(made)
    }

    fn lock_path(&self) -> Utf8PathBuf {
        Utf8Path::new(&self.wanted.filename).with_file_name(Lock::NAME)
    }

    /// As much of the context as it takes to see what stands at a path.
    fn part(&self, path: &str) -> Result<Reference, WorldError> {
        let mut known = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = known.get(path) {
            return Ok(known.clone());
        }
        let made = match &self.places.context {
            Place::Graph(definition) => self.solve(definition)?,
            Place::Local(name) => {
                let mut local = ops::Local::new(name, self.owner());
                local.shared_key_hint = format!("{name}:stat:{path}");
                local.follow = vec![path.to_owned()];
                // What is in a directory is not needed to know that it is one.
                local.exclude = vec![format!("{path}/**")];
                self.solve(&place::local(local, format!("[internal] look at {path} of the build context")))?
            }
        };
        known.insert(path.to_owned(), made.clone());
        Ok(made)
    }

    /// A result that a program looks into. It is what would be built of the same graph.
    fn result(&self, definition: &pb::Definition) -> Result<Reference, WorldError> {
        let last = definition.def.last().cloned().unwrap_or_default();
        let mut known = self.results.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = known.get(&last) {
            return Ok(known.clone());
        }
        let changes = Changes { wanted: self.wanted, context: &self.places.context };
        let changed = changes.apply(definition.clone()).map_err(|failure| WorldError::Other(failure.message))?;
        let made = self.solve(&changed)?;
        known.insert(last, made.clone());
        Ok(made)
    }

    /// A directory of this client and of no other.
    fn owner(&self) -> ops::LocalOwner {
        ops::LocalOwner::Unique(self.session.clone())
    }
}

impl World for GatewayWorld<'_> {
    fn read_text(&self, path: &Utf8Path) -> Result<String, WorldError> {
        self.read(&self.program()?, path)
    }

    fn read_local(&self, path: &Utf8Path) -> Result<String, WorldError> {
        self.read(&self.part(path.as_str())?, path)
    }

    fn stat(&self, path: &Utf8Path) -> Result<FileKind, WorldError> {
        if path == "." {
            return Ok(FileKind::Directory);
        }
        let part = self.part(path.as_str())?;
        let stat = self.handle.block_on(self.gateway.stat(&part, path.as_str()));
        Ok(match stat.map_err(|error| file_error(path, error))?.kind {
            FileType::Regular => FileKind::File,
            FileType::Directory => FileKind::Directory,
            FileType::Symlink | FileType::Other => FileKind::Other,
        })
    }

    fn files(&self, _: &Utf8Path, _: &[String], _: &[String]) -> Result<Vec<Utf8PathBuf>, WorldError> {
        Err(refused("listing files of the client"))
    }

    fn local_fingerprint(&self, _: &Utf8Path, _: &[String], _: &[String]) -> Result<String, WorldError> {
        // What was transferred to one client is not for another; whether files have changed, the solver sees itself.
        Ok(self.session.clone())
    }

    fn env(&self, key: &str) -> Option<String> {
        self.wanted.args.get(key).cloned()
    }

    fn cwd(&self) -> Result<Utf8PathBuf, WorldError> {
        Err(refused("looking at the working directory of the client"))
    }

    fn home(&self) -> Option<Utf8PathBuf> {
        None
    }

    fn host(&self) -> Platform {
        self.own.clone()
    }

    fn unique(&self) -> String {
        format!("{}-{}", self.session, self.given.fetch_add(1, Ordering::Relaxed))
    }

    fn run(&self, _: &Command) -> Result<CommandOutput, WorldError> {
        Err(refused("running a command on the machine of the client"))
    }

    fn pin(&self, wanted: &PinRequest) -> Result<Option<Pin>, WorldError> {
        let mut known = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        let lock = match &mut *known {
            Some(lock) => lock,
            none => {
                let path = self.lock_path();
                let read = match self.read_text(&path) {
                    Ok(text) => Lock::of_text(&path, &text).map_err(|error| WorldError::Other(error.to_string()))?,
                    Err(WorldError::NotFound { .. }) => Lock::default(),
                    Err(error) => return Err(error),
                };
                none.insert(read)
            }
        };
        // What the file does not hold stays as it is: nothing can be written down here.
        Ok(lock.get(&Name::of(wanted)).map(|pin| Pin(pin.to_owned())))
    }

    fn image_config(&self, reference: &str, platform: &Platform) -> Result<Option<ImageConfig>, WorldError> {
        let found = self.handle.block_on(self.gateway.image(reference, &place::wire(platform), self.wanted.pull));
        let found = found.map_err(other)?;
        let text = String::from_utf8_lossy(&found.config);
        image::from_json(&text).map(Some).ok_or_else(|| WorldError::Other("its config is no JSON object".to_owned()))
    }

    fn image_manifest(&self, _: &str, _: Option<&Platform>) -> Result<Option<ImageManifest>, WorldError> {
        Err(refused("reading the manifest of an image"))
    }

    fn frontend(&self, call: &FrontendCall) -> Result<FrontendResult, WorldError> {
        let mut opts = call.opts.clone();
        if call.platform != self.own {
            let Platform { os, architecture, variant } = &call.platform;
            let platform = hlb_registry::Platform::new(os, architecture, variant).to_string();
            opts.entry("platform".to_owned()).or_insert(platform);
        }
        let made = self.handle.block_on(self.gateway.frontend(&call.source, &opts, &call.inputs)).map_err(other)?;
        let definition = match made.reference.definition {
            Some(definition) => definition,
            None if made.reference.is_empty() => pb::Definition::default(),
            None => {
                let reason = format!("the solver does not tell the graph that the frontend `{}` made", call.source);
                return Err(WorldError::Other(reason));
            }
        };
        let config = made.metadata.get("containerimage.config");
        let config = config.and_then(|config| image::from_json(&String::from_utf8_lossy(config)));
        Ok(FrontendResult { definition, config })
    }

    fn read_result(&self, request: &ReadRequest) -> Result<ReadAnswer, WorldError> {
        let result = self.result(&request.solve.definition)?;
        self.handle.block_on(look::answer(self.gateway, &result, &request.what))
    }

    fn local_origin(&self) -> LocalOrigin {
        match &self.places.context {
            Place::Local(name) => LocalOrigin::Context(name.clone()),
            // Replaced by the graph when all is known.
            Place::Graph(_) => LocalOrigin::Context(self.wanted.context_name.clone()),
        }
    }
}

fn refused(action: &str) -> WorldError {
    WorldError::Refused { action: action.to_owned() }
}

fn file_error(path: &Utf8Path, error: CallError) -> WorldError {
    if error.is_not_found() { WorldError::NotFound { path: path.to_owned() } } else { other(error) }
}

fn other(error: CallError) -> WorldError {
    WorldError::Other(error.to_string())
}

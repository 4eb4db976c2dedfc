//! What one command keeps about one program.
//!
//! Owns the order in which a module is looked for: the copy beside the program, the state directory, the outside.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use hlb_compiler::{FoundModule, ModuleFrom, ModuleKind, ModuleRequest, Pin, PinRequest, Platform, Solve, WorldError};
use hlb_llb::{Digest, ops, pb};

use crate::cache::Cache;
use crate::directory::Directory;
use crate::lock::{Lock, LockError, is_pin};
use crate::name::{Name, NameKind};
use crate::pins::{self, Change, Mode, Pins};
use crate::vendor::{Vendor, VendorError};

/// What needs a network or a solver.
pub trait Outside {
    /// Whether the owner of this machine has said what a name stands for here, so that nobody outside is asked.
    fn is_of_this_machine(&self, wanted: &PinRequest) -> bool;

    /// What a name stands for now.
    ///
    /// # Errors
    /// If it cannot be told.
    fn look_up(&self, wanted: &PinRequest) -> Result<String, WorldError>;

    /// Writes the files of a commit into an empty directory.
    ///
    /// # Errors
    /// If it cannot be had.
    fn checkout(&self, remote: &str, commit: &str, into: &Path) -> Result<(), WorldError>;

    /// Builds a filesystem and writes its files into an empty directory.
    ///
    /// # Errors
    /// If it cannot be built; [`WorldError::Refused`] if nothing is built here.
    fn build(&self, solve: &Solve, into: &Path) -> Result<(), WorldError>;
}

/// Where things are.
#[derive(Clone, Debug)]
pub struct Places {
    /// The lock file.
    pub lock: Utf8PathBuf,
    /// The vendor directory.
    pub vendor: Utf8PathBuf,
    /// The state directory, if there is one.
    pub state: Option<PathBuf>,
}

/// Pins and modules for one program, while a command runs.
#[derive(Debug)]
pub struct Session {
    pins: Pins,
    vendor: Option<Vendor>,
    cache: Option<Cache>,
}

impl Places {
    /// The places of a program.
    pub fn of(entry: &Utf8Path, state: Option<PathBuf>) -> Self {
        let dir = entry.parent().unwrap_or(Utf8Path::new(""));
        Self { lock: dir.join(Lock::NAME), vendor: dir.join(".hlb/vendor"), state }
    }
}

impl Session {
    /// Reads what is known of a program.
    ///
    /// # Errors
    /// If its lock file cannot be used.
    pub fn open(places: &Places, mode: Mode) -> Result<Self, LockError> {
        let cache = places.state.as_deref().map(Cache::new);
        Ok(Self { pins: Pins::open(places.lock.clone(), mode)?, vendor: None, cache })
    }

    /// The same, with the copies beside the program.
    ///
    /// # Errors
    /// If their index cannot be used.
    pub fn with_vendor(self, places: &Places) -> Result<Self, VendorError> {
        Ok(Self { vendor: Some(Vendor::open(places.vendor.clone())?), ..self })
    }

    /// What a name stands for; none if it stays as it is.
    ///
    /// # Errors
    /// If that cannot be told, or may not be looked up.
    pub fn pin(&self, wanted: &PinRequest, outside: Option<&dyn Outside>) -> Result<Option<Pin>, WorldError> {
        self.pins.pin(wanted, outside)
    }

    /// The files of a module.
    ///
    /// # Errors
    /// If it cannot be had; [`WorldError::Refused`] if it is not at hand and nothing is fetched here.
    pub fn module(&self, wanted: &ModuleRequest<'_>, outside: Option<&dyn Outside>) -> Result<FoundModule, WorldError> {
        match wanted.from {
            ModuleFrom::Git { remote, reference } => self.commit(remote, reference, outside),
            ModuleFrom::Fs(solve) => self.filesystem(solve, outside),
        }
    }

    fn commit(&self, remote: &str, reference: &str, outside: Option<&dyn Outside>) -> Result<FoundModule, WorldError> {
        let commit = if is_pin(NameKind::Git, reference) {
            reference.to_owned()
        } else {
            let git = Box::new(ops::Git::new(remote, reference));
            let wanted = PinRequest::Git { git, lent: pins::agent() };
            let Some(Pin(commit)) = self.pins.pin(&wanted, outside)? else { return Err(refused()) };
            commit
        };
        if let Some(place) = self.at_hand(ModuleKind::Git, &commit)? {
            return found(commit, &place);
        }
        let (outside, cache) = (outside.ok_or_else(refused)?, self.cache()?);
        let make = |into: &Path| outside.checkout(remote, &commit, into);
        let place = cache.keep(ModuleKind::Git, &commit, true, make)?;
        found(commit, &place)
    }

    fn filesystem(&self, solve: &Solve, outside: Option<&dyn Outside>) -> Result<FoundModule, WorldError> {
        // The last op names what is built, by digests that cover all the others.
        let Some(last) = solve.definition.def.last() else {
            return Err(WorldError::Other("it is the empty filesystem".to_owned()));
        };
        let id = Digest::of(last).to_string();
        let is_certain = is_certain(&solve.definition);
        let kept = if is_certain { self.at_hand(ModuleKind::Fs, &id)? } else { self.vendored(ModuleKind::Fs, &id)? };
        if let Some(place) = kept {
            return found(id, &place);
        }
        let (outside, cache) = (outside.ok_or_else(refused)?, self.cache()?);
        let place = cache.keep(ModuleKind::Fs, &id, is_certain, |into| outside.build(solve, into))?;
        found(id, &place)
    }

    fn vendored(&self, kind: ModuleKind, id: &str) -> Result<Option<Utf8PathBuf>, WorldError> {
        self.vendor.as_ref().map_or(Ok(None), |vendor| vendor.find(kind, id))
    }

    fn at_hand(&self, kind: ModuleKind, id: &str) -> Result<Option<Utf8PathBuf>, WorldError> {
        let vendored = self.vendored(kind, id)?;
        Ok(vendored.or_else(|| self.cache.as_ref()?.find(kind, id)))
    }

    fn cache(&self) -> Result<&Cache, WorldError> {
        self.cache.as_ref().ok_or_else(|| WorldError::Unavailable {
            reason: "there is no state directory to keep it in".to_owned(),
            advice: "name one with `HLBC_ROOT`".to_owned(),
        })
    }

    /// Looks up those names of the lock file that are to be renewed and that the program did not ask for. Gives those that could
    /// not be.
    pub fn renew_others(&self, platform: &Platform, outside: &dyn Outside) -> Vec<(Name, WorldError)> {
        self.pins.renew_others(|name| {
            let request = pins::request(name, platform.clone());
            let request = request.ok_or_else(|| WorldError::Other("it has no ref".to_owned()))?;
            outside.look_up(&request)
        })
    }

    /// Forgets the names that the program did not ask for.
    pub fn prune(&self) {
        self.pins.prune();
    }

    /// The texts that are to be renewed and mean nothing.
    pub fn unknown(&self) -> Vec<String> {
        self.pins.unknown()
    }

    /// What differs from the lock file.
    pub fn changes(&self) -> Vec<Change> {
        self.pins.changes()
    }

    /// Writes the lock file if anything changed.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn save(&self) -> Result<(), LockError> {
        self.pins.save()
    }
}

/// Whether a graph says by itself what is in the result: all that it reads is named by its content.
fn is_certain(definition: &pb::Definition) -> bool {
    let Ok(graph) = hlb_llb::definition::Graph::load(definition) else { return false };
    graph.vertices.iter().all(|vertex| {
        let Some(pb::OpKind::Source(source)) = &vertex.op.op else { return true };
        let Some((scheme, rest)) = source.identifier.split_once("://") else { return false };
        match scheme {
            "docker-image" | "oci-layout" => rest.contains('@') || source.attrs.contains_key("image.checksum"),
            "git" => {
                let reference = rest.split_once('#').map_or("", |(_, fragment)| fragment);
                is_pin(NameKind::Git, reference.split(':').next().unwrap_or_default())
            }
            "http" | "https" => source.attrs.contains_key("http.checksum"),
            "local" => source.attrs.contains_key("local.unique"),
            _ => false,
        }
    })
}

fn found(id: String, place: &Utf8Path) -> Result<FoundModule, WorldError> {
    Ok(FoundModule { id, files: Arc::new(Directory::open(place)?) })
}

fn refused() -> WorldError {
    WorldError::Refused { action: "fetching a module".to_owned() }
}

#[cfg(test)]
mod tests;

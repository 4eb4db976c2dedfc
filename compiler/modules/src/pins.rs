//! Pins while a command runs.
//!
//! Owns when a name is looked up, when it is taken from the lock file and when it is refused, and what is written back.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use camino::Utf8PathBuf;
use hlb_compiler::{Lent, Pin, PinRequest, Platform, Socket, WorldError};
use hlb_llb::ops;

use crate::lock::{Lock, LockError, is_pin};
use crate::name::{Name, NameKind};
use crate::session::Outside;

/// What becomes of names that the lock file does not hold.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Mode {
    /// They are looked up and written down.
    Record,
    /// They stay as they are, and nothing is looked up.
    Keep,
    /// They are refused.
    Locked,
    /// They are looked up and written down, and so are those that the lock file holds: the ones that are meant by these texts,
    /// all if there are none.
    Renew(Vec<String>),
}

/// A name that stands for something else than before.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Change {
    /// The name.
    pub name: Name,
    /// What it stood for, if it was known.
    pub before: Option<String>,
    /// What it stands for, if it is still known.
    pub after: Option<String>,
}

/// What names stand for, for one program.
#[derive(Debug)]
pub(crate) struct Pins {
    path: Utf8PathBuf,
    mode: Mode,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// What was in the file.
    before: Lock,
    lock: Lock,
    /// What the program has asked for.
    asked: BTreeSet<Name>,
    /// What was looked up by this command.
    fresh: BTreeSet<Name>,
}

impl Pins {
    pub(crate) fn open(path: Utf8PathBuf, mode: Mode) -> Result<Self, LockError> {
        let lock = Lock::read(&path)?;
        let (asked, fresh) = (BTreeSet::new(), BTreeSet::new());
        Ok(Self { path, mode, state: Mutex::new(State { before: lock.clone(), lock, asked, fresh }) })
    }

    /// What a name stands for; none if it stays as it is.
    pub(crate) fn pin(&self, wanted: &PinRequest, outside: Option<&dyn Outside>) -> Result<Option<Pin>, WorldError> {
        let name = Name::of(wanted);
        let known = {
            let mut state = self.state();
            state.asked.insert(name.clone());
            let known = state.lock.get(&name).map(str::to_owned);
            known.filter(|_| state.fresh.contains(&name) || !self.renews(&name))
        };
        if let Some(known) = known {
            return Ok(Some(Pin(known)));
        }
        let Some(outside) = outside.filter(|_| self.mode != Mode::Keep) else { return Ok(None) };
        // What the owner of this machine has put in the place of a name is no news from outside, and nobody else has it.
        if outside.is_of_this_machine(wanted) {
            return Ok(None);
        }
        if self.mode == Mode::Locked {
            return Err(WorldError::NotLocked { entry: name.text });
        }
        let pin = outside.look_up(wanted)?;
        self.learn(name, pin).map(Some)
    }

    fn learn(&self, name: Name, pin: String) -> Result<Pin, WorldError> {
        if !is_pin(name.kind, &pin) {
            return Err(WorldError::Other(format!("`{pin}` is not what `{name}` can stand for")));
        }
        let mut state = self.state();
        state.fresh.insert(name.clone());
        state.lock.set(name, pin.clone());
        Ok(Pin(pin))
    }

    /// Looks up those names of the lock file that are meant and that the program did not ask for: it may do so another time.
    /// What goes wrong with one does not keep the others from moving.
    pub(crate) fn renew_others(
        &self,
        mut look_up: impl FnMut(&Name) -> Result<String, WorldError>,
    ) -> Vec<(Name, WorldError)> {
        let names: Vec<Name> = {
            let state = self.state();
            let others = state.lock.iter().map(|(name, _)| name).filter(|name| !state.asked.contains(*name));
            others.filter(|name| self.renews(name)).cloned().collect()
        };
        let mut failed = Vec::new();
        for name in names {
            let done = look_up(&name).and_then(|pin| self.learn(name.clone(), pin));
            failed.extend(done.err().map(|error| (name, error)));
        }
        failed
    }

    /// Forgets the names that the program did not ask for.
    pub(crate) fn prune(&self) {
        let mut state = self.state();
        let unused: Vec<Name> =
            state.lock.iter().map(|(name, _)| name).filter(|name| !state.asked.contains(*name)).cloned().collect();
        for name in &unused {
            state.lock.remove(name);
        }
    }

    /// The texts that mean no name of the lock file.
    pub(crate) fn unknown(&self) -> Vec<String> {
        let Mode::Renew(texts) = &self.mode else { return Vec::new() };
        let state = self.state();
        let known = |text: &String| state.lock.iter().any(|(name, _)| name.is_meant_by(text));
        texts.iter().filter(|text| !known(text)).cloned().collect()
    }

    /// What differs from the file.
    pub(crate) fn changes(&self) -> Vec<Change> {
        let state = self.state();
        let names: BTreeSet<&Name> = state.before.iter().chain(state.lock.iter()).map(|(name, _)| name).collect();
        let change = |name: &Name| Change {
            name: name.clone(),
            before: state.before.get(name).map(str::to_owned),
            after: state.lock.get(name).map(str::to_owned),
        };
        names.into_iter().map(change).filter(|change| change.before != change.after).collect()
    }

    /// Writes the file if anything changed. What another command wrote meanwhile stays.
    pub(crate) fn save(&self) -> Result<(), LockError> {
        let changes = self.changes();
        if changes.is_empty() || matches!(self.mode, Mode::Keep | Mode::Locked) {
            return Ok(());
        }
        let mut lock = Lock::read(&self.path)?;
        for Change { name, after, .. } in changes {
            match after {
                Some(pin) => lock.set(name, pin),
                None => lock.remove(&name),
            }
        }
        lock.write(&self.path)
    }

    fn renews(&self, name: &Name) -> bool {
        match &self.mode {
            Mode::Renew(texts) => texts.is_empty() || texts.iter().any(|text| name.is_meant_by(text)),
            _ => false,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The SSH agent of whoever calls the command, for remotes that want one.
pub(crate) fn agent() -> Lent {
    let sockets = [("default".to_owned(), Socket::Agent(Vec::new()))].into();
    Lent { sockets, ..Lent::default() }
}

/// What is asked for to look up a name of which only the lock file knows.
pub(crate) fn request(name: &Name, platform: Platform) -> Option<PinRequest> {
    Some(match name.kind {
        NameKind::Image => PinRequest::Image { reference: name.text.clone(), platform },
        NameKind::Git => {
            let (remote, reference) = name.text.rsplit_once('#')?;
            let reference = if reference == "HEAD" { "" } else { reference };
            PinRequest::Git { git: Box::new(ops::Git::new(remote, reference)), lent: agent() }
        }
        NameKind::Http => {
            let (url, accept) = name.text.split_once(" as ").unwrap_or((&name.text, ""));
            let mut http = ops::Http::new(url);
            accept.clone_into(&mut http.accept);
            PinRequest::Http { http: Box::new(http), lent: Lent::default() }
        }
    })
}

//! What evaluation computes with.
//!
//! Owns values of every kind and how options and filesystems look before they become LLB.

use std::collections::BTreeSet;
use std::rc::Rc;

use camino::Utf8PathBuf;
use ecow::EcoString;
use hlb_language::diagnostic::Location;

use super::graph::Out;
use super::history::EntryId;
use crate::hir::BindId;
use crate::image::ImageConfig;
use crate::remote::Origin;
use crate::request::ExportTo;
use crate::world::Platform;

/// A value.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    /// What a block without statements gives: the empty value of its kind.
    Nil,
    Fs(Rc<Fs>),
    Text(EcoString),
    Int(i64),
    Bool(bool),
    Options(Rc<Vec<Opt>>),
    Plan(Rc<Plan>),
}

/// A filesystem and what belongs to it.
#[derive(Clone, Debug)]
pub(crate) struct Fs {
    /// Tells filesystem values apart.
    pub(crate) id: u64,
    /// Its content; none for the empty one.
    pub(crate) out: Option<Out>,
    /// Environment of commands, in order of last assignment.
    pub(crate) env: Vec<(EcoString, EcoString)>,
    /// Working directory of commands; none for `/`.
    pub(crate) cwd: Option<EcoString>,
    /// The words that `run` puts in front of a single argument; none for the default ones.
    pub(crate) shell: Option<Rc<[String]>>,
    /// The platform that its commands run on, where it has one of its own.
    pub(crate) own_platform: Option<Platform>,
    /// The platform that it is built for.
    pub(crate) platform: Platform,
    /// What an image of it would say.
    pub(crate) config: Rc<ImageConfig>,
    /// What was done since the image, the last entry.
    pub(crate) history: Option<EntryId>,
    /// The exports on the way to it: whoever builds it, or anything made from it, does them first.
    pub(crate) exports: Rc<BTreeSet<ExportId>>,
}

impl Fs {
    /// The directory that relative paths in it start from.
    pub(crate) fn dir(&self) -> &str {
        self.cwd.as_deref().unwrap_or("/")
    }

    pub(crate) fn set_env(&mut self, key: &str, value: &str) {
        set_env(&mut self.env, key, value);
    }

    /// Takes over the exports of something that becomes part of this.
    pub(crate) fn inherit(&mut self, exports: &Rc<BTreeSet<ExportId>>) {
        if self.exports.is_empty() {
            self.exports = Rc::clone(exports);
        } else if !exports.is_subset(&self.exports) {
            Rc::make_mut(&mut self.exports).extend(exports.iter().copied());
        }
    }
}

/// Sets a variable: a key that is set again moves to the end.
pub(crate) fn set_env(env: &mut Vec<(EcoString, EcoString)>, key: &str, value: &str) {
    env.retain(|(known, _)| known != key);
    env.push((key.into(), value.into()));
}

/// Names an export of this evaluation; later ones are greater.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(crate) struct ExportId(pub(crate) usize);

/// A filesystem to write out, and the call that asks for it.
#[derive(Clone, Debug)]
pub(crate) struct ExportPlan {
    pub(crate) fs: Rc<Fs>,
    pub(crate) to: ExportTo,
    pub(crate) site: Site,
}

/// A call in an option block.
#[derive(Clone, Debug)]
pub(crate) struct Opt {
    pub(crate) name: EcoString,
    /// Where the call is, and its arguments.
    pub(crate) site: Site,
    pub(crate) args: Vec<Value>,
    pub(crate) options: Rc<Vec<Opt>>,
    /// The names that its results get.
    pub(crate) binds: Vec<Slot>,
}

/// The place of a call of a builtin, for messages and for paths.
#[derive(Clone, Debug)]
pub(crate) struct Site {
    pub(crate) at: Location,
    pub(crate) args: Vec<Location>,
    pub(crate) frame: Rc<Frame>,
    /// The directory of the file that holds the call.
    pub(crate) dir: Utf8PathBuf,
    /// Whose file that is.
    pub(crate) origin: Origin,
}

/// A call that led to something, and the call around it.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) at: Location,
    pub(crate) parent: Option<Rc<Frame>>,
}

impl Frame {
    /// This call and the ones around it, innermost first.
    pub(crate) fn outward(self: &Rc<Self>) -> impl Iterator<Item = Location> + use<'_> {
        std::iter::successors(Some(self), |frame| frame.parent.as_ref()).map(|frame| frame.at)
    }
}

/// A name that a call binds: effect number, the call of the function around it, and the name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slot {
    pub(crate) effect: usize,
    pub(crate) instance: InstanceId,
    pub(crate) bind: BindId,
}

/// One evaluation of a function with its arguments, on what it was called on.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct InstanceId(pub(crate) usize);

/// What is to be built, in stages.
#[derive(Clone, Debug)]
pub(crate) enum Plan {
    Fs(Rc<Fs>),
    /// With the number of filesystems in all of it.
    Parallel(usize, Vec<Rc<Plan>>),
    Sequential(usize, Vec<Rc<Plan>>),
}

impl Plan {
    /// How many filesystems are built.
    pub(crate) fn size(&self) -> usize {
        match self {
            Self::Fs(_) => 1,
            Self::Parallel(size, _) | Self::Sequential(size, _) => *size,
        }
    }

    /// Some plans beside one another.
    pub(crate) fn parallel(parts: Vec<Rc<Plan>>) -> Self {
        let size = parts.iter().fold(0, |sum: usize, part| sum.saturating_add(part.size()));
        Self::Parallel(size, parts)
    }
}

//! What evaluation computes with.
//!
//! Owns values of every kind and how options and filesystems look before they become LLB.

use std::collections::BTreeSet;
use std::rc::Rc;

use camino::Utf8PathBuf;
use ecow::EcoString;
use hlb_language::diagnostic::Location;
use indexmap::IndexMap;
use smallvec::SmallVec;

use super::graph::Out;
use super::history::EntryId;
use super::scope::ScopeId;
use crate::hir::{BindId, BuiltinId, EnumId, FuncId, LambdaId, RecordId};
use crate::image::ImageConfig;
use crate::remote::Origin;
use crate::request::ExportTo;
use crate::types::Type;
use crate::world::Platform;

/// A value.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    /// What a block without statements gives: the empty value of its type.
    Nil,
    /// `none`
    None,
    Fs(Rc<Fs>),
    Text(EcoString),
    Int(i64),
    Bool(bool),
    /// An enum's variant, by its number.
    Variant(EnumId, usize),
    List(Rc<Vec<Value>>),
    /// In the order in which the keys were first written.
    Map(Rc<IndexMap<EcoString, Value>>),
    /// The fields in the order of their declaration.
    Record(RecordId, Rc<Fields>),
    Func(FuncValue),
    Options(Rc<Vec<Opt>>),
    Plan(Rc<Plan>),
}

/// The fields of a record. A record may hold others of its type, so it is known how deep: what walks them recurses.
#[derive(Debug)]
pub(crate) struct Fields {
    depth: usize,
    values: Vec<Value>,
}

impl Fields {
    pub(crate) fn new(values: Vec<Value>) -> Self {
        let depth = values.iter().map(Value::depth).max().unwrap_or(0) + 1;
        Self { depth, values }
    }

    /// How many records are in one another here.
    pub(crate) fn depth(&self) -> usize {
        self.depth
    }
}

impl std::ops::Deref for Fields {
    type Target = [Value];

    fn deref(&self) -> &[Value] {
        &self.values
    }
}

/// A function as a value.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum FuncValue {
    /// A function of the program.
    Named(FuncId),
    /// A builtin.
    Builtin(BuiltinId),
    /// A literal, with the names that it sees.
    Lambda(LambdaId, ScopeId),
}

impl Value {
    /// The elements of a list; none of anything else.
    pub(crate) fn items(&self) -> &[Value] {
        match self {
            Self::List(items) => items,
            _ => &[],
        }
    }

    /// The entries of a map; none of anything else.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&EcoString, &Value)> {
        let map = match self {
            Self::Map(map) => Some(map),
            _ => None,
        };
        map.into_iter().flat_map(|map| map.iter())
    }

    /// How many records are in one another in it. All values of a list or a map are of one type: where the first holds no record,
    /// none does.
    fn depth(&self) -> usize {
        let holds =
            |value: &&Value| matches!(value, Self::Record(..) | Self::List(_) | Self::Map(_) | Self::None | Self::Nil);
        let deepest =
            |values: &mut dyn Iterator<Item = &Value>| values.take_while(holds).map(Self::depth).max().unwrap_or(0);
        match self {
            Self::Record(_, fields) => fields.depth,
            Self::List(items) => deepest(&mut items.iter()),
            Self::Map(map) => deepest(&mut map.values()),
            _ => 0,
        }
    }

    /// The empty value of a type of data written out.
    pub(crate) fn filled(self, ty: &Type) -> Self {
        match (&self, ty) {
            (Self::Nil, Type::String) => Self::Text(EcoString::new()),
            (Self::Nil, Type::Int) => Self::Int(0),
            (Self::Nil, Type::Bool) => Self::Bool(false),
            (Self::Nil, Type::List(_)) => Self::list(Vec::new()),
            (Self::Nil, Type::Map(_)) => Self::Map(Rc::default()),
            (Self::Nil, Type::Optional(_)) => Self::None,
            _ => self,
        }
    }

    /// Whether there is no value where there may be none.
    pub(crate) fn is_none(&self) -> bool {
        matches!(self, Self::None | Self::Nil)
    }

    /// The text of a text; the empty one of anything else.
    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Text(text) => text,
            _ => "",
        }
    }

    /// The value of a number; 0 of anything else.
    pub(crate) fn int(&self) -> i64 {
        match self {
            Self::Int(value) => *value,
            _ => 0,
        }
    }

    /// Whether it is true.
    pub(crate) fn is_true(&self) -> bool {
        matches!(self, Self::Bool(true))
    }

    /// A list.
    pub(crate) fn list(items: Vec<Value>) -> Self {
        Self::List(Rc::new(items))
    }
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

/// Filesystems to write out, and the call that asks for it.
#[derive(Clone, Debug)]
pub(crate) struct ExportPlan {
    /// One, or those of an image for several platforms.
    pub(crate) content: Exported,
    pub(crate) to: ExportTo,
    pub(crate) site: Site,
}

/// What an export writes.
#[derive(Clone, Debug)]
pub(crate) enum Exported {
    One(Rc<Fs>),
    Index(Vec<Rc<Fs>>),
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
    pub(crate) args: SmallVec<[Location; 4]>,
    pub(crate) frame: Rc<Frame>,
    pub(crate) place: Rc<Place>,
}

/// Of the file that holds a call.
#[derive(Debug, Default)]
pub(crate) struct Place {
    /// Its directory.
    pub(crate) dir: Utf8PathBuf,
    /// Whose file it is.
    pub(crate) origin: Origin,
}

/// A call that led to something, and the call around it.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) at: Location,
    pub(crate) parent: Option<Rc<Frame>>,
}

impl Drop for Frame {
    /// Long chains of calls would overflow the stack if each frame dropped the next.
    fn drop(&mut self) {
        let mut parent = self.parent.take();
        while let Some(frame) = parent {
            match Rc::try_unwrap(frame) {
                Ok(mut frame) => parent = frame.parent.take(),
                Err(_) => break,
            }
        }
    }
}

impl Frame {
    /// This call and the ones around it, innermost first.
    pub(crate) fn outward(self: &Rc<Self>) -> impl Iterator<Item = Location> + use<'_> {
        std::iter::successors(Some(self), |frame| frame.parent.as_ref()).map(|frame| frame.at)
    }
}

/// A name that a call binds: the number of the result, the scope of the function around it, and the name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slot {
    pub(crate) effect: usize,
    pub(crate) func: ScopeId,
    pub(crate) bind: BindId,
}

/// What is to be built, in stages.
#[derive(Clone, Debug)]
pub(crate) enum Plan {
    Fs(Rc<Fs>),
    /// With the number of filesystems in all of it.
    Parallel(usize, Vec<Rc<Plan>>),
    Sequential(usize, Vec<Rc<Plan>>),
}

impl Drop for Plan {
    /// Stages within stages would overflow the stack if each dropped the next.
    fn drop(&mut self) {
        let mut pending = self.take_parts();
        while let Some(part) = pending.pop() {
            if let Ok(mut plan) = Rc::try_unwrap(part) {
                pending.append(&mut plan.take_parts());
            }
        }
    }
}

impl Plan {
    fn take_parts(&mut self) -> Vec<Rc<Plan>> {
        match self {
            Self::Fs(_) => Vec::new(),
            Self::Parallel(_, parts) | Self::Sequential(_, parts) => std::mem::take(parts),
        }
    }

    /// How many filesystems are built.
    pub(crate) fn size(&self) -> usize {
        match self {
            Self::Fs(_) => 1,
            Self::Parallel(size, _) | Self::Sequential(size, _) => *size,
        }
    }

    /// Adds a stage behind what there is.
    pub(crate) fn then(&mut self, next: Rc<Plan>) {
        match self {
            Self::Sequential(size, stages) => {
                *size = size.saturating_add(next.size());
                stages.push(next);
            }
            other => {
                let size = other.size().saturating_add(next.size());
                let first = std::mem::replace(other, Self::Sequential(0, Vec::new()));
                *other = Self::Sequential(size, vec![Rc::new(first), next]);
            }
        }
    }

    /// Some plans beside one another.
    pub(crate) fn parallel(parts: Vec<Rc<Plan>>) -> Self {
        let size = parts.iter().fold(0, |sum: usize, part| sum.saturating_add(part.size()));
        Self::Parallel(size, parts)
    }
}

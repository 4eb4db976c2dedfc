//! From values to what builtins work with.
//!
//! Owns the reading of arguments. Checked programs have arguments of the right kind, and rules have been applied to them, so
//! the fallbacks here stand for the empty value of a kind.

use std::rc::Rc;
use std::time::Duration;

use camino::Utf8PathBuf;
use hlb_llb::ops::{Owner, UserRef};

use super::{Invocation, duration, reference, time};
use crate::codes;
use crate::eval::value::{Fs, Opt, Site, Value};
use crate::eval::{Evaluator, Fail};
use crate::path;
use crate::world::Platform;

/// Arguments at a place.
pub(super) trait Arguments {
    fn site(&self) -> &Site;
    fn args(&self) -> &[Value];

    fn text(&self, index: usize) -> &str {
        match self.args().get(index) {
            Some(Value::Text(text)) => text,
            _ => "",
        }
    }

    fn int(&self, index: usize) -> i64 {
        match self.args().get(index) {
            Some(Value::Int(value)) => *value,
            _ => 0,
        }
    }

    fn value(&self, index: usize) -> &Value {
        self.args().get(index).unwrap_or(&Value::Nil)
    }

    /// The elements of a list.
    fn items(&self, index: usize) -> &[Value] {
        self.value(index).items()
    }

    /// A number, where there may be none.
    fn number(&self, index: usize) -> Option<i64> {
        if self.value(index).is_none() { None } else { Some(self.int(index)) }
    }

    /// All texts from an argument on.
    fn texts(&self, from: usize) -> Vec<String> {
        (from..self.args().len()).map(|index| self.text(index).to_owned()).collect()
    }

    fn fs(&self, evaluator: &mut Evaluator<'_>, index: usize) -> Rc<Fs> {
        match self.args().get(index) {
            Some(Value::Fs(fs)) => Rc::clone(fs),
            _ => Rc::new(evaluator.scratch()),
        }
    }

    /// Permission bits, which a rule has checked.
    fn mode(&self, index: usize) -> u32 {
        self.id(index)
    }

    /// A number that a rule has checked.
    fn id(&self, index: usize) -> u32 {
        u32::try_from(self.int(index)).unwrap_or(0)
    }

    /// An image's full name, which a rule has checked.
    fn image(&self, index: usize) -> String {
        reference::normalize(self.text(index)).unwrap_or_default()
    }

    /// An operating system and an architecture, which may bring its variant: `arm/v7`.
    fn platform(&self, os: usize, architecture: usize) -> Platform {
        let mut platform = Platform::new(self.text(os), self.text(architecture));
        if let Some((architecture, variant)) = self.text(architecture).split_once('/') {
            platform.architecture = architecture.into();
            platform.variant = variant.into();
        }
        platform
    }

    /// `user` or `user:group`.
    fn owner(&self, index: usize) -> Owner {
        let text = self.text(index);
        let (user, group) = match text.split_once(':') {
            Some((user, group)) => (user, Some(group)),
            None => (text, None),
        };
        Owner { user: Some(user_ref(user)), group: group.map(user_ref) }
    }

    /// A time in RFC 3339, which a rule has checked, as nanoseconds since 1970.
    fn time(&self, index: usize) -> i64 {
        time::parse(self.text(index)).unwrap_or(0)
    }

    /// A time span, which a rule has checked.
    fn duration(&self, index: usize) -> Duration {
        duration::parse(self.text(index)).unwrap_or_default()
    }

    /// A path on this machine.
    fn local_path(&self, evaluator: &Evaluator<'_>, index: usize) -> Result<Utf8PathBuf, Fail> {
        self.resolve_path(evaluator, index, self.text(index))
    }

    /// A path on this machine that is a part of an argument.
    fn resolve_path(&self, evaluator: &Evaluator<'_>, index: usize, path: &str) -> Result<Utf8PathBuf, Fail> {
        let home = evaluator.world.home();
        // What a module of others is let do on this machine, it does where the command was called.
        let dir = if self.site().place.origin.remote().is_some() { "".into() } else { self.site().place.dir.as_path() };
        path::resolve(dir, path, home.as_deref())
            .map_err(|error| self.site().fail_arg(index, codes::LOCAL_PATH, error.to_string()))
    }
}

fn user_ref(text: &str) -> UserRef {
    match text {
        "root" | "" => UserRef::Id(0),
        _ => text.parse().map_or_else(|_| UserRef::Name(text.to_owned()), UserRef::Id),
    }
}

impl Arguments for Invocation {
    fn site(&self) -> &Site {
        &self.site
    }

    fn args(&self) -> &[Value] {
        &self.args
    }
}

impl Arguments for Opt {
    fn site(&self) -> &Site {
        &self.site
    }

    fn args(&self) -> &[Value] {
        &self.args
    }
}

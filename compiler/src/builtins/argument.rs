//! From values to what builtins work with.
//!
//! Owns the reading of arguments and the errors of those that cannot be used. Checked programs have arguments of the right
//! kind, so the fallbacks here stand for the empty value of a kind.

use std::rc::Rc;

use camino::Utf8PathBuf;
use hlb_llb::ops::{Owner, UserRef};

use super::{Invocation, time};
use crate::codes;
use crate::eval::value::{Fs, Opt, Site, Value};
use crate::eval::{Evaluator, Fail};
use crate::path;

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

    /// Permission bits.
    fn mode(&self, index: usize) -> Result<u32, Fail> {
        let value = self.int(index);
        u32::try_from(value).ok().filter(|mode| *mode <= 0o7777).ok_or_else(|| {
            self.site().fail_arg(index, codes::ARGUMENT, format!("0o{value:o} is no file mode: the greatest is 0o7777"))
        })
    }

    /// A user or group number.
    fn id(&self, index: usize) -> Result<u32, Fail> {
        let value = self.int(index);
        u32::try_from(value)
            .map_err(|_| self.site().fail_arg(index, codes::ARGUMENT, format!("{value} is no user or group number")))
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

    /// A time in RFC 3339, as nanoseconds since 1970.
    fn time(&self, index: usize) -> Result<i64, Fail> {
        let text = self.text(index);
        time::parse(text).ok_or_else(|| {
            self.site().fail_arg(
                index,
                codes::ARGUMENT,
                format!("`{text}` is no time in RFC 3339, such as 2024-01-31T12:00:00Z"),
            )
        })
    }

    /// A path on this machine.
    fn local_path(&self, evaluator: &Evaluator<'_>, index: usize) -> Result<Utf8PathBuf, Fail> {
        let home = evaluator.world.home();
        path::resolve(&self.site().dir, self.text(index), home.as_deref())
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

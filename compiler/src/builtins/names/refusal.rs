//! What a function of a namespace refuses, and how much it may make.
//!
//! Owns the reasons and the limits. Where in the program the reason belongs is put in by the call.

use ecow::EcoString;
use hlb_language::diagnostic::Code;

use crate::builtins::Invocation;
use crate::codes;
use crate::eval::value::Value;
use crate::eval::{Fail, MAX_ITEMS, MAX_TEXT};

/// Why there is no value for some arguments.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Refusal {
    pub(crate) code: Code,
    pub(crate) message: String,
    pub(crate) help: Option<String>,
}

impl Refusal {
    /// An argument that cannot be used.
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self { code: codes::ARGUMENT, message: message.into(), help: None }
    }

    /// More than a program may hold.
    pub(super) fn too_much(message: impl Into<String>) -> Self {
        Self { code: codes::DEPTH, message: message.into(), help: None }
    }

    pub(super) fn long_text() -> Self {
        Self::too_much("this would be a text longer than 16 MiB")
    }

    pub(super) fn long_list() -> Self {
        Self::too_much(format!("this would be a list of more than {MAX_ITEMS} values"))
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The error, at an argument of a call.
    pub(super) fn at(self, call: &Invocation, index: usize) -> Fail {
        let fail = call.site.fail_arg(index, self.code, self.message);
        match self.help {
            Some(help) => Box::new(fail.help(help)),
            None => fail,
        }
    }
}

/// A text of a program in backticks, as much of it as a message needs.
pub(super) fn shown(text: &str) -> String {
    match text.char_indices().nth(80) {
        Some((at, _)) => format!("`{}…`", text.get(..at).unwrap_or_default()),
        None => format!("`{text}`"),
    }
}

/// A text that does not grow beyond the limit.
#[derive(Debug, Default)]
pub(super) struct Growing(String);

impl Growing {
    pub(super) fn push(&mut self, part: &str) -> Result<(), Refusal> {
        if self.0.len().saturating_add(part.len()) > MAX_TEXT {
            return Err(Refusal::long_text());
        }
        self.0.push_str(part);
        Ok(())
    }

    pub(super) fn finish(self) -> EcoString {
        self.0.into()
    }
}

/// A text, if it is not too long.
pub(super) fn text(made: impl Into<EcoString> + AsRef<str>) -> Result<Value, Refusal> {
    if made.as_ref().len() > MAX_TEXT { Err(Refusal::long_text()) } else { Ok(Value::Text(made.into())) }
}

/// A list, if it is not too long.
pub(super) fn list(made: impl Iterator<Item = Value>) -> Result<Value, Refusal> {
    let items: Vec<Value> = made.take(MAX_ITEMS + 1).collect();
    if items.len() > MAX_ITEMS { Err(Refusal::long_list()) } else { Ok(Value::list(items)) }
}

/// A list of texts, if it is not too long.
pub(super) fn texts<T: Into<EcoString>>(made: impl Iterator<Item = T>) -> Result<Value, Refusal> {
    list(made.map(|text| Value::Text(text.into())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_shown_in_part() {
        assert_eq!(shown("a"), "`a`");
        assert_eq!(shown(&"ä".repeat(81)), format!("`{}…`", "ä".repeat(80)));
    }

    #[test]
    fn texts_and_lists_end_at_their_limits() {
        let mut growing = Growing::default();
        let mebibyte = "x".repeat(1 << 20);
        for _ in 0..16 {
            assert_eq!(growing.push(&mebibyte), Ok(()));
        }
        assert_eq!(growing.push("x"), Err(Refusal::long_text()));
        assert!(text("x".repeat(MAX_TEXT + 1)).is_err());
        let endless = std::iter::repeat(Value::Int(1));
        assert!(list(endless.clone()).is_err() && list(endless.take(MAX_ITEMS)).is_ok());
    }
}

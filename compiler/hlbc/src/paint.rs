//! Colour in what is printed on standard output.
//!
//! Owns the codes. Whether there is colour is decided by `report`; what a colour means stands beside it in words.

use crate::report;

/// Standard output, with colour or without.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Paint {
    colour: bool,
}

impl Paint {
    pub(crate) fn stdout() -> Self {
        Self { colour: report::colour(&std::io::stdout()) }
    }

    /// What is looked for.
    pub(crate) fn strong(self, text: &str) -> String {
        self.coded("1", text)
    }

    /// What is read after that.
    pub(crate) fn faint(self, text: &str) -> String {
        self.coded("2", text)
    }

    pub(crate) fn good(self, text: &str) -> String {
        self.coded("32", text)
    }

    pub(crate) fn bad(self, text: &str) -> String {
        self.coded("1;31", text)
    }

    fn coded(self, code: &str, text: &str) -> String {
        if self.colour && !text.is_empty() { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

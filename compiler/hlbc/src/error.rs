//! Why a command ended without doing its work.
//!
//! Owns the kinds of failure with their exit codes, and how a failure of the outside world looks: the only place that
//! knows miette. Mistakes in a program are drawn by `report`.

use std::error::Error;
use std::fmt;
use std::process::ExitCode;

use miette::{GraphicalReportHandler, GraphicalTheme, ThemeCharacters, ThemeStyles};

use hlb_llb::draw::printable;

use crate::report::Screen;

/// What sort of failure it is; decides the exit code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// A step or an export failed.
    Build,
    /// The command line asks for what there is not.
    Usage,
    /// The program has mistakes.
    Program,
    /// The machine cannot do it.
    Environment,
    /// Something that the program names cannot be had.
    Missing,
    /// The lock file lacks something, and may not change.
    Locked,
    /// A signal ended it.
    Interrupted,
}

/// A failed command.
#[derive(Debug)]
pub(crate) struct Failure {
    kind: Kind,
    message: Option<String>,
    help: Option<String>,
    cause: Option<Cause>,
}

/// What stands behind a failure, in words.
#[derive(Debug)]
struct Cause(String);

impl Kind {
    /// The exit code, as documented in docs/cli.md.
    pub(crate) fn code(self) -> u8 {
        match self {
            Kind::Build => 1,
            Kind::Usage => 2,
            Kind::Program => 3,
            Kind::Environment => 4,
            Kind::Missing => 5,
            Kind::Locked => 6,
            Kind::Interrupted => 130,
        }
    }
}

impl Failure {
    /// A failure in one sentence.
    pub(crate) fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: Some(harmless(&message.into())), help: None, cause: None }
    }

    /// A failure that has been told already.
    pub(crate) fn told(kind: Kind) -> Self {
        Self { kind, message: None, help: None, cause: None }
    }

    /// What to do about it; starts with a verb.
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// What stands behind it.
    pub(crate) fn because(mut self, cause: impl fmt::Display) -> Self {
        self.cause = Some(Cause(harmless(&in_words(&cause.to_string()))));
        self
    }

    /// All of it as text, for those who do not read standard error. Nothing of one that has been told.
    pub(crate) fn words(&self) -> String {
        let mut words = self.to_string();
        if let Some(cause) = &self.cause {
            words.push_str(&format!(": {cause}"));
        }
        if let Some(help) = &self.help {
            words.push_str(&format!("; {help}"));
        }
        words
    }

    /// The exit code.
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.kind.code())
    }

    /// Tells the failure on standard error, unless it has been told.
    pub(crate) fn tell(&self, screen: &Screen) {
        if self.message.is_none() {
            return;
        }
        let characters = ThemeCharacters { error: "error:".to_owned(), ..ThemeCharacters::unicode() };
        let styles = if screen.colour() { ThemeStyles::ansi() } else { ThemeStyles::none() };
        let handler = GraphicalReportHandler::new_themed(GraphicalTheme { characters, styles })
            .with_width(usize::from(u16::MAX))
            .with_links(false);
        let mut text = String::new();
        if handler.render_report(&mut text, self).is_err() {
            text = format!("error: {self}\n");
        }
        // miette indents all it draws; errors of a program, which stand beside these, are not indented.
        let text: Vec<&str> = text.lines().map(|line| line.strip_prefix("  ").unwrap_or(line)).collect();
        screen.write(format!("{}\n", text.join("\n").trim_matches('\n')).as_bytes());
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message.as_deref().unwrap_or("told already"))
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.as_ref().map(|cause| cause as &(dyn Error + 'static))
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Cause {}

impl miette::Diagnostic for Failure {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }
}

/// An error's text as the style guide has it: the first letter small, without the number that the standard library adds to
/// errors of the system.
pub(crate) fn in_words(text: &str) -> String {
    let mut words = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(" (os error ") {
        words.push_str(before);
        rest = after.split_once(')').map_or("", |(_, behind)| behind);
    }
    words.push_str(rest);
    let mut chars = words.chars();
    match (chars.next(), chars.next()) {
        // What begins with two capitals is a name.
        (Some(first), Some(second)) if first.is_uppercase() && second.is_lowercase() => {
            first.to_lowercase().chain([second]).chain(chars).collect()
        }
        _ => words,
    }
}

/// Text of others in which nothing does anything to a terminal. Lines and tabs stay.
pub(crate) fn harmless(text: &str) -> String {
    let line = |line: &str| line.split('\t').map(printable).collect::<Vec<_>>().join("\t");
    text.split('\n').map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_others_do_nothing_to_a_terminal() {
        assert_eq!(harmless("a\x1b[2J\n\tb\u{202e}"), "a\\u{1b}[2J\n\tb\\u{202e}");
        assert_eq!(Failure::new(Kind::Build, "x\x07").because("\x1by").to_string(), "x\\u{7}");
    }

    #[test]
    fn errors_of_the_system_are_put_in_words() {
        let check = |text: &str, words: &str| assert_eq!(in_words(text), words);
        check("No such file or directory (os error 2)", "no such file or directory");
        check("a: Refused (os error 111): retry", "a: Refused: retry");
        check("TLS is broken", "TLS is broken");
        check("", "");
    }
}

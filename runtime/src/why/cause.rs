//! The causes there are, from the first that counts to the last, and the words for them.
//!
//! Owns what can be said of why a step ran. Where they are looked for is not known here.

use std::fmt;
use std::path::PathBuf;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

/// Files of one sort that are named; there may be any number.
const NAMED: usize = 20;
/// Files that are named in a sentence.
const IN_WORDS: usize = 3;
/// Characters of a value that are shown in a sentence.
const VALUE: usize = 60;
/// Characters of what two long values have in common that are shown around what differs.
const AROUND: usize = 16;

/// Why a step ran.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "cause", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Cause {
    /// It is told to run in any case.
    IgnoreCache,
    /// An input counts by its definition, and what that stands for may be another in each build.
    NoContentKey {
        /// The name of the input.
        input: String,
    },
    /// A field of its definition is another.
    Field {
        /// What, in words, such as ``env `V` ``.
        field: String,
        /// What it was, if there was one.
        was: Option<String>,
        /// What it is, if there is one.
        is: Option<String>,
    },
    /// What it takes in from outside is another.
    Base {
        /// What it was.
        was: SourcePart,
        /// What it is.
        is: SourcePart,
    },
    /// Files that it reads are others.
    Files {
        /// The name of the input that has them; `None` if it is itself what takes them in.
        input: Option<String>,
        /// Which; `None` if that is not known.
        changes: Option<FileChanges>,
    },
    /// It reads a step that ran.
    Input {
        /// The name of that.
        input: String,
        /// The digest of its definition.
        vertex: String,
    },
    /// It reads another result than before, which was found.
    InputOther {
        /// The name of what it read.
        was: String,
        /// The name of what it reads.
        is: String,
        /// Why that is another: the name of the step that differs, and how.
        because: Option<(String, Box<Cause>)>,
    },
    /// Its definition counts differently, though nothing that is known of it differs.
    Definition,
    /// An earlier build did not finish it.
    NotFinished {
        /// Which.
        build: i64,
        /// How that ended.
        how: Unfinished,
    },
    /// An earlier build ignored the cache for it, and so did not keep its result.
    NotKept {
        /// Which.
        build: i64,
    },
    /// Another output of it was made before.
    OtherOutput,
    /// It was fetched because nothing else tells whether it has changed. It had not.
    Looked,
    /// Its result was there once.
    Gone {
        /// What became of it.
        how: Gone,
        /// When, if that is known.
        at: Option<SystemTime>,
    },
    /// Nothing like it was built before.
    First,
}

/// How a build ended that did not finish a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unfinished {
    /// The step failed.
    Failed,
    /// It was cancelled.
    Cancelled,
    /// The process went away.
    Died,
}

/// What became of a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Gone {
    /// It was taken away to free space.
    Pruned,
    /// Its files were missing or could not be read.
    Damaged,
    /// It was not on disk yet when the machine went down.
    Unsynced,
    /// It is not known.
    Unknown,
}

/// What a source was found to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "source", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum SourcePart {
    /// An image.
    Image {
        /// Its name.
        reference: String,
        /// The digest of its index or manifest.
        digest: String,
    },
    /// A commit.
    Git {
        /// The repository, without passwords.
        remote: String,
        /// What was asked for.
        reference: String,
        /// What that was.
        commit: String,
    },
    /// A file from the web.
    Http {
        /// Its digest.
        digest: String,
        /// When it was last modified, as the server says; may be empty.
        modified: String,
    },
    /// A directory of the caller.
    Local {
        /// Which.
        directory: PathBuf,
        /// What had changed in it since it was last looked at; `None` if it had not been looked at.
        changes: Option<FileChanges>,
    },
    /// A blob of a registry or a layout.
    Blob {
        /// Its digest.
        digest: String,
    },
}

/// Files that differ, by their paths in what has them. The lists name some, the numbers count all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileChanges {
    /// Files that are others.
    pub changed: Vec<PathBuf>,
    /// Files that are new.
    pub added: Vec<PathBuf>,
    /// Files that are gone.
    pub removed: Vec<PathBuf>,
    /// How many more there are that are not named.
    pub more: usize,
    /// Of the changed files only the owner, the mode or attributes are others, not the content.
    pub metadata_only: bool,
}

impl FileChanges {
    /// The same, with not more names than anybody reads.
    pub(crate) fn shortened(mut self) -> Self {
        for files in [&mut self.changed, &mut self.added, &mut self.removed] {
            files.retain(|path| !path.as_os_str().is_empty());
            files.sort();
            self.more += files.len().saturating_sub(NAMED);
            files.truncate(NAMED);
        }
        self
    }

    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        self.changed.is_empty() && self.added.is_empty() && self.removed.is_empty()
    }
}

impl SourcePart {
    /// Whether both stand for the same, whatever was noted when.
    pub(crate) fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Local { directory, .. }, Self::Local { directory: other, .. }) => directory == other,
            // An image that was pushed again under another name is the same; so is a commit.
            (Self::Image { digest, .. }, Self::Image { digest: other, .. }) => digest == other,
            (Self::Git { commit, .. }, Self::Git { commit: other, .. }) => commit == other,
            _ => self == other,
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::IgnoreCache => f.write_str("it is told to ignore the cache"),
            Self::NoContentKey { input } => {
                let input = name(input);
                write!(f, "it reads {input} as a whole, which is good for one build only")
            }
            Self::Field { field, was: Some(was), is: Some(is) } => {
                let (was, is) = excerpts(was, is);
                write!(f, "{field} was {}, is {}", quoted(&was), quoted(&is))
            }
            Self::Field { field, was: None, is: Some(is) } => {
                write!(f, "{field} is new: {}", quoted(&excerpts(is, "").0))
            }
            Self::Field { field, was: Some(was), is: None } => {
                write!(f, "{field} is gone, it was {}", quoted(&excerpts(was, "").0))
            }
            Self::Field { field, .. } => write!(f, "{field} is another"),
            Self::Base { was, is } => base(f, was, is),
            Self::Files { input, changes } => files(f, input.as_deref(), changes.as_ref()),
            Self::Input { input, .. } => write!(f, "it reads {}, which ran", name(input)),
            Self::InputOther { was, is, because } if was == is => match because {
                None => write!(f, "it reads another result of {} than before", name(is)),
                Some((step, why)) if step == is => write!(f, "it reads another {} than before: {why}", name(is)),
                Some((step, why)) => write!(f, "it reads another {} than before: of {}, {why}", name(is), name(step)),
            },
            Self::InputOther { was, is, .. } => write!(f, "it reads {} where it read {}", name(is), name(was)),
            Self::Definition => f.write_str("its key is another, though nothing that is known of it differs"),
            Self::NotFinished { build, how: Unfinished::Failed } => write!(f, "it failed in build {build}"),
            Self::NotFinished { build, how: Unfinished::Cancelled } => {
                write!(f, "build {build} was cancelled while it ran")
            }
            Self::NotFinished { build, how: Unfinished::Died } => write!(f, "build {build} was killed while it ran"),
            Self::NotKept { build } => write!(f, "build {build} ignored the cache for it, and kept no result"),
            Self::OtherOutput => f.write_str("another output of it was made before, and not this one"),
            Self::Looked => f.write_str("it was fetched to see whether it had changed, and it had not"),
            Self::Gone { how: Gone::Pruned, .. } => f.write_str("its result was removed by a prune"),
            Self::Gone { how: Gone::Damaged, .. } => f.write_str("its result was damaged and dropped"),
            Self::Gone { how: Gone::Unsynced, .. } => f.write_str("its result was lost when the machine went down"),
            Self::Gone { how: Gone::Unknown, .. } => f.write_str("its result is gone"),
            Self::First => f.write_str("nothing like it was built before"),
        }
    }
}

fn base(f: &mut fmt::Formatter<'_>, was: &SourcePart, is: &SourcePart) -> fmt::Result {
    match (was, is) {
        (SourcePart::Image { digest: was, .. }, SourcePart::Image { reference, digest: is }) => {
            write!(f, "image `{reference}` was {}, is {}", short(was), short(is))
        }
        (SourcePart::Git { commit: was, .. }, SourcePart::Git { reference, commit: is, .. }) => {
            write!(f, "commit of `{reference}` was {}, is {}", short(was), short(is))
        }
        (SourcePart::Http { digest: was, modified: then }, SourcePart::Http { digest: is, modified: now })
            if was == is =>
        {
            write!(f, "the server says that it was modified `{then}`, and now `{now}`")
        }
        (SourcePart::Http { digest: was, .. }, SourcePart::Http { digest: is, .. }) => {
            write!(f, "the file at the URL was {}, is {}", short(was), short(is))
        }
        (SourcePart::Local { directory: was, .. }, SourcePart::Local { directory: is, .. }) => {
            write!(f, "its directory was `{}`, is `{}`", was.display(), is.display())
        }
        (SourcePart::Blob { digest: was }, SourcePart::Blob { digest: is }) => {
            write!(f, "the blob was {}, is {}", short(was), short(is))
        }
        _ => f.write_str("it comes from another kind of source"),
    }
}

fn files(f: &mut fmt::Formatter<'_>, input: Option<&str>, changes: Option<&FileChanges>) -> fmt::Result {
    let whose = input.map(|input| format!(" of {}", name(input))).unwrap_or_default();
    let Some(changes) = changes else { return write!(f, "files that it reads{whose} are others") };
    if changes.is_empty() {
        return match input {
            Some(_) => write!(f, "files that it reads{whose} are others"),
            None => {
                f.write_str("its files were written too shortly before the last build to tell whether they changed")
            }
        };
    }
    let FileChanges { changed, added, removed, more, metadata_only } = changes;
    let total = changed.len() + added.len() + removed.len() + more;
    let groups = [(changed, "changed"), (added, "was added"), (removed, "was removed")];
    let mut named = Vec::new();
    for (files, verb) in groups {
        named.extend(files.iter().map(|path| (path, verb)));
    }
    let only = *metadata_only && added.is_empty() && removed.is_empty();
    let verb = |verb: &'static str| if only { "is another in owner, mode or attributes only" } else { verb };
    let words: Vec<String> = named
        .iter()
        .take(IN_WORDS)
        .map(|(path, how)| format!("`{}` {}", hlb_llb::draw::printable(&path.display().to_string()), verb(how)))
        .collect();
    let rest = total.saturating_sub(words.len());
    let rest = if rest > 0 { format!(", and {rest} more") } else { String::new() };
    match input {
        Some(_) => write!(f, "files that it reads{whose}: {}{rest}", words.join(", ")),
        None => write!(f, "{}{rest}", words.join(", ")),
    }
}

fn quoted(value: &str) -> String {
    if value.is_empty() { "empty".to_owned() } else { format!("`{value}`") }
}

/// A step in a sentence.
fn name(name: &str) -> String {
    let name: String = name.split_whitespace().collect::<Vec<_>>().join(" ");
    let name = hlb_llb::draw::printable(&name);
    match name.char_indices().nth(VALUE) {
        Some((end, _)) => format!("`{}…`", name.get(..end).unwrap_or_default()),
        None => format!("`{name}`"),
    }
}

/// A digest or a commit in a sentence.
fn short(digest: &str) -> String {
    let (kind, hex) = digest.split_once(':').map_or(("", digest), |(kind, hex)| (kind, hex));
    let colon = if kind.is_empty() { "" } else { ":" };
    match hex.get(..12) {
        Some(start) => format!("{kind}{colon}{start}…"),
        None => digest.to_owned(),
    }
}

/// Two values in a sentence: of long ones the part that differs.
fn excerpts(was: &str, is: &str) -> (String, String) {
    let (was, is): (Vec<char>, Vec<char>) = (was.chars().collect(), is.chars().collect());
    let head = was.iter().zip(&is).take_while(|(was, is)| was == is).count();
    let tail = was.iter().rev().zip(is.iter().rev()).take_while(|(was, is)| was == is).count();
    let cut = |text: &[char]| -> String {
        if text.len() <= VALUE {
            return hlb_llb::draw::printable(&text.iter().collect::<String>());
        }
        let start = head.saturating_sub(AROUND);
        let end = (text.len() - tail.min(text.len() - head) + AROUND).clamp(start, (start + VALUE).min(text.len()));
        let shown: String = text.get(start..end).unwrap_or_default().iter().collect();
        let (before, behind) = (if start > 0 { "…" } else { "" }, if end < text.len() { "…" } else { "" });
        format!("{before}{}{behind}", hlb_llb::draw::printable(&shown))
    };
    (cut(&was), cut(&is))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_long_values_the_difference_is_shown() {
        let check = |was: &str, is: &str, expected: (&str, &str)| {
            let (was, is) = excerpts(was, is);
            assert_eq!((was.as_str(), is.as_str()), expected);
        };
        check("a", "b", ("a", "b"));
        let (long, other) =
            (format!("{}x{}", "a".repeat(100), "b".repeat(100)), format!("{}yy{}", "a".repeat(100), "b".repeat(100)));
        let around = ("a".repeat(16), "b".repeat(16));
        let shown = |middle: &str| format!("…{}{middle}{}…", around.0, around.1);
        check(&long, &other, (&shown("x"), &shown("yy")));
        check(&long, "", (&format!("{}…", "a".repeat(60)), ""));
        check("one\ntwo", "one", ("one\\ntwo", "one"));
    }

    #[test]
    fn files_are_named_and_counted() {
        let check = |changed: usize, added: usize, metadata_only: bool, expected: &str| {
            let paths =
                |name: &str, count: usize| (0..count).map(|at| PathBuf::from(format!("{name}{at:02}"))).collect();
            let changes = FileChanges {
                changed: paths("c", changed),
                added: paths("a", added),
                metadata_only,
                ..FileChanges::default()
            };
            let cause = Cause::Files { input: Some("local".to_owned()), changes: Some(changes.shortened()) };
            assert_eq!(cause.to_string(), expected);
        };
        check(1, 0, false, "files that it reads of `local`: `c00` changed");
        check(1, 1, false, "files that it reads of `local`: `c00` changed, `a00` was added");
        check(1, 0, true, "files that it reads of `local`: `c00` is another in owner, mode or attributes only");
        check(30, 2, false, "files that it reads of `local`: `c00` changed, `c01` changed, `c02` changed, and 29 more");
        check(0, 0, false, "files that it reads of `local` are others");
    }
}

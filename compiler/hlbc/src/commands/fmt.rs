//! `hlbc fmt`.
//!
//! Owns which files are laid out and how they are replaced. How a file is laid out is the language's business.

use std::fs;
use std::io::{self, Read};

use camino::{Utf8Path, Utf8PathBuf};
use hlb_language::source::{Source, SourceMap};

use crate::error::{Failure, Kind};
use crate::report::Screen;
use crate::{cli, replace};

/// Directories deeper than this are somebody's mistake.
const DEEPEST: usize = 200;

pub(crate) fn fmt(args: &cli::Fmt, screen: Screen) -> Result<(), Failure> {
    if args.files.iter().any(|file| file == "-") {
        if args.files.len() > 1 {
            return Err(Failure::new(Kind::Usage, "`-` stands alone: standard input is one file"));
        }
        return from_stdin(args.check, screen);
    }
    let mut files = Vec::new();
    for path in &args.files {
        let found = fs::metadata(path).map_err(|error| unreadable(path, error))?;
        if found.is_dir() { below(path, 0, &mut files)? } else { files.push(path.clone()) }
    }
    let (mut mistaken, mut changed) = (false, Vec::new());
    for file in &files {
        let text = fs::read_to_string(file).map_err(|error| unreadable(file, error))?;
        match lay_out(file.as_str(), &text, screen) {
            None => mistaken = true,
            Some(new) if new != text => {
                if !args.check {
                    replace::file(file, &new)?;
                }
                changed.push(file);
            }
            Some(_) => {}
        }
    }
    if args.check {
        super::print(changed.iter().map(|file| format!("{file}\n")).collect::<String>().as_bytes())?;
    }
    match (mistaken, args.check && !changed.is_empty()) {
        (true, _) => Err(Failure::told(Kind::Program)),
        (false, true) => Err(Failure::told(Kind::Build)),
        (false, false) => Ok(()),
    }
}

fn from_stdin(check: bool, screen: Screen) -> Result<(), Failure> {
    let mut text = String::new();
    io::stdin()
        .read_to_string(&mut text)
        .map_err(|error| Failure::new(Kind::Usage, "cannot read standard input").because(error))?;
    let Some(new) = lay_out("<stdin>", &text, screen) else { return Err(Failure::told(Kind::Program)) };
    match (check, new == text) {
        (false, _) => super::print(new.as_bytes()),
        (true, true) => Ok(()),
        (true, false) => {
            super::print(b"<stdin>\n")?;
            Err(Failure::told(Kind::Build))
        }
    }
}

/// The text laid out; `None` if it has mistakes, which have been told.
fn lay_out(name: &str, text: &str, screen: Screen) -> Option<String> {
    let mut sources = SourceMap::new();
    let id = sources.add(Source::new(name, text));
    hlb_language::format(id, text).map_err(|mistakes| screen.diagnostics(&sources, &mistakes)).ok()
}

/// All `.hlb` files below a directory, in path order; not those in hidden directories.
fn below(dir: &Utf8Path, depth: usize, files: &mut Vec<Utf8PathBuf>) -> Result<(), Failure> {
    if depth > DEEPEST {
        return Err(Failure::new(Kind::Usage, format!("`{dir}` is nested too deep")));
    }
    let mut entries = Vec::new();
    for entry in dir.read_dir_utf8().map_err(|error| unreadable(dir, error))? {
        // A name that is not UTF-8 is no name of a module.
        let Ok(entry) = entry else { continue };
        entries.push(entry.into_path());
    }
    entries.sort();
    for path in entries {
        let name = path.file_name().unwrap_or_default();
        // Symbolic links are not followed: their targets are in the tree too, or none of our business.
        let Ok(kind) = fs::symlink_metadata(&path) else { continue };
        if kind.is_dir() && !name.starts_with('.') {
            below(&path, depth + 1, files)?;
        } else if kind.is_file() && path.extension() == Some("hlb") {
            files.push(path.strip_prefix(".").map(Utf8Path::to_owned).unwrap_or(path));
        }
    }
    Ok(())
}

fn unreadable(path: &Utf8Path, error: io::Error) -> Failure {
    Failure::new(Kind::Usage, format!("cannot read `{path}`")).because(error)
}

//! Breakpoints.
//!
//! Owns the lines that the client wants to stop at, and the statements that they mean.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

use hlb_compiler::Checked;
use hlb_compiler::debug::statements;
use hlb_language::diagnostic::Location;
use hlb_language::source::SourceId;

/// All breakpoints, by file.
#[derive(Default)]
pub(super) struct Points {
    wanted: BTreeMap<PathBuf, Vec<usize>>,
    at: HashSet<Location>,
}

/// What has become of a breakpoint.
pub(super) enum Placed {
    /// It is at this line.
    Line(usize),
    /// There is no place for it.
    Nowhere(String),
}

impl Points {
    /// Sets those of a file, each by its line from 1 on.
    pub(super) fn set(&mut self, checked: &Checked, file: &Path, lines: Vec<usize>) -> Vec<Placed> {
        let placed = lines.iter().map(|line| match place(checked, file, *line) {
            Ok(at) => Placed::Line(line_of(checked, at)),
            Err(why) => Placed::Nowhere(why),
        });
        let placed = placed.collect();
        self.wanted.insert(file.to_owned(), lines);
        self.resolve(checked);
        placed
    }

    /// Finds the statements anew: the text may be another one.
    pub(super) fn resolve(&mut self, checked: &Checked) {
        let all = self.wanted.iter().flat_map(|(file, lines)| lines.iter().map(move |line| (file, *line)));
        self.at = all.filter_map(|(file, line)| place(checked, file, line).ok()).collect();
    }

    pub(super) fn has(&self, at: Location) -> bool {
        self.at.contains(&at)
    }
}

/// The first statement at a line or below it.
fn place(checked: &Checked, file: &Path, line: usize) -> Result<Location, String> {
    let source = source_of(checked, file).ok_or("the program does not use this file")?;
    let below = statements(checked, source).into_iter().find(|at| line_of(checked, *at) >= line);
    below.ok_or_else(|| "there is no statement at this line or below it".to_owned())
}

/// The lines of a file at which there are statements, within a range.
pub(super) fn lines(checked: &Checked, file: &Path, from: usize, to: usize) -> Vec<usize> {
    let Some(source) = source_of(checked, file) else { return Vec::new() };
    let mut lines: Vec<usize> = statements(checked, source).into_iter().map(|at| line_of(checked, at)).collect();
    lines.dedup();
    lines.retain(|line| (from..=to).contains(line));
    lines
}

/// The file of a text; none if it is built in.
pub(super) fn file_of(checked: &Checked, source: SourceId) -> Option<PathBuf> {
    std::fs::canonicalize(checked.sources.get(source)?.name()).ok()
}

fn source_of(checked: &Checked, file: &Path) -> Option<SourceId> {
    let file = std::fs::canonicalize(file).ok()?;
    let mut modules = checked.program.modules.iter().map(|module| module.source);
    modules.find(|source| file_of(checked, *source).as_ref() == Some(&file))
}

/// The line of a place, from 1 on.
pub(super) fn line_of(checked: &Checked, at: Location) -> usize {
    position(checked, at).0
}

/// Line and column of a place, from 1 on.
pub(super) fn position(checked: &Checked, at: Location) -> (usize, usize) {
    let position = checked.sources.get(at.source).map(|source| source.position(at.span.start as usize));
    position.map_or((1, 1), |it| (it.line as usize, it.column as usize))
}

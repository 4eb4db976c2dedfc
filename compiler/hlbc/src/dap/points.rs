//! Breakpoints.
//!
//! Owns the lines and functions that the client wants to stop at, the statements that they mean, and the moments at which they
//! count. Those are found once: going back comes by the same ones.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};

use hlb_compiler::Checked;
use hlb_compiler::debug::{MomentKind, Trace, beginnings, statements};
use hlb_language::diagnostic::Location;
use hlb_language::source::SourceId;

use super::terms::Terms;

/// All breakpoints.
#[derive(Default)]
pub(super) struct Points {
    files: BTreeMap<PathBuf, Vec<Point>>,
    functions: Vec<Point>,
    /// The statements that they are at, each with the numbers of its breakpoints, in the order of [`Points::all`].
    at: HashMap<Location, Vec<usize>>,
    decided: Option<Decided>,
}

/// A breakpoint.
pub(super) struct Point {
    pub(super) wish: Wish,
    pub(super) terms: Terms,
}

/// Where a breakpoint is wanted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Wish {
    /// At a line, from 1 on.
    Line(usize),
    /// Where a function begins.
    Function(String),
}

/// At which moments breakpoints count.
#[derive(Default)]
struct Decided {
    stops: HashSet<usize>,
    /// Those at which something is logged, with the numbers of the breakpoints.
    logs: BTreeMap<usize, Vec<usize>>,
}

impl Points {
    /// Sets those of a file. Gives their statements, or why there is none.
    pub(super) fn set_lines(
        &mut self,
        checked: &Checked,
        file: &Path,
        points: Vec<Point>,
    ) -> Vec<Result<Location, String>> {
        let placed = points.iter().map(|point| placed(checked, file, &point.wish).and_then(first)).collect();
        self.files.insert(file.to_owned(), points);
        self.resolve(checked);
        placed
    }

    /// Sets those at functions.
    pub(super) fn set_functions(&mut self, checked: &Checked, points: Vec<Point>) -> Vec<Result<Location, String>> {
        let placed = points.iter().map(|point| placed(checked, Path::new(""), &point.wish).and_then(first)).collect();
        self.functions = points;
        self.resolve(checked);
        placed
    }

    /// Finds the statements anew: the text may be another one.
    pub(super) fn resolve(&mut self, checked: &Checked) {
        let mut at: HashMap<Location, Vec<usize>> = HashMap::new();
        for (number, (file, point)) in self.all().enumerate() {
            for place in placed(checked, file, &point.wish).unwrap_or_default() {
                at.entry(place).or_default().push(number);
            }
        }
        self.at = at;
        self.forget();
    }

    /// The evaluation is another one.
    pub(super) fn forget(&mut self) {
        self.decided = None;
    }

    fn all(&self) -> impl Iterator<Item = (&Path, &Point)> {
        let lines =
            self.files.iter().flat_map(|(file, points)| points.iter().map(move |point| (file.as_path(), point)));
        lines.chain(self.functions.iter().map(|point| (Path::new(""), point)))
    }

    /// Finds the moments at which breakpoints count, unless that is known. Gives why conditions have no answer, once each.
    pub(super) fn decide(&mut self, trace: &mut Trace<'_>) -> Vec<String> {
        if self.decided.is_some() {
            return Vec::new();
        }
        let (mut decided, mut wrong) = (Decided::default(), BTreeMap::new());
        let all: Vec<&Point> = self.all().map(|(_, point)| point).collect();
        let mut hits = vec![0; all.len()];
        let count = if self.at.is_empty() { 0 } else { trace.len() };
        for moment in 0..count {
            let here = trace.moment(moment).filter(|moment| moment.kind == MomentKind::Before);
            let here = here.and_then(|moment| self.at.get(&moment.at)).map_or(&[][..], Vec::as_slice);
            for number in here {
                let (Some(point), Some(hits)) = (all.get(*number), hits.get_mut(*number)) else { continue };
                match point.terms.count(trace, moment, hits) {
                    Ok(true) if point.terms.log.is_some() => decided.logs.entry(moment).or_default().push(*number),
                    Ok(true) => drop(decided.stops.insert(moment)),
                    Ok(false) => {}
                    Err(why) => drop(wrong.entry(*number).or_insert_with(|| format!("{}: {why}", point.wish))),
                }
            }
        }
        self.decided = Some(decided);
        wrong.into_values().collect()
    }

    /// Whether the program stops at a moment.
    pub(super) fn has(&self, moment: usize) -> bool {
        self.decided.as_ref().is_some_and(|decided| decided.stops.contains(&moment))
    }

    /// What is logged on the way to a moment, with the moments.
    pub(super) fn logged(&self, trace: &mut Trace<'_>, way: std::ops::Range<usize>) -> Vec<(usize, String)> {
        let Some(decided) = self.decided.as_ref().filter(|decided| !decided.logs.is_empty()) else { return Vec::new() };
        let all: Vec<&Point> = self.all().map(|(_, point)| point).collect();
        let logs =
            decided.logs.range(way).flat_map(|(moment, points)| points.iter().map(move |point| (*moment, point)));
        let said = logs.filter_map(|(moment, number)| Some((moment, all.get(*number)?.terms.log.as_ref()?)));
        said.map(|(moment, log)| (moment, log.said(trace, moment))).collect()
    }
}

impl std::fmt::Display for Wish {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Line(line) => write!(f, "the condition of the breakpoint at line {line} has no answer"),
            Self::Function(name) => write!(f, "the condition of the breakpoint at `{name}` has no answer"),
        }
    }
}

/// The statements that a breakpoint means: the first at its line or below it, or the first of each function of its name.
fn placed(checked: &Checked, file: &Path, wish: &Wish) -> Result<Vec<Location>, String> {
    match wish {
        Wish::Line(line) => {
            let source = source_of(checked, file).ok_or("the program does not use this file")?;
            let below = statements(checked, source).into_iter().find(|at| line_of(checked, *at) >= *line);
            below.map(|at| vec![at]).ok_or_else(|| "there is no statement at this line or below it".to_owned())
        }
        Wish::Function(name) => {
            let found = beginnings(checked, name);
            if found.is_empty() {
                Err(format!("the program has no function `{name}` with statements"))
            } else {
                Ok(found)
            }
        }
    }
}

fn first(places: Vec<Location>) -> Result<Location, String> {
    places.into_iter().next().ok_or_else(|| "there is no statement".to_owned())
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

/// Line and column of a place, from 1 on. Columns are counted in characters, as places of steps are.
pub(super) fn position(checked: &Checked, at: Location) -> (usize, usize) {
    let position = checked.sources.get(at.source).map(|source| source.position(at.span.start as usize));
    position.map_or((1, 1), |it| (it.line as usize, it.column as usize))
}

/// The same with columns as editors count them, in units of UTF-16.
pub(super) fn shown_position(checked: &Checked, at: Location) -> (usize, usize) {
    let position = checked.sources.get(at.source).map(|source| source.utf16_position(at.span.start as usize));
    position.map_or((1, 1), |(line, column)| (line as usize + 1, column as usize + 1))
}

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
        self.files.insert(file.to_owned(), points);
        let before = self.files.range(..file.to_owned()).map(|(_, points)| points.len()).sum();
        let count = self.files.get(file).map_or(0, Vec::len);
        self.resolve(checked).into_iter().skip(before).take(count).collect()
    }

    /// Sets those at functions.
    pub(super) fn set_functions(&mut self, checked: &Checked, points: Vec<Point>) -> Vec<Result<Location, String>> {
        self.functions = points;
        let before = self.files.values().map(Vec::len).sum();
        self.resolve(checked).into_iter().skip(before).collect()
    }

    /// Finds the statements anew: the text may be another one. Gives the first of each breakpoint, or why there is none.
    pub(super) fn resolve(&mut self, checked: &Checked) -> Vec<Result<Location, String>> {
        let lines = self.files.iter().flat_map(|(file, points)| {
            let statements = Statements::of(checked, file);
            points.iter().map(move |point| statements.meant(checked, &point.wish)).collect::<Vec<_>>()
        });
        let functions = self.functions.iter().map(|point| Statements::default().meant(checked, &point.wish));
        let all: Vec<Result<Vec<Location>, String>> = lines.chain(functions).collect();
        let mut at: HashMap<Location, Vec<usize>> = HashMap::new();
        for (number, places) in all.iter().enumerate() {
            for place in places.iter().flatten() {
                at.entry(*place).or_default().push(number);
            }
        }
        self.at = at;
        self.forget();
        all.into_iter().map(|places| places.and_then(first)).collect()
    }

    /// The evaluation is another one.
    pub(super) fn forget(&mut self) {
        self.decided = None;
    }

    fn all(&self) -> impl Iterator<Item = &Point> {
        self.files.values().flatten().chain(&self.functions)
    }

    /// Finds the moments at which breakpoints count, unless that is known. Gives why conditions have no answer, once each.
    pub(super) fn decide(&mut self, trace: &mut Trace<'_>) -> Vec<String> {
        if self.decided.is_some() {
            return Vec::new();
        }
        let (mut decided, mut wrong) = (Decided::default(), BTreeMap::new());
        let all: Vec<&Point> = self.all().collect();
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
        let all: Vec<&Point> = self.all().collect();
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

/// The statements of a file with their lines, in its order; none of a file that the program does not use.
#[derive(Default)]
struct Statements(Option<Vec<(usize, Location)>>);

impl Statements {
    fn of(checked: &Checked, file: &Path) -> Self {
        let source = source_of(checked, file);
        Self(
            source.map(|source| statements(checked, source).into_iter().map(|at| (line_of(checked, at), at)).collect()),
        )
    }

    /// Those that a breakpoint means: the first at its line or below it, or the first of each function of its name.
    fn meant(&self, checked: &Checked, wish: &Wish) -> Result<Vec<Location>, String> {
        match wish {
            Wish::Line(wanted) => {
                let all = self.0.as_ref().ok_or("the program does not use this file")?;
                let below = all.iter().find(|(line, _)| line >= wanted);
                below
                    .map(|(_, at)| vec![*at])
                    .ok_or_else(|| "there is no statement at this line or below it".to_owned())
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
}

fn first(places: Vec<Location>) -> Result<Location, String> {
    places.into_iter().next().ok_or_else(|| "there is no statement".to_owned())
}

/// The lines of a file at which there are statements, within a range.
pub(super) fn lines(checked: &Checked, file: &Path, from: usize, to: usize) -> Vec<usize> {
    let Statements(Some(all)) = Statements::of(checked, file) else { return Vec::new() };
    let mut lines: Vec<usize> = all.into_iter().map(|(line, _)| line).collect();
    lines.dedup();
    lines.retain(|line| (from..=to).contains(line));
    lines
}

/// The file of a text, to compare it; none if it is built in.
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

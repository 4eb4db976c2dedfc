//! What the compiler says of a case, in the form of the case.
//!
//! Owns the comparison: each block of a case is made again from what the compiler answers, and keeps what already says so.

use std::collections::BTreeMap;

use camino::Utf8Path;
use hlb_compiler::testing::MemoryWorld;
use hlb_compiler::{Checked, CompileErrors, TargetCall, check, compile, evaluate};
use hlb_language::diagnostic::{Diagnostic, Location, Severity};
use hlb_language::source::{Source, SourceId};

use super::page::{Block, Case, File, Mark, Says};
use super::world::world;
use crate::support::{options, outline};

/// A block as it would be if it were right.
pub(crate) struct Answer {
    /// The lines of the page that it takes.
    pub(crate) at: std::ops::Range<usize>,
    pub(crate) text: String,
}

/// What the compiler makes of a case: all blocks that say something of it, and what no block can say.
pub(crate) fn run(case: &Case) -> Result<(Vec<Answer>, Vec<String>), String> {
    let world = world(case)?;
    let checked = check(&world, Utf8Path::new("main.hlb"));
    let mut said = Said { diagnostics: checked.diagnostics.clone(), values: BTreeMap::new() };
    let sound = !checked.has_errors();
    let mut ran = Vec::new();
    // What a mark asks the value of is evaluated for that.
    let asked = values(case).any(|name| name == "default");
    if sound && !asked && checked.targets().iter().any(|target| target.name == "default") {
        let own = world.clone();
        if let Err(errors) = compile(&own, &checked, &["default".into()], &options()) {
            said.add(errors.0);
        }
        ran.extend(own.ran.take());
    }
    for name in values(case) {
        if !sound {
            continue;
        }
        let own = world.clone();
        let value = evaluate(&own, &checked, &name.into(), &options()).unwrap_or_else(|errors| {
            said.add(errors.0);
            "error".to_owned()
        });
        ran.extend(own.ran.take());
        said.values.insert(name.to_owned(), value);
    }
    if sound {
        let own = world.clone();
        let mut each = |outcome: hlb_compiler::TestOutcome| said.add(outcome.result.err().into_iter().collect());
        let _ = hlb_compiler::test(&own, &checked, &|_| true, &options(), &mut |_| {}, &mut each);
        ran.extend(own.ran.take());
    }
    let mut answers = Vec::new();
    for file in &case.files {
        answers.push(Answer { at: file.at.clone(), text: file.with_marks(&marks(file, &checked, &said)) });
    }
    for block in &case.blocks {
        let text = match block.kind.as_str() {
            "world" => continue,
            "llb" => graphs(&world, &checked, block),
            "value" => value(&world, &checked, block),
            "ran" => ran.iter().map(|command| format!("{}\n", command.trim_start_matches(".: "))).collect(),
            "format" => formatted(&main(case).text).unwrap_or_else(|error| format!("{error}\n")),
            other => return Err(format!("`{other}` is no kind of block")),
        };
        answers.push(Answer { at: block.at.clone(), text });
    }
    let mut beside = elsewhere(case, &checked, &said);
    beside.extend(layout(case, &world, &checked));
    Ok((answers, beside))
}

/// What was said of a program.
struct Said {
    diagnostics: Vec<Diagnostic>,
    values: BTreeMap<String, String>,
}

impl Said {
    fn add(&mut self, errors: Vec<Diagnostic>) {
        for error in errors {
            if !self.diagnostics.contains(&error) {
                self.diagnostics.push(error);
            }
        }
    }
}

fn main(case: &Case) -> &File {
    case.files.iter().find(|file| file.name == "main.hlb").expect("each case has a program")
}

/// The names that marks ask the values of.
fn values(case: &Case) -> impl Iterator<Item = &str> {
    let file = main(case);
    file.marks.iter().filter(|mark| mark.says == Says::Value).map(|mark| under(file, mark))
}

/// The text of a program under a mark.
fn under<'a>(file: &'a File, mark: &Mark) -> &'a str {
    let line = file.text.lines().nth(mark.line).unwrap_or_default();
    let at = |column: usize| line.char_indices().nth(column).map_or(line.len(), |(at, _)| at);
    &line[at(mark.from)..at(mark.to)]
}

fn graphs(world: &MemoryWorld, checked: &Checked, block: &Block) -> String {
    match compile(&world.clone(), checked, &calls(&block.info), &options()) {
        Ok(request) => outline(&request),
        Err(errors) => refused(&errors),
    }
}

fn value(world: &MemoryWorld, checked: &Checked, block: &Block) -> String {
    let calls = calls(&block.info);
    let values = calls.iter().map(|call| match evaluate(&world.clone(), checked, call, &options()) {
        Ok(value) => format!("{value}\n"),
        Err(errors) => refused(&errors),
    });
    values.collect()
}

fn refused(errors: &CompileErrors) -> String {
    errors.0.iter().map(|error| format!("error[{}]: {}\n", error.code.0, error.message)).collect()
}

/// Targets as a command line names them: `build --pkg=./cmd --race`.
fn calls(words: &str) -> Vec<TargetCall> {
    let mut calls: Vec<TargetCall> = Vec::new();
    for word in words.split_whitespace() {
        match (word.strip_prefix("--"), calls.last_mut()) {
            (Some(word), Some(call)) => {
                let (name, text) = word.split_once('=').map_or((word, None), |(name, text)| (name, Some(text)));
                match call.args.iter_mut().find(|(other, _)| other == name) {
                    Some((_, texts)) => texts.extend(text.map(str::to_owned)),
                    None => call.args.push((name.to_owned(), text.map(str::to_owned).into_iter().collect())),
                }
            }
            _ => calls.push(word.into()),
        }
    }
    calls
}

fn formatted(text: &str) -> Result<String, String> {
    hlb_language::format(SourceId(0), text).map_err(|errors| match errors.first() {
        Some(error) => format!("error[{}]: {}", error.code.0, error.message),
        None => "error".to_owned(),
    })
}

/// The marks that a file should have.
fn marks(file: &File, checked: &Checked, said: &Said) -> Vec<Mark> {
    let mut open: Vec<(usize, &Mark)> = file.marks.iter().enumerate().collect();
    let mut found: Vec<(usize, Mark)> = Vec::new();
    let here = |at: Location| checked.sources.get(at.source).filter(|source| source.name() == file.name);
    for diagnostic in &said.diagnostics {
        let Some(source) = here(diagnostic.primary.at) else { continue };
        let mark = shown(diagnostic, source);
        let fits = |(_, asked): &(usize, &Mark)| asked.is_at(&mark) && agrees(asked, &mark);
        match open.iter().position(fits) {
            Some(at) => {
                let (order, asked) = open.remove(at);
                found.push((order, asked.clone()));
            }
            None => found.push((usize::MAX, mark)),
        }
    }
    // What more a page says is compared with what there is, and left out where there is nothing.
    for (order, asked) in open {
        let answers = beside(asked, file, checked, said);
        let fits = |answer: &String| match asked.says {
            Says::Help | Says::Note => answer.contains(&asked.text),
            _ => *answer == asked.text,
        };
        let best = answers.iter().find(|answer| fits(answer)).map(|_| &asked.text).or_else(|| answers.first());
        if let Some(text) = best {
            found.push((order, Mark { text: text.clone(), ..asked.clone() }));
        }
    }
    found.sort_by_key(|(order, mark)| (mark.line, *order, mark.from));
    found.into_iter().map(|(_, mark)| mark).collect()
}

/// What could be said where a mark asks for more than a diagnostic.
fn beside(asked: &Mark, file: &File, checked: &Checked, said: &Said) -> Vec<String> {
    let place = |at: Location| {
        let source = checked.sources.get(at.source).filter(|source| source.name() == file.name)?;
        Some(mark_at(at, source))
    };
    let is_here = |at: Location| place(at).is_some_and(|mark| mark.is_at(asked));
    let diagnostics = said.diagnostics.iter();
    match &asked.says {
        Says::Error(_) | Says::Warning(_) => Vec::new(),
        Says::Help => diagnostics.filter(|it| is_here(it.primary.at)).filter_map(|it| it.help.clone()).collect(),
        Says::Note => {
            let labels = diagnostics.flat_map(|it| &it.secondary).filter(|label| is_here(label.at));
            labels.map(|label| label.message.clone()).collect()
        }
        Says::Fix => {
            let edits = diagnostics.flat_map(|it| &it.fixes).flat_map(|fix| &fix.edits);
            edits.filter(|edit| is_here(edit.at)).map(|edit| edit.text.trim().to_owned()).collect()
        }
        Says::Type => {
            let source = checked.sources.iter().find(|(_, source)| source.name() == file.name);
            let Some((id, source)) = source else { return Vec::new() };
            let ty = checked.program.type_at(id, offset(source, asked));
            vec![ty.map_or_else(|| "unknown".to_owned(), |ty| ty.to_string())]
        }
        Says::Effects => effects(asked, file, checked).into_iter().collect(),
        Says::Value => said.values.get(under(file, asked)).cloned().into_iter().collect(),
    }
}

/// What the function with a name here does outside of the build.
fn effects(asked: &Mark, file: &File, checked: &Checked) -> Option<String> {
    let program = &checked.program;
    let named = |func: &&hlb_compiler::hir::Func| {
        let source = program.modules.get(func.module.0).and_then(|module| checked.sources.get(module.source));
        source.is_some_and(|source| {
            let at = offset(source, asked);
            source.name() == file.name && func.name.span.start as usize == at
        })
    };
    let func = program.funcs.iter().find(named)?;
    Some(if func.effects.is_empty() { "none".to_owned() } else { func.effects.to_string() })
}

/// Whether a mark asks for a diagnostic.
fn agrees(asked: &Mark, found: &Mark) -> bool {
    let codes = match (&asked.says, &found.says) {
        (Says::Error(asked), Says::Error(found)) | (Says::Warning(asked), Says::Warning(found)) => (asked, found),
        _ => return false,
    };
    (codes.0 == "?" || codes.0 == codes.1) && found.text.contains(&asked.text)
}

fn shown(diagnostic: &Diagnostic, source: &Source) -> Mark {
    let code = diagnostic.code.0.to_owned();
    let says = match diagnostic.severity {
        Severity::Error => Says::Error(code),
        Severity::Warning => Says::Warning(code),
    };
    Mark { says, text: diagnostic.message.clone(), ..mark_at(diagnostic.primary.at, source) }
}

/// A mark without words at a place.
fn mark_at(at: Location, source: &Source) -> Mark {
    let (start, end) = (at.span.start as usize, at.span.end as usize);
    let line = source.line_index(start);
    let whole = source.line_span(line).unwrap_or(at.span);
    let text = source.slice(whole).trim_end_matches(['\n', '\r']);
    let stop = whole.start as usize + text.len();
    let column = |offset: usize| source.text()[whole.start as usize..offset].chars().count();
    let from = column(start.min(stop));
    let open = end > stop && !source.text().get(stop..end).unwrap_or_default().trim().is_empty();
    let to = column(end.min(stop)).max(from + 1);
    Mark { line, from, to, open, says: Says::Note, text: String::new() }
}

/// The offset at which a mark begins.
fn offset(source: &Source, mark: &Mark) -> usize {
    let Some(line) = source.line_span(mark.line) else { return 0 };
    let text = source.slice(line);
    line.start as usize + text.char_indices().nth(mark.from).map_or(text.len(), |(at, _)| at)
}

/// What is said of texts that the page does not show.
fn elsewhere(case: &Case, checked: &Checked, said: &Said) -> Vec<String> {
    let name = |it: &Diagnostic| {
        checked.sources.get(it.primary.at.source).map_or("nowhere".to_owned(), |source| source.name().to_owned())
    };
    let far = said.diagnostics.iter().filter(|it| !case.files.iter().any(|file| file.name == name(it)));
    far.map(|it| format!("in {}: {}: {}", name(it), it.code.0, it.message)).collect()
}

/// A program in standard layout says what it said before, and is in standard layout.
fn layout(case: &Case, world: &MemoryWorld, checked: &Checked) -> Option<String> {
    let mut world = world.clone();
    for file in &case.files {
        // What does not parse is not formatted.
        let text = formatted(&file.text).ok()?;
        match formatted(&text) {
            Ok(again) if again == text => {}
            Ok(again) => return Some(format!("formatted twice:\n{again}\nand once:\n{text}")),
            Err(error) => return Some(format!("formatted: {error}\n{text}")),
        }
        world = world.file(&file.name, text);
    }
    let words = |checked: &Checked| -> Vec<String> {
        let mut words: Vec<String> =
            checked.diagnostics.iter().map(|it| format!("{}: {}", it.code.0, it.message)).collect();
        words.sort();
        words
    };
    let (before, after) = (words(checked), words(&check(&world, Utf8Path::new("main.hlb"))));
    (before != after).then(|| format!("formatted, it says {after:?}"))
}

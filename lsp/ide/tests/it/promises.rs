//! What every action promises, on whole programs: wherever it is offered, it makes no mistakes, and the program gives the same.
//!
//! A debug run tries a sample that is the same each time. With `HLB_PROMISES=all` all selections are tried:
//! `HLB_PROMISES=all cargo test --release -p hlb-ide promises`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use camino::{Utf8Path, Utf8PathBuf};
use hlb_ide::{ActionKind, Host, Settings, Snapshot};
use hlb_language::lexer::{Care, lex};
use hlb_language::source::SourceId;
use hlb_language::span::Span;

use crate::built::{Built, Files, built};
use crate::fixture::keeps_promises;

/// So many selections of each file of a program are tried, and of each example in the documentation.
const SAMPLE: usize = 110;
const SMALL_SAMPLE: usize = 24;

/// Where the files are said to be.
const DIRECTORY: &str = "/work/some/where";

/// So many lines are selected at most.
const LINES: usize = 3;

/// What moves parts of a text.
const MOVING: [ActionKind; 2] = [ActionKind::Extract, ActionKind::Inline];

/// How often each action is tried at least, by the first words of its title.
const LEAST: [(&str, usize); 6] = [
    ("extract into a `let`", 30),
    ("extract into a constant", 2),
    ("extract into a function", 20),
    ("inline `", 5),
    ("inline this call", 2),
    ("write the arguments", 15),
];

/// Files that import one another, and which of them is to be changed.
struct Case {
    files: Files,
    changed: Utf8PathBuf,
}

#[test]
fn refactored_programs_give_the_same() {
    let counts = tried(&programs(), SAMPLE);
    for (title, least) in LEAST {
        let count: usize = counts.iter().filter(|(it, _)| it.starts_with(title)).map(|(_, count)| count).sum();
        assert!(count >= least, "{title}… was tried {count} times: {counts:?}");
    }
}

#[test]
fn refactored_examples_give_the_same() {
    let examples = examples();
    assert!(examples.len() > 60, "there are only {} examples", examples.len());
    let counts = tried(&examples, SMALL_SAMPLE);
    assert!(counts.values().sum::<usize>() > 150, "{counts:?}");
}

/// What is put in front of statements, so that it is hidden what they mean.
const SLIPS: [&str; 3] = ["zz9 ", "zz9 ) ", "zz9(\"${ "];

#[test]
fn what_is_done_beside_a_slip_is_right_when_that_is_mended() {
    let program = programs().into_iter().find(|it| it.changed.ends_with("traps.hlb")).expect("it is a program");
    let text = program.files.get(&program.changed).expect("it is one of them");
    let before = all_built(&program.files);
    let all = std::env::var_os("HLB_PROMISES").is_some();
    let (mut tried, mut broken) = (BTreeSet::new(), Vec::new());
    let statements: Vec<usize> = text.match_indices("\n\t").map(|(at, _)| at + 1).collect();
    for (number, line) in statements.iter().enumerate().skip(1).step_by(if all { 1 } else { 23 }) {
        let at = line + (text[*line..].len() - text[*line..].trim_start().len());
        let slip = SLIPS[number % SLIPS.len()];
        let wrong = format!("{}{slip}{}", &text[..at], &text[at..]);
        let mut files = program.files.clone();
        files.insert(program.changed.clone(), wrong.clone());
        let snapshot = host(&files).snapshot();
        let near = Span::new(statements[number.saturating_sub(4)], (at + 120).min(wrong.len()));
        let places = ranges(&snapshot, &program.changed, &wrong, near).into_iter();
        for range in places.step_by(if all { 1 } else { 3 }) {
            let found = snapshot.actions(&program.changed, range, &MOVING);
            for action in found.into_iter().filter(|action| action.refused.is_none()) {
                let new = keeps_promises(&wrong, &action);
                if !tried.insert(new.clone()) {
                    continue;
                }
                if new.matches(slip).count() != 1 {
                    let edits: Vec<_> = action.edits.iter().flat_map(|it| &it.edits).collect();
                    broken.push(format!("the slip is not there once by `{}`: {edits:?}", action.title));
                    continue;
                }
                files.insert(program.changed.clone(), new.replace(slip, ""));
                let after = all_built(&files);
                // What is doubtful is told only where nothing is wrong.
                let mut found = before.iter().zip(&after).flat_map(|(one, other)| others(one, other, action.kind));
                let edits: Vec<_> = action.edits.iter().flat_map(|it| &it.edits).collect();
                let it = format!("`{}` beside {:?}: {edits:?}", action.title, &wrong[near.range()]);
                broken.extend(found.next().map(|difference| format!("{difference} by {it}")));
            }
        }
    }
    assert!(broken.is_empty(), "{} promises are broken:\n{}", broken.len(), broken.join("\n"));
    assert!(tried.len() > 20, "only {} were tried", tried.len());
}

/// Tries what is offered at a sample of selections, and gives how often which action was tried.
fn tried(cases: &[Case], sample: usize) -> BTreeMap<String, usize> {
    let all = std::env::var_os("HLB_PROMISES").is_some();
    let counts: Mutex<BTreeMap<String, usize>> = Mutex::default();
    let broken: Mutex<Vec<String>> = Mutex::default();
    for case in cases {
        let text = case.files.get(&case.changed).expect("it is one of them");
        let before = all_built(&case.files);
        let snapshot = host(&case.files).snapshot();
        let ranges = ranges(&snapshot, &case.changed, text, Span::new(0, text.len()));
        let step = if all { 1 } else { ranges.len().div_ceil(sample).max(1) };
        let ranges: Vec<Span> = ranges.into_iter().step_by(step).collect();
        let (next, seen) = (AtomicUsize::new(0), Mutex::new(BTreeSet::new()));
        let work = || {
            while let Some(range) = ranges.get(next.fetch_add(1, Ordering::Relaxed)) {
                let found = snapshot.actions(&case.changed, *range, &[]);
                for action in found.into_iter().filter(|action| action.refused.is_none()) {
                    let new = keeps_promises(text, &action);
                    if !seen.lock().unwrap().insert(new.clone()) {
                        continue;
                    }
                    *counts.lock().unwrap().entry(action.title.clone()).or_default() += 1;
                    let mut files = case.files.clone();
                    files.insert(case.changed.clone(), new);
                    let after = all_built(&files);
                    for it in before.iter().zip(&after).flat_map(|(one, other)| differences(one, other, action.kind)) {
                        let edits: Vec<_> = action.edits.iter().flat_map(|it| &it.edits).collect();
                        let place = format!("{}, {:?}: {edits:?}", case.changed, &text[range.range()]);
                        broken.lock().unwrap().push(format!("{it} by `{}` in {place}", action.title));
                    }
                }
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
                std::thread::Builder::new().stack_size(16 << 20).spawn_scoped(scope, work).unwrap();
            }
        });
    }
    let broken = broken.into_inner().unwrap();
    assert!(broken.is_empty(), "{} promises are broken:\n{}", broken.len(), broken.join("\n"));
    counts.into_inner().unwrap()
}

/// What is told that was not, and what gives something else.
fn differences(before: &Built, after: &Built, kind: ActionKind) -> Vec<String> {
    let told = after.told.iter().filter(|(code, count)| before.told.get(*code).unwrap_or(&0) < count);
    let told = told.map(|(code, _)| format!("{code} comes"));
    told.chain(others(before, after, kind)).collect()
}

/// What gives something else. An inlined constant may be gone.
fn others(before: &Built, after: &Built, kind: ActionKind) -> Vec<String> {
    let mut found = Vec::new();
    for (name, gave) in &before.gives {
        match after.gives.get(name) {
            Some(gives) if gives == gave => {}
            Some(gives) => found.push(format!("`{name}` gives {gives} and not {gave}")),
            None if kind == ActionKind::Inline => {}
            None => found.push(format!("`{name}` is gone")),
        }
    }
    found
}

/// Each program, and each of its files to be changed.
fn programs() -> Vec<Case> {
    let programs: [(&str, &[&str]); 8] = [
        ("lsp/ide/tests/programs", &["traps.hlb", "lib.hlb"]),
        ("examples/hello", &["build.hlb"]),
        ("examples/lua", &["build.hlb"]),
        ("examples/frontend", &["build.hlb"]),
        ("examples/pipeline", &["build.hlb", "pack.hlb"]),
        ("stdlib/modules", &["go.hlb"]),
        ("stdlib/modules", &["apt.hlb"]),
        ("stdlib/modules", &["image.hlb"]),
    ];
    let mut cases = Vec::new();
    for (dir, names) in programs {
        let read = |name: &&str| (Utf8Path::new(DIRECTORY).join(name), read(&Utf8Path::new(dir).join(name)));
        let files: Files = names.iter().map(read).collect();
        for changed in files.keys() {
            cases.push(Case { files: files.clone(), changed: changed.clone() });
        }
    }
    cases
}

/// The examples in the documentation that are whole programs, with the files that they import.
fn examples() -> Vec<Case> {
    let mut cases = Vec::new();
    for page in ["docs/language.md", "docs/tour.md", "docs/builtins.md"] {
        let text = read(Utf8Path::new(page));
        let mut files = Files::new();
        for fence in text.split("\n```hlb").skip(1) {
            let Some((info, rest)) = fence.split_once('\n') else { continue };
            let program = rest.split("\n```").next().unwrap_or_default();
            let name = if info.is_empty() { "build.hlb" } else { info.trim() };
            let path = Utf8Path::new(DIRECTORY).join(name);
            if name.ends_with(".hlb") {
                files.insert(path.clone(), format!("{program}\n"));
            }
            if !info.ends_with(".hlb") {
                let files = std::mem::take(&mut files);
                cases.extend(files.contains_key(&path).then_some(Case { files, changed: path }));
            }
        }
    }
    cases
}

fn read(path: &Utf8Path) -> String {
    let repository =
        Utf8Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the crate is in the repository");
    std::fs::read_to_string(repository.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn host(files: &Files) -> Host {
    let mut host = Host::new(Settings { max_files: 0, ..Settings::default() }, Vec::new());
    files.iter().for_each(|(path, text)| host.edit(path.clone(), text.clone()));
    host
}

fn all_built(files: &Files) -> Vec<Built> {
    files.keys().map(|entry| built(files, entry)).collect()
}

/// A cursor in each token of a part, what can be selected around it, and some lines from each one on.
fn ranges(snapshot: &Snapshot, path: &Utf8Path, text: &str, part: Span) -> Vec<Span> {
    let analysis = snapshot.analysis(path).expect("it is open");
    let mut ranges = Vec::new();
    for token in lex(SourceId(0), text, Care::Strict).tokens.iter().filter(|token| part.contains(token.span)) {
        let start = token.span.start as usize;
        ranges.push(Span::at(start));
        ranges.extend(analysis.selections(start));
    }
    let mut lines = vec![0];
    lines.extend(text.match_indices('\n').map(|(at, _)| at + 1));
    for from in lines.windows(LINES + 1) {
        let start = from.first().copied().unwrap_or_default();
        ranges.extend(from.iter().skip(1).map(|end| Span::new(start, *end)));
    }
    ranges.retain(|range| part.contains(*range));
    ranges.sort();
    ranges.dedup();
    ranges
}

#[test]
fn programs_that_are_compared_give_something() {
    for case in programs() {
        let given: Vec<(String, String)> = all_built(&case.files).into_iter().flat_map(|it| it.gives).collect();
        let wrong = given.iter().filter(|(_, it)| it.starts_with("E0"));
        assert!(wrong.count() * 4 < given.len(), "{}: {given:?}", case.changed);
    }
}

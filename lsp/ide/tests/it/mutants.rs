//! Every question at every place of programs with one slip in them.
//!
//! Without `HLB_MUTANTS` it is asked at a sample that is the same each time. With `HLB_MUTANTS=lines` every question is asked at every
//! offset of mutants that have their slip in one line each, of all lines; with `1/1` at every offset of mutants with a slip at every
//! token, which takes a day, and `3/20` takes the third of each twenty of them. Nothing may panic, and in a release build an answer
//! must take less than 50 ms of the processor, as somebody waits for it:
//! `HLB_MUTANTS=lines cargo test --release -p hlb-ide --test it mutants -- --nocapture`.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use hlb_ide::{Completion, Host, Settings, Snapshot};
use hlb_language::lexer::{Care, lex};
use hlb_language::source::SourceId;
use hlb_language::span::Span;
use hlb_language::token::TokenKind;

/// What an answer may take in a release build. It is the time of the processor, since others that run beside tests would be counted
/// otherwise.
const LIMIT: Duration = Duration::from_millis(50);
/// What is put before tokens.
const INSERTED: [&str; 12] = ["{ ", "} ", "( ", ") ", "\"", "with ", "x ", "fs ", ", ", "${", "ä", "<<EOM\n"];
/// How many mutants of a program, and how many offsets of each, a debug run looks at.
const SAMPLE: (usize, usize) = (12, 10);

struct Mutant {
    text: String,
    /// Where the slip is.
    at: usize,
}

/// Which mutants are looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    /// A few, at a few offsets.
    Sample,
    /// One for each line, with the sorts of slips in turn.
    Lines,
    /// Of each so many one, which is the one with this number.
    Share(usize, usize),
}

impl Wanted {
    fn of_environment() -> Self {
        match std::env::var("HLB_MUTANTS").as_deref() {
            Err(_) => Self::Sample,
            Ok("lines") => Self::Lines,
            Ok(share) => {
                let (number, of) = share.split_once('/').expect("HLB_MUTANTS is `lines` or `number/of`");
                Self::Share(number.parse::<usize>().unwrap() - 1, of.parse().unwrap())
            }
        }
    }

    fn of<'m>(self, text: &str, mutants: &'m [Mutant]) -> Vec<&'m Mutant> {
        let line = |mutant: &Mutant| text[..mutant.at].matches('\n').count();
        match self {
            Self::Sample => mutants.iter().step_by(mutants.len().div_ceil(SAMPLE.0).max(1)).collect(),
            Self::Share(first, step) => mutants.iter().skip(first).step_by(step).collect(),
            Self::Lines => {
                let lines = mutants.chunk_by(|one, next| line(one) == line(next)).enumerate();
                lines.filter_map(|(number, line)| line.get(number * 5 % line.len())).collect()
            }
        }
    }
}

#[test]
fn every_question_is_answered_at_every_offset_of_every_mutant() {
    let wanted = Wanted::of_environment();
    let slowest: Mutex<BTreeMap<&'static str, (Duration, String)>> = Mutex::default();
    for path in programs() {
        let text = std::fs::read_to_string(&path).unwrap();
        let mutants = mutants(&text);
        let chosen = wanted.of(&text, &mutants);
        eprintln!("{path}: {} of {} mutants", chosen.len(), mutants.len());
        let next = AtomicUsize::new(0);
        let work = || {
            while let Some(mutant) = chosen.get(next.fetch_add(1, Ordering::Relaxed)) {
                let found = ask_all(&path, mutant, wanted != Wanted::Sample);
                let mut slowest = slowest.lock().unwrap();
                for (question, time, at) in found {
                    let place = format!("{path}, slip at {}, asked at {at}", mutant.at);
                    let known = slowest.entry(question).or_default();
                    if time > known.0 {
                        *known = (time, place);
                    }
                }
            }
        };
        std::thread::scope(|scope| {
            let threads = std::thread::available_parallelism().map_or(1, usize::from);
            for _ in 0..threads {
                std::thread::Builder::new().stack_size(16 << 20).spawn_scoped(scope, work).unwrap();
            }
        });
    }
    let slowest = slowest.into_inner().unwrap();
    for (question, (time, place)) in &slowest {
        eprintln!("{question}: at most {:.2} ms: {place}", time.as_secs_f64() * 1e3);
    }
    let late = slowest.values().filter(|(time, _)| *time > LIMIT).count();
    assert!(cfg!(debug_assertions) || late == 0, "{late} questions are answered too late");
}

/// The examples, and programs that use all of the language.
fn programs() -> Vec<Utf8PathBuf> {
    let repository =
        Utf8Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the crate is in the repository");
    let found: Vec<Utf8PathBuf> = [
        "examples/frontend/build.hlb",
        "examples/hello/build.hlb",
        "examples/lua/build.hlb",
        "examples/pipeline/build.hlb",
        "language/tests/corpus/sample.hlb",
        "language/tests/corpus/whole.hlb",
    ]
    .iter()
    .map(|path| repository.join(path))
    .collect();
    assert!(found.iter().all(|path| path.exists()), "the list of programs is out of date");
    found
}

/// A program with one slip: a token deleted, something put before it, the line or the file cut behind it.
fn mutants(text: &str) -> Vec<Mutant> {
    let mut mutants = Vec::new();
    for (index, token) in lex(SourceId(0), text, Care::Guessing).tokens.iter().enumerate() {
        let (start, end) = (token.span.start as usize, token.span.end as usize);
        let line_end = text[end..].find('\n').map_or(text.len(), |len| end + len);
        let inserted = INSERTED.get(index % INSERTED.len()).unwrap_or(&"x ");
        let mut add = |at, text| mutants.push(Mutant { text, at });
        add(start, format!("{}{}", &text[..start], &text[end..]));
        add(start, format!("{}{inserted}{}", &text[..start], &text[start..]));
        add(end, format!("{}{}", &text[..end], &text[line_end..]));
        add(end, text[..end].to_owned());
    }
    mutants
}

/// Asks everything of a mutant and gives the slowest answer to each question, with the offset.
fn ask_all(path: &Utf8Path, mutant: &Mutant, all: bool) -> Vec<(&'static str, Duration, usize)> {
    let mut host = Host::new(Settings::default(), Vec::new());
    host.edit(path.to_owned(), mutant.text.clone());
    let len = mutant.text.len();
    // Offsets behind the text and inside of characters may come, too.
    let offsets: Vec<usize> = if all {
        (0..=len + 1).collect()
    } else {
        let near = (mutant.at.saturating_sub(2)..=mutant.at + 2).chain([len, len + 1]);
        near.chain((0..len).step_by((len / SAMPLE.1).max(1))).collect()
    };
    let mut slowest: BTreeMap<&'static str, (Duration, usize)> = BTreeMap::new();
    let mut ask = |question: &'static str, at: usize, answer: &mut dyn FnMut()| {
        let start = processor();
        answer();
        let taken = processor() - start;
        let known = slowest.entry(question).or_default();
        if taken >= known.0 {
            *known = (taken, at);
        }
    };
    whole(&host, path, &mutant.text, &mut ask);
    for at in offsets {
        around(&host, path, at, &mut ask);
    }
    slowest.into_iter().map(|(question, (time, at))| (question, time, at)).collect()
}

/// What this thread has taken of the processor.
fn processor() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

type Ask<'a> = dyn FnMut(&'static str, usize, &mut dyn FnMut()) + 'a;

/// Questions about a whole text.
fn whole(host: &Host, path: &Utf8Path, text: &str, ask: &mut Ask<'_>) {
    let snapshot = host.snapshot();
    ask("analysis", 0, &mut || drop(snapshot.analysis(path)));
    ask("project", 0, &mut || drop(snapshot.project(&|| false)));
    let (analysis, project) =
        (snapshot.analysis(path).expect("it is open"), snapshot.project(&|| false).expect("nobody stops it"));
    let half = Span { start: (text.len() / 3) as u32, end: (text.len() * 2 / 3) as u32 };
    ask("diagnostics", 0, &mut || drop(analysis.diagnostics()));
    ask("project diagnostics", 0, &mut || drop(project.diagnostics(path)));
    ask("symbols", 0, &mut || drop(analysis.symbols()));
    ask("workspace symbols", 0, &mut || drop(project.workspace_symbols("a", 100)));
    ask("tokens", 0, &mut || drop(analysis.tokens(None)));
    ask("tokens of a range", 0, &mut || drop(analysis.tokens(Some(half))));
    ask("hints", 0, &mut || drop(snapshot.hints(&analysis, half)));
    ask("folds", 0, &mut || drop(analysis.folds()));
    ask("links", 0, &mut || drop(snapshot.links(&analysis)));
    ask("lenses", 0, &mut || drop(analysis.lenses()));
    ask("graph", 0, &mut || drop(snapshot.graph(path, "default")));
    ask("format", 0, &mut || drop(hlb_ide::format(text)));
    ask("format range", 0, &mut || drop(hlb_ide::format_range(text, half)));
    ask("move", 0, &mut || drop(snapshot.will_rename(&[(path.to_owned(), path.with_extension("new.hlb"))])));
}

/// Questions about a place.
fn around(host: &Host, path: &Utf8Path, at: usize, ask: &mut Ask<'_>) {
    let snapshot = host.snapshot();
    let (analysis, project) =
        (snapshot.analysis(path).expect("it is open"), snapshot.project(&|| false).expect("nobody stops it"));
    let range = |len: usize| Span { start: at as u32, end: (at + len) as u32 };
    let text = snapshot.text(path).expect("it is open");
    ask("hover", at, &mut || drop(snapshot.hover(&analysis, at)));
    ask("definition", at, &mut || drop(analysis.definition(at)));
    ask("declaration", at, &mut || drop(analysis.declaration(at)));
    ask("type definition", at, &mut || drop(analysis.type_definition(at)));
    ask("implementation", at, &mut || drop(analysis.implementation(at)));
    ask("highlights", at, &mut || drop(analysis.highlights(at)));
    ask("linked", at, &mut || drop(analysis.linked(at)));
    ask("selections", at, &mut || drop(analysis.selections(at)));
    ask("references", at, &mut || drop(project.references(path, at, true)));
    ask("calls", at, &mut || {
        let _ = (project.call_item(path, at), project.incoming_calls(path, at), project.outgoing_calls(path, at));
    });
    let mut items = Vec::new();
    ask("completion", at, &mut || items = snapshot.complete(path, at, true).items);
    offered_well(&snapshot, path, text.source().text(), at, &items);
    ask("signature", at, &mut || drop(snapshot.signature(path, at)));
    ask("prepare rename", at, &mut || drop(snapshot.prepare_rename(path, at)));
    ask("rename", at, &mut || drop(snapshot.rename(path, at, "another")));
    ask("actions", at, &mut || drop(snapshot.actions(path, range(0), &[])));
    ask("actions on a range", at, &mut || drop(snapshot.actions(path, range(12), &[])));
    ask("format while typing", at, &mut || drop(hlb_ide::format_typed(text.source().text(), at, '}')));
}

/// Whether each item can be written where it says, and one of them is documented if it says so.
fn offered_well(snapshot: &Snapshot, path: &Utf8Path, text: &str, at: usize, items: &[Completion]) {
    for item in items {
        let mut spans: Vec<Span> = item.also.iter().map(|(span, _)| *span).collect();
        spans.push(item.replace);
        spans.sort();
        assert!(spans.iter().all(|span| text.get(span.range()).is_some()), "{item:?} at {at} of\n{text}");
        assert!(spans.is_sorted_by(|one, next| one.end <= next.start), "{item:?} at {at} of\n{text}");
        let typed = text.floor_char_boundary(at);
        assert!(item.replace.touches(typed), "{item:?} at {at} of\n{text}");
    }
    // What is bound where the slip is may be bound only as long as a word stands there.
    let is_firm = |item: &&Completion| item.doc.as_ref().is_some_and(|doc| !doc.0.starts_with("bind "));
    let documented: Vec<&Completion> = items.iter().filter(is_firm).collect();
    if let Some(item) = documented.get(at % documented.len().max(1)) {
        let doc = item.doc.as_ref().and_then(|doc| snapshot.completion_doc(path, doc));
        assert!(doc.is_some_and(|doc| !doc.is_empty()), "{item:?} at {at} of\n{text}");
    }
}

#[test]
fn what_is_said_of_an_item_is_said_of_the_name_that_it_writes() {
    let mut compared = 0;
    for path in programs() {
        let text = std::fs::read_to_string(&path).unwrap();
        let mut host = Host::new(Settings::default(), Vec::new());
        host.edit(path.clone(), text.clone());
        let tokens = lex(SourceId(0), &text, Care::Guessing).tokens;
        let names: Vec<Span> =
            tokens.iter().filter(|token| token.kind == TokenKind::Ident).map(|token| token.span).collect();
        for (number, name) in names.iter().enumerate().step_by((names.len() / 12).max(1)) {
            let snapshot = host.snapshot();
            let items = snapshot.complete(&path, name.start as usize, true).items;
            let documented: Vec<&Completion> =
                items.iter().filter(|item| item.doc.is_some() && item.also.is_empty()).collect();
            let Some(item) = documented.get(number % documented.len().max(1)) else { continue };
            let mut written = text.clone();
            written.replace_range(item.replace.range(), &item.label);
            let mut other = Host::new(Settings::default(), Vec::new());
            other.edit(path.clone(), written);
            let other = other.snapshot();
            let hover = other.hover(&other.analysis(&path).unwrap(), item.replace.start as usize);
            // Of some names another is meant with these arguments.
            let same = |signature: &str| signature.lines().next() == item.detail.as_deref();
            if let Some(hover) = hover.filter(|hover| same(&hover.signature)) {
                let doc = item.doc.as_ref().and_then(|doc| snapshot.completion_doc(&path, doc));
                assert_eq!(doc, hover.doc, "{item:?} at {} of {path}", name.start);
                compared += 1;
            }
        }
    }
    assert!(compared >= 15, "only {compared} items were compared");
}

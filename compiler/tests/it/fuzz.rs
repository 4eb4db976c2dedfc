//! Damaged programs: no text makes the lexer, the parser, the formatter, the checker or the evaluator panic, hang or contradict itself.
//!
//! Starts from every program of the suite, of the reference and of the examples, and from those in `tests/corpus/fuzz`, which
//! once did harm. The same cases in every run; `HLB_FUZZ_SECONDS` adds others, for so long. A failure names its seed and its text.

use std::time::{Duration, Instant};

use camino::Utf8Path;
use hlb_compiler::testing::MemoryWorld;
use hlb_compiler::{check_text, compile, evaluate};
use hlb_language::diagnostic::Diagnostic;
use hlb_language::lexer::{Care, lex};
use hlb_language::source::SourceId;

use crate::support::options;

const CASES: u64 = 3_000;
/// Longer than this one case must not take, in a build without optimisation on a busy machine.
const LONGEST: Duration = Duration::from_secs(30);

/// What became of a case.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Outcome {
    Refused,
    Checked,
    Compiled,
}

#[test]
fn damaged_programs_do_no_harm() {
    let corpus = corpus();
    assert!(corpus.len() > 300, "only {} programs", corpus.len());
    let words = words(&corpus);
    let mut counts = [0_u64; 3];
    let mut run = |seed: u64| {
        let text = damage(&corpus, &words, seed);
        let start = Instant::now();
        let outcome = std::panic::catch_unwind(|| exercise(&text));
        let outcome = outcome.unwrap_or_else(|_| panic!("case {seed}: {text:?}"));
        assert!(start.elapsed() < LONGEST, "case {seed} takes {:?}: {text:?}", start.elapsed());
        counts[outcome as usize] += 1;
    };
    (0..CASES).for_each(&mut run);
    let seconds = std::env::var("HLB_FUZZ_SECONDS").map_or(0, |seconds| seconds.parse().unwrap());
    let end = Instant::now() + Duration::from_secs(seconds);
    let mut seed = CASES;
    while Instant::now() < end {
        run(seed);
        seed += 1;
    }
    // The damage is neither so great that nothing is reached nor so small that nothing happens.
    assert!(counts.iter().all(|count| *count > CASES / 50), "{counts:?} refused, checked, compiled");
}

#[test]
fn what_once_did_harm_does_none() {
    for (name, text) in kept() {
        let outcome = std::panic::catch_unwind(|| exercise(&text));
        assert!(outcome.is_ok(), "{name}");
    }
}

/// Puts a text through everything.
fn exercise(text: &str) -> Outcome {
    let source = SourceId(0);
    let lexed = lex(source, text, Care::Strict);
    let mut end = 0;
    for token in &lexed.tokens {
        assert!(token.span.start >= end && token.span.end as usize <= text.len(), "{token:?} in {text:?}");
        end = token.span.start;
    }
    let parsed = hlb_language::parse(source, text);
    let valid = !parsed.diagnostics.iter().any(Diagnostic::is_error);
    match hlb_language::format(source, text) {
        Ok(formatted) => {
            assert!(valid, "formatted, though it has errors: {text:?}");
            let again = hlb_language::format(source, &formatted);
            assert_eq!(again.as_deref(), Ok(formatted.as_str()), "formatted twice: {text:?}");
        }
        Err(errors) => assert!(!valid && !errors.is_empty(), "not formatted, though it has no errors: {text:?}"),
    }
    let world = world();
    let checked = check_text(&world, Utf8Path::new("main.hlb"), text.to_owned());
    for diagnostic in &checked.diagnostics {
        let places = std::iter::once(&diagnostic.primary).chain(&diagnostic.secondary);
        for label in places {
            let source = checked.sources.get(label.at.source).expect("places are in known texts");
            assert!(label.at.span.end as usize <= source.text().len(), "{diagnostic:?} of {text:?}");
        }
    }
    if checked.has_errors() {
        assert!(!valid || !checked.diagnostics.is_empty());
        return Outcome::Refused;
    }
    let mut outcome = Outcome::Checked;
    for target in checked.targets() {
        if target.params.iter().any(|param| !param.optional) {
            continue;
        }
        if compile(&world, &checked, &[target.name.as_str().into()], &options()).is_ok() {
            outcome = Outcome::Compiled;
        }
        let _ = evaluate(&world, &checked, &target.name.as_str().into(), &options());
    }
    let _ = hlb_compiler::test(&world, &checked, &|_| true, &options(), &mut |_| {}, &mut |_| {});
    outcome
}

fn world() -> MemoryWorld {
    MemoryWorld::new()
        .file("lib.hlb", "export fs build(fs src) { src }\nexport string name() { \"lib\" }\n")
        .file("src/main.c", "x")
}

/// The programs that cases are made of.
fn corpus() -> Vec<String> {
    let mut programs: Vec<String> = kept().into_iter().map(|(_, text)| text).collect();
    for line in include_str!("../data/reference-programs.jsonl").lines() {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        programs.extend(row["source"].as_str().map(str::to_owned));
    }
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/suite");
    let mut pages: Vec<_> = std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect();
    pages.sort();
    for page in pages.iter().filter(|page| page.extension().is_some_and(|ending| ending == "md")) {
        let text = std::fs::read_to_string(page).unwrap();
        let mut blocks = text.split("\n```hlb\n").skip(1);
        programs.extend(blocks.by_ref().filter_map(|block| Some(block.split("\n```").next()?.to_owned())).map(
            |block| {
                // Lines that begin with `^` are marks and no part of the program.
                block
                    .lines()
                    .filter(|line| !line.trim_start().starts_with('^'))
                    .map(|line| format!("{line}\n"))
                    .collect()
            },
        ));
    }
    programs.retain(|program| (1..4000).contains(&program.len()));
    programs
}

/// Texts that once did harm, by file name.
fn kept() -> Vec<(String, String)> {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus/fuzz");
    let mut files: Vec<_> = std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().map(|file| (file.display().to_string(), std::fs::read_to_string(file).unwrap())).collect()
}

/// Words and signs of the corpus, for replacing others.
fn words(corpus: &[String]) -> Vec<String> {
    let mut words: Vec<String> = corpus
        .iter()
        .flat_map(|text| {
            lex(SourceId(0), text, Care::Strict)
                .tokens
                .into_iter()
                .map(|token| text[token.span.range()].to_owned())
                .collect::<Vec<_>>()
        })
        .filter(|word| !word.is_empty())
        .collect();
    words.sort();
    words.dedup();
    words
}

/// A program with something wrong with it.
fn damage(corpus: &[String], words: &[String], seed: u64) -> String {
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) + 1);
    let mut text = corpus[random.below(corpus.len())].clone();
    for _ in 0..=random.below(3) {
        let other = &corpus[random.below(corpus.len())];
        let tokens: Vec<(usize, usize)> = lex(SourceId(0), &text, Care::Strict)
            .tokens
            .iter()
            .map(|token| (token.span.start as usize, token.span.end as usize))
            .collect();
        if tokens.is_empty() {
            break;
        }
        let (start, end) = tokens[random.below(tokens.len())];
        let (from, to) = tokens[random.below(tokens.len())];
        match random.below(8) {
            0 => text.replace_range(start..end, ""),
            1 => text.replace_range(start..end, &words[random.below(words.len())]),
            2 => text.insert_str(start, &format!("{} ", words[random.below(words.len())])),
            3 => {
                let copied = text[from.min(start)..to.max(end)].to_owned();
                text.insert_str(end, &copied);
            }
            4 => text.truncate(start),
            5 => text = format!("{}{}", &text[..start], &other[other.floor_char_boundary(random.below(other.len()))..]),
            6 => {
                let swapped = text[start..end].to_owned();
                text.insert_str(to, &format!(" {swapped} "));
            }
            _ => {
                let at = text.floor_char_boundary(random.below(text.len() + 1));
                text.insert(
                    at,
                    ['{', '}', '(', ')', '[', ']', '"', '`', '\\', '$', '#', '\n', '\u{e9}', ';', ',', '?']
                        [random.below(16)],
                );
            }
        }
        if text.is_empty() || text.len() > 8000 {
            break;
        }
    }
    text
}

/// Numbers that look random and are the same in each run (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % (limit.max(1) as u64)).unwrap()
    }
}

//! The pages that teach the language: what they say of each example is true.
//!
//! Owns what the blocks of `docs/language.md` and `docs/tour.md` mean; the first section of `docs/language.md` describes it for
//! readers. A block of ```` ```hlb ```` is a program. What stands behind that word says more:
//!
//! ```text
//!   statements     the block of a function `fs default()`
//!   NAME.hlb       a file that the next program imports
//!   error E0131    the codes of all that is said of it
//!   warning E0305  the same, and it is built
//! ```
//!
//! All are laid out as `hlbc fmt` does, but for those with errors.
//!
//! Behind a program, ```` ```values ```` holds lines `TARGET = VALUE`, and ```` ```llb ```` the graphs of `default`.
//! Around each program are the files `src/main.c` and `src/tool.c`.

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8Path;
use hlb_compiler::testing::MemoryWorld;
use hlb_compiler::{CODES, Checked, TestOutcome, check, compile, evaluate, test};
use hlb_language::diagnostic::Diagnostic;
use hlb_language::source::SourceId;

use crate::fenced::{Block, blocks, set};
use crate::support::{options, outline, render};

const FILE: &str = "build.hlb";

/// A program with what the page says of it.
struct Example<'b> {
    block: &'b Block,
    world: MemoryWorld,
    /// The codes of what is said of it.
    codes: BTreeSet<&'b str>,
}

impl<'b> Example<'b> {
    fn read(block: &'b Block, files: &[&'b Block]) -> Result<Self, String> {
        let mut world = MemoryWorld::new().file("src/main.c", "").file("src/tool.c", "");
        for file in files {
            world.files.insert(file.info.as_str().into(), file.text.clone());
        }
        for setting in files.iter().chain([&block]).flat_map(|block| &block.settings) {
            set(&mut world, setting)?;
        }
        let words: Vec<&str> = block.info.split_whitespace().collect();
        let (form, codes) = match words.as_slice() {
            ["error" | "warning", codes @ ..] if !codes.is_empty() => ("", codes.iter().copied().collect()),
            [] => ("", BTreeSet::new()),
            ["statements"] => ("statements", BTreeSet::new()),
            _ => return Err(format!("`{}` is no kind of block", block.info)),
        };
        let text = match form {
            "statements" => {
                let lines =
                    block.text.lines().map(|line| if line.is_empty() { "\n".into() } else { format!("\t{line}\n") });
                format!("fs default() {{\n{}}}\n", lines.collect::<String>())
            }
            _ => block.text.clone(),
        };
        world.files.insert(FILE.into(), text);
        Ok(Self { block, world, codes })
    }

    /// What is wrong with what the page says; nothing if it is true.
    fn untrue(&self) -> Option<String> {
        let checked = check(&self.world, Utf8Path::new(FILE));
        let mut said = checked.diagnostics.clone();
        if !checked.has_errors() {
            said.extend(self.built(&checked));
        }
        let codes: BTreeSet<&str> = said.iter().map(|it| it.code.0).collect();
        let errors = said.iter().any(Diagnostic::is_error);
        let kind = if errors { "error" } else { "warning" };
        if codes != self.codes || !codes.is_empty() && !self.block.info.starts_with(kind) {
            return Some(format!("what is said of it:\n{}", render(&checked.sources, &said)));
        }
        None
    }

    /// What is said where `default` is built and tests are evaluated.
    fn built(&self, checked: &Checked) -> Vec<Diagnostic> {
        let mut said = Vec::new();
        let default = checked.targets().into_iter().find(|target| target.name == "default");
        if default.is_some_and(|target| target.params.iter().all(|param| param.optional))
            && let Err(errors) = compile(&self.world, checked, &["default".into()], &options())
        {
            said.extend(errors.0);
        }
        let mut each = |outcome: TestOutcome| said.extend(outcome.result.err());
        test(&self.world, checked, &|_| true, &options(), &mut |_| {}, &mut each).unwrap();
        said
    }

    /// What is wrong with how the program is laid out. What is wrong on purpose may be laid out in any way.
    fn untidy(&self) -> Option<String> {
        let wrong = self.block.info.starts_with("error");
        if wrong { None } else { untidy(&self.world.files[Utf8Path::new(FILE)]) }
    }

    /// A block of values, with what they are.
    fn values(&self, block: &Block) -> String {
        let checked = check(&self.world, Utf8Path::new(FILE));
        let value = |name: &str| match evaluate(&self.world, &checked, &name.into(), &options()) {
            Ok(value) => value,
            Err(errors) => errors.0[0].message.clone(),
        };
        let lines = block.text.lines().map(|line| {
            let name = line.split_once(" = ").map_or(line, |(name, _)| name);
            format!("{name} = {}\n", value(name))
        });
        lines.collect()
    }

    fn graphs(&self) -> String {
        let checked = check(&self.world, Utf8Path::new(FILE));
        match compile(&self.world, &checked, &["default".into()], &options()) {
            Ok(request) => outline(&request),
            Err(errors) => render(&checked.sources, &errors.0),
        }
    }
}

/// What is wrong with how a text is laid out; nothing if the formatter leaves it as it is.
fn untidy(text: &str) -> Option<String> {
    match hlb_language::format(SourceId(0), text) {
        Ok(laid_out) => (laid_out != text).then(|| format!("is laid out as\n{laid_out}")),
        Err(errors) => Some(format!("cannot be laid out: {}\n", errors[0].message)),
    }
}

fn read(name: &str) -> String {
    let path = format!("{}/../docs/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[track_caller]
fn check_page(name: &str, least: usize) {
    let page = read(name);
    let blocks = blocks(&page).unwrap();
    let mut report = String::new();
    let mut files = Vec::new();
    let mut example: Option<Example<'_>> = None;
    let mut seen = 0;
    for block in &blocks {
        let mut untrue = |what: &str| report.push_str(&format!("---- {name}:{}\n{}{what}\n", block.line, block.text));
        match block.language.as_str() {
            "hlb" if block.info.ends_with(".hlb") => {
                untidy(&block.text).into_iter().for_each(|what| untrue(&what));
                files.push(block);
            }
            "hlb" => match Example::read(block, &std::mem::take(&mut files)) {
                Ok(read) => {
                    seen += 1;
                    read.untrue().into_iter().for_each(|what| untrue(&what));
                    read.untidy().into_iter().for_each(|what| untrue(&what));
                    example = Some(read);
                }
                Err(error) => untrue(&error),
            },
            "values" | "llb" => {
                let found = match &example {
                    Some(example) if block.language == "values" => example.values(block),
                    Some(example) => example.graphs(),
                    None => "there is no program above\n".to_owned(),
                };
                if found != block.text {
                    untrue(&format!("is in truth\n{found}"));
                }
            }
            "ebnf" | "console" | "text" | "toml" | "dockerfile" => {}
            other => untrue(&format!("`{other}` is no language of this page")),
        }
    }
    assert!(report.is_empty(), "{report}");
    assert!(seen >= least, "{seen} examples in {name}");
}

#[test]
fn what_the_specification_shows_is_true() {
    check_page("language.md", 55);
}

#[test]
fn what_the_tour_shows_is_true() {
    check_page("tour.md", 20);
}

#[test]
fn the_specification_names_codes_that_exist() {
    let known: BTreeSet<&str> = hlb_language::codes::ALL.iter().chain(CODES).map(|(code, _)| code.0).collect();
    for name in ["language.md", "tour.md", "compatibility.md"] {
        for word in read(name).split(|ch: char| !ch.is_ascii_alphanumeric()) {
            let is_code =
                word.len() == 5 && word.starts_with('E') && word[1..].bytes().all(|byte| byte.is_ascii_digit());
            assert!(!is_code || known.contains(word), "{name} names {word}");
        }
    }
}

#[test]
fn the_grammar_defines_what_it_uses() {
    let page = read("language.md");
    let blocks = blocks(&page).unwrap();
    let mut rules: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut last = None;
    for line in blocks.iter().filter(|block| block.language == "ebnf").flat_map(|block| block.text.lines()) {
        // What stands in quotes, in the text of a `?…?`, or behind `(*` names nothing.
        let line = line.split("(*").next().unwrap_or_default();
        let plain: String = line.split('"').step_by(2).collect::<Vec<_>>().join(" ");
        let plain: String = plain.split('?').step_by(2).collect::<Vec<_>>().join(" ");
        let (head, body) = match line.split_once(" = ") {
            Some((head, _)) if !line.starts_with(' ') => {
                (Some(head.trim().to_owned()), plain.split_once('=').unwrap().1)
            }
            _ => (None, plain.as_str()),
        };
        if let Some(head) = head {
            assert!(rules.insert(head.clone(), Vec::new()).is_none(), "`{head}` is defined twice");
            last = Some(head);
        }
        let names = body.split(|ch: char| !ch.is_alphanumeric()).filter(|word| !word.is_empty());
        if let Some(rule) = last.as_ref().and_then(|last| rules.get_mut(last)) {
            rule.extend(names.map(str::to_owned));
        }
    }
    assert!(rules.len() > 40, "{} rules", rules.len());
    let used: BTreeSet<&String> = rules.values().flatten().collect();
    for name in &used {
        assert!(rules.contains_key(*name), "the grammar uses `{name}` and does not define it");
    }
    for name in rules.keys().filter(|name| *name != "Module") {
        assert!(used.contains(name), "the grammar defines `{name}` and does not use it");
    }
}

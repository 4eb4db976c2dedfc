//! The pages of `docs/diagnostics`: each code has one, and what it says of its examples is true.
//!
//! Owns the reading of examples, as docs/diagnostics/README.md describes them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use camino::Utf8Path;
use hlb_compiler::explain::{PAGES, Page};
use hlb_compiler::testing::{MemoryModule, MemoryWorld};
use hlb_compiler::{CODES, CommandOutput, FrontendResult, ImageConfig, TargetCall, TestOutcome, check, compile};
use hlb_language::diagnostic::{Code, Diagnostic};
use hlb_language::source::{SourceId, SourceMap};

use crate::support::{options, render, single};

/// The program of an example.
const PROGRAM: &str = "build.hlb";

/// The codes that are given only to those who want to be held to more.
const STRICT: [&str; 2] = ["E0307", "E0308"];

/// A program with what is around it.
#[derive(Default)]
struct Example {
    world: MemoryWorld,
    /// What `hlbc run` builds; otherwise `default`, if there is one.
    target: Option<TargetCall>,
    /// The codes of what is said beside the code of the page.
    follows: BTreeSet<String>,
    /// Whether the client of a frontend wants the result.
    frontend: bool,
}

fn codes() -> impl Iterator<Item = &'static (Code, &'static str)> {
    hlb_language::codes::ALL.iter().chain(CODES)
}

/// A target as a command line names it: `app --version=3.20`.
fn target(words: &str) -> TargetCall {
    let mut words = words.split_whitespace();
    let mut call = TargetCall::from(words.next().unwrap());
    for word in words {
        let (name, text) = word.strip_prefix("--").unwrap().split_once('=').unwrap();
        call.args.push((name.to_owned(), vec![text.to_owned()]));
    }
    call
}

/// The sections of a page by their headings; what stands above the first has none.
fn sections(page: &Page) -> Vec<(&str, String)> {
    let mut sections = vec![("", String::new())];
    for line in page.markdown.lines() {
        match line.strip_prefix("## ") {
            Some(heading) => sections.push((heading, String::new())),
            None => {
                let (_, text) = sections.last_mut().unwrap();
                text.push_str(line);
                text.push('\n');
            }
        }
    }
    sections
}

impl Example {
    fn read(section: &str) -> Self {
        let mut example = Self::default();
        let mut texts = Vec::new();
        let mut name = PROGRAM.to_owned();
        let mut lines = section.lines();
        while let Some(line) = lines.next() {
            let comment = line.strip_prefix("<!-- ").and_then(|rest| rest.strip_suffix(" -->"));
            if let Some((key, value)) = comment.and_then(|comment| comment.split_once(": ")) {
                match key {
                    "world" => example.set(value),
                    "follows" => drop(example.follows.insert(value.to_owned())),
                    "text" => {
                        let (times, text) = value.split_once(" × ").unwrap();
                        texts.push(text.trim_matches('`').repeat(times.parse().unwrap()));
                    }
                    _ => panic!("`{line}` is no setting; see docs/diagnostics/README.md"),
                }
            } else if let Some(file) = line.strip_prefix('`').and_then(|rest| rest.strip_suffix("`:")) {
                name = file.to_owned();
            } else if line == "```console" {
                let command = lines.next().unwrap();
                example.target = Some(target(command.strip_prefix("$ hlbc run ").unwrap()));
                assert_eq!(lines.next(), Some("```"));
            } else if line.starts_with("```") {
                let text: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
                let text = texts.iter().fold(text.join("\n"), |text, part| text.replacen('…', part, 1));
                let name = std::mem::replace(&mut name, PROGRAM.to_owned());
                let before = example.world.files.insert(name.clone().into(), text + "\n");
                assert!(before.is_none(), "`{name}` is there twice");
            }
        }
        example
    }

    fn set(&mut self, setting: &str) {
        let world = &mut self.world;
        let words: Vec<&str> = setting.split('`').map(str::trim).collect();
        match words.as_slice() {
            ["image", reference, ""] => {
                let images = world.images.get_or_insert_default();
                images.insert((*reference).to_owned(), ImageConfig::default());
            }
            ["built", file, "holds", text, ""] => {
                world.built.get_or_insert_default().insert((*file).to_owned(), (*text).to_owned());
            }
            ["command", command, "prints", output, ""] => {
                let output = (*output).to_owned();
                let answer =
                    CommandOutput { exit_code: 0, stdout: output.clone(), stderr: String::new(), combined: output };
                world.commands.insert((*command).to_owned(), answer);
            }
            ["module", name, "is", text, ""] => {
                let module = MemoryModule::new("c1").file("build.hlb", *text);
                world.modules.insert((*name).to_owned(), module);
            }
            ["hlb.lock has", name, ""] => {
                let pin = format!("sha256:{}", "0".repeat(64));
                world.pins.get_or_insert_default().insert((*name).to_owned(), pin);
            }
            ["hlb.lock has nothing"] => world.pins = Some(BTreeMap::new()),
            ["nothing can be looked up"] => {
                world.offline = Some("the network is unreachable".to_owned());
                world.fetches = true;
            }
            ["a client of a frontend"] => self.frontend = true,
            ["no working directory"] => world.cwd = "".into(),
            ["takes pushes"] => world.pushed = Ok(format!("sha256:{}", "0".repeat(64))),
            ["runs frontends"] => {
                world.made = Ok(FrontendResult { definition: hlb_llb::pb::Definition::default(), config: None });
            }
            _ => panic!("`{setting}` is no setting; see docs/diagnostics/README.md"),
        }
    }

    /// Everything that is said of the program on the page of a code: by checking and, if that finds no error, by the evaluation of
    /// the target and of the tests.
    fn said(&self, code: &str) -> (SourceMap, Vec<Diagnostic>) {
        let checked = check(&self.world, Utf8Path::new(PROGRAM));
        let mut said = checked.diagnostics.clone();
        if STRICT.contains(&code) {
            said.extend(checked.strict());
        }
        let default = checked.targets().iter().any(|target| target.name == "default");
        if !checked.has_errors() && (default || self.target.is_some()) {
            let targets: Vec<TargetCall> = self.target.iter().cloned().collect();
            match compile(&self.world, &checked, &targets, &options()) {
                Ok(request) if self.frontend => said.extend(single(&request).writes()),
                Ok(_) => {}
                Err(errors) => said.extend(errors.0),
            }
        }
        if !checked.has_errors() {
            let mut each = |outcome: TestOutcome| said.extend(outcome.result.err());
            if let Err(errors) =
                hlb_compiler::test(&self.world, &checked, &|_| true, &options(), &mut |_| {}, &mut each)
            {
                said.extend(errors.0);
            }
        }
        (checked.sources, said)
    }

    /// The programs, with the names of their files.
    fn programs(&self) -> impl Iterator<Item = (&str, &str)> {
        let files = self.world.files.iter().map(|(name, text)| (name.as_str(), text.as_str()));
        files.filter(|(name, _)| name.ends_with(".hlb"))
    }
}

#[test]
fn every_code_has_a_page_and_every_page_a_code() {
    let paged: Vec<&str> = PAGES.iter().map(|page| page.code).collect();
    let coded: Vec<&str> = codes().map(|(code, _)| code.0).collect();
    assert_eq!(paged, coded, "the table in compiler/src/explain.rs lists the codes of both crates, in order");
    let dir = Path::new(&std::env::var_os("CARGO_MANIFEST_DIR").unwrap()).join("../docs/diagnostics");
    let files = std::fs::read_dir(dir).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    let files: BTreeSet<String> = files.filter(|name| name != "README.md").collect();
    let pages: BTreeSet<String> = coded.iter().map(|code| format!("{code}.md")).collect();
    assert_eq!(files, pages, "docs/diagnostics has a page for each code");
}

#[test]
fn pages_have_the_title_of_their_code_and_all_sections() {
    for page in PAGES {
        let title = codes().find(|(code, _)| code.0 == page.code).map_or("", |(_, title)| title);
        assert_eq!(page.markdown.lines().next(), Some(format!("# {}: {title}", page.code).as_str()));
        let sections = sections(page);
        let names: Vec<&str> = sections.iter().map(|(name, _)| *name).collect();
        let known = [&["", "Wrong", "Right", "What to do"][..], &["", "No longer used"]];
        assert!(known.contains(&names.as_slice()), "{}: {names:?}", page.code);
        // The heading of the page is in the first.
        let filled = |(at, (_, text)): (usize, &(&str, String))| text.trim().lines().count() > usize::from(at == 0);
        assert!(sections.iter().enumerate().all(filled), "{} has an empty section", page.code);
    }
}

#[test]
fn wrong_examples_have_the_code_of_their_page_and_no_other() {
    let mut untrue = String::new();
    for page in PAGES {
        for (_, section) in sections(page).iter().filter(|(name, _)| *name == "Wrong") {
            let example = Example::read(section);
            let (sources, said) = example.said(page.code);
            let codes: BTreeSet<&str> = said.iter().map(|it| it.code.0).collect();
            if codes != example.follows.iter().map(String::as_str).chain([page.code]).collect() {
                untrue.push_str(&format!("---- {}\n{section}{}", page.code, render(&sources, &said)));
            }
        }
    }
    assert!(untrue.is_empty(), "{untrue}");
}

#[test]
fn nothing_is_said_of_right_examples_and_they_are_laid_out() {
    let mut untrue = String::new();
    for page in PAGES {
        for (_, section) in sections(page).iter().filter(|(name, _)| *name == "Right") {
            let example = Example::read(section);
            let (sources, said) = example.said(page.code);
            if !said.is_empty() {
                untrue.push_str(&format!("---- {}\n{section}{}", page.code, render(&sources, &said)));
            }
            for (name, text) in example.programs() {
                let laid_out = hlb_language::format(SourceId(0), text);
                if laid_out.as_deref() != Ok(text) {
                    untrue.push_str(&format!("---- {}, {name} is laid out as\n{laid_out:?}\n", page.code));
                }
            }
        }
    }
    assert!(untrue.is_empty(), "{untrue}");
}

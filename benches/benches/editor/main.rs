//! How long an editor waits for the language server, against a server of the same kind for another language.
//!
//! The peer is `ty server`, a type checker for Python in Rust that checks incrementally. Both sides speak the protocol over
//! pipes, have files with as many lines, functions and calls, and take turns in each round. The limits are those of the product;
//! they are on the median, since the slowest of some hundred rounds tells more of the machine. `cargo bench -p hlb-bench --bench
//! editor`; the peer is found by `HLB_TY`, in the `PATH`, or installed with pip below the target directory.
#![expect(clippy::print_stdout, reason = "the numbers are the result")]
#![expect(clippy::indexing_slicing, reason = "JSON without a field is null, and a benchmark may stop at a surprise")]

mod peer;
mod program;
mod server;
mod times;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use program::{HLB, Language, PYTHON, Program};
use serde_json::json;
use server::Server;
use times::{Limit, Times, compare};

/// Rounds in one large file, and in a project.
const ROUNDS: (usize, usize) = (300, 100);
/// How often a server is started.
const STARTS: usize = 20;
/// Functions, of ten lines each: a file of 1,000 lines, and 200 files of 100 lines.
const LARGE: usize = 100;
const FILES: usize = 200;
const SMALL: usize = 10;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// One side of the race.
struct Side {
    name: &'static str,
    language: &'static Language,
    command: Vec<PathBuf>,
}

fn main() -> Result<()> {
    let ours = Side { name: "hlb-lsp", language: &HLB, command: vec![hlb_bench::release_build("hlb-lsp")?] };
    let peer = peer::find()?.map(|ty| Side { name: "ty", language: &PYTHON, command: vec![ty, "server".into()] });
    if peer.is_none() {
        println!("no peer: `ty` is not here and pip could not install it; only our own times are measured");
    }
    let sides: Vec<Side> = std::iter::once(ours).chain(peer).collect();
    let work = tempfile::tempdir()?;
    let mut failed = Vec::new();
    starts(&sides, work.path(), &mut failed)?;
    large(&sides, work.path(), &mut failed)?;
    project(&sides, work.path(), &mut failed)?;
    if failed.is_empty() { Ok(()) } else { Err(failed.join("; ").into()) }
}

/// From the start of the process to the answer that it is ready.
fn starts(sides: &[Side], work: &Path, failed: &mut Vec<String>) -> Result<()> {
    let mut times = vec![Times::default(); sides.len()];
    for _ in 0..STARTS {
        for (side, times) in sides.iter().zip(&mut times) {
            let start = Instant::now();
            let server = Server::start(&side.command, work)?;
            times.add(start.elapsed());
            server.end();
        }
    }
    compare("start to initialized", sides.iter().map(|side| side.name), &times, Limit::ms(50), failed);
    Ok(())
}

/// Typing in one file of 1,000 lines.
fn large(sides: &[Side], work: &Path, failed: &mut Vec<String>) -> Result<()> {
    let mut runs = Vec::new();
    for side in sides {
        let program = Program::write(side.language, &work.join(format!("large-{}", side.name)), 1, LARGE)?;
        let mut server = Server::start(&side.command, program.dir())?;
        server.open(program.main(), side.language.id)?;
        runs.push((server, program, Measured::default()));
    }
    for _ in 0..ROUNDS.0 {
        for (server, program, measured) in &mut runs {
            measured.edit.add(toggle(server, program.main())?);
            measured.completion.add(complete(server, program)?);
            measured.hover.add(hover(server, program)?);
        }
    }
    let names = || sides.iter().map(|side| side.name);
    let pick = |of: fn(&Measured) -> &Times| runs.iter().map(|(_, _, it)| of(it).clone()).collect::<Vec<_>>();
    compare("1,000 lines: edit to diagnostics", names(), &pick(|it| &it.edit), Limit::ms(10), failed);
    compare("1,000 lines: completion behind an edit", names(), &pick(|it| &it.completion), Limit::ms(5), failed);
    compare("1,000 lines: hover", names(), &pick(|it| &it.hover), Limit::ms(5), failed);
    runs.into_iter().for_each(|(server, ..)| server.end());
    Ok(())
}

/// Typing in a project of 200 files, of which two are open.
fn project(sides: &[Side], work: &Path, failed: &mut Vec<String>) -> Result<()> {
    let mut runs = Vec::new();
    for side in sides {
        let program = Program::write(side.language, &work.join(format!("project-{}", side.name)), FILES, SMALL)?;
        let mut server = Server::start(&side.command, program.dir())?;
        server.open(program.main(), side.language.id)?;
        server.open(program.library(), side.language.id)?;
        runs.push((server, program, Measured::default()));
    }
    // Whatever is read and checked in the background is done by then.
    std::thread::sleep(Duration::from_secs(3));
    for _ in 0..ROUNDS.1 {
        for (server, program, measured) in &mut runs {
            measured.edit.add(toggle(server, program.main())?);
            // The peer publishes what is wrong with the file that was edited only.
            if program.is_ours() {
                measured.importer.add(toggle_library(server, program)?);
            }
            measured.completion.add(complete(server, program)?);
        }
    }
    let names = || sides.iter().map(|side| side.name);
    let pick = |of: fn(&Measured) -> &Times| runs.iter().map(|(_, _, it)| of(it).clone()).collect::<Vec<_>>();
    compare("200 files: edit to diagnostics", names(), &pick(|it| &it.edit), Limit::ms(50), failed);
    let importer: Vec<Times> = pick(|it| &it.importer).into_iter().take(1).collect();
    compare("200 files: edit to diagnostics of an importer", names(), &importer, Limit::ms(50), failed);
    compare("200 files: completion behind an edit", names(), &pick(|it| &it.completion), Limit::ms(5), failed);
    for ((server, ..), side) in runs.iter().zip(sides) {
        let megabytes = server.resident_kilobytes()? as f64 / 1024.0;
        println!("200 files: memory of {}: {megabytes:.1} MB", side.name);
        if side.name == "hlb-lsp" && megabytes > 60.0 {
            failed.push(format!("memory is {megabytes:.1} MB, the limit is 60"));
        }
    }
    runs.into_iter().for_each(|(server, ..)| server.end());
    Ok(())
}

#[derive(Default)]
struct Measured {
    edit: Times,
    importer: Times,
    completion: Times,
    hover: Times,
}

/// Makes a mistake and mends it; the mean of the two times until the right diagnostics are there.
fn toggle(server: &mut Server, file: &program::File) -> Result<Duration> {
    let start = Instant::now();
    server.replace(file, &file.right, &file.wrong)?;
    server.diagnostics(file, |count| count > 0)?;
    server.replace(file, &file.wrong, &file.right)?;
    server.diagnostics(file, |count| count == 0)?;
    Ok(start.elapsed() / 2)
}

/// The same with a mistake that only shows in the file that imports the edited one.
fn toggle_library(server: &mut Server, program: &Program) -> Result<Duration> {
    let (library, main) = (program.library(), program.main());
    let start = Instant::now();
    server.replace(library, &library.right, &library.wrong)?;
    server.diagnostics_of_any_version(main, |count| count > 0)?;
    server.replace(library, &library.wrong, &library.right)?;
    server.diagnostics_of_any_version(main, |count| count == 0)?;
    Ok(start.elapsed() / 2)
}

/// Types the beginning of a name and asks what it could become.
fn complete(server: &mut Server, program: &Program) -> Result<Duration> {
    let file = program.main();
    server.replace(file, &file.blank, &file.typed)?;
    let (line, column) = file.behind_typed;
    let start = Instant::now();
    let answer = server.ask(
        "textDocument/completion",
        json!({"textDocument": {"uri": file.uri}, "position": {"line": line, "character": column}}),
    )?;
    let taken = start.elapsed();
    let items = answer.get("items").unwrap_or(&answer).as_array().map(Vec::len).unwrap_or_default();
    if items == 0 {
        return Err("completion offers nothing".into());
    }
    server.replace(file, &file.typed, &file.blank)?;
    server.diagnostics(file, |count| count == 0)?;
    Ok(taken)
}

fn hover(server: &mut Server, program: &Program) -> Result<Duration> {
    let file = program.main();
    let (line, column) = file.call;
    let start = Instant::now();
    let answer = server.ask(
        "textDocument/hover",
        json!({"textDocument": {"uri": file.uri}, "position": {"line": line, "character": column}}),
    )?;
    let taken = start.elapsed();
    if answer.is_null() { Err("hover says nothing".into()) } else { Ok(taken) }
}

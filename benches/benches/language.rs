//! How long big programs take to check and to compile, against parsing the same text, and against what the reference compiler took
//! for programs of this form on such a machine (measured once; it is not at hand here).
//!
//! Three shapes of 1,000, 10,000 and 100,000 functions of 13 lines: wide (one function calls all others), a tree (each calls two),
//! and a chain (each calls the next, so calls are as deep as the program is long). Says where a bound is broken, and fails. Memory is the
//! greatest size of a process of its own that does nothing else.
#![expect(clippy::print_stdout, reason = "the numbers are the result")]

use std::error::Error;
use std::fmt::Write;
use std::hint::black_box;
use std::process::Command;
use std::time::Instant;

use camino::Utf8Path;
use hlb_bench::compare;
use hlb_compiler::testing::MemoryWorld;
use hlb_compiler::{Consent, Options, Platform, check_text, compile};
use hlb_language::source::SourceId;

/// The one that `hlbc` has.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const SIZES: [usize; 3] = [1_000, 10_000, 100_000];
/// Most that ten times as many functions may take, in time and memory; more than ten, as caches end.
const MOST_GROWTH: f64 = 14.0;
/// Most that may be in time beside the floor, where that grows by more: then it is the machine that does.
const MOST_BESIDE: f64 = 1.3;
/// How many times faster than the reference compiler.
const LEAST_SPEEDUP: f64 = 20.0;
/// Keeps pages with the process: what a machine takes to clear gigabytes for it again in each round is not the compiler's work. How
/// much memory it needs is measured by itself.
const KEEP_PAGES: &str = "MIMALLOC_PURGE_DELAY";
const MEASURED: &str = "HLB_BENCH_PROGRAM";

#[derive(Clone, Copy, Debug, PartialEq)]
enum Shape {
    Wide,
    Tree,
    Chain,
}

/// How many lines the reference compiler took for so many functions, and in how many seconds.
const REFERENCE: [(Shape, usize, usize, f64); 3] =
    [(Shape::Wide, 1_000, 13_000, 0.9), (Shape::Wide, 10_000, 130_000, 13.0), (Shape::Chain, 10_000, 130_000, 217.0)];

fn main() -> Result<(), Box<dyn Error>> {
    if let Ok(wanted) = std::env::var(MEASURED) {
        return measure(&wanted);
    }
    if std::env::var_os(KEEP_PAGES).is_none() {
        let status = Command::new(std::env::current_exe()?).env(KEEP_PAGES, "-1").status()?;
        return if status.success() { Ok(()) } else { Err("a bound is broken".into()) };
    }
    let mut broken = Vec::new();
    for shape in [Shape::Wide, Shape::Tree, Shape::Chain] {
        let mut before: Option<(f64, f64, usize)> = None;
        for size in SIZES {
            let text = program(shape, size);
            let name = format!("{shape:?}, {size} functions, {} lines", text.lines().count());
            // The shortest round counts: the less the work, the more rounds it takes until the machine does nothing else in one.
            let rounds = (300_000 / size).clamp(2, 300);
            let compared = compare(
                &format!("check and compile {name}"),
                rounds,
                (text.len() as f64 / 1e6, "MB"),
                || build(&text),
                "parse",
                || {
                    black_box(hlb_language::parse(SourceId(0), &text));
                },
            );
            let (seconds, memory) = (compared.shortest.as_secs_f64(), peak(shape, size)?);
            println!("  peak memory {memory} MB");
            if let Some((.., read, taken)) = REFERENCE.iter().find(|it| (it.0, it.1) == (shape, size)) {
                let (own, theirs) = (text.lines().count() as f64 / seconds, *read as f64 / taken);
                let speedup = own / theirs;
                println!("  {speedup:.0}x the reference compiler's lines a second: {own:.0}, and {theirs:.0}");
                if speedup < LEAST_SPEEDUP {
                    broken.push(format!("{name}: only {speedup:.1}x as fast as the reference"));
                }
            }
            let floor = compared.shortest_floor.as_secs_f64();
            if let Some((least, least_floor, space)) = before {
                let (time, bytes) = (seconds / least, memory as f64 / space.max(1) as f64);
                let beside = floor / least_floor;
                println!("  ten times as many: {time:.1}x the time (the floor {beside:.1}x), {bytes:.1}x the memory");
                if time > MOST_GROWTH.max(MOST_BESIDE * beside) || bytes > MOST_GROWTH {
                    broken.push(format!("{name}: {time:.1}x the time, {bytes:.1}x the memory of a tenth"));
                }
            }
            before = Some((seconds, floor, memory));
        }
    }
    if broken.is_empty() { Ok(()) } else { Err(broken.join("; ").into()) }
}

fn build(text: &str) {
    let world = MemoryWorld::new();
    let checked = check_text(&world, Utf8Path::new("bench.hlb"), text.to_owned());
    assert!(!checked.has_errors(), "{:?}", checked.diagnostics.first());
    let options = Options { platform: Platform::new("linux", "amd64"), consent: Consent::none(), calls: None };
    let request = compile(&world, &checked, &[], &options);
    assert!(request.is_ok(), "{:?}", request.err());
    black_box(request.ok());
}

/// A program of this form; `default` reaches all of its functions.
fn program(shape: Shape, size: usize) -> String {
    let mut text = String::new();
    for number in 0..size {
        let calls = match shape {
            Shape::Wide => String::new(),
            Shape::Tree => [2 * number + 1, 2 * number + 2]
                .iter()
                .filter(|child| **child < size)
                .map(|child| format!("\tcopy step{child}(\"v{child}\") \"/\" \"/parts/{child}\"\n"))
                .collect(),
            Shape::Chain if number + 1 < size => format!("\tstep{}(\"v{}\")\n", number + 1, number + 1),
            Shape::Chain => "\timage \"debian:stable-slim\"\n".to_owned(),
        };
        let base = if shape == Shape::Chain { "" } else { "\timage \"debian:stable-slim\"\n" };
        let _ = write!(
            text,
            "# Builds part {number}.\nfs step{number}(string version) {{\n{base}{calls}\tenv \"VERSION\" version\n\tdir \"/src/{number}\"\n\trun \"make part-{number} VERSION=${{version}}\" with option {{\n\t\tmount scratch \"/out\"\n\t\tenv \"JOBS\" \"2\"\n\t}}\n\tmkfile \"/etc/part-{number}\" 0o644 \"part {number}\"\n\tmkdir \"/var/part-{number}\" 0o755\n}}\n\n"
        );
    }
    match shape {
        Shape::Wide => {
            text.push_str("fs default() {\n\timage \"debian:stable-slim\"\n");
            for number in 0..size {
                let _ = writeln!(text, "\tcopy step{number}(\"v{number}\") \"/out\" \"/out/{number}\"");
            }
            text.push_str("}\n");
        }
        Shape::Tree | Shape::Chain => text.push_str("fs default() {\n\tstep0(\"v0\")\n}\n"),
    }
    text
}

/// Megabytes that a process needs to check and compile a program.
fn peak(shape: Shape, size: usize) -> Result<usize, Box<dyn Error>> {
    let child = Command::new(std::env::current_exe()?).env(MEASURED, format!("{shape:?} {size}")).output()?;
    Ok(String::from_utf8(child.stdout)?.trim().parse()?)
}

fn measure(wanted: &str) -> Result<(), Box<dyn Error>> {
    let (shape, size) = wanted.split_once(' ').ok_or("no size")?;
    let shape = [Shape::Wide, Shape::Tree, Shape::Chain].into_iter().find(|it| format!("{it:?}") == shape);
    let text = program(shape.ok_or("no such shape")?, size.parse()?);
    let start = Instant::now();
    build(&text);
    black_box(start.elapsed());
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no peak")?;
    println!("{}", line.trim().trim_end_matches(" kB").parse::<usize>()? / 1000);
    Ok(())
}

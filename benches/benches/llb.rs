//! How long big graphs take to make, to write and to load, against encoding the same messages with prost, hashing and
//! keeping what comes out, and encoding the definition. Making includes all that a caller allocates for it.
//!
//! Two shapes of mixed ops (processes with mounts, files, merges): a long chain and a wide diamond; with and without
//! places in source files, four for each op as a call four deep leaves them. Says where a bound is broken, and fails.
//! Memory is the greatest size of a process of its own that does nothing else.
#![expect(clippy::print_stdout, reason = "the numbers are the result")]

use std::error::Error;
use std::hint::black_box;
use std::process::Command;

use hlb_bench::{ROUNDS, compare};
use hlb_llb::graph::{Annotations, Output, marshal};
use hlb_llb::ops::{self, Exec, ExecMount, FileStep, MountKind};
use hlb_llb::{Graph, encode_definition, pb};
use prost::Message;
use sha2::{Digest, Sha256};

const SIZES: [usize; 2] = [10_000, 100_000];
/// Most that making may take, in floors, by the shortest rounds and by the median.
const MOST: f64 = 3.0;
/// Most that ten times as many vertices may take. Where the floor itself takes more than ten times as long, because caches
/// end, as much more.
const MOST_GROWTH: f64 = 12.0;
const MEASURED: &str = "HLB_BENCH_GRAPH";

#[derive(Clone, Copy, Debug, PartialEq)]
enum Shape {
    Chain,
    Diamond,
}

fn main() -> Result<(), Box<dyn Error>> {
    if let Ok(graph) = std::env::var(MEASURED) {
        return measure(&graph);
    }
    let mut broken = Vec::new();
    for shape in [Shape::Chain, Shape::Diamond] {
        for places in [false, true] {
            let mut made = Vec::new();
            let mut floors = Vec::new();
            let mut lengths = Vec::new();
            for size in SIZES {
                let name = format!("{shape:?}, {size} vertices{}", if places { ", places" } else { "" });
                let definition = marshal(Some(&graph(shape, size, places)), infos(places));
                assert!(
                    definition.def.len() > size && definition.def.len() < size + size / 10,
                    "{}",
                    definition.def.len()
                );
                let compared = make(&name, shape, size, places, &definition)?;
                if compared.worst > MOST {
                    broken.push(format!("{name}: {:.1} floors to make", compared.worst));
                }
                made.push(compared.subject.as_secs_f64());
                floors.push(compared.floor.as_secs_f64());
                lengths.push(encode_definition(&definition).len() as f64);
                println!(
                    "  {:.1} MB, peak memory {} MB",
                    lengths.last().unwrap_or(&0.0) / 1e6,
                    peak(shape, size, places)?
                );
                load(&name, size, &definition)?;
            }
            let growth = |values: &[f64]| values.last().unwrap_or(&0.0) / values.first().unwrap_or(&1.0);
            let (time, floor, bytes) = (growth(&made), growth(&floors), growth(&lengths));
            println!("  ten times as many: {time:.1}x the time (the floor {floor:.1}x), {bytes:.1}x the bytes");
            if time > MOST_GROWTH * (floor / 10.0).max(1.0) || bytes > MOST_GROWTH {
                broken.push(format!("{shape:?}: {time:.1}x the time, {bytes:.1}x the bytes for ten times as many"));
            }
        }
    }
    if broken.is_empty() { Ok(()) } else { Err(broken.join("; ").into()) }
}

fn make(
    name: &str,
    shape: Shape,
    size: usize,
    places: bool,
    definition: &pb::Definition,
) -> Result<hlb_bench::Compared, Box<dyn Error>> {
    let ops = decoded(definition)?;
    // Short rounds are those that others on the machine disturb most, and cost least.
    let rounds = if size < 100_000 { ROUNDS * 4 } else { ROUNDS };
    Ok(compare(
        &format!("make {name}"),
        rounds,
        (size as f64, "vertices"),
        || {
            let output = graph(shape, size, places);
            black_box(encode_definition(&marshal(Some(&output), infos(places))));
        },
        "encode and hash",
        || {
            let encoded: Vec<Vec<u8>> = ops.iter().map(Message::encode_to_vec).collect();
            for bytes in &encoded {
                black_box(Sha256::digest(bytes));
            }
            black_box(definition.encode_to_vec());
        },
    ))
}

fn load(name: &str, size: usize, definition: &pb::Definition) -> Result<(), Box<dyn Error>> {
    let loaded = Graph::load(definition)?.vertices.len();
    assert_eq!(loaded + 1, definition.def.len());
    compare(
        &format!("load {name}"),
        ROUNDS,
        (size as f64, "vertices"),
        || {
            black_box(Graph::load(black_box(definition)).is_ok());
        },
        "decode and hash",
        || {
            let ops: Vec<pb::Op> = definition.def.iter().filter_map(|bytes| pb::Op::decode(&**bytes).ok()).collect();
            for bytes in &definition.def {
                black_box(Sha256::digest(bytes));
            }
            black_box(ops);
        },
    );
    Ok(())
}

fn decoded(definition: &pb::Definition) -> Result<Vec<pb::Op>, prost::DecodeError> {
    definition.def.iter().map(|bytes| pb::Op::decode(&**bytes)).collect()
}

/// Megabytes that a process needs to make a graph and its definition.
fn peak(shape: Shape, size: usize, places: bool) -> Result<String, Box<dyn Error>> {
    let graph = format!("{shape:?} {size} {places}");
    let child = Command::new(std::env::current_exe()?).env(MEASURED, graph).output()?;
    Ok(String::from_utf8(child.stdout)?.trim().to_owned())
}

fn measure(wanted: &str) -> Result<(), Box<dyn Error>> {
    let mut words = wanted.split(' ');
    let shape = if words.next() == Some("Chain") { Shape::Chain } else { Shape::Diamond };
    let size = words.next().ok_or("no size")?.parse()?;
    let places = words.next() == Some("true");
    let output = graph(shape, size, places);
    black_box(encode_definition(&marshal(Some(&output), infos(places))));
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no peak")?;
    println!("{}", line.trim().trim_end_matches(" kB").parse::<usize>()? / 1000);
    Ok(())
}

fn infos(places: bool) -> Vec<pb::SourceInfo> {
    let info = |filename: &str| pb::SourceInfo {
        filename: filename.to_owned(),
        language: "HLB".to_owned(),
        data: b"fs default() { scratch; }\n".repeat(400),
        ..Default::default()
    };
    if places { ["build.hlb", "go.hlb"].map(info).to_vec() } else { Vec::new() }
}

/// Where vertex `number` was written: in a function that a function called, and so on.
fn annotations(number: usize, places: bool) -> Annotations {
    let place = |frame: usize| {
        let line = i32::try_from(number % 500 + frame * 7).unwrap_or(i32::MAX);
        let at = |character| Some(pb::Position { line, character });
        let range = pb::Range { start: at(4), end: at(40) };
        pb::Location { source_index: i32::from(frame > 1), ranges: range.into() }
    };
    let locations = if places { (0..4).map(place).collect() } else { Vec::new() };
    Annotations { locations, ..Annotations::default() }
}

fn platform() -> pb::Platform {
    pb::Platform { architecture: "amd64".to_owned(), os: "linux".to_owned(), ..Default::default() }
}

fn graph(shape: Shape, size: usize, places: bool) -> Output {
    let image = |name: &str| ops::image(ops::Image::new(name, platform()), annotations(0, places));
    let base = image("docker.io/library/debian:stable-slim");
    let tools = image("docker.io/library/golang:1.26");
    let mut last = base.clone();
    let mut parts = Vec::new();
    let mut number = 2;
    while number < size {
        let on = if shape == Shape::Chain { &last } else { &base };
        let next = match number % 10 {
            9 => {
                let over = if shape == Shape::Chain { &tools } else { parts.last().unwrap_or(&tools) };
                ops::merge(vec![on.clone(), over.clone()], annotations(number, places)).unwrap_or_else(|| base.clone())
            }
            3 | 6 => {
                let copy = ops::Copy::new(Some(tools.clone()), format!("/out/{number}"), "/usr/local/bin/");
                let file = FileStep::MkFile {
                    path: format!("/etc/part-{number}"),
                    mode: 0o644,
                    data: b"a line of configuration\n".to_vec(),
                    owner: None,
                    created: None,
                };
                let from = if shape == Shape::Chain { on } else { parts.last().unwrap_or(on) };
                ops::file(Some(from.clone()), vec![FileStep::Copy(copy), file], annotations(number, places))
                    .unwrap_or_else(|| base.clone())
            }
            _ => process(number, on, &tools, annotations(number, places)),
        };
        number += 1;
        if shape == Shape::Diamond {
            parts.push(next);
        } else {
            last = next;
        }
    }
    if parts.is_empty() { last } else { ops::merge(parts, annotations(number, places)).unwrap_or(base) }
}

fn process(number: usize, root: &Output, tools: &Output, annotations: Annotations) -> Output {
    let args = vec!["/bin/sh".to_owned(), "-c".to_owned(), format!("make -C /src part-{number} && make install")];
    let mut exec = Exec::new(Some(root.clone()), args, "/src", platform());
    exec.env = ["PATH=/usr/local/bin:/usr/bin:/bin", "GOFLAGS=-trimpath", "CGO_ENABLED=0"].map(str::to_owned).into();
    let cache = MountKind::Cache { id: "go-build".to_owned(), sharing: pb::CacheSharingOpt::Shared };
    exec.mounts = vec![
        ExecMount {
            readonly: true,
            selector: "/usr/local/go".to_owned(),
            ..ExecMount::bind("/go", Some(tools.clone()))
        },
        ExecMount { kind: cache, ..ExecMount::bind("/root/.cache", None) },
        ExecMount::bind("/out", None),
    ];
    let built = exec.build(annotations);
    built.root.unwrap_or_else(|| root.clone())
}

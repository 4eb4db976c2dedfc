//! Many solves in one runtime, and large ones: what they leave in the process.

use std::path::Path;

use hlb_llb::graph::{Annotations, marshal};
use hlb_llb::ops::{Copy, FileStep, file};
use hlb_llb::{Digest, encode_op, pb};
use hlb_runtime::Runtime;
use tokio_util::sync::CancellationToken;

use crate::engine::{Heard, block_on, named};
use crate::support::{Bench, mkfile, shell};

const SOLVES: usize = 1000;
const LENGTH: usize = 10_000;

/// What a process has.
#[derive(Debug)]
struct Holdings {
    /// Bytes in memory.
    memory: u64,
    files: usize,
    threads: usize,
    /// Bytes of the list of what is in use.
    leases: u64,
}

fn holdings(bench: &Bench) -> Holdings {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let number = |name: &str| -> u64 {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    };
    let session = std::fs::read_dir(bench.path("state/sessions")).unwrap().next().unwrap().unwrap().path();
    Holdings {
        memory: number("VmRSS:") << 10,
        files: count(Path::new("/proc/self/fd")),
        threads: count(Path::new("/proc/self/task")),
        leases: session.join("leases").metadata().map_or(0, |file| file.len()),
    }
}

fn count(dir: &Path) -> usize {
    std::fs::read_dir(dir).unwrap().count()
}

async fn solve(bench: &Bench, runtime: &Runtime, definition: pb::Definition) -> Heard {
    let heard = Heard::default();
    runtime.solve(bench.request_for(definition), heard.sink(), &CancellationToken::new()).await.unwrap();
    heard
}

#[test]
fn privileged_a_thousand_builds_leave_nothing_in_the_process() {
    let bench = Bench::new();
    let base = bench.busybox();
    block_on(async {
        let runtime = bench.open(2).await;
        let mut early = None;
        for at in 0..SOLVES {
            // One that runs, one that is found; and every now and then a process.
            let target = match at {
                at if at % 50 == 0 => named("process", shell(base.clone(), &format!("echo {at} >/made"))),
                at => mkfile(None, "/made", &(at / 2).to_string()),
            };
            solve(&bench, &runtime, marshal(Some(&target), Vec::new())).await;
            if at == SOLVES / 5 {
                early = Some(holdings(&bench));
            }
        }
        let (early, late) = (early.unwrap(), holdings(&bench));
        assert!(late.memory < early.memory + (8 << 20), "{early:?} {late:?}");
        // Threads that wait for blocking work come and go, with nothing in them.
        assert!(late.files <= early.files && late.threads <= early.threads + 4, "{early:?} {late:?}");
        assert!(late.leases <= 4096, "{late:?}");
        assert_eq!(count(&bench.path("state/claims")), 0);
        assert_eq!(std::fs::read_dir(bench.path("state/sessions")).unwrap().count(), 1);
    });
}

/// A chain of ops, each of which hands on what the one before it has.
fn chain(length: usize) -> pb::Definition {
    let copy = Copy::new(Some(mkfile(None, "/a", "x")), "/a", "/b");
    let first = file(None, vec![FileStep::Copy(copy)], Annotations::default()).unwrap();
    let mut definition = marshal(Some(&first), Vec::new());
    definition.def.pop();
    let mut digest = Digest::of(definition.def.last().unwrap()).to_string();
    for _ in 0..length {
        let op = pb::OpKind::Passthrough(pb::PassthroughOp { id: "link".to_owned(), outputs: vec![0] });
        let inputs = vec![pb::Input { digest, index: 0 }];
        let constraints = Some(pb::WorkerConstraints::default());
        let bytes = encode_op(&pb::Op { inputs, op: Some(op), platform: None, constraints });
        digest = Digest::of(&bytes).to_string();
        definition.metadata.insert(digest.clone(), pb::OpMetadata::default());
        definition.def.push(pb::Bytes::from(bytes));
    }
    let terminal = pb::Op { inputs: vec![pb::Input { digest, index: 0 }], ..Default::default() };
    definition.def.push(pb::Bytes::from(encode_op(&terminal)));
    definition
}

#[test]
fn privileged_a_long_chain_needs_no_more_memory_than_its_length() {
    let bench = Bench::new();
    let definition = chain(LENGTH);
    block_on(async {
        let runtime = bench.open(2).await;
        solve(&bench, &runtime, chain(10)).await;
        let before = holdings(&bench);
        let ran = solve(&bench, &runtime, definition.clone()).await;
        assert_eq!(ran.started().len(), LENGTH - 10);
        let found = solve(&bench, &runtime, definition).await;
        assert_eq!((found.started().len(), found.cached().len()), (0, LENGTH + 2));
        let after = holdings(&bench);
        assert!(peak() < before.memory + (LENGTH as u64) * (16 << 10), "{} {before:?}", peak());
        assert!(after.files <= before.files && after.leases <= 4096, "{before:?} {after:?}");
    });
}

/// The most bytes that this process ever had in memory.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() << 10
}

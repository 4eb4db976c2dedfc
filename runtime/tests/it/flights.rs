//! Work that several want is done once, for as long as anybody wants it, and in an order that ends soonest.

use std::time::{Duration, Instant};

use hlb_llb::graph::{Annotations, Output, marshal};
use hlb_llb::ops::{Copy, Exec, ExecMount, FileStep, file, merge};
use hlb_llb::pb;
use hlb_llb::status::Status;
use hlb_runtime::ErrorKind;
use tokio_util::sync::CancellationToken;

use crate::engine::{Heard, block_on, kept, named};
use crate::support::{Bench, mkfile, on_top, shell};

/// A step that reads a file system, and makes a mark.
fn reader(bench: &Bench, input: Output, name: &str) -> Output {
    let step = kept(bench.busybox(), "sleep 0.3; echo ran >>/kept/marks; cat /in/a");
    let read = ExecMount { readonly: true, ..ExecMount::bind("/in", Some(input)) };
    let mounts = [step.mounts.clone(), vec![read]].concat();
    named(name, Exec { mounts, ..step })
}

#[test]
fn privileged_equal_content_runs_once_in_one_build() {
    let bench = Bench::new();
    let one = mkfile(None, "/a", "same");
    let other = mkfile(Some(mkfile(None, "/a", "before")), "/a", "same");
    let readers = vec![reader(&bench, one, "first"), reader(&bench, other, "second")];
    let both = merge(readers, Annotations::default()).unwrap();
    let heard = Heard::default();
    block_on(async {
        let runtime = bench.open(4).await;
        runtime.solve(bench.request(Some(&both)), heard.sink(), &CancellationToken::new()).await.unwrap();
    });
    assert_eq!(bench.kept("marks"), "ran\n");
    let is_reader = |name: &&String| ["first", "second"].contains(&name.as_str());
    assert_eq!((heard.started().iter().filter(is_reader).count(), heard.cached().len()), (1, 1));
    assert_eq!(std::fs::read_dir(bench.path("state/claims")).unwrap().count(), 0, "a claim is left");
}

#[test]
fn privileged_a_step_that_fails_is_tried_by_the_next_who_needs_it() {
    let bench = Bench::new();
    let step = named("fails", kept(bench.busybox(), "echo ran >>/kept/marks; test -e /kept/good"));
    block_on(async {
        let (runtime, cancel) = (bench.open(2).await, CancellationToken::new());
        // Somebody else holds on to what has failed.
        let slow = named("slow", shell(bench.busybox(), "sleep 2"));
        let both = merge(vec![step.clone(), slow], Annotations::default()).unwrap();
        let other = Heard::default();
        let request = bench.request(Some(&both));
        let first = runtime.solve(request, other.sink(), &cancel);
        let second = async {
            other
                .until(|heard| {
                    heard.events().iter().any(|event| matches!(event, Status::Completed { error: Some(_), .. }))
                })
                .await;
            let kept = std::fs::read_dir(bench.path("state/cache-mounts")).unwrap().next().unwrap().unwrap();
            std::fs::write(kept.path().join("fs/good"), "").unwrap();
            runtime.solve(bench.request(Some(&step)), Heard::default().sink(), &cancel).await
        };
        let (first, second) = tokio::join!(first, second);
        assert_eq!(first.unwrap_err().vertex_name(), Some("fails"));
        second.unwrap();
    });
    assert_eq!(bench.kept("marks"), "ran\nran\n");
}

/// A step that takes its time, alone or in a graph that another step has made.
fn slow(bench: &Bench) -> [pb::Definition; 2] {
    let step = named("slow", kept(bench.busybox(), "echo begun; sleep 1; echo ran >>/kept/marks; echo ended"));
    let alone = marshal(Some(&step), Vec::new());
    std::fs::write(bench.src().join("graph"), hlb_llb::encode_definition(&alone)).unwrap();
    let inputs = [("buildkit.llb.definition".to_owned(), pb::BuildInput { input: 0 })].into();
    let attrs = [("llbbuild.filename".to_owned(), "graph".to_owned())].into();
    let op = pb::OpKind::Build(pb::BuildOp { builder: -1, inputs, def: None, attrs });
    let copy = Copy { contents_only: true, ..Copy::new(Some(crate::graphs::src()), "/", "/") };
    let graph = file(None, vec![FileStep::Copy(copy)], Annotations::default()).unwrap();
    [alone, on_top(marshal(Some(&graph), Vec::new()), op, 0)]
}

#[test]
fn privileged_a_cancelled_solve_does_not_cancel_another() {
    for at in 0..2 {
        let bench = Bench::new();
        let definition = slow(&bench)[at].clone();
        let (first, second) = (Heard::default(), Heard::default());
        block_on(async {
            let (runtime, cancel) = (bench.open(2).await, CancellationToken::new());
            let solve = |heard: &Heard, cancel: &CancellationToken| {
                let (runtime, request) = (runtime.clone(), bench.request_for(definition.clone()));
                let (sink, cancel) = (heard.sink(), cancel.clone());
                tokio::spawn(async move { runtime.solve(request, sink, &cancel).await })
            };
            let one = solve(&first, &cancel);
            first.until(|heard| heard.log().contains("begun")).await;
            let other = solve(&second, &CancellationToken::new());
            // Who comes late is told what it has missed.
            second.until(|heard| heard.log() == "begun\n" && heard.started().contains(&"slow".to_owned())).await;
            cancel.cancel();
            assert_eq!(one.await.unwrap().unwrap_err().kind(), ErrorKind::Cancelled);
            assert_eq!(second.log(), "begun\n", "who does not want it any more does not wait for it");
            other.await.unwrap().unwrap();
        });
        assert_eq!((first.log().as_str(), second.log().as_str()), ("begun\n", "begun\nended\n"));
        assert_eq!(bench.kept("marks"), "ran\n");
        assert_eq!(second.started().iter().filter(|name| *name == "slow").count(), 1);
    }
}

#[test]
fn privileged_work_ends_with_the_last_who_wants_it() {
    let bench = Bench::new();
    let endless = named("endless", shell(bench.busybox(), "echo begun; sleep 1000"));
    let begin = Instant::now();
    block_on(async {
        let (runtime, heard) = (bench.open(1).await, Heard::default());
        let (tokens, sink) = ([CancellationToken::new(), CancellationToken::new()], heard.sink());
        let solves = tokens.each_ref().map(|token| runtime.solve(bench.request(Some(&endless)), sink.clone(), token));
        let [one, other] = solves;
        let cancel = async {
            heard.until(|heard| heard.log() == "begun\n").await;
            tokens.iter().for_each(CancellationToken::cancel);
        };
        let (one, other, ()) = tokio::join!(one, other, cancel);
        for ended in [one, other] {
            assert_eq!(ended.unwrap_err().kind(), ErrorKind::Cancelled);
        }
        // Both report to one place, which is told once.
        assert_eq!(heard.started().iter().filter(|name| *name == "endless").count(), 1);

        // So it does with a caller who has gone away without a word, and its permit is free again.
        let heard = Heard::default();
        let token = CancellationToken::new();
        tokio::select! {
            _ = runtime.solve(bench.request(Some(&endless)), heard.sink(), &token) => unreachable!("it never ends"),
            () = heard.until(|heard| heard.log() == "begun\n") => {}
        }
        let short = named("short", shell(bench.busybox(), "true"));
        runtime.solve(bench.request(Some(&short)), Heard::default().sink(), &token).await.unwrap();
    });
    assert!(begin.elapsed() < Duration::from_secs(60));
}

#[test]
fn privileged_the_long_chain_goes_first() {
    let bench = Bench::new();
    let base = bench.busybox();
    let step = |name: &str, root: Output| named(name, shell(root, &format!("sleep 0.2; echo {name} >/made")));
    // The chain stands last in the graph.
    let mut ends: Vec<Output> = (0..8).map(|at| step(&format!("short {at}"), base.clone())).collect();
    let chain = ["chain 0", "chain 1", "chain 2", "chain 3"];
    ends.push(chain.iter().fold(base, |root, name| step(name, root)));
    let all = merge(ends, Annotations::default()).unwrap();
    let heard = Heard::default();
    block_on(async {
        let runtime = bench.open(1).await;
        runtime.solve(bench.request(Some(&all)), heard.sink(), &CancellationToken::new()).await.unwrap();
    });
    let mut order = heard.started();
    order.retain(|name| name.starts_with("chain") || name.starts_with("short"));
    assert_eq!(order.len(), 12, "{order:?}");
    // Whoever is first in the queue is served before the others have come, and while one ends the next cannot be there yet. The
    // last of the chain is no more urgent than the others.
    for (at, name) in chain.iter().enumerate().take(3) {
        let place = order.iter().position(|other| other == name).unwrap();
        assert!(place <= 2 * at + 1, "{name} is at {place}: {order:?}");
    }
}

/// The layers in the state directory.
fn layers(bench: &Bench) -> Vec<std::path::PathBuf> {
    std::fs::read_dir(bench.path("state/layers")).unwrap().map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn privileged_outputs_that_nobody_reads_are_not_kept() {
    let bench = Bench::new();
    let base = bench.busybox();
    // Files that were written a moment ago are copied again by the next build.
    std::thread::sleep(std::time::Duration::from_millis(80));
    bench.solve(Some(&base)).unwrap();
    let before = layers(&bench).len();
    let step = || {
        let mut step = shell(base.clone(), "echo x >/unread; echo y >/out/read; echo z >/more/unread");
        step.mounts = vec![ExecMount::bind("/more", None), ExecMount::bind("/out", None)];
        step.build(Annotations::default())
    };
    bench.solve(step().mounts[1].as_ref()).unwrap();
    assert_eq!(layers(&bench).len(), before + 1);
    assert_eq!(crate::support::read(&bench.out(), "read"), "y\n");
    // Who wants another one later has it made.
    bench.solve(step().root.as_ref()).unwrap();
    assert_eq!(crate::support::read(&bench.out(), "unread"), "x\n");
    assert_eq!(layers(&bench).len(), before + 2);
}

#[test]
fn privileged_a_hit_touches_no_input() {
    let mut bench = Bench::new();
    let digest = crate::sources::layout(&bench.path("layout"));
    bench.layouts.insert("base".to_owned(), bench.path("layout"));
    let image = || crate::sources::from_layout(format!("base@{digest}"), "", None);
    let made = |input: Output| {
        let copy = Copy::new(Some(input), "/one", "/copied");
        file(None, vec![FileStep::Copy(copy)], Annotations::default()).unwrap()
    };
    let target = merge(vec![made(image()), made(mkfile(None, "/one", "2"))], Annotations::default()).unwrap();
    bench.solve(Some(&target)).unwrap();
    // All that the copies read is taken away: the layers of the image, here and there, and that of the file.
    let read: Vec<_> = layers(&bench)
        .into_iter()
        .filter(|layer| layer.join("fs/one").exists() || layer.join("fs/two").exists())
        .collect();
    assert_eq!(read.len(), 3);
    read.iter().for_each(|layer| std::fs::remove_dir_all(layer).unwrap());
    for blob in std::fs::read_dir(bench.path("layout/blobs/sha256")).unwrap().map(|entry| entry.unwrap().path()) {
        // What is no JSON is a layer.
        if !std::fs::read(&blob).unwrap().starts_with(b"{") {
            std::fs::remove_file(blob).unwrap();
        }
    }
    assert_eq!(bench.solve(Some(&target)).unwrap().ran, Vec::<String>::new());
    assert_eq!(crate::support::read(&bench.out(), "copied"), "2");
}

/// Numbers that look random and are the same each time.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

/// File systems of small steps over one another, with some that several have, and others that come to the same.
fn forest(numbers: &mut Numbers) -> Output {
    let mut made: Vec<Output> = (0..3).map(|at| mkfile(None, "/a", &(at / 2).to_string())).collect();
    for _ in 0..12 {
        let base = made[usize::try_from(numbers.below(made.len() as u64)).unwrap()].clone();
        made.push(match numbers.below(4) {
            0 => mkfile(Some(base), "/b", &numbers.below(3).to_string()),
            1 => merge(vec![base, made[0].clone()], Annotations::default()).unwrap(),
            _ => {
                let copy = Copy::new(Some(base), "/a", "/a");
                file(None, vec![FileStep::Copy(copy)], Annotations::default()).unwrap()
            }
        });
    }
    merge(made, Annotations::default()).unwrap()
}

#[test]
fn privileged_many_solves_at_once_all_end() {
    let bench = Bench::new();
    let mut numbers = Numbers(5);
    let forests: Vec<Output> = (0..6).map(|_| forest(&mut numbers)).collect();
    block_on(async {
        let runtime = bench.open(2).await;
        let mut solves = tokio::task::JoinSet::new();
        for _ in 0..120 {
            let target = &forests[usize::try_from(numbers.below(forests.len() as u64)).unwrap()];
            let (runtime, request) = (runtime.clone(), bench.request(Some(target)));
            let (begin, end, how) = (numbers.below(2000), numbers.below(300), numbers.below(3));
            solves.spawn(async move {
                tokio::time::sleep(Duration::from_millis(begin)).await;
                let cancel = CancellationToken::new();
                let heard = Heard::default();
                let mut solve = Box::pin(runtime.solve(request, heard.sink(), &cancel));
                let patience = Duration::from_secs(30);
                let result = match how {
                    0 => tokio::time::timeout(patience, solve).await.expect("it hangs"),
                    _ => match tokio::time::timeout(Duration::from_millis(end), &mut solve).await {
                        Ok(result) => result,
                        // Its caller has gone away.
                        Err(_) if how == 1 => return,
                        Err(_) => {
                            cancel.cancel();
                            tokio::time::timeout(patience, solve).await.expect("it hangs when cancelled")
                        }
                    },
                };
                match result {
                    Ok(_) => {}
                    Err(error) => assert!(how == 2 && error.kind() == ErrorKind::Cancelled, "{error:?}"),
                }
            });
        }
        while let Some(ended) = solves.join_next().await {
            ended.unwrap();
        }
        // Nothing that was given up keeps others from working.
        let token = CancellationToken::new();
        for target in &forests {
            runtime.solve(bench.request(Some(target)), Heard::default().sink(), &token).await.unwrap();
        }
    });
    assert_eq!(std::fs::read_dir(bench.path("state/claims")).unwrap().count(), 0, "a claim is left");
    assert_eq!(std::fs::read_dir(bench.path("state/sessions")).unwrap().count(), 0);
}

//! Cache mounts: what lives on, and who waits for whom.

use std::time::{Duration, Instant};

use super::*;

fn cache(id: &str, sharing: pb::CacheSharingOpt, input: i64) -> pb::Mount {
    pb::Mount {
        mount_type: pb::MountType::Cache.into(),
        cache_opt: Some(pb::CacheOpt { id: id.into(), sharing: sharing.into() }),
        ..bind(input, "/cache", -1, false)
    }
}

fn with_cache(script: &str, mount: pb::Mount) -> pb::ExecOp {
    let mut op = shell(script);
    op.mounts.push(mount);
    op
}

use pb::CacheSharingOpt::{Locked, Private, Shared};

#[test]
fn privileged_caches_live_on_and_are_no_part_of_the_result() {
    let bench = Bench::new();
    let inputs = [bench.base.clone(), bench.files(&Snapshot::scratch(), &[("seed", "s"), ("dir/x", "y")])];
    let run = |script: &str, mount: pb::Mount| {
        let (result, printed) = bench.run(&with_cache(script, mount), &inputs);
        (result.unwrap_or_else(|error| panic!("{error}\n{printed}")), printed)
    };
    let (outputs, _) = run("echo 1 >/cache/one", cache("a", Shared, -1));
    assert!(!bench.snapshots.view(&outputs[0]).unwrap().path().join("cache").exists());
    for sharing in [Shared, Locked, Private] {
        assert_eq!(run("cat /cache/one", cache("a", sharing, -1)).1, "1\n");
    }
    assert_eq!(run("ls /cache; stat -c '%a %u' /cache", cache("b", Shared, -1)).1, "755 0\n");
    // One that begins with content is another one, and keeps what was done to it.
    assert_eq!(
        run("cd /cache; find . | sort; rm seed; touch new", cache("a", Shared, 1)).1,
        ".\n./dir\n./dir/x\n./seed\n"
    );
    assert_eq!(run("ls /cache", cache("a", Locked, 1)).1, "dir\nnew\n");
    let part = pb::Mount { selector: "dir".into(), ..cache("a", Shared, 1) };
    assert_eq!(run("ls /cache", part).1, "x\n");
    let readonly = pb::Mount { readonly: true, ..cache("a", Shared, -1) };
    assert_eq!(run("touch /cache/x 2>&1; true", readonly).1, "touch: /cache/x: Read-only file system\n");
}

/// Runs two steps on one cache at the same time, each of which says whether the other is there.
fn meet(first: pb::CacheSharingOpt, second: pb::CacheSharingOpt) -> [String; 2] {
    let bench = Bench::new();
    // Until both are there, or for a second and a half.
    let script = |me: &str, other: &str| {
        format!(
            "touch /cache/{me}; for i in $(seq 15); do [ -e /cache/{other} ] && break; sleep 0.1; done; [ -e /cache/{other} ] && echo met; sleep 0.2; rm /cache/{me}; true"
        )
    };
    let run = |me: &str, other: &str, sharing| {
        bench.run(&with_cache(&script(me, other), cache("c", sharing, -1)), std::slice::from_ref(&bench.base))
    };
    std::thread::scope(|scope| {
        let one = scope.spawn(|| run("a", "b", first));
        let two = scope.spawn(|| run("b", "a", second));
        [one, two].map(|step| {
            let (result, printed) = step.join().unwrap();
            result.unwrap_or_else(|error| panic!("{error}\n{printed}"));
            printed
        })
    })
}

#[test]
fn privileged_shared_caches_are_used_together() {
    assert_eq!(meet(Shared, Shared), ["met\n", "met\n"]);
}

#[test]
fn privileged_locked_caches_are_used_one_after_the_other() {
    assert_eq!(meet(Locked, Locked), ["", ""]);
    assert_eq!(meet(Locked, Shared), ["", ""]);
}

#[test]
fn privileged_private_caches_are_others() {
    let started = Instant::now();
    assert_eq!(meet(Private, Private), ["", ""]);
    assert!(started.elapsed() < Duration::from_secs(6), "neither waits for the other: {:?}", started.elapsed());
}

#[test]
fn privileged_who_waits_for_a_cache_can_be_cancelled() {
    let bench = Bench::new();
    let wanted = cache::Wanted { id: "c".into(), sharing: Locked, base: Snapshot::scratch() };
    let held = wanted.take(&bench.store, &bench.snapshots, &|| false).unwrap();
    let cancel = bench.cancel.clone();
    std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(200));
        cancel.cancel();
    });
    let op = with_cache("true", super::caches::cache("c", Locked, -1));
    let error = bench.run(&op, std::slice::from_ref(&bench.base)).0.unwrap_err();
    assert!(matches!(error, ExecError::Cancelled), "{error}");
    drop(held);
}

//! Mounts of every kind.

use super::*;

/// Runs a script on the base with more mounts, on inputs of a base and a snapshot with `hello` and `dir/x`.
fn check(mounts: &[pb::Mount], script: &str, expected: &str) -> (Bench, Vec<Snapshot>) {
    let bench = Bench::new();
    let input = bench.files(&Snapshot::scratch(), &[("hello", "hi"), ("dir/x", "deep")]);
    let mut op = shell(&format!("exec 2>&1; {script}"));
    op.mounts.extend_from_slice(mounts);
    let (result, printed) = bench.run(&op, &[bench.base.clone(), input]);
    let outputs = result.unwrap_or_else(|error| panic!("{error}\n{printed}"));
    assert_eq!(printed.trim_end(), expected);
    (bench, outputs)
}

#[test]
fn privileged_inputs_are_read_only_or_copies() {
    check(
        &[bind(1, "/in", -1, true)],
        "cat /in/hello; touch /in/x 2>&1; true",
        "hitouch: /in/x: Read-only file system",
    );
    check(&[bind(1, "/in", -1, false)], "rm -r /in/dir; echo new >/in/new; ls /in", "hello\nnew");
    check(&[bind(-1, "/in", -1, false)], "ls -a /in; touch /in/x && echo ok", ".\n..\nok");
    let part = |selector: &str| pb::Mount { selector: selector.into(), ..bind(1, "/in", -1, true) };
    check(&[part("/dir")], "ls /in", "x");
    check(&[part("dir/../hello")], "cat /in", "hi");
    let relative = bind(1, "rel", -1, true);
    check(&[relative], "cat /rel/hello", "hi");
}

#[test]
fn privileged_outputs_come_in_the_order_of_mounts() {
    let mounts = [bind(1, "/kept", 1, true), bind(1, "/written", 2, false), bind(-1, "/fresh", 3, false)];
    let script = "echo 1 >/root-file; rm /written/hello; echo 3 >/fresh/file";
    let (bench, outputs) = check(&mounts, script, "");
    let names = |snapshot: &Snapshot| -> Vec<String> {
        let view = bench.snapshots.view(snapshot).unwrap();
        let entries = std::fs::read_dir(view.path()).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    assert_eq!(outputs.len(), 4);
    // `proc`, `sys` and `dev` are made by the runtime, and stay as they do with BuildKit.
    assert_eq!(names(&outputs[0]), ["bin", "dev", "etc", "home", "mnt", "proc", "root-file", "sys", "tmp"]);
    assert_eq!(names(&outputs[1]), ["dir", "hello"]);
    assert_eq!(outputs[1].layers().len(), 1, "what could only be read is the input itself");
    assert_eq!(names(&outputs[2]), ["dir"]);
    assert_eq!(names(&outputs[3]), ["file"]);
}

#[test]
fn privileged_a_root_can_be_read_only() {
    let bench = Bench::new();
    let mut op = shell("touch /x 2>&1; touch /in/x && echo ok");
    op.mounts = vec![bind(0, "/", -1, true), bind(-1, "/in", -1, false)];
    let (result, printed) = bench.run(&op, std::slice::from_ref(&bench.base));
    assert_eq!(result.unwrap(), []);
    assert_eq!(printed, "touch: /x: Read-only file system\nok\n");
}

#[test]
fn privileged_memory_has_a_size() {
    let memory = |size, readonly| pb::Mount {
        mount_type: pb::MountType::Tmpfs.into(),
        tmpfs_opt: Some(pb::TmpfsOpt { size }),
        ..bind(-1, "/mem", -1, readonly)
    };
    let fill = "dd if=/dev/zero of=/mem/x bs=4096 count=100 2>/dev/null; stat -c %s /mem/x; df /mem | tail -n1 | cut -d' ' -f1";
    check(&[memory(65536, false)], fill, "65536\ntmpfs");
    check(&[memory(0, false)], fill, "409600\ntmpfs");
    check(&[memory(0, true)], "touch /mem/x 2>&1; true", "touch: /mem/x: Read-only file system");
}

#[test]
fn privileged_secrets_are_files_for_their_owner() {
    let secret = |id: &str, mode, optional| pb::Mount {
        mount_type: pb::MountType::Secret.into(),
        secret_opt: Some(pb::SecretOpt { id: id.into(), uid: 1000, gid: 1001, mode, optional }),
        // Zero, as clients write them; the numbers of a secret mean nothing.
        ..bind(0, "/run/secrets/it", 0, false)
    };
    let (bench, outputs) = check(
        &[secret("token", 0o440, false)],
        "cat /run/secrets/it; echo; stat -c '%u:%g %a' /run/secrets/it; echo x >/run/secrets/it || true",
        "s3cret\n1000:1001 440\n/bin/sh: can't create /run/secrets/it: Read-only file system",
    );
    let view = bench.snapshots.view(&outputs[0]).unwrap();
    assert!(!view.path().join("run").exists(), "nothing of the secret's place is left");
    check(&[secret("none", 0o440, true)], "ls /run 2>&1; true", "ls: /run: No such file or directory");
}

#[test]
fn privileged_a_part_that_is_missing_is_named() {
    let bench = Bench::new();
    let mut op = shell("true");
    op.mounts.push(pb::Mount { selector: "/none".into(), ..bind(0, "/in", -1, true) });
    let error = bench.run(&op, std::slice::from_ref(&bench.base)).0.unwrap_err();
    assert_eq!(error.to_string(), "cannot mount `/none` at `/in`: No such file or directory (os error 2)");
}

#[test]
fn privileged_a_selector_cannot_leave_its_input() {
    let bench = Bench::new();
    let input = bench.files(&Snapshot::scratch(), &[("etc/hostname", "inside")]);
    let view = bench.snapshots.view(&input).unwrap();
    let mut active = bench.snapshots.prepare(&input).unwrap();
    std::os::unix::fs::symlink("/etc", active.mount().unwrap().join("out")).unwrap();
    drop(view);
    let input = active.commit().unwrap();
    let mut op = shell("cat /in");
    op.mounts.push(pb::Mount { selector: "/out/../../../etc/hostname".into(), ..bind(1, "/in", -1, true) });
    let (result, printed) = bench.run(&op, &[bench.base.clone(), input]);
    result.unwrap();
    assert_eq!(printed, "inside");
}

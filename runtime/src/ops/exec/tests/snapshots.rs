//! What steps leave.

use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};

use super::*;

/// The file system as the next step sees it.
fn tree(bench: &Bench, snapshot: &Snapshot) -> String {
    let script =
        "cd /; find . -name bin -prune -o -name proc -prune -o -name sys -prune -o -name dev -prune -o -print | sort";
    bench.run(&shell(script), std::slice::from_ref(snapshot)).1
}

#[test]
fn privileged_steps_build_on_steps() {
    let bench = Bench::new();
    let first = bench.output(&shell("mkdir /a /b; echo 1 >/a/one; echo 2 >/a/two; echo 3 >/b/three"));
    let second = bench.output_on(&shell("rm /a/one; rm -r /b; mkdir /b; echo 4 >/b/four; chmod 700 /a"), &first);
    assert_eq!(second.layers().len(), 3);
    assert_eq!(second.layers()[..2], *first.layers());
    assert_eq!(
        tree(&bench, &first),
        ".\n./a\n./a/one\n./a/two\n./b\n./b/three\n./etc\n./etc/group\n./etc/hosts\n./etc/passwd\n./etc/resolv.conf\n./home\n./home/ann\n./mnt\n./tmp\n"
    );
    assert_eq!(
        tree(&bench, &second),
        ".\n./a\n./a/two\n./b\n./b/four\n./etc\n./etc/group\n./etc/hosts\n./etc/passwd\n./etc/resolv.conf\n./home\n./home/ann\n./mnt\n./tmp\n"
    );
    // In the layer, what is gone is said by a device node, and what was replaced by an attribute.
    let layer = bench.store.layers().path(&second.layers()[2]);
    let gone = std::fs::symlink_metadata(layer.join("a/one")).unwrap();
    assert!(gone.file_type().is_char_device() && gone.rdev() == 0);
    let mut opaque = [0; 1];
    assert_eq!(rustix::fs::lgetxattr(layer.join("b"), "trusted.overlay.opaque", &mut opaque).unwrap(), 1);
    assert_eq!(opaque, *b"y");
    // A view shows neither.
    let view = bench.snapshots.view(&second).unwrap();
    assert!(!view.path().join("a/one").exists());
    assert!(std::fs::write(view.path().join("x"), "").is_err());
}

#[test]
fn privileged_a_step_that_writes_nothing_leaves_no_trace_of_its_mount_points() {
    let bench = Bench::new();
    // Once for the directories that the runtime makes.
    let base = bench.output(&shell("true"));
    let facts = |snapshot: &Snapshot| {
        let view = bench.snapshots.view(snapshot).unwrap();
        let mut found = std::collections::BTreeMap::new();
        let mut left = vec![view.path().to_owned()];
        while let Some(path) = left.pop() {
            let data = std::fs::symlink_metadata(&path).unwrap();
            let times = (data.mtime(), data.mtime_nsec(), data.mode());
            found.insert(path.strip_prefix(view.path()).unwrap().to_owned(), times);
            if data.is_dir() {
                left.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            }
        }
        found
    };
    let before = facts(&base);
    assert!(!before.contains_key(Path::new("etc/hosts")));
    let mut op = shell("ls /deep/er/place /etc/hosts");
    op.mounts.push(bind(-1, "/deep/er/place", -1, false));
    op.mounts.push(bind(-1, "/deep", -1, false));
    let after = bench.output_on(&op, &base);
    assert_eq!(facts(&after), before);
    assert_eq!(after, base, "a directory that was only copied up is nothing new");
    let changed = bench.output_on(&shell("touch /etc"), &base);
    assert_ne!(changed, base);
    let changed = bench.output_on(&shell("rm -r /home/ann; mkdir /home/ann"), &base);
    assert_ne!(changed, base);
}

#[test]
fn privileged_directories_of_mount_points_are_not_in_the_layer_of_a_step() {
    let bench = Bench::new();
    let base = bench.output(&shell("mkdir /etc/deep; touch /etc/deep/file"));
    let check = |script: &str, expected: &[&str]| {
        let mut op = shell(script);
        op.mounts.push(bind(-1, "/etc/deep/er", -1, false));
        let output = bench.output_on(&op, &base);
        let layer = bench.store.layers().path(output.layers().last().unwrap());
        let mut found = Vec::new();
        let mut left = vec![layer.clone()];
        while let Some(dir) = left.pop() {
            for path in std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()) {
                found.push(path.strip_prefix(&layer).unwrap().display().to_string());
                left.extend(path.symlink_metadata().unwrap().is_dir().then_some(path));
            }
        }
        found.sort();
        assert_eq!(found, expected, "{script}");
    };
    check("echo x >/new", &["new"]);
    check("echo x >/etc/new", &["etc", "etc/new"]);
    check("echo x >/new; chmod 700 /etc/deep", &["etc", "etc/deep", "new"]);
    check("echo x >/new; touch -d @1 /etc/deep", &["etc", "etc/deep", "new"]);
    check("mv /etc/group /new", &["etc", "etc/group", "new"]);
}

#[test]
fn privileged_what_is_not_committed_is_gone() {
    let bench = Bench::new();
    let staged = bench.store.session_dir().join("layers");
    let mut active = bench.snapshots.prepare(&bench.base).unwrap();
    std::fs::write(active.mount().unwrap().join("x"), "x").unwrap();
    assert_eq!(std::fs::read_dir(&staged).unwrap().count(), 1);
    drop(active);
    assert_eq!(std::fs::read_dir(&staged).unwrap().count(), 0);
    let mounts = std::fs::read_to_string("/proc/thread-self/mountinfo").unwrap();
    assert!(!mounts.contains(bench.dir().to_str().unwrap()), "{mounts}");
}

#[test]
fn privileged_nothing_written_is_the_base() {
    let bench = Bench::new();
    let mut active = bench.snapshots.prepare(&bench.base).unwrap();
    let root = active.mount().unwrap();
    std::fs::write(root.join("x"), "x").unwrap();
    std::fs::remove_file(root.join("x")).unwrap();
    assert_eq!(active.commit().unwrap(), bench.base);
    let mut active = bench.snapshots.prepare(&bench.base).unwrap();
    let root = active.mount().unwrap();
    std::fs::set_permissions(root, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    let changed = active.commit().unwrap();
    assert_ne!(changed, bench.base, "the mode of the root is part of a file system");
    let view = bench.snapshots.view(&changed).unwrap();
    assert_eq!(std::fs::metadata(view.path()).unwrap().mode() & 0o777, 0o700);
    assert_eq!(bench.snapshots.prepare(&Snapshot::scratch()).unwrap().commit().unwrap(), Snapshot::scratch());
}

#[test]
fn privileged_merge_lays_over_and_diff_takes_apart() {
    let bench = Bench::new();
    let a = bench.files(&Snapshot::scratch(), &[("both", "a"), ("only-a", "a")]);
    let b = bench.files(&Snapshot::scratch(), &[("both", "b"), ("only-b", "b")]);
    let on_a = bench.files(&a, &[("later", "x")]);
    let read = |snapshot: &Snapshot| -> Vec<String> {
        let view = bench.snapshots.view(snapshot).unwrap();
        let mut all: Vec<_> = std::fs::read_dir(view.path())
            .unwrap()
            .map(|entry| entry.unwrap())
            .map(|entry| format!("{}={}", entry.file_name().display(), std::fs::read_to_string(entry.path()).unwrap()))
            .collect();
        all.sort();
        all
    };
    let merge = |parts: &[&Snapshot]| {
        bench.snapshots.merge(&parts.iter().map(|part| (*part).clone()).collect::<Vec<_>>()).unwrap()
    };
    assert_eq!(read(&merge(&[&a, &b])), ["both=b", "only-a=a", "only-b=b"]);
    assert_eq!(read(&merge(&[&b, &a])), ["both=a", "only-a=a", "only-b=b"]);
    assert_eq!(merge(&[&a, &b, &on_a]).layers().len(), 3, "a layer that comes twice counts once");
    assert_eq!(read(&merge(&[&a, &b, &on_a])), ["both=a", "later=x", "only-a=a", "only-b=b"]);
    assert_eq!(merge(&[]), Snapshot::scratch());
    let diff = |lower: &Snapshot, upper: &Snapshot| bench.snapshots.diff(lower, upper).unwrap();
    assert_eq!(read(&diff(&a, &on_a).unwrap()), ["later=x"]);
    assert_eq!(diff(&Snapshot::scratch(), &a), Some(a.clone()));
    assert_eq!(diff(&a, &a), Some(Snapshot::scratch()));
    assert_eq!(diff(&a, &b), None);
}

#[test]
fn privileged_what_a_diff_deletes_is_not_in_it() {
    let bench = Bench::new();
    let lower = bench.files(&bench.base, &[("d/old", "1"), ("d/kept", "2"), ("top", "3")]);
    let upper = bench.output_on(&shell("rm /d/old /top; echo 4 >/d/new"), &lower);
    let diff = bench.snapshots.diff(&lower, &upper).unwrap().unwrap();
    let list = |snapshot: &Snapshot| {
        let view = bench.snapshots.view(snapshot).unwrap();
        let names = |dir: &str| -> Vec<String> {
            let entries = std::fs::read_dir(view.path().join(dir)).unwrap();
            let mut all: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
            all.sort();
            all
        };
        (names("."), names("d"))
    };
    let mut copy = bench.snapshots.prepare(&diff).unwrap();
    std::fs::write(copy.mount().unwrap().join("more"), "").unwrap();
    let more = copy.commit().unwrap();
    let (top, d) = list(&diff);
    assert_eq!((top.contains(&"top".to_owned()), d), (false, vec!["new".to_owned()]), "{top:?}");
    let (top, d) = list(&more);
    assert_eq!((top.contains(&"top".to_owned()), d), (false, vec!["new".to_owned()]), "{top:?}");
    // Laid over what it was made on, it deletes again.
    let again = bench.snapshots.merge(&[lower, diff]).unwrap();
    assert_eq!(list(&again).1, ["kept", "new"]);
}

#[test]
fn privileged_long_chains_are_mounted_and_longer_ones_refused() {
    let bench = Bench::new();
    let mut chain = Snapshot::scratch();
    let mut parts = Vec::new();
    for number in 0..500 {
        let part = bench.files(&Snapshot::scratch(), &[(&format!("f{number}"), "x")]);
        parts.push(part);
    }
    chain = bench.snapshots.merge(&[vec![chain], parts.clone()].concat()).unwrap();
    let view = bench.snapshots.view(&chain).unwrap();
    assert_eq!(std::fs::read_dir(view.path()).unwrap().count(), 500);
    parts.push(bench.base.clone());
    let error = bench.snapshots.merge(&parts).unwrap_err();
    assert_eq!(error.to_string(), "a file system of 501 layers cannot be mounted: the kernel takes 500 at most");
}

#[test]
fn privileged_a_lost_layer_is_named() {
    let bench = Bench::new();
    let layers = vec!["lost".parse().unwrap()];
    assert!(bench.snapshots.adopt(layers.clone()).unwrap().is_none());
    let error = bench.snapshots.of(layers).unwrap_err();
    assert_eq!(error.to_string(), "the cached layer `lost` cannot be read");
    // Whatever was held, someone can still remove it by hand.
    assert!(bench.snapshots.damaged([&bench.base]).is_none());
    let [layer] = bench.base.layers() else { panic!("{:?}", bench.base) };
    std::fs::remove_dir_all(bench.store.layers().path(layer).parent().unwrap()).unwrap();
    let error = bench.snapshots.prepare(&bench.base).unwrap_err();
    assert_eq!(error.to_string(), format!("the cached layer `{layer}` cannot be read"));
    assert_eq!(bench.snapshots.damaged([&bench.base]).unwrap().layer, *layer);
}

#[test]
fn privileged_layers_are_in_use_as_long_as_anybody_has_them() {
    type Holder = fn(&Snapshots, Snapshot) -> Box<dyn std::any::Any>;
    let holders: [Holder; 5] = [
        |_, top| Box::new(top),
        |all, top| Box::new(all.merge(&[top]).unwrap()),
        |all, top| Box::new(all.diff(&Snapshot::scratch(), &top).unwrap()),
        |all, top| Box::new(all.view(&top).unwrap()),
        |all, top| Box::new(all.prepare(&top).unwrap()),
    ];
    let mut bench = Bench::new();
    bench.base = Snapshot::scratch();
    let list = || std::fs::read_to_string(bench.store.session_dir().join("leases")).unwrap();
    assert_eq!(list(), "");
    for hold in holders {
        let top = bench.files(&bench.files(&Snapshot::scratch(), &[("below", "")]), &[("above", "")]);
        let layers = top.layers().to_vec();
        let holder = hold(&bench.snapshots, top);
        assert!(layers.iter().all(|layer| list().contains(layer.as_str())));
        drop(holder);
        assert_eq!(list(), "");
    }
}

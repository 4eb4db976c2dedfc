//! Layers as the kernel makes them, packed, unpacked and compared.

use std::fmt::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

use super::*;
use crate::snapshot::Snapshot;
use crate::snapshot::apply::apply_layer;
use crate::sys::xattr;
use crate::tree;
use hlb_patterns::Filter;

const PLAIN: Form = Form { compression: Compression::Gzip, level: None, epoch: None };
const ESTARGZ: Form = Form { compression: Compression::Estargz, ..PLAIN };

/// What was made of these layers in a form, whether or not it is at hand.
fn made(store: &Store, layers: &[LayerId], form: Form) -> Option<LayerBlob> {
    find(store, layers, Which::Made(form)).unwrap()
}

struct Bench {
    _dir: tempfile::TempDir,
    store: Store,
    snapshots: Snapshots,
}

impl Bench {
    fn new() -> Self {
        crate::isolate().expect("tests whose names start with `privileged_` need root");
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        Self { _dir: dir, snapshots: Snapshots::new(store.clone()), store }
    }

    /// What a shell script makes of a snapshot.
    fn run(&self, base: &Snapshot, script: &str) -> Snapshot {
        let mut active = self.snapshots.prepare(base).unwrap();
        let root = active.mount().unwrap();
        let done = std::process::Command::new("sh").args(["-e", "-c", script]).current_dir(root).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        let able = active.mount().unwrap().join("usr/bin/able");
        if able.exists() && xattr::get(&able, c"security.capability").unwrap().is_none() {
            let value = [&[1, 0, 0, 2, 0, 4][..], &[0; 14]].concat();
            xattr::set(&able, c"security.capability", &value).unwrap();
        }
        active.commit().unwrap()
    }

    fn pack(&self, layers: &[LayerId]) -> LayerBlob {
        pack(&self.store, &self.snapshots, layers, PLAIN, &|| false).unwrap().unwrap()
    }

    /// Unpacks the blobs of a snapshot's layers into a new one.
    fn again(&self, snapshot: &Snapshot) -> Snapshot {
        let mut layers: Vec<LayerId> = Vec::new();
        for at in 1..=snapshot.layers().len() {
            let blob = self.pack(&snapshot.layers()[..at]);
            let staged = self.store.layers().new_dir().unwrap();
            let below: Vec<PathBuf> = layers.iter().rev().map(|layer| self.store.layers().path(layer)).collect();
            let applied = apply_layer(self.store.blobs().open(&blob.digest).unwrap(), &staged, &below).unwrap();
            assert_eq!(applied.diff_id, blob.diff_id);
            assert_eq!(std::fs::metadata(self.store.blobs().path(&blob.digest)).unwrap().len(), blob.size);
            let id = LayerId::random();
            self.store.layers().commit(&id, &staged).unwrap();
            layers.push(id);
        }
        self.snapshots.of(layers).unwrap()
    }

    /// Everything that an image keeps of a file system.
    fn list(&self, snapshot: &Snapshot) -> String {
        let view = self.snapshots.view(snapshot).unwrap();
        let root = std::fs::metadata(view.path()).unwrap();
        let mut text = format!("/ {:o} {}:{}\n", root.mode(), root.uid(), root.gid());
        let mut inodes = std::collections::HashMap::new();
        for entry in tree::scan(view.path(), &Filter::default()).unwrap() {
            let host = view.path().join(&entry.path);
            let first = inodes.entry((entry.device, entry.inode)).or_insert_with(|| entry.path.clone());
            let _ = write!(text, "{:?} {:?} {:o} {}:{}", entry.path, entry.kind, entry.mode, entry.uid, entry.gid);
            if entry.kind == Kind::File {
                let _ = write!(text, " {}", Digest::of(std::fs::read(&host).unwrap()).hex());
            }
            if !entry.is_directory() {
                let _ = write!(text, " ={first:?} {:x} {:?} {}", entry.node, entry.target, entry.mtime.seconds);
            }
            let mut kept = xattr::list(&host).unwrap();
            kept.retain(|(name, _)| name.to_bytes().starts_with(b"user.") || name.as_c_str() == c"security.capability");
            let _ = writeln!(text, " {:?}", kept.into_iter().map(|(_, value)| value).collect::<Vec<_>>());
        }
        text
    }

    /// Runs scripts one on the other and compares what comes back from the blobs.
    fn check(&self, scripts: &[&str]) -> Snapshot {
        let snapshot = scripts.iter().fold(Snapshot::scratch(), |base, script| self.run(&base, script));
        assert_eq!(snapshot.layers().len(), scripts.len(), "a step changed nothing: {scripts:#?}");
        self.compare(&snapshot);
        snapshot
    }

    fn compare(&self, snapshot: &Snapshot) {
        let again = self.again(snapshot);
        similar_asserts(&self.list(snapshot), &self.list(&again));
    }
}

/// Shows the lines that differ.
fn similar_asserts(one: &str, other: &str) {
    let missing: Vec<&str> = one.lines().filter(|line| !other.contains(line)).collect();
    let added: Vec<&str> = other.lines().filter(|line| !one.contains(line)).collect();
    assert!(one == other, "missing: {missing:#?}\nadded: {added:#?}");
}

const BASE: &str = "
    mkdir -p etc usr/bin usr/lib/x 'd e'; echo 1 >etc/one; echo 2 >etc/two; ln etc/two usr/two; ln -s ../etc usr/link
    ln -s nowhere dangling; mknod null c 1 3; mknod disk b 8 1; mkfifo pipe; chown 1000:1001 etc/one; chmod 4755 usr/two
    touch -d @1000000000 usr/lib/x/old; head -c 3000000 /dev/zero | tr '\\0' x >usr/bin/big
    printf x >\"$(printf 'caf\\351')\"; printf y >grün; : >$(printf 'n%.0s' $(seq 1 200))
    d=$(printf 'p%.0s' $(seq 1 90)); mkdir -p $d/$d/$d; echo deep >$d/$d/$d/f; ln -s $d/$d/$d/f long-link
    echo x >usr/bin/able; echo x >far; chown 3000000:4294967294 far; touch -d @-5 far; chmod 1777 'd e'";

#[test]
fn privileged_every_kind_of_file_comes_back() {
    let bench = Bench::new();
    let snapshot = bench.check(&[BASE]);
    let list = bench.list(&snapshot);
    assert!(list.contains("CharDevice") && list.contains("[[1, 0, 0, 2, 0, 4, "), "{list}");
}

#[test]
fn privileged_changes_come_back() {
    let bench = Bench::new();
    for script in [
        "rm etc/one; echo more >>etc/two",
        "rm -r usr; mkdir usr; echo new >usr/file",
        "rm -r usr; mkdir -p usr/bin; echo small >usr/bin/big",
        "rm -r usr etc; : >usr; mkdir etc; chmod 700 etc",
        "rm null pipe usr/link dangling; ln -s etc null; mkdir usr/link; echo x >usr/link/y",
        "ln etc/one etc/eins; ln usr/lib/x/old aged",
        "chmod 600 usr/two; chown 5:6 usr/lib/x",
        "mv 'd e' moved; mv etc/one etc/uno; mkdir 'd e'; chown 7 .; chmod 1777 .",
        "rm -r usr/lib; mkdir usr/lib; mkdir usr/lib/x; touch usr/lib/x/young",
        "rm etc/two; mknod etc/two c 5 1",
    ] {
        bench.check(&[BASE, script]);
    }
}

#[test]
fn privileged_stacks_and_merges_come_back() {
    let bench = Bench::new();
    let stack = bench.check(&[
        BASE,
        "rm -r usr/lib; echo a >etc/a; mkdir opt; echo o >opt/o",
        "mkdir -p usr/lib/x; echo n >usr/lib/x/new; rm etc/a; rm -r opt; mkdir opt; echo p >opt/p",
        "echo again >etc/a; rm opt/p; ln usr/lib/x/new etc/new",
    ]);
    let other = bench.run(&Snapshot::scratch(), "mkdir etc opt; echo other >etc/one; echo q >opt/q");
    let replaced = bench.run(&other, "rm -r etc; mkdir etc; echo 1 >etc/own");
    for parts in [[&stack, &other], [&other, &stack], [&stack, &replaced]] {
        let merged = bench.snapshots.merge(&parts.map(Clone::clone)).unwrap();
        bench.compare(&merged);
    }
    // What a layer deletes stays deleted where the difference is laid over what it was taken from.
    let base = bench.snapshots.of(&stack.layers()[..1]).unwrap();
    let upper = bench.snapshots.of(&stack.layers()[..2]).unwrap();
    let difference = bench.snapshots.diff(&base, &upper).unwrap().unwrap();
    bench.compare(&difference);
    bench.compare(&bench.snapshots.merge(&[base, other, difference]).unwrap());
}

#[test]
fn privileged_blobs_depend_on_the_files_alone() {
    let (one, other) = (Bench::new(), Bench::new());
    let script = "mkdir d; head -c 5000000 /dev/zero >d/big; echo x >d/x; touch -d @1000 d/big d/x; touch -d @1000 d";
    let packed = [&one, &other].map(|bench| {
        let snapshot = bench.run(&Snapshot::scratch(), script);
        (bench.pack(snapshot.layers()), bench, snapshot)
    });
    assert_eq!(packed[0].0, packed[1].0);
    for (blob, bench, snapshot) in packed {
        assert_eq!(made(&bench.store, snapshot.layers(), PLAIN), Some(blob));
        assert_eq!(made(&bench.store, &[], PLAIN), None);
        assert_eq!(made(&bench.store, &[snapshot.layers()[0].clone(), LayerId::random()], PLAIN), None);
    }
}

#[test]
fn privileged_a_cancelled_layer_leaves_nothing() {
    let bench = Bench::new();
    let snapshot = bench.run(&Snapshot::scratch(), "head -c 5000000 /dev/zero >big");
    let asked = std::sync::atomic::AtomicUsize::new(0);
    let stop = || asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed) > 5;
    let error = pack(&bench.store, &bench.snapshots, snapshot.layers(), PLAIN, &stop).unwrap_err();
    assert!(matches!(error, LayerBlobError::Cancelled), "{error}");
    assert_eq!(made(&bench.store, snapshot.layers(), PLAIN), None);
    let left = tree::scan(&bench.store.session_dir().join("blobs"), &Filter::default()).unwrap();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn media_types_say_the_compression() {
    for (media_type, expected) in [
        ("application/vnd.oci.image.layer.v1.tar+gzip", Some(Compression::Gzip)),
        ("application/vnd.oci.image.layer.v1.tar+zstd", Some(Compression::Zstd)),
        ("application/vnd.oci.image.layer.v1.tar", Some(Compression::None)),
        ("application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", Some(Compression::Gzip)),
        ("application/vnd.docker.image.rootfs.diff.tar.gzip", Some(Compression::Gzip)),
        ("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", Some(Compression::Gzip)),
        ("application/vnd.oci.image.layer.v1.tar+encrypted", None),
        ("application/octet-stream", None),
        ("", None),
    ] {
        assert_eq!(noted::of_media_type(media_type), expected, "{media_type}");
    }
}

/// Diff ids that BuildKit gave to these steps (of Docker 26.1.5, with its own image store).
#[test]
fn privileged_archives_equal_those_of_buildkit() {
    let bench = Bench::new();
    let first = "umask 022; mkdir opt; cd opt; mkdir -p d/sub e; echo 1 >d/1; echo 2 >d/2; echo x >d/sub/x; ln d/1 hard
        ln -s d/1 soft; mkfifo pipe; mknod null c 1 3; echo l >$(printf 'n%.0s' $(seq 150)); p=$(printf 'p%.0s' $(seq 90))
        mkdir -p $p/$p; echo d >$p/$p/f; echo o >$p/$p/owned; chown 3000000:5 d/2 $p/$p/owned; chmod 4755 hard
        find . | xargs touch -h -d @1000";
    let second = "umask 022; cd opt; rm -r d; mkdir d; echo new >d/2
        rm pipe soft; echo more >>hard; chmod 700 e; touch -h -d @2000 d d/2 hard e .";
    let one = bench.run(&Snapshot::scratch(), first);
    let two = bench.run(&one, second);
    assert_eq!(
        bench.pack(one.layers()).diff_id.as_str(),
        "sha256:d46ec0b45c83024d8306515863b2e98ccc221169d157b1eef9576a69038f283e"
    );
    assert_eq!(
        bench.pack(two.layers()).diff_id.as_str(),
        "sha256:5e4e52a96c55240713d35cbbfb8cae48b4b4eb0edb171e9e73f81287272b5ca5"
    );
}

/// Everything that an eStargz layer is made of is that of the plain one, with an index behind it.
#[test]
fn privileged_layers_with_an_index_hold_the_same_files() {
    let bench = Bench::new();
    let snapshot =
        bench.check(&[BASE, "rm -r usr; mkdir usr; echo more >>etc/two; head -c 9000000 /dev/urandom >usr/new"]);
    let mut again = Vec::new();
    for at in 1..=2 {
        let layers = &snapshot.layers()[..at];
        assert_eq!(made(&bench.store, layers, ESTARGZ), None);
        let plain = bench.pack(layers);
        let indexed = pack(&bench.store, &bench.snapshots, layers, ESTARGZ, &|| false).unwrap().unwrap();
        let tar = |blob: &LayerBlob| {
            let mut bytes = Vec::new();
            decompress(bench.store.blobs().open(&blob.digest).unwrap()).unwrap().read_to_end(&mut bytes).unwrap();
            assert_eq!(Digest::of(&bytes), blob.diff_id);
            bytes
        };
        let (ours, theirs) = (tar(&plain), tar(&indexed));
        assert!(theirs.starts_with(&ours) && theirs.len() > ours.len());
        assert_eq!(indexed.annotations["io.containers.estargz.uncompressed-size"], theirs.len().to_string());
        // Each form is known by itself, and made of either of them it is the same.
        assert_eq!(made(&bench.store, layers, PLAIN), Some(plain.clone()));
        assert_eq!(made(&bench.store, layers, ESTARGZ), Some(indexed.clone()));
        for blob in [&plain, &indexed] {
            assert_eq!(convert(&bench.store, layers, blob, ESTARGZ, &|| false).unwrap(), indexed);
        }
        let staged = bench.store.layers().new_dir().unwrap();
        let below: Vec<PathBuf> = again.iter().rev().map(|layer| bench.store.layers().path(layer)).collect();
        let applied = apply_layer(bench.store.blobs().open(&indexed.digest).unwrap(), &staged, &below).unwrap();
        assert_eq!((applied.diff_id, applied.size), (indexed.diff_id, theirs.len() as u64));
        let id = LayerId::random();
        bench.store.layers().commit(&id, &staged).unwrap();
        again.push(id);
    }
    similar_asserts(&bench.list(&snapshot), &bench.list(&bench.snapshots.of(again).unwrap()));
}

#[test]
fn privileged_a_layer_with_an_index_can_be_cancelled() {
    let bench = Bench::new();
    let snapshot = bench.run(&Snapshot::scratch(), "head -c 5000000 /dev/zero >big; echo x >stargz.index.json");
    let pack = |stop: Stop<'_>| pack(&bench.store, &bench.snapshots, snapshot.layers(), ESTARGZ, stop).unwrap_err();
    let asked = std::sync::atomic::AtomicUsize::new(0);
    let error = pack(&|| asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed) > 5);
    assert!(matches!(error, LayerBlobError::Cancelled), "{error}");
    let error = pack(&|| false);
    assert!(matches!(error, LayerBlobError::Reserved), "{error}");
    assert_eq!(made(&bench.store, snapshot.layers(), ESTARGZ), None);
    let left = tree::scan(&bench.store.session_dir().join("blobs"), &Filter::default()).unwrap();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn privileged_a_file_named_like_a_mark_is_refused() {
    let bench = Bench::new();
    let marked = bench.run(&Snapshot::scratch(), "mkdir w; touch w/a w/.wh.a");
    let refused = pack(&bench.store, &bench.snapshots, marked.layers(), PLAIN, &|| false).unwrap_err();
    insta::assert_snapshot!(refused, @"`w/.wh.a` cannot be in an image: names that begin with `.wh.` mark what a layer deletes; rename it or remove it");
}

/// What users put on files goes with them; what programs of the machine put there does not.
#[test]
fn privileged_attributes_of_users_come_back() {
    let bench = Bench::new();
    let mut active = bench.snapshots.prepare(&bench.run(&Snapshot::scratch(), BASE)).unwrap();
    let root = active.mount().unwrap().to_owned();
    for (path, name) in [("etc", c"user.of.directory"), ("etc/one", c"user.b"), ("usr/two", c"user.a")] {
        xattr::set(&root.join(path), name, b"1\0\n2=").unwrap();
    }
    xattr::set(&root.join("etc/one"), c"trusted.machine", b"x").unwrap();
    let snapshot = active.commit().unwrap();
    bench.compare(&snapshot);
    let list = bench.list(&snapshot);
    assert_eq!(list.matches("[49, 0, 10, 50, 61]").count(), 3, "{list}");
    let blob = bench.pack(snapshot.layers());
    let mut bytes = Vec::new();
    decompress(bench.store.blobs().open(&blob.digest).unwrap()).unwrap().read_to_end(&mut bytes).unwrap();
    let text = String::from_utf8_lossy(&bytes);
    assert!(text.contains("SCHILY.xattr.user.of.directory") && !text.contains("trusted"));
    // Where nothing else changes, the attribute alone is a change; taken away again, it is none.
    let mut active = bench.snapshots.prepare(&snapshot).unwrap();
    let at = active.mount().unwrap().join("etc/one");
    let time = file::set_times(&at, tree::Timestamp { seconds: 7, nanos: 7 }, tree::Timestamp { seconds: 7, nanos: 7 });
    time.unwrap();
    let before = active.commit().unwrap();
    for (value, entries) in [(Some(b"other"), 2), (None, 0)] {
        let mut active = bench.snapshots.prepare(&before).unwrap();
        let at = active.mount().unwrap().join("etc/one");
        xattr::set(&at, c"user.b", b"other").unwrap();
        if value.is_none() {
            xattr::set(&at, c"user.b", b"1\0\n2=").unwrap();
        }
        let after = active.commit().unwrap();
        let upper = bench.store.layers().path(after.layers().last().unwrap());
        let view = bench.snapshots.view(&before).unwrap();
        let found = changes::of(&upper, Some(view.path())).unwrap();
        assert_eq!(found.len(), entries, "{found:?}");
    }
}

/// All forms hold the same archive, and each is made once.
#[test]
fn privileged_forms_are_the_same_archive() {
    let bench = Bench::new();
    let snapshot =
        bench.run(&Snapshot::scratch(), "head -c 9000000 /dev/zero >big; echo x >small; touch -d @1000 big small .");
    let layers = snapshot.layers();
    let plain = bench.pack(layers);
    let mut digests = vec![plain.digest.clone()];
    for (compression, level) in [
        (Compression::None, None),
        (Compression::Zstd, None),
        (Compression::Zstd, Some(19)),
        (Compression::Gzip, Some(1)),
        (Compression::Gzip, Some(0)),
    ] {
        let form = Form { compression, level, epoch: None };
        assert_eq!(made(&bench.store, layers, form), None);
        let packed = pack(&bench.store, &bench.snapshots, layers, form, &|| false).unwrap().unwrap();
        assert_eq!((&packed.diff_id, packed.compression), (&plain.diff_id, compression));
        assert_eq!(convert(&bench.store, layers, &plain, form, &|| false).unwrap(), packed);
        assert_eq!(made(&bench.store, layers, form), Some(packed.clone()));
        assert!(matches!(known(&bench.store, layers, form, true).unwrap(), Known::Blob(blob) if blob == packed));
        assert!(!digests.contains(&packed.digest), "{form:?}");
        digests.push(packed.digest);
    }
    // Times that are early enough stay, so another epoch is another form with the same bytes.
    let late = Form { epoch: Some(u64::MAX), ..PLAIN };
    assert_eq!(pack(&bench.store, &bench.snapshots, layers, late, &|| false).unwrap(), Some(plain.clone()));
    let early = Form { epoch: Some(999), ..PLAIN };
    let early = pack(&bench.store, &bench.snapshots, layers, early, &|| false).unwrap().unwrap();
    assert_ne!(early.diff_id, plain.diff_id);
    let mut bytes = Vec::new();
    decompress(bench.store.blobs().open(&early.digest).unwrap()).unwrap().read_to_end(&mut bytes).unwrap();
    let mut archive = ::tar::Archive::new(bytes.as_slice());
    let times: Vec<u64> = archive.entries().unwrap().map(|entry| entry.unwrap().header().mtime().unwrap()).collect();
    assert_eq!(times, [999, 999]);
}

/// Which blob of a layer is taken.
#[test]
fn privileged_what_was_pulled_is_passed_on() {
    let bench = Bench::new();
    let snapshot = bench.run(&Snapshot::scratch(), "echo x >file");
    let layers = snapshot.layers();
    let check = |form: Form, force: bool| match known(&bench.store, layers, form, force).unwrap() {
        Known::Blob(blob) => {
            format!("{} from {}", blob.compression.name(), if blob.origin.is_some() { "there" } else { "here" })
        }
        Known::Other(blob) => format!("to be made of {}", blob.compression.name()),
        Known::Nothing => "nothing".to_owned(),
    };
    let zstd = Form { compression: Compression::Zstd, level: None, epoch: Some(5) };
    // What an older version noted is not looked at.
    let old = Digest::of(layers[0].as_str()).to_string();
    bench.store.facts().put("layer-blob", &old, b"{}").unwrap();
    assert_eq!(check(PLAIN, false), "nothing");
    let plain = bench.pack(layers);
    assert_eq!([check(PLAIN, false), check(zstd, false), check(zstd, true)], ["gzip from here", "nothing", "nothing"]);
    let origin = Origin { reference: "example.org/a:1".to_owned(), platform: Platform::host() };
    note(&bench.store, layers, Which::Pulled, &LayerBlob { origin: Some(origin), ..plain.clone() }).unwrap();
    assert_eq!([check(PLAIN, false), check(zstd, false)], ["gzip from there"; 2]);
    assert_eq!([check(PLAIN, true), check(zstd, true)], ["gzip from there", "to be made of gzip"]);
    convert(&bench.store, layers, &plain, zstd, &|| false).unwrap();
    assert_eq!([check(zstd, false), check(zstd, true)], ["gzip from there", "zstd from here"]);
    bench.store.blobs().remove(&plain.digest).unwrap();
    assert_eq!(check(PLAIN, false), "gzip from there");
}

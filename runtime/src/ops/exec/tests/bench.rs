//! A store with a root file system of busybox in it, and ops to run there.

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::sync::Mutex;

use hlb_store::LayerId;

use super::*;

/// The OCI runtimes that steps are tried with.
pub(super) const RUNTIMES: [&str; 2] = ["runc", "crun"];

pub(super) struct Bench {
    pub(super) oci: OciRuntime,
    pub(super) store: Store,
    pub(super) snapshots: Snapshots,
    pub(super) base: Snapshot,
    pub(super) cancel: CancellationToken,
    secrets: BTreeMap<String, PathBuf>,
    pub(super) sockets: BTreeMap<String, Lent>,
    pub(super) resources: Option<pb::LinuxResources>,
    // Last: the store goes before its directory.
    dir: tempfile::TempDir,
}

impl Bench {
    /// A bench of this test's own, in a mount namespace of its own.
    pub(super) fn new() -> Self {
        Self::with("runc")
    }

    /// The same with an OCI runtime.
    pub(super) fn with(program: &str) -> Self {
        crate::isolate().expect("tests whose names start with `privileged_` need root");
        crate::exec::runc::flavour(Path::new(program)).expect("`cargo xtask setup --tests` installs runc and crun");
        let mut bench = Self::without_root();
        bench.oci.program = program.into();
        bench.base = busybox(&bench.store);
        bench
    }

    /// For ops that do not come as far as to run.
    pub(super) fn without_root() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self::at(dir)
    }

    fn at(dir: tempfile::TempDir) -> Self {
        let store = Store::open(&dir.path().join("state")).unwrap();
        std::fs::write(dir.path().join("token"), "s3cret").unwrap();
        Self {
            oci: OciRuntime { program: "runc".into() },
            snapshots: Snapshots::new(store.clone()),
            store,
            base: Snapshot::scratch(),
            cancel: CancellationToken::new(),
            secrets: BTreeMap::from([("token".into(), dir.path().join("token"))]),
            sockets: BTreeMap::new(),
            resources: None,
            dir,
        }
    }

    pub(super) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Runs an op, and gives what it printed too.
    pub(super) fn run(&self, op: &pb::ExecOp, inputs: &[Snapshot]) -> (Result<Vec<Snapshot>, ExecError>, String) {
        let printed = Mutex::new(Vec::new());
        let log = |_: Stream, data: &[u8]| printed.lock().unwrap().extend_from_slice(data);
        let result = self.run_logged(op, inputs, &log);
        (result, String::from_utf8(printed.into_inner().unwrap()).unwrap())
    }

    /// Runs an op with its output as it comes.
    pub(super) fn run_logged(
        &self,
        op: &pb::ExecOp,
        inputs: &[Snapshot],
        log: &(dyn Fn(Stream, &[u8]) + Send + Sync),
    ) -> Result<Vec<Snapshot>, ExecError> {
        let cx = ExecContext {
            snapshots: &self.snapshots,
            store: &self.store,
            oci: &self.oci,
            network: Network::Host,
            keep_failed: false,
            wanted: None,
            secrets: &self.secrets,
            sockets: &self.sockets,
            resources: self.resources.as_ref(),
            log,
            cancel: self.cancel.clone(),
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(exec(&cx, op, None, inputs)).map_err(|failed| *failed.error)
    }

    /// The only output of an op on the base.
    pub(super) fn output(&self, op: &pb::ExecOp) -> Snapshot {
        self.output_on(op, &self.base)
    }

    /// The only output of an op on a snapshot.
    pub(super) fn output_on(&self, op: &pb::ExecOp, base: &Snapshot) -> Snapshot {
        let (result, printed) = self.run(op, std::slice::from_ref(base));
        let mut outputs = result.unwrap_or_else(|error| panic!("{error}\n{printed}"));
        assert_eq!(outputs.len(), 1);
        outputs.remove(0)
    }

    /// A snapshot with these files on top of a base; a name that ends in `/` is a directory.
    pub(super) fn files(&self, base: &Snapshot, files: &[(&str, &str)]) -> Snapshot {
        let mut active = self.snapshots.prepare(base).unwrap();
        let root = active.mount().unwrap();
        for (name, text) in files {
            let path = root.join(name);
            std::fs::create_dir_all(if name.ends_with('/') { &path } else { path.parent().unwrap() }).unwrap();
            if !name.ends_with('/') {
                std::fs::write(path, text).unwrap();
            }
        }
        active.commit().unwrap()
    }
}

/// A root file system with nothing but busybox and accounts.
fn busybox(store: &Store) -> Snapshot {
    let program = ["/bin/busybox", "/usr/bin/busybox"].into_iter().find(|path| Path::new(path).exists());
    let program = program.expect("privileged tests need busybox: `apt-get install busybox-static`");
    let root = store.layers().new_dir().unwrap();
    for dir in ["bin", "etc", "tmp", "mnt", "home/ann"] {
        std::fs::create_dir_all(root.join(dir)).unwrap();
    }
    std::fs::set_permissions(root.join("tmp"), std::fs::Permissions::from_mode(0o1777)).unwrap();
    std::fs::copy(program, root.join("bin/busybox")).unwrap();
    let list = std::process::Command::new(program).arg("--list").output().unwrap();
    for applet in String::from_utf8(list.stdout).unwrap().lines().filter(|name| *name != "busybox") {
        symlink("busybox", root.join("bin").join(applet)).unwrap();
    }
    std::fs::write(root.join("etc/passwd"), "root:x:0:0::/:/bin/sh\nann:x:1000:1001::/home/ann:/bin/sh\n").unwrap();
    std::fs::write(root.join("etc/group"), "root:x:0:\nwheel:x:10:ann\nann:x:1001:\n").unwrap();
    let id = LayerId::random();
    let _held = store.layers().commit(&id, &root).unwrap();
    Snapshots::new(store.clone()).of([id]).unwrap()
}

/// A bind mount.
pub(super) fn bind(input: i64, dest: &str, output: i64, readonly: bool) -> pb::Mount {
    pb::Mount { input, dest: dest.into(), output, readonly, ..Default::default() }
}

/// The first input at `/`, kept as the first output.
pub(super) fn root() -> pb::Mount {
    bind(0, "/", 0, false)
}

/// A process on the first input.
pub(super) fn args(args: &[&str]) -> pb::ExecOp {
    let meta = pb::Meta {
        args: args.iter().map(|arg| (*arg).to_owned()).collect(),
        cwd: "/".into(),
        remove_mount_stubs_recursive: true,
        ..Default::default()
    };
    pb::ExecOp { meta: Some(meta), mounts: vec![root()], ..Default::default() }
}

/// A shell script on the first input.
pub(super) fn shell(script: &str) -> pb::ExecOp {
    args(&["/bin/sh", "-c", script])
}

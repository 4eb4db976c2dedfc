//! How steps end: well, badly, by us, and with us.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::*;

/// Set for the copy of this program that is to be killed: where its state is.
const VICTIM: &str = "HLB_TEST_VICTIM";
/// And with which OCI runtime.
const VICTIM_OF: &str = "HLB_TEST_VICTIM_OF";

fn failure(program: &str, op: &pb::ExecOp) -> ExecError {
    let bench = Bench::with(program);
    let error = bench.run(op, std::slice::from_ref(&bench.base)).0.unwrap_err();
    assert_clean(&bench);
    error
}

/// Nothing of any step is left: no bundle, staged layer, control group, mount, process.
fn assert_clean(bench: &Bench) {
    let session = bench.store.session_dir();
    for folder in ["steps", "layers"] {
        let left: Vec<_> =
            std::fs::read_dir(session.join(folder)).map(|all| all.flatten().collect()).unwrap_or_default();
        assert!(left.is_empty(), "{left:?}");
    }
    let mounts = std::fs::read_to_string("/proc/thread-self/mountinfo").unwrap();
    assert!(!mounts.contains(bench.dir().to_str().unwrap()), "{mounts}");
    assert_eq!(leftovers(&bench.store.session_dir().file_name().unwrap().to_string_lossy()), BTreeSet::new());
}

/// Control groups and processes on the machine that have to do with something of that name.
fn leftovers(name: &str) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    let below = |dir: &Path| -> Vec<PathBuf> {
        std::fs::read_dir(dir).map(|all| all.flatten().map(|entry| entry.path()).collect()).unwrap_or_default()
    };
    for hierarchy in below(Path::new("/sys/fs/cgroup")) {
        found.extend(below(&hierarchy.join("hlbc")));
    }
    found.extend(below(Path::new("/sys/fs/cgroup/hlbc")));
    found.retain(|path| path.is_dir());
    for process in below(Path::new("/proc")) {
        // Of a process that ends just now there is nothing to read.
        let line = std::fs::read(process.join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        if RUNTIMES.iter().any(|name| line.starts_with(&format!("{name} ")) || line.contains(&format!("/{name} "))) {
            found.insert(process.join(line));
        }
    }
    found.retain(|path| path.to_string_lossy().contains(name));
    found
}

#[test]
fn privileged_exit_codes_are_told() {
    for program in RUNTIMES {
        let error = failure(program, &shell("echo no >&2; exit 3"));
        assert_eq!(
            error.to_string(),
            "process \"/bin/sh -c echo no >&2; exit 3\" did not complete successfully: exit code: 3"
        );
        assert_eq!(error.exit_code(), Some(3));
        assert_eq!(failure(program, &shell("exit 1")).exit_code(), Some(1));
        assert_eq!(failure(program, &shell("exit 255")).exit_code(), Some(255));
        let killed = failure(program, &shell("sh -c 'kill -9 $$'; exit $?")).to_string();
        assert!(killed.ends_with("exit code: 137 (128 + 9: ended by SIGKILL)"), "{killed}");
    }
}

#[test]
fn privileged_other_codes_can_be_good() {
    for program in RUNTIMES {
        let bench = Bench::with(program);
        let mut op = shell("exit 3");
        op.meta.as_mut().unwrap().valid_exit_codes = vec![3, 4];
        assert!(bench.run(&op, std::slice::from_ref(&bench.base)).0.is_ok());
        let mut op = shell("exit 0");
        op.meta.as_mut().unwrap().valid_exit_codes = vec![3, 4];
        assert_eq!(bench.run(&op, std::slice::from_ref(&bench.base)).0.unwrap_err().exit_code(), Some(0));
        assert_clean(&bench);
    }
}

#[test]
fn privileged_a_program_that_is_not_there_is_named() {
    for program in RUNTIMES {
        let error = failure(program, &args(&["/bin/none", "x"])).to_string();
        let reason = error.strip_prefix("process \"/bin/none x\" cannot be started: ");
        let reason = reason.unwrap_or_else(|| panic!("{program}: {error}")).to_lowercase();
        assert!(reason.contains("/bin/none") && reason.contains("no such file or directory"), "{program}: {error}");
        let mut op = shell("true");
        op.meta.as_mut().unwrap().user = "bob".into();
        let error = failure(program, &op).to_string();
        assert_eq!(error, "unable to find user bob: no matching entries in passwd file");
    }
}

#[test]
fn privileged_a_missing_runtime_is_named() {
    let bench = Bench::new();
    let secrets = BTreeMap::new();
    let cx = ExecContext {
        snapshots: &bench.snapshots,
        store: &bench.store,
        oci: &OciRuntime { program: "/nowhere/runc".into() },
        network: Network::Host,
        keep_failed: false,
        wanted: None,
        secrets: &secrets,
        sockets: &BTreeMap::new(),
        resources: None,
        log: &|_, _| {},
        cancel: CancellationToken::new(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let error = runtime.block_on(exec(&cx, &shell("true"), None, std::slice::from_ref(&bench.base))).unwrap_err().error;
    let text = "`/nowhere/runc` is not installed: on Debian and Ubuntu, `apt-get install runc` installs it";
    assert_eq!((error.to_string().as_str(), error.kind()), (text, crate::ErrorKind::Environment));
    assert_clean(&bench);
}

#[test]
fn privileged_want_of_memory_is_told() {
    for program in RUNTIMES {
        let mut bench = Bench::with(program);
        bench.resources = Some(pb::LinuxResources { memory: 32 << 20, ..Default::default() });
        // The shell outlives what is killed, so that there is a moment to see it.
        let op = shell("dd if=/dev/zero of=/dev/null bs=200M count=1; sleep 0.5; exit 1");
        let error = bench.run(&op, std::slice::from_ref(&bench.base)).0.unwrap_err();
        assert!(matches!(error, ExecError::Exit { code: 1, out_of_memory: true, .. }), "{program}: {error}");
        assert_clean(&bench);
    }
}

#[test]
fn privileged_output_is_complete() {
    RUNTIMES.into_iter().for_each(output_is_complete);
}

fn output_is_complete(program: &str) {
    let bench = Bench::with(program);
    let streams = Mutex::new((Vec::new(), Vec::new()));
    let log = |stream: Stream, data: &[u8]| {
        let mut streams = streams.lock().unwrap();
        match stream {
            Stream::Stdout => streams.0.extend_from_slice(data),
            Stream::Stderr => streams.1.extend_from_slice(data),
        }
    };
    // The background process still prints when the first one has ended.
    let op = shell("seq 1 400000; seq 1 100000 >&2; (seq 1 1000; true) &");
    bench.run_logged(&op, std::slice::from_ref(&bench.base), &log).unwrap();
    let (out, err) = streams.into_inner().unwrap();
    let lines = |bytes: &[u8]| bytes.iter().filter(|byte| **byte == b'\n').count();
    assert!((400_000..=401_000).contains(&lines(&out)), "{}", lines(&out));
    assert_eq!(lines(&err), 100_000);
    assert!(String::from_utf8(out).unwrap().contains("\n399999\n400000\n"));
}

#[test]
fn privileged_a_cancelled_step_ends_at_once() {
    RUNTIMES.into_iter().for_each(a_cancelled_step_ends_at_once);
}

fn a_cancelled_step_ends_at_once(program: &str) {
    let bench = Bench::with(program);
    let cancel = bench.cancel.clone();
    let started = Instant::now();
    let log = move |_: Stream, _: &[u8]| cancel.cancel();
    let op = shell("trap '' TERM INT; echo up; sleep 98765 & sleep 98765");
    let error = bench.run_logged(&op, std::slice::from_ref(&bench.base), &log).unwrap_err();
    assert!(matches!(error, ExecError::Cancelled), "{error}");
    assert!(started.elapsed() < Duration::from_secs(20));
    assert_clean(&bench);
    // Cancelled before it began.
    let error = bench.run(&op, std::slice::from_ref(&bench.base)).0.unwrap_err();
    assert!(matches!(error, ExecError::Cancelled), "{error}");
    assert_clean(&bench);
}

#[test]
fn privileged_a_dropped_step_ends_too() {
    RUNTIMES.into_iter().for_each(a_dropped_step_ends_too);
}

fn a_dropped_step_ends_too(program: &str) {
    let bench = Bench::with(program);
    let secrets = BTreeMap::new();
    let (up, mut is_up) = mpsc::unbounded_channel();
    let log = move |_: Stream, _: &[u8]| {
        let _ = up.send(());
    };
    let cx = ExecContext {
        snapshots: &bench.snapshots,
        store: &bench.store,
        oci: &bench.oci,
        network: Network::Host,
        keep_failed: false,
        wanted: None,
        secrets: &secrets,
        sockets: &BTreeMap::new(),
        resources: None,
        log: &log,
        cancel: CancellationToken::new(),
    };
    let op = shell("echo up; sleep 98765");
    let inputs = [bench.base.clone()];
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        tokio::select! {
            _ = exec(&cx, &op, None, &inputs) => panic!("it ended by itself"),
            _ = is_up.recv() => {}
        }
    });
    let steps = bench.store.session_dir().join("steps");
    assert!(until(|| steps.read_dir().unwrap().next().is_none()));
    assert_clean(&bench);
}

#[test]
fn privileged_steps_run_side_by_side() {
    let bench = Bench::new();
    let op = shell("echo $$; sleep 1");
    let started = Instant::now();
    std::thread::scope(|scope| {
        let steps: Vec<_> = (0..4).map(|_| scope.spawn(|| bench.run(&op, std::slice::from_ref(&bench.base)))).collect();
        for step in steps {
            let (result, printed) = step.join().unwrap();
            result.unwrap();
            assert_eq!(printed, "1\n");
        }
    });
    assert!(started.elapsed() < Duration::from_millis(3900), "{:?}", started.elapsed());
    assert_clean(&bench);
}

/// What the copy of this program does.
fn be_the_victim(state: &Path) {
    let bench = Bench::with(std::env::var(VICTIM_OF).unwrap().as_str());
    let sleep = sleep_of(std::process::id());
    let mut op = shell(&format!("trap '' TERM INT; {sleep} & echo up; {sleep}"));
    op.mounts.push(bind(-1, "/in", -1, false));
    let session = bench.store.session_dir().as_os_str();
    std::fs::write(state.join("session"), session.as_encoded_bytes()).unwrap();
    let log = |_: Stream, data: &[u8]| println!("{}", String::from_utf8_lossy(data));
    let result = bench.run_logged(&op, std::slice::from_ref(&bench.base), &log);
    panic!("the step ended: {result:?}");
}

/// Ends a process also when the test fails.
struct Killed(std::process::Child);

impl Drop for Killed {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

#[test]
fn privileged_sigkill_takes_everything_with_us() {
    if let Some(state) = std::env::var_os(VICTIM) {
        return be_the_victim(Path::new(&state));
    }
    RUNTIMES.into_iter().for_each(sigkill_takes_everything_with_us);
}

fn sigkill_takes_everything_with_us(program: &str) {
    let state = tempfile::tempdir().unwrap();
    let victim = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "ops::exec::tests::ends::privileged_sigkill_takes_everything_with_us", "--nocapture"])
        .env(VICTIM, state.path())
        .env(VICTIM_OF, program)
        .env("TMPDIR", state.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut victim = Killed(victim);
    let sleep = sleep_of(victim.0.id());
    let mut lines = BufReader::new(victim.0.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap() == "up"), "the step did not start");
    let session = PathBuf::from(std::fs::read_to_string(state.path().join("session")).unwrap());
    let name = session.file_name().unwrap().to_str().unwrap().to_owned();
    assert!(until(|| running(&sleep) == 2), "the test looks for the wrong processes");
    assert!(!leftovers(&name).is_empty(), "the test looks in the wrong places");
    drop(victim);

    assert!(until(|| running(&sleep) == 0), "{} processes are left", running(&sleep));
    let mounts = std::fs::read_to_string("/proc/thread-self/mountinfo").unwrap();
    assert!(!mounts.contains(state.path().to_str().unwrap()), "{mounts}");
    // What is left lies in the session directory and in empty control groups, and the next one to come clears both away.
    let root = session.parent().unwrap().parent().unwrap();
    let mut swept = 0;
    let store = Store::open_with(root, &mut |dead| {
        crate::exec::sweep_session(dead);
        swept += 1;
    })
    .unwrap();
    assert_eq!(swept, 1);
    assert_eq!(leftovers(&name), BTreeSet::new());
    assert!(!session.exists());
    assert_eq!(std::fs::read_dir(store.root().join("layers")).unwrap().count(), 1, "no half-written layer");
}

/// A command that ends long after the test, and that no other process of the machine is.
fn sleep_of(victim: u32) -> String {
    format!("sleep 98{victim:07}")
}

/// How many processes are that command.
fn running(command: &str) -> usize {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let lines = processes.filter_map(|process| std::fs::read(process.path().join("cmdline")).ok());
    lines.filter(|line| String::from_utf8_lossy(line).replace('\0', " ").trim_end() == command).count()
}

/// Waits for something the kernel does in its own time.
fn until(mut done: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + Duration::from_secs(20);
    while Instant::now() < deadline {
        if done() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    done()
}

//! Machines that fail in the middle of builds: processes that are killed, disks that are full or break. The next build is
//! right, and nothing is left but what was finished.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant, SystemTime};

use crate::death::{assert_gone, ended};
use crate::project::{Project, seen};

/// Something of each kind: an image, a directory, a step with a cache mount, files, a merge, a difference, an archive.
const PROGRAM: &str = r#"
fs source() {
	local "src"
}

fs made() {
	image "busy"
	run "cat /src/input > /out/made; seq 1 3000 >> /out/made; echo x >> /kept/log" with option {
		mount source "/src" with readonly
		mount scratch "/out" as output
		mount scratch "/kept" with cache("kept", "locked")
	}
}

fs changed() {
	image "busy"
	run "cp /bin/busybox /tool; cat /src/input /src/input > /twice; rm /bin/ls" with option {
		mount source "/src" with readonly
	}
}

fs difference() {
	changed
	diff fs { image "busy"; }
}

fs copied() {
	scratch
	mkdir "/copied" 0o755
	copy source "/" "/copied/"
}

fs default() {
	output
	merge copied difference
	downloadTarball "out.tar"
}
"#;

/// How many builds are killed.
const KILLS: usize = 200;

/// What has to be in the archive for an input.
fn expected(input: &str) -> BTreeMap<String, Vec<u8>> {
    let numbers: String = (1..=3000).map(|number| format!("{number}\n")).collect();
    let busybox = std::fs::read("/bin/busybox").unwrap();
    [
        ("made", format!("{input}{numbers}").into_bytes()),
        ("copied/input", input.as_bytes().to_vec()),
        ("twice", input.repeat(2).into_bytes()),
        ("tool", busybox),
    ]
    .map(|(path, data)| (path.to_owned(), data))
    .into()
}

/// The files of an archive, without directories.
fn files(archive: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut archive = tar::Archive::new(std::fs::File::open(archive).unwrap());
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().display().to_string();
        let mut data = Vec::new();
        entry.read_to_end(&mut data).unwrap();
        if entry.header().entry_type().is_file() {
            files.insert(path.trim_start_matches("./").to_owned(), data);
        }
    }
    files
}

fn built(project: &Project) -> Output {
    let output = project.command(&["run"]).output().unwrap();
    assert!(output.status.success(), "{}", project.shown(&output));
    output
}

/// Builds and compares what came out.
fn assert_right(project: &Project, input: &str) {
    built(project);
    let found = files(&project.path("out.tar"));
    let wanted = expected(input);
    let names = |files: &BTreeMap<String, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&found), names(&wanted));
    assert!(found == wanted, "a file is not what it should be");
}

fn query(state: &Path, sql: &str) -> String {
    let output = Command::new("sqlite3").arg(state.join("meta.db")).arg(sql).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// What the directory holds is what its database says, to the byte.
fn assert_whole(project: &Project) {
    let state = project.beside("state");
    assert_eq!(names(&state.join("sessions")), [""; 0], "unfinished work is left");
    assert_eq!(query(&state, "PRAGMA integrity_check"), "ok");
    assert_eq!(query(&state, "SELECT id FROM layers ORDER BY id"), names(&state.join("layers")).join("\n"));
    let lost = "SELECT count(*) FROM result_layers WHERE layer NOT IN (SELECT id FROM layers)";
    assert_eq!(query(&state, lost), "0");
    let output = project.command(&["du", "--json", "--filter", "type!=internal"]).output().unwrap();
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut places: Vec<PathBuf> =
        names(&state.join("layers")).iter().map(|name| state.join("layers").join(name)).collect();
    places.extend(names(&state.join("cache-mounts")).iter().map(|name| state.join("cache-mounts").join(name)));
    let du = Command::new("du").args(["-s", "-c", "-B1"]).args(places).output().unwrap();
    let du = String::from_utf8(du.stdout).unwrap();
    let du: u64 = du.lines().last().unwrap().split('\t').next().unwrap().parse().unwrap();
    assert_eq!(told["total"].as_u64().unwrap(), du);
}

/// Nothing runs and nothing is mounted any more.
fn assert_quiet(project: &Project) {
    let state = project.beside("state").display().to_string();
    assert_gone(&state);
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    assert!(!mounts.contains(&state), "a mount is left: {mounts}");
}

/// Numbers that look like chance, and come again with the same seed.
struct Chance(u64);

impl Chance {
    fn new() -> Self {
        let named = std::env::var("HLB_SEED").ok().and_then(|seed| seed.parse().ok());
        let time = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos() as u64;
        let seed = named.unwrap_or(time) | 1;
        let _ = writeln!(std::io::stderr(), "HLB_SEED={seed}");
        Self(seed)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end.max(1)
    }
}

#[test]
fn privileged_killed_at_random_points_nothing_is_lost() {
    let project = Project::with_busybox(PROGRAM);
    let mut chance = Chance::new();
    project.write("src/input", "first\n");
    assert_right(&project, "first\n");
    // As long as a build takes that finds only its image.
    project.write("src/input", "second\n");
    let begun = Instant::now();
    assert_right(&project, "second\n");
    let whole = begun.elapsed().as_micros() as u64;
    let (mut killed, mut round) = (0, 0);
    while killed < KILLS {
        round += 1;
        assert!(round < 3 * KILLS, "most builds are done before they are killed");
        let input = format!("round {round}\n");
        project.write("src/input", &input);
        let mut child = project.command(&["run"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_micros(chance.below(whole)));
        child.kill().unwrap();
        killed += usize::from(ended(&mut child).code().is_none());
        assert_quiet(&project);
        if round % 10 == 0 {
            assert_right(&project, &input);
            assert_whole(&project);
        }
    }
    let groups = Command::new("find").args(["/sys/fs/cgroup", "-path", "*/hlbc/*", "-type", "d"]).output().unwrap();
    let groups = String::from_utf8(groups.stdout).unwrap();
    for session in groups.lines() {
        // Those of other tests that run now are not ours; ours have no process.
        let procs = std::fs::read_to_string(Path::new(session).join("cgroup.procs")).unwrap_or_default();
        for process in procs.lines() {
            let line = std::fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
            assert!(!String::from_utf8_lossy(&line).contains(&project.beside("state").display().to_string()));
        }
    }
}

/// A file system of its own for the state directory, mounted for this test alone.
struct Disk {
    image: PathBuf,
    at: PathBuf,
}

impl Drop for Disk {
    /// Otherwise the directory of the project cannot be removed.
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.at).status();
    }
}

impl Disk {
    /// An empty one of so many MiB where the project keeps its state.
    fn new(project: &Project, size: u64) -> Self {
        hlb_runtime::isolate().expect("this test needs root");
        let disk = Self { image: project.beside("disk"), at: project.beside("state") };
        std::fs::File::create(&disk.image).unwrap().set_len(size << 20).unwrap();
        let quiet = ["-q", "-F", "-m", "0"];
        run(Command::new("mkfs.ext4").args(quiet).arg(&disk.image));
        std::fs::create_dir(&disk.at).unwrap();
        disk.mount();
        disk
    }

    fn mount(&self) {
        run(Command::new("mount").args(["-t", "ext4", "-o", "loop"]).arg(&self.image).arg(&self.at));
    }

    /// Takes it away, with whatever it has not written.
    fn unmount(&self) {
        run(Command::new("umount").arg(&self.at));
    }

    /// Makes it break: names are written still, data is not, and everything fails from then on.
    fn shut_down(&self) {
        const SCRIPT: &str =
            "sysopen(D, $ARGV[0], 0) or die $!; my $how = pack('L', 1); ioctl(D, 0x8004587d, $how) or die $!";
        run(Command::new("perl").args(["-e", SCRIPT]).arg(&self.at));
    }

    /// As after a power cut: what was not synced has no mark of the running kernel.
    fn power_cut(&self) {
        self.unmount();
        self.mount();
        if self.at.join("meta.db").exists() {
            query(&self.at, "UPDATE layers SET boot = 'another' WHERE boot <> ''");
        }
    }
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Copies a directory.
const COPY: &str = r#"
fs default() {
	scratch
	copy fs { local "src"; } "/input" "/"
	download "out"
}
"#;

#[test]
fn privileged_a_full_disk_is_emptied_or_told() {
    let project = Project::with_busybox(COPY);
    let _disk = Disk::new(&project, 64);
    let input = |byte: u8, mib: usize| std::fs::write(project.path("src/input"), vec![byte; mib << 20]).unwrap();
    let is_right = |byte: u8, mib: usize| std::fs::read(project.path("out/input")).unwrap() == vec![byte; mib << 20];
    project.write("src/input", "");
    input(1, 14);
    built(&project);
    // Twice that does not fit beside it: what nobody uses goes, and the build goes on.
    input(2, 20);
    let output = built(&project);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("the disk is full; what nobody uses is removed from the cache"), "{told}");
    assert!(is_right(2, 20));
    // And this fits nowhere.
    input(3, 80);
    let output = project.command(&["run"]).output().unwrap();
    let shown = project.shown(&output);
    assert_eq!(output.status.code(), Some(4), "{shown}");
    assert!(shown.contains("error: the disk of the state directory is full"), "{shown}");
    assert!(shown.contains("help: free some space, or run `hlbc prune`"), "{shown}");
    let pruned = project.hlbc(&["prune", "--all"]);
    assert!(pruned.starts_with("exit code: 0"), "{pruned}");
    input(4, 14);
    built(&project);
    assert!(is_right(4, 14));
    assert_whole_but_sessions(&project);
}

#[test]
fn privileged_a_disk_that_others_have_filled_can_be_cleaned_up() {
    let project = Project::with_busybox(COPY);
    let disk = Disk::new(&project, 64);
    std::fs::create_dir_all(project.path("src")).unwrap();
    std::fs::write(project.path("src/input"), vec![1; 8 << 20]).unwrap();
    built(&project);
    let mut file = std::fs::File::create(disk.at.join("of-others")).unwrap();
    for size in [1 << 20, 4096, 1] {
        while file.write_all(&vec![9; size]).is_ok() {}
    }
    drop(file);
    let pruned = project.hlbc(&["prune", "--all"]);
    assert!(pruned.starts_with("exit code: 0\n--- stdout\nremoved 2 entries"), "{pruned}");
    built(&project);
    assert_eq!(std::fs::read(project.path("out/input")).unwrap(), vec![1; 8 << 20]);
}

/// The database is whole, and so are the layers that it names.
fn assert_whole_but_sessions(project: &Project) {
    let state = project.beside("state");
    assert_eq!(query(&state, "PRAGMA integrity_check"), "ok");
    assert_eq!(query(&state, "SELECT id FROM layers ORDER BY id"), names(&state.join("layers")).join("\n"));
}

#[test]
fn privileged_a_disk_that_breaks_in_a_build_costs_a_rebuild() {
    let slow = PROGRAM.replace("echo x >> /kept/log", "echo sleeping; sleep 5");
    let project = Project::with_busybox(&slow).file("src/input", "input\n");
    let disk = Disk::new(&project, 64);
    let mut child = project.command(&["run"]).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.ends_with(" sleeping\n") {
        line.clear();
        assert_ne!(lines.read_line(&mut line).unwrap(), 0, "the step did not begin");
    }
    disk.shut_down();
    let mut rest = String::new();
    lines.read_to_string(&mut rest).unwrap();
    assert!(!ended(&mut child).success(), "{rest}");
    disk.power_cut();
    assert_right(&project, "input\n");
    assert_whole_but_sessions(&project);
}

#[test]
fn privileged_what_a_build_has_finished_outlives_a_power_cut() {
    let project = Project::with_busybox(PROGRAM).file("src/input", "input\n");
    let disk = Disk::new(&project, 64);
    assert_right(&project, "input\n");
    disk.shut_down();
    disk.power_cut();
    std::fs::remove_file(project.path("out.tar")).unwrap();
    let output = built(&project);
    assert_eq!(seen(&String::from_utf8(output.stderr).unwrap()).ran, [""; 0], "everything is found");
    assert!(files(&project.path("out.tar")) == expected("input\n"));
}

#[test]
fn privileged_what_was_not_synced_is_not_believed_after_a_power_cut() {
    let project = Project::with_busybox(PROGRAM).file("src/input", "input\n");
    let disk = Disk::new(&project, 64);
    assert_right(&project, "input\n");
    // As if the machine had lost its power before the end of the build.
    query(&disk.at, "UPDATE layers SET boot = 'this'; PRAGMA wal_checkpoint(TRUNCATE)");
    for layer in names(&disk.at.join("layers")) {
        for entry in std::fs::read_dir(disk.at.join("layers").join(layer).join("fs")).unwrap() {
            let path = entry.unwrap().path();
            if path.symlink_metadata().unwrap().is_file() {
                std::fs::File::options().write(true).open(path).unwrap().set_len(0).unwrap();
            }
        }
    }
    disk.power_cut();
    assert_right(&project, "input\n");
}

//! What all comparisons share: the release binary, a registry, an image of eight layers, a directory to work in.
//!
//! Owns how they are made and how programs are called.

use std::error::Error;
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use hlb_bench::release_binary;

/// Layers of the image.
pub(crate) const LAYERS: usize = 8;
/// Bytes of files in each, about.
const LAYER: u64 = 32 << 20;

pub(crate) struct Studio {
    pub(crate) hlbc: PathBuf,
    work: tempfile::TempDir,
    registry: Child,
    /// Host and port of the registry.
    pub(crate) host: String,
    /// Megabytes of files in the image.
    pub(crate) megabytes: f64,
}

impl Studio {
    pub(crate) fn new() -> Result<Self, Box<dyn Error>> {
        let hlbc = release_binary()?;
        // Not below /tmp, which may be on a file system that overlayfs cannot write to.
        let work = tempfile::tempdir_in(hlbc.parent().ok_or("the binary has no directory")?)?;
        let host = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
        let config = work.path().join("registry.yml");
        let data = work.path().join("registry");
        let text = format!(
            "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {}}}, delete: {{enabled: true}}}}\n\
             http: {{addr: {host}}}\n",
            data.display()
        );
        fs::write(&config, text)?;
        let quiet = || Stdio::null();
        let registry =
            Command::new("docker-registry").arg("serve").arg(config).stdout(quiet()).stderr(quiet()).spawn()?;
        let mut studio = Self { hlbc, work, registry, host, megabytes: 0.0 };
        let until = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(&studio.host).is_err() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(20));
        }
        studio.make_image()?;
        Ok(studio)
    }

    /// A path in the directory of all comparisons.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.work.path().join(name)
    }

    /// The image of eight layers in the registry.
    pub(crate) fn image(&self) -> String {
        format!("{}/bench/image:1", self.host)
    }

    /// Runs `hlbc run` with a program and a state directory.
    pub(crate) fn build(&self, program: &str, state: &str, options: &[&str]) {
        let project = self.path("project");
        fs::create_dir_all(&project).unwrap_or_default();
        fs::write(project.join("build.hlb"), program).unwrap_or_default();
        let mut command = Command::new(&self.hlbc);
        command.args(["run", "--progress", "quiet", "--root"]).arg(self.path(state)).args(options).current_dir(project);
        must(&mut command);
    }

    /// Removes files and directories below the directory of all comparisons.
    pub(crate) fn remove(&self, name: &str) {
        let path = self.path(name);
        let _ = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    }

    /// Has a state directory forget the archives of its layers, so that they have to be packed again.
    pub(crate) fn forget_blobs(&self, state: &str) {
        let database = self.path(state).join("meta.db").display().to_string();
        must(Command::new("sqlite3").args([&database, "DELETE FROM facts WHERE namespace LIKE 'layer-blob%'"]));
        self.remove(&format!("{state}/blobs/sha256"));
    }

    /// Runs a shell command in the directory of all comparisons.
    pub(crate) fn shell(&self, command: &str) {
        must(Command::new("bash").args(["-ec", &format!("set -o pipefail; {command}")]).current_dir(self.work.path()));
    }

    /// A program whose layers are copies of the directories of files.
    pub(crate) fn program(end: &str) -> String {
        let copies: String =
            (0..LAYERS).map(|at| format!("\tcopy local(\"../tree/{at}\") \"/\" \"/{at}\"\n")).collect();
        format!("fs default() {{\n\tscratch\n{copies}{end}}}\n")
    }

    /// Fills eight directories with files of this machine, and pushes them as an image.
    fn make_image(&mut self) -> Result<(), Box<dyn Error>> {
        let mut files = Files::new(&["/usr/lib", "/usr/share", "/usr/bin"]);
        let mut all = 0;
        for at in 0..LAYERS {
            let dir = self.path("tree").join(at.to_string());
            fs::create_dir_all(&dir)?;
            let (mut bytes, mut number) = (0, 0);
            while bytes < LAYER {
                let Some(file) = files.next() else { return Err("this machine has too few files".into()) };
                // Not all files of a machine can be read by everybody.
                if let Ok(count) = fs::copy(&file, dir.join(number.to_string())) {
                    (bytes, number) = (bytes + count, number + 1);
                }
            }
            all += bytes;
        }
        self.megabytes = all as f64 / 1e6;
        let push = format!("\tdockerPush \"{}\"\n", self.image());
        self.build(&Self::program(&push), "state", &[]);
        Ok(())
    }
}

impl Drop for Studio {
    fn drop(&mut self) {
        let _ = self.registry.kill();
        let _ = self.registry.wait();
        // podman leaves mounts.
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
        let below = self.work.path().display().to_string();
        for point in mounts.lines().rev().filter_map(|line| line.split(' ').nth(1)).filter(|it| it.starts_with(&below))
        {
            let _ = Command::new("umount").args(["--lazy", point]).status();
        }
    }
}

/// Runs a command that has to succeed.
pub(crate) fn must(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output();
    let said = output.as_ref().map(|output| String::from_utf8_lossy(&output.stderr).into_owned()).unwrap_or_default();
    assert!(output.is_ok_and(|output| output.status.success()), "{command:?} failed: {said}");
}

/// The files below some directories that are neither tiny nor huge, in an order that stays.
struct Files(Vec<PathBuf>);

impl Files {
    fn new(roots: &[&str]) -> Self {
        Self(roots.iter().rev().map(PathBuf::from).collect())
    }
}

impl Iterator for Files {
    type Item = PathBuf;

    fn next(&mut self) -> Option<PathBuf> {
        while let Some(path) = self.0.pop() {
            let Ok(data) = path.symlink_metadata() else { continue };
            if data.is_dir() {
                self.0.extend(below(&path));
            } else if data.is_file() && (1_000..4_000_000).contains(&data.len()) {
                return Some(path);
            }
        }
        None
    }
}

fn below(dir: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

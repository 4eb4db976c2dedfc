//! Installs with apt what hlbc runs on and what its tests use.
//!
//! Owns the lists of packages, each with its reason. Must not know how any of them is used.

use crate::{Result, base, engine, host};
use std::process::{Command, Stdio};

/// A Debian package and why it is wanted.
struct Package {
    name: &'static str,
    why: &'static str,
    /// The command that it is wanted for, where one that came by other means will do as well.
    command: Option<&'static str>,
}

const fn package(name: &'static str, why: &'static str) -> Package {
    Package { name, why, command: None }
}

const fn command(name: &'static str, why: &'static str) -> Package {
    Package { name, why, command: Some(name) }
}

const RUN: &[Package] = &[
    package("runc", "runs each step in a container"),
    package("git", "fetches git sources"),
    package("ca-certificates", "the certificate authorities for https"),
    package("mmdebstrap", "makes the Debian base image"),
];

const TESTS: &[Package] = &[
    package("busybox-static", "a small root file system for tests"),
    package("docker-registry", "a real registry on the loopback interface"),
    package("skopeo", "copies images into that registry"),
    package("openssl", "certificates for that registry"),
    package("umoci", "a second opinion on image layouts"),
    package("buildah", "makes images that are built on, and reads those that are exported"),
    package("podman", "the same, as files for `docker load`"),
    command("openssl", "the certificates of registries that tests start"),
    package("openssh-client", "SSH keys, and the agent that steps are lent"),
    package("sqlite3", "reads the state directory from outside"),
    Package { name: "e2fsprogs", why: "disks that are full or break", command: Some("mkfs.ext4") },
    Package { name: "xfsprogs", why: "a disk on which files share blocks", command: Some("mkfs.xfs") },
    package("util-linux", "namespaces in which the conformance suite runs its servers"),
    package("uidmap", "gives users their subordinate ids, for builds without root"),
    package("iproute2", "brings up the network of such a namespace, and of steps with a network of their own"),
    package("iptables", "the rules by which such steps reach the world"),
    package("crun", "the other program that can run steps"),
    package("xz-utils", "packs archives that are unpacked"),
    package("bzip2", "the same"),
    package("zstd", "the same"),
    Package { name: "nodejs", why: "builds and tests the VS Code extension", command: Some("node") },
    command("npm", "fetches what the VS Code extension is built with"),
];

const EDITORS: &[Package] = &[
    package("neovim", "an editor with a client of its own"),
    package("vim-nox", "another, which gets its client from ALE"),
    package("vim-ale", "that client"),
    package("emacs-nox", "another, which gets its client from eglot"),
    package("elpa-eglot", "that client"),
    package("chromium", "shows VS Code, and makes pictures of what terminals show"),
    package("tmux", "a terminal of a known size, whose content can be read"),
    package("fonts-dejavu-core", "the letters in the pictures"),
];

/// Installs the packages that are missing, for builds or (`tests`) for the test suite too, which also needs a base image
/// and a Docker engine.
///
/// # Errors
/// When the machine has no apt, root cannot be had, or apt fails.
pub(crate) fn setup(tests: bool) -> Result<()> {
    packages(RUN.iter().chain(if tests { TESTS } else { &[] }))?;
    if tests {
        users()?;
        base::base_image(false)?;
        engine::docker_engine()?;
    }
    Ok(())
}

/// Installs the editors that tests drive, and what makes pictures of them.
///
/// # Errors
/// When the machine has no apt, root cannot be had, or apt fails.
pub(crate) fn editors() -> Result<()> {
    packages(EDITORS.iter())
}

/// Makes the users as whom tests build without root: one with subordinate ids, which `useradd` gives to people, and one without,
/// as it gives none to services.
fn users() -> Result<()> {
    for (name, kind) in [("hlbctest", "--user-group"), ("hlbcnone", "--system")] {
        let id = Command::new("id").arg(name).stdout(Stdio::null()).stderr(Stdio::null()).status();
        if !id.is_ok_and(|status| status.success()) {
            println!("setup: making the user {name}, for tests");
            let quiet = ["--no-create-home", "--shell", "/usr/sbin/nologin"];
            host::run(administer("useradd")?.arg(kind).args(quiet).arg(name))?;
        }
    }
    // `useradd` gives none where these files are missing, and `usermod` makes none.
    for file in ["/etc/subuid", "/etc/subgid"] {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        if !text.contains("hlbctest:") {
            let add = format!("echo hlbctest:{}:65536 >> {file}", behind(&text));
            host::run(host::as_root("sh")?.arg("-c").arg(add))?;
        }
    }
    Ok(())
}

/// The first id behind all ranges of a file such as `/etc/subuid`.
fn behind(ranges: &str) -> u64 {
    let numbers = |line: &str| -> Option<u64> {
        let mut fields = line.split(':').skip(1).map(|field| field.trim().parse::<u64>().ok());
        Some(fields.next()?? + fields.next()??)
    };
    ranges.lines().filter_map(numbers).max().unwrap_or(0).max(100_000)
}

/// A program that only root runs, and that may not be in the `PATH` of others.
fn administer(program: &str) -> Result<Command> {
    host::as_root(host::find(program).unwrap_or_else(|| program.into()))
}

fn packages(wanted: impl Iterator<Item = &'static Package>) -> Result<()> {
    let missing: Vec<&Package> = wanted.filter(|package| !there(package)).collect();
    if missing.is_empty() {
        println!("setup: every package is there");
        return Ok(());
    }
    if host::find("apt-get").is_none() {
        let names: Vec<&str> = missing.iter().map(|package| package.name).collect();
        return Err(format!("no apt-get here; install these by your own means: {}", names.join(" ")).into());
    }
    println!("setup: installing with apt");
    for package in &missing {
        println!("  {:<16} {}", package.name, package.why);
    }
    apt(&["update", "-q"])?;
    let mut args = vec!["install", "-q", "-y", "--no-install-recommends"];
    args.extend(missing.iter().map(|package| package.name));
    apt(&args)?;
    if missing.iter().any(|package| package.name == "docker-registry") {
        stop_registry_service();
    }
    Ok(())
}

fn there(package: &Package) -> bool {
    package.command.is_some_and(|command| host::find(command).is_some()) || installed(package.name)
}

fn installed(package: &str) -> bool {
    let query = Command::new("dpkg-query")
        .args(["--show", "--showformat=${db:Status-Status}", package])
        .stderr(Stdio::null())
        .output();
    query.is_ok_and(|out| out.stdout == b"installed")
}

fn apt(args: &[&str]) -> Result<()> {
    // Other apt runs (unattended upgrades on a fresh machine) hold the lock for a while: wait for them.
    host::run(host::as_root("env")?.args(["DEBIAN_FRONTEND=noninteractive", "apt-get"]).args(args).args([
        "-o",
        "DPkg::Lock::Timeout=300",
        "-o",
        "Dpkg::Use-Pty=0",
    ]))
}

/// The package starts a service on port 5000. Tests start their own registry, so nobody needs that one. Where no
/// systemd runs there is no service either, and the failure of this command means nothing.
fn stop_registry_service() {
    if let Ok(mut systemctl) = host::as_root("systemctl") {
        let quiet = systemctl.args(["disable", "--now", "docker-registry"]);
        let _ = quiet.stdout(Stdio::null()).stderr(Stdio::null()).status();
    }
}

//! Unpacks a Docker engine, whose BuildKit the conformance suite compares with the embedded runtime.
//!
//! Owns which release it comes from and where it is put. Installs nothing: packages are downloaded with the machine's own
//! apt sources and keys, and unpacked into a directory. Must not know how the engine is run.

use crate::{Error, Result, base, host, sources};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Where engines are unpacked: `dockerd-VERSION` each. The conformance suite looks there.
const CACHE: &str = "/var/cache/hlbc";

/// The Debian release whose engine is wanted. That of the release before has a BuildKit that cannot merge.
const RELEASE: &str = "trixie";

/// The engine, what runs its containers, and the tool that shows what images in a registry are said to be made of.
const PACKAGES: [&str; 3] = ["docker.io", "containerd", "docker-buildx"];

/// What an engine that is there must have: earlier versions of this program unpacked less.
const WHOLE: &str = "usr/libexec/docker/cli-plugins/docker-buildx";

/// Unpacks an engine, unless one is there.
///
/// # Errors
/// When root cannot be had, or no release offers the packages.
pub(crate) fn docker_engine() -> Result<()> {
    if let Some(there) = unpacked(Path::new(CACHE))? {
        println!("docker-engine: {} is there", there.display());
        return Ok(());
    }
    if !host::is_root() {
        return host::again_as_root(&["docker-engine"]);
    }
    if host::find("apt-get").is_none() {
        let advice = "put `dockerd` and `containerd` into /var/cache/hlbc/dockerd-VERSION/usr/bin by your own means";
        return Err(format!("no apt-get here; {advice}").into());
    }
    let release = base::Release::of_host()?;
    let own = sources::of_release(&base::host_sources()?, &release.codename, |file| fs::read_to_string(file).ok());
    let wanted = if release.id == "debian" { sources::moved(&own, &release.codename, RELEASE) } else { Vec::new() };
    let work = Path::new(CACHE).join(format!("new-{}", std::process::id()));
    let mut failures: Vec<Error> = Vec::new();
    for from in [wanted, own] {
        if from.is_empty() {
            continue;
        }
        let made = fill(&work, &from);
        // Also after a failure, of which the error that comes first is the one to report.
        let cleared = fs::remove_dir_all(&work);
        match made {
            Ok(dir) => {
                cleared?;
                println!("docker-engine: unpacked {}", dir.display());
                return Ok(());
            }
            Err(error) => failures.push(error),
        }
    }
    let failures: Vec<String> = failures.iter().map(ToString::to_string).collect();
    Err(format!("no package source in /etc/apt gives a Docker engine: {}", failures.join("; ")).into())
}

/// The directory of an engine that is there.
fn unpacked(cache: &Path) -> Result<Option<PathBuf>> {
    let Ok(entries) = fs::read_dir(cache) else { return Ok(None) };
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        if name.to_string_lossy().starts_with("dockerd-") && entry.path().join(WHOLE).exists() {
            return Ok(Some(entry.path()));
        }
    }
    Ok(None)
}

/// Downloads and unpacks the packages of one release. The directory appears complete.
fn fill(work: &Path, from: &[sources::Stanza]) -> Result<PathBuf> {
    for dir in ["lists/partial", "cache/archives/partial", "parts", "packages", "root"] {
        fs::create_dir_all(work.join(dir))?;
    }
    fs::write(work.join("only.sources"), sources::render(from))?;
    apt(work, &["update", "-q", "--error-on=any"])?;
    apt(work, &[&["download", "-q"], &PACKAGES[..]].concat())?;
    let mut version = None;
    for entry in fs::read_dir(work.join("packages"))? {
        let package = entry?.path();
        let field = |name: &str| host::read(Command::new("dpkg-deb").arg("--field").arg(&package).arg(name));
        if field("Package")? == PACKAGES[0] {
            version = Some(field("Version")?);
        }
        host::run(Command::new("dpkg-deb").arg("--extract").arg(&package).arg(work.join("root")))?;
    }
    let version = version.ok_or("apt-get download gave no package of the engine")?;
    let dir = Path::new(CACHE).join(format!("dockerd-{version}"));
    if dir.exists() {
        fs::remove_dir_all(&dir)?;
    }
    fs::rename(work.join("root"), &dir)?;
    Ok(dir)
}

/// Runs apt-get on lists and caches of our own. Signatures are checked as always, with the machine's keys.
fn apt(work: &Path, args: &[&str]) -> Result<()> {
    let mut command = Command::new("apt-get");
    command.current_dir(work.join("packages"));
    let places = [
        ("Dir::Etc::sourcelist", "only.sources"),
        ("Dir::Etc::sourceparts", "parts"),
        ("Dir::State::lists", "lists"),
        ("Dir::Cache", "cache"),
    ];
    for (setting, place) in places {
        command.arg("-o").arg(format!("{setting}={}", work.join(place).display()));
    }
    // The unprivileged user of apt cannot write here, and what it would guard against is checked by signature.
    host::run(command.args(["-o", "APT::Sandbox::User=root", "-o", "Acquire::Languages=none"]).args(args))
}

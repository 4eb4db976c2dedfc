//! From a commit in the kept repository to files.
//!
//! Owns the working tree: submodules, subdirectory, whether `.git` stays, modes and times. Modes are those git knows,
//! whatever the umask of this process.

use std::path::{Path, PathBuf};

use hlb_patterns::Filter;

use super::command::Git;
use super::{GitError, GitSource, Resolved, unusable};
use crate::sys::file;
use crate::tree::{self, Kind, Timestamp};

pub(super) async fn checkout(
    git: &Git,
    source: &GitSource,
    resolved: &Resolved,
    bare: &Path,
    directory: &Path,
) -> Result<(), GitError> {
    let Some(subdir) = &source.subdir else {
        work(git, source, resolved, bare, directory).await?;
        return finish(git, source, resolved, bare, directory).await;
    };
    // The whole tree first, beside its final place, then the subdirectory is moved up.
    let whole = tempfile::Builder::new().prefix(".hlbc-git-").tempdir_in(directory).map_err(unusable(directory))?;
    work(git, source, resolved, bare, whole.path()).await?;
    let missing =
        || GitError::NoSubdir { remote: git.shown_remote(), subdir: subdir.clone(), commit: resolved.commit.clone() };
    let chosen = real_directory(whole.path(), subdir).ok_or_else(missing)?;
    let git_dir = whole.path().join(".git");
    if source.keep_git_dir && git_dir.exists() {
        let place = directory.join(".git");
        std::fs::rename(&git_dir, &place).map_err(unusable(&place))?;
    }
    for entry in std::fs::read_dir(&chosen).map_err(unusable(&chosen))? {
        let entry = entry.map_err(unusable(&chosen))?;
        let place = directory.join(entry.file_name());
        std::fs::rename(entry.path(), &place).map_err(unusable(&place))?;
    }
    whole.close().map_err(unusable(directory))?;
    finish(git, source, resolved, bare, directory).await
}

/// A directory below another with no link on the way.
fn real_directory(base: &Path, subdir: &str) -> Option<PathBuf> {
    let mut path = base.to_owned();
    for part in subdir.split('/').filter(|part| !part.is_empty() && *part != ".") {
        if part == ".." || part == ".git" {
            return None;
        }
        path.push(part);
        if !std::fs::symlink_metadata(&path).ok()?.is_dir() {
            return None;
        }
    }
    Some(path)
}

/// Makes a repository whose objects are those of the bare one, and checks the commit out.
async fn work(
    git: &Git,
    source: &GitSource,
    resolved: &Resolved,
    bare: &Path,
    directory: &Path,
) -> Result<(), GitError> {
    let here = git.within(directory);
    let format = if resolved.commit.len() == 64 { "--object-format=sha256" } else { "--object-format=sha1" };
    here.run(&["init", "--quiet", "--template=", "--initial-branch=main", format]).await?;
    let git_dir = directory.join(".git");
    if source.keep_git_dir {
        // Its own objects: the bare repository may go away.
        let from = bare.to_string_lossy().into_owned();
        let local = Git::new(&format!("file://{from}"), directory);
        let fetch = ["fetch", "--quiet", "--depth=1", "--no-tags", "--update-head-ok", "--"];
        let kept = if resolved.reference.starts_with("refs/") {
            vec![from.clone(), format!("+{}:{}", resolved.object, resolved.reference)]
        } else {
            vec![from.clone(), resolved.object.clone()]
        };
        let args: Vec<&str> = fetch.into_iter().chain(kept.iter().map(String::as_str)).collect();
        local.within(directory).run(&args).await?;
    } else {
        let info = git_dir.join("objects/info");
        std::fs::create_dir_all(&info).map_err(unusable(&info))?;
        let alternates = info.join("alternates");
        let objects = format!("{}\n", bare.join("objects").display());
        std::fs::write(&alternates, objects).map_err(unusable(&alternates))?;
        if bare.join("shallow").is_file() {
            std::fs::copy(bare.join("shallow"), git_dir.join("shallow")).map_err(unusable(bare))?;
        }
    }
    here.run(&["remote", "add", "origin", &source.remote]).await?;
    here.run(&["checkout", "--quiet", "--force", "--detach", &resolved.commit]).await?;
    let modules = std::fs::symlink_metadata(directory.join(".gitmodules"));
    if source.submodules && modules.is_ok_and(|found| found.is_file()) {
        here.ask(&["submodule", "--quiet", "update", "--init", "--recursive", "--depth=1"]).await?;
    }
    Ok(())
}

/// Removes what is not wanted, sets modes and times.
async fn finish(
    git: &Git,
    source: &GitSource,
    resolved: &Resolved,
    bare: &Path,
    directory: &Path,
) -> Result<(), GitError> {
    if source.keep_git_dir {
        // Times and paths of this very checkout.
        for name in ["FETCH_HEAD", "ORIG_HEAD", "logs"].map(|name| directory.join(".git").join(name)) {
            remove(&name)?;
        }
    }
    let time = if source.commit_time {
        let text = git.within(bare).run(&["show", "--no-patch", "--format=%ct", &resolved.commit]).await?;
        let seconds = text.trim().parse().unwrap_or(0);
        Some(Timestamp { seconds, nanos: 0 })
    } else {
        None
    };
    let entries = tree::scan(directory, &Filter::default())
        .map_err(|error| GitError::Io { path: error.path, source: error.source })?;
    for entry in entries.iter().rev() {
        let at = directory.join(&entry.path);
        let git_part = entry.path.components().any(|part| part.as_os_str() == ".git");
        if git_part && !source.keep_git_dir {
            if entry.path.file_name().is_some_and(|name| name == ".git") {
                remove(&at)?;
            }
            continue;
        }
        let wanted = match entry.kind {
            Kind::Directory => Some(0o755),
            Kind::File if entry.mode & 0o100 != 0 => Some(0o755),
            // Objects in `.git` are read-only.
            Kind::File if entry.mode & 0o200 == 0 => None,
            Kind::File => Some(0o644),
            _ => None,
        };
        if let Some(mode) = wanted.filter(|mode| *mode != entry.mode) {
            file::set_mode(&at, mode).map_err(unusable(&at))?;
        }
        if let Some(time) = time {
            file::set_times(&at, time, time).map_err(unusable(&at))?;
        }
    }
    Ok(())
}

fn remove(path: &Path) -> Result<(), GitError> {
    let removed = match std::fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => std::fs::remove_dir_all(path),
        Ok(_) => std::fs::remove_file(path),
        Err(_) => Ok(()),
    };
    removed.map_err(unusable(path))
}

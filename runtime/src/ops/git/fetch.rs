//! The kept repository of a remote.
//!
//! Owns its lock, which several processes respect, and getting a commit into it with as little history as the server
//! allows.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::FlockOperation;
use rustix::io::Errno;

use super::command::Git;
use super::{GitError, GitSource, Resolved, refs, unusable};

/// Between two looks at a lock that somebody else holds.
const POLL: Duration = Duration::from_millis(50);

/// Waits until nobody else uses the repository. The lock ends with the value.
pub(super) async fn lock(bare: &Path) -> Result<File, GitError> {
    let path = bare.with_extension("lock");
    let file = File::options().create(true).append(true).open(&path).map_err(unusable(&path))?;
    loop {
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {
                // Its time says when the repository was used last; that it cannot be set costs a worse guess.
                let _ = file.set_modified(std::time::SystemTime::now());
                return Ok(file);
            }
            Err(Errno::WOULDBLOCK | Errno::INTR) => tokio::time::sleep(POLL).await,
            Err(error) => return Err(unusable(&path)(error.into())),
        }
    }
}

/// Gets the commit into the bare repository. If the ref is an annotated tag, the tag object too.
pub(super) async fn fetch(
    git: &Git,
    source: &GitSource,
    resolved: &Resolved,
    bare: &Path,
) -> Result<Resolved, GitError> {
    let inside = prepare(git, bare, resolved.commit.len()).await?;
    if !has(&inside, &resolved.object).await {
        // A process that was killed may have left its locks; we hold the one that counts.
        for stale in ["shallow.lock", "index.lock", "packed-refs.lock"].map(|name| bare.join(name)) {
            if stale.exists() {
                std::fs::remove_file(&stale).map_err(unusable(&stale))?;
            }
        }
        get(&inside, source, resolved).await?;
    }
    // An id given in full may name a tag.
    let commit = inside.run(&["rev-parse", "--verify", "--quiet", &format!("{}^{{commit}}", resolved.object)]).await?;
    Ok(Resolved { commit: commit.trim().to_owned(), ..resolved.clone() })
}

async fn prepare(git: &Git, bare: &Path, id_length: usize) -> Result<Git, GitError> {
    if !bare.join("HEAD").is_file() {
        let making = PathBuf::from(format!("{}.new", bare.display()));
        if making.exists() {
            std::fs::remove_dir_all(&making).map_err(unusable(&making))?;
        }
        let format = if id_length == 64 { "--object-format=sha256" } else { "--object-format=sha1" };
        let path = making.to_string_lossy().into_owned();
        git.run(&["init", "--quiet", "--bare", "--template=", format, &path]).await?;
        // So that a checkout that keeps its repository can take a single commit from here.
        git.within(&making).run(&["config", "uploadpack.allowAnySHA1InWant", "true"]).await?;
        std::fs::rename(&making, bare).map_err(unusable(bare))?;
    }
    Ok(git.within(bare))
}

async fn has(bare: &Git, object: &str) -> bool {
    // The tree is asked for too: a commit may be known from the edge of a shallow history.
    bare.run(&["cat-file", "-e", &format!("{object}^{{tree}}")]).await.is_ok()
}

async fn get(bare: &Git, source: &GitSource, resolved: &Resolved) -> Result<(), GitError> {
    let fetch = ["fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules", "--force"];
    let run = async |more: &[&str]| bare.ask(&[&fetch, more].concat()).await;
    let keep = format!("{}:refs/hlbc/{}", resolved.object, resolved.object);
    let mut tried = None;
    if !refs::is_commit(&resolved.reference) {
        let wanted = format!("{}:refs/hlbc/{}", resolved.reference, resolved.object);
        run(&["--depth=1", "--", &source.remote, &wanted]).await?;
        if has(bare, &resolved.object).await {
            return Ok(());
        }
        // The ref moved since it was resolved: ask for the object itself.
    }
    match run(&["--depth=1", "--", &source.remote, &keep]).await {
        Ok(_) => return Ok(()),
        // Many servers give only what a ref points to.
        Err(error @ GitError::Failed { .. }) => tried = tried.or(Some(error)),
        Err(error) => return Err(error),
    }
    let all = ["--", &source.remote, "refs/heads/*:refs/hlbc-heads/*", "refs/tags/*:refs/hlbc-tags/*"];
    let shallow = bare.run(&["rev-parse", "--is-shallow-repository"]).await?.trim() == "true";
    if shallow {
        run(&[&["--unshallow"], all.as_slice()].concat()).await?;
    } else {
        run(&all).await?;
    }
    if has(bare, &resolved.object).await {
        bare.run(&["update-ref", &format!("refs/hlbc/{}", resolved.object), &resolved.object]).await?;
        return Ok(());
    }
    Err(tried.unwrap_or_else(|| GitError::NoRef { remote: bare.shown_remote(), reference: resolved.object.clone() }))
}

//! Sources from repositories that the tests make with the git binary, read through files and through git's own daemon.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::{Child, Command, Stdio};

use super::*;

mod access;

/// A remote with history: two commits on `main`, a branch, a light and an annotated tag.
struct Remote {
    dir: tempfile::TempDir,
    first: String,
    second: String,
}

fn git(dir: &Path, args: &[&str]) -> String {
    let output = Command::new("git")
        .args(["-c", "user.name=t", "-c", "user.email=t@t", "-c", "protocol.file.allow=always"])
        .args(args)
        .current_dir(dir)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_AUTHOR_DATE", "1000000000 +0000")
        .env("GIT_COMMITTER_DATE", "1000000000 +0000")
        .output()
        .expect("git is installed by the setup script");
    assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn commit(dir: &Path, name: &str, content: &str) -> String {
    let at = dir.join(name);
    std::fs::create_dir_all(at.parent().unwrap()).unwrap();
    std::fs::write(&at, content).unwrap();
    git(dir, &["add", "-A"]);
    git(dir, &["commit", "-q", "-m", name]);
    git(dir, &["rev-parse", "HEAD"])
}

fn remote() -> Remote {
    let dir = tempfile::tempdir().unwrap();
    let repo = dir.path().join("repo");
    std::fs::create_dir(&repo).unwrap();
    git(&repo, &["init", "-q", "-b", "main"]);
    std::fs::write(repo.join("run.sh"), "#!/bin/sh\n").unwrap();
    std::fs::set_permissions(repo.join("run.sh"), PermissionsExt::from_mode(0o755)).unwrap();
    let first = commit(&repo, "a.txt", "one");
    git(&repo, &["tag", "light"]);
    git(&repo, &["tag", "-m", "x", "v1"]);
    git(&repo, &["branch", "old"]);
    std::os::unix::fs::symlink("a.txt", repo.join("link")).unwrap();
    let second = commit(&repo, "sub/dir/b.txt", "two");
    Remote { dir, first, second }
}

impl Remote {
    fn path(&self) -> PathBuf {
        self.dir.path().join("repo")
    }

    fn source(&self, fragment: &str, attrs: &[(&str, &str)]) -> GitSource {
        source(&format!("file://{}", self.path().display()), fragment, attrs)
    }
}

fn source(url: &str, fragment: &str, attrs: &[(&str, &str)]) -> GitSource {
    let mut all = BTreeMap::from([("git.fullurl".to_owned(), url.to_owned())]);
    all.extend(attrs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    GitSource::parse(&format!("git://host/repo{fragment}"), &all).unwrap()
}

/// Resolves and checks out with a cache; the files by name and content.
async fn files(cache: &GitCache, source: &GitSource) -> Result<Vec<(String, String)>, GitError> {
    let dir = tempfile::tempdir().unwrap();
    let resolved = cache.resolve(source).await?;
    cache.checkout(source, &resolved, dir.path()).await?;
    Ok(list(dir.path()))
}

fn list(dir: &Path) -> Vec<(String, String)> {
    let entries = crate::tree::scan(dir, &hlb_patterns::Filter::default()).unwrap();
    let files = entries.iter().filter(|entry| entry.kind == crate::tree::Kind::File);
    let text = |entry: &crate::tree::Entry| std::fs::read_to_string(dir.join(&entry.path)).unwrap_or_default();
    files.map(|entry| (entry.path.to_str().unwrap().to_owned(), text(entry))).collect()
}

fn cache() -> (tempfile::TempDir, GitCache) {
    let dir = tempfile::tempdir().unwrap();
    let cache = GitCache::new(dir.path().join("git"));
    (dir, cache)
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(name, content)| ((*name).to_owned(), (*content).to_owned())).collect()
}

#[tokio::test]
async fn every_kind_of_ref_is_found() {
    let remote = remote();
    let (_dir, cache) = cache();
    let old = pairs(&[("a.txt", "one"), ("run.sh", "#!/bin/sh\n")]);
    let new = pairs(&[("a.txt", "one"), ("run.sh", "#!/bin/sh\n"), ("sub/dir/b.txt", "two")]);
    for reference in
        ["#old", "#light", "#v1", "#refs/heads/old", "#heads/old", "#tags/v1", &format!("#{}", remote.first)]
    {
        let source = remote.source(reference, &[]);
        assert_eq!(cache.resolve(&source).await.unwrap().commit, remote.first, "{reference}");
        assert_eq!(files(&cache, &source).await.unwrap(), old, "{reference}");
    }
    for reference in ["", "#main", &format!("#{}", remote.second)] {
        assert_eq!(files(&cache, &remote.source(reference, &[])).await.unwrap(), new, "{reference}");
    }
    let missing = files(&cache, &remote.source("#nothing", &[])).await.unwrap_err().to_string();
    assert_eq!(missing, format!("file://{} has no branch, tag or ref `nothing`", remote.path().display()));
}

#[tokio::test]
async fn what_was_fetched_needs_no_remote() {
    let remote = remote();
    let (_dir, cache) = cache();
    let source = remote.source("#main", &[]);
    let resolved = cache.resolve(&source).await.unwrap();
    let checkout = async |cache: &GitCache| {
        let dir = tempfile::tempdir().unwrap();
        cache.checkout(&source, &resolved, dir.path()).await.map(|()| list(dir.path()))
    };
    let before = checkout(&cache).await.unwrap();
    std::fs::rename(remote.path(), remote.dir.path().join("away")).unwrap();
    assert_eq!(checkout(&cache).await.unwrap(), before);
    let error = cache.resolve(&source).await.unwrap_err().to_string();
    assert!(error.starts_with(&format!("git ls-remote of file://{} failed", remote.path().display())), "{error}");
}

#[tokio::test]
async fn a_branch_that_moved_gives_what_was_resolved() {
    let remote = remote();
    let (_dir, cache) = cache();
    let source = remote.source("#main", &[]);
    let resolved = cache.resolve(&source).await.unwrap();
    commit(&remote.path(), "a.txt", "three");
    let dir = tempfile::tempdir().unwrap();
    cache.checkout(&source, &resolved, dir.path()).await.unwrap();
    assert_eq!(std::fs::read_to_string(dir.path().join("a.txt")).unwrap(), "one");
    assert!(!dir.path().join(".git").exists());
}

#[tokio::test]
async fn a_subdirectory_becomes_the_root() {
    let remote = remote();
    let (_dir, cache) = cache();
    assert_eq!(files(&cache, &remote.source("#main:sub/dir", &[])).await.unwrap(), pairs(&[("b.txt", "two")]));
    for subdir in ["nothing", "a.txt", "link", "sub/../..", ".git"] {
        let error = files(&cache, &remote.source(&format!("#main:{subdir}"), &[])).await.unwrap_err();
        assert!(matches!(&error, GitError::NoSubdir { subdir: named, .. } if named == subdir), "{error}");
    }
}

#[tokio::test]
async fn modes_are_gits_and_times_are_the_commits_if_asked() {
    let remote = remote();
    let (_dir, cache) = cache();
    let source = remote.source("#main", &[("git.mtime", "commit")]);
    let resolved = cache.resolve(&source).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    cache.checkout(&source, &resolved, dir.path()).await.unwrap();
    for (name, mode) in [("a.txt", 0o644), ("run.sh", 0o755), ("sub/dir", 0o755)] {
        let meta = std::fs::metadata(dir.path().join(name)).unwrap();
        assert_eq!((meta.mode() & 0o7777, meta.mtime()), (mode, 1_000_000_000), "{name}");
    }
    assert_eq!(std::fs::read_link(dir.path().join("link")).unwrap(), Path::new("a.txt"));
}

#[tokio::test]
async fn a_kept_repository_works_alone() {
    let remote = remote();
    let (cache_dir, cache) = cache();
    let source = remote.source("#main:sub", &[("git.keepgitdir", "true")]);
    let resolved = cache.resolve(&source).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    cache.checkout(&source, &resolved, dir.path()).await.unwrap();
    cache_dir.close().unwrap();
    assert_eq!(git(dir.path(), &["log", "-1", "--format=%H %s"]), format!("{} sub/dir/b.txt", remote.second));
    assert_eq!(git(dir.path(), &["remote", "get-url", "origin"]), source.remote);
    assert!(dir.path().join("dir/b.txt").is_file());
    assert!(!dir.path().join(".git/FETCH_HEAD").exists());
}

#[tokio::test]
async fn submodules_come_along_unless_skipped() {
    let inner = remote();
    let outer = remote();
    let url = format!("file://{}", inner.path().display());
    git(&outer.path(), &["submodule", "--quiet", "add", &url, "inner"]);
    git(&outer.path(), &["commit", "-q", "-m", "submodule"]);
    let (_dir, cache) = cache();
    let with = files(&cache, &outer.source("#main", &[])).await.unwrap();
    assert!(with.contains(&("inner/sub/dir/b.txt".to_owned(), "two".to_owned())), "{with:?}");
    assert!(!with.iter().any(|(name, _)| name.contains(".git/") || name.ends_with(".git")), "{with:?}");
    let without = files(&cache, &outer.source("#main", &[("git.skipsubmodules", "true")])).await.unwrap();
    assert!(!without.iter().any(|(name, _)| name.starts_with("inner/")), "{without:?}");
}

#[tokio::test]
async fn checksums_are_compared_with_the_commit() {
    let remote = remote();
    let (_dir, cache) = cache();
    let good = remote.second.get(..12).unwrap();
    assert!(cache.resolve(&remote.source("#main", &[("git.checksum", good)])).await.is_ok());
    let error = cache.resolve(&remote.source("#main", &[("git.checksum", "000000")])).await.unwrap_err();
    assert!(matches!(&error, GitError::Checksum { found, .. } if *found == remote.second), "{error}");
}

/// git's own server, ended with the test.
struct Daemon(Child, u16);

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn daemon(base: &Path) -> Daemon {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    // Started directly: killing `git` would leave the daemon behind it.
    let programs = Command::new("git").arg("--exec-path").output().unwrap().stdout;
    let program = Path::new(String::from_utf8(programs).unwrap().trim()).join("git-daemon");
    let child = Command::new(program)
        .args(["--export-all", "--listen=127.0.0.1", "--reuseaddr"])
        .arg(format!("--port={port}"))
        .arg(format!("--base-path={}", base.display()))
        .arg(base)
        .stderr(Stdio::null())
        .spawn()
        .expect("git-daemon comes with git");
    let daemon = Daemon(child, port);
    for _ in 0..200 {
        if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return daemon;
        }
        std::thread::sleep(std::time::Duration::from_millis(25));
    }
    panic!("git-daemon does not listen");
}

#[tokio::test]
async fn servers_are_asked_for_as_little_as_possible() {
    let remote = remote();
    let daemon = daemon(remote.dir.path());
    let url = format!("git://127.0.0.1:{}/repo", daemon.1);
    let (dir, cache) = cache();
    let new = pairs(&[("a.txt", "one"), ("run.sh", "#!/bin/sh\n"), ("sub/dir/b.txt", "two")]);
    assert_eq!(files(&cache, &source(&url, "", &[])).await.unwrap(), new);
    let bare = std::fs::read_dir(dir.path().join("git")).unwrap().map(|entry| entry.unwrap().path());
    let bare = bare.into_iter().find(|path| path.extension().is_some_and(|name| name == "git")).unwrap();
    assert_eq!(git(&bare, &["rev-list", "--all"]), remote.second);
    let by_id = source(&url, &format!("#{}", remote.first), &[]);
    assert_eq!(files(&cache, &by_id).await.unwrap(), pairs(&[("a.txt", "one"), ("run.sh", "#!/bin/sh\n")]));
    let unknown = files(&cache, &source(&url, &format!("#{}", "0".repeat(40)), &[])).await.unwrap_err();
    assert!(matches!(unknown, GitError::Failed { .. }), "{unknown}");
}

#[tokio::test]
async fn a_dropped_call_ends_git() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("git://127.0.0.1:{}/repo", listener.local_addr().unwrap().port());
    let (dir, cache) = cache();
    let source = source(&url, "#main", &[]);
    let call = cache.resolve(&source);
    // The server never answers, so the call is waiting when it is dropped.
    let waited = tokio::time::timeout(std::time::Duration::from_millis(500), call).await;
    assert!(waited.is_err());
    let uses_dir =
        |process: &Path| std::fs::read_link(process.join("cwd")).is_ok_and(|cwd| cwd.starts_with(dir.path()));
    for _ in 0..100 {
        let mut processes = std::fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap().path());
        if !processes.any(|process| uses_dir(&process)) {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("git still runs");
}

#[tokio::test]
async fn two_checkouts_at_once_share_a_repository() {
    let remote = remote();
    let (_dir, cache) = cache();
    let (old, new) = (remote.source("#old", &[]), remote.source("#main", &[]));
    let (a, b) = tokio::join!(files(&cache, &old), files(&cache, &new));
    assert_eq!((a.unwrap().len(), b.unwrap().len()), (2, 3));
}

#[test]
fn attributes_say_what_is_checked_out() {
    let parsed = source("https://h/r", "#v1:a/b/", &[("git.skipsubmodules", "true")]);
    assert_eq!((parsed.subdir.as_deref(), parsed.submodules, parsed.keep_git_dir), (Some("a/b"), false, false));
    let kept = source("https://h/r", "#v1", &[("git.keepgitdir", "true"), ("git.mtime", "commit")]);
    assert_eq!((kept.subdir.as_deref(), kept.keep_git_dir, kept.commit_time), (None, true, true));
}

#[test]
fn what_is_no_git_source_is_refused() {
    let of = |url: &str, fragment: &str, name: &str, value: &str| {
        let mut attrs = BTreeMap::from([("git.fullurl".to_owned(), url.to_owned())]);
        attrs.insert(name.to_owned(), value.to_owned());
        GitSource::parse(&format!("git://h/r{fragment}"), &attrs).unwrap_err().to_string()
    };
    let errors = [
        of("--upload-pack=x", "", "", ""),
        of("ext::sh -c x", "", "", ""),
        of("ext::sh", "", "", ""),
        of("https://-h/r", "", "", ""),
        of("ssh://git@-oProxyCommand=x/r", "", "", ""),
        of("git@-oProxyCommand=x:r", "", "", ""),
        of("https://h/r", "#--output=x", "", ""),
        of("https://h/r", "#a..b", "", ""),
        of("https://h/r", "#a b", "", ""),
        of("https://h/r", "", "git.checksum", "xyz"),
        of("https://h/r", "", "git.mtime", "never"),
        of("https://h/r", "", "git.sig.pubkey", "k"),
    ];
    insta::assert_snapshot!(errors.join("\n"), @"
    git remote `https://--upload-pack=x` is not valid: its host begins with `-`
    git remote `https://ext::sh -c x` is not valid: it has a space or a control character
    git remote `https://ext::sh` is not valid: it names a helper of git
    git remote `https://-h/r` is not valid: its host begins with `-`
    git remote `ssh://xxxxx@-oProxyCommand=x/r` is not valid: its host begins with `-`
    git remote `git@-oProxyCommand=x:r` is not valid: its host begins with `-`
    git ref `--output=x` is not valid: it begins with `-`
    git ref `a..b` is not valid: it is not a name that a ref can have
    git ref `a b` is not valid: it has a character that no ref has
    source attribute git.checksum=`xyz` is not valid: it is not the beginning of a commit
    source attribute git.mtime=`never` is not valid: it is neither `checkout` nor `commit`
    the check of signatures is not supported yet for git sources
    ");
    assert_eq!(refs::redacted("https://user:pass@h/r"), "https://xxxxx@h/r");
    assert_eq!(GitSource::parse("git://h/r.git#x:y", &BTreeMap::new()).unwrap().remote, "https://h/r.git");
}

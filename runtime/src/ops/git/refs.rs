//! Names of remotes and refs, and what they stand for.

use super::command::Git;
use super::{GitError, GitSource, Resolved, is_scp};

/// Whether a text is a full commit id, SHA-1 or SHA-256.
pub(super) fn is_commit(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

/// Refuses what git could take for an option or for another program.
pub(super) fn check_remote(remote: &str) -> Result<(), GitError> {
    let wrong = |why| Err(GitError::Remote { remote: redacted(remote), why });
    if remote.starts_with('-') {
        return wrong("it begins with `-`");
    }
    if remote.chars().any(|char| char.is_control() || char == ' ') {
        return wrong("it has a space or a control character");
    }
    let scheme = remote.split_once("://").map(|(scheme, _)| scheme);
    match scheme {
        Some("http" | "https" | "git" | "file" | "ssh") => {}
        None if is_scp(remote) => {}
        _ => return wrong("its scheme is none of http, https, git, ssh and file"),
    }
    let host = remote.split_once("://").map_or(remote, |(_, rest)| rest);
    if host.is_empty() {
        return wrong("it has no host");
    }
    let authority = host.split(['/', ':']).next().unwrap_or_default();
    if host.starts_with('-') || authority.rsplit_once('@').is_some_and(|(_, host)| host.starts_with('-')) {
        return wrong("its host begins with `-`");
    }
    if host.split('/').next().is_some_and(|host| host.contains("::") && !host.contains('[')) {
        return wrong("it names a helper of git");
    }
    Ok(())
}

/// Refuses what is no ref, so that nothing but a ref ever reaches git's command line.
pub(super) fn check(reference: &str) -> Result<(), GitError> {
    let wrong = |why| Err(GitError::Ref { reference: reference.to_owned(), why });
    if reference.starts_with('-') {
        return wrong("it begins with `-`");
    }
    if reference.chars().any(|char| char.is_control() || " ~^:?*[\\".contains(char)) || reference.contains("@{") {
        return wrong("it has a character that no ref has");
    }
    if reference.contains("..")
        || reference.contains("//")
        || reference.ends_with(['/', '.'])
        || reference.starts_with('/')
    {
        return wrong("it is not a name that a ref can have");
    }
    Ok(())
}

/// The remote without its password.
pub(super) fn redacted(remote: &str) -> String {
    let Some((scheme, rest)) = remote.split_once("://") else { return remote.to_owned() };
    let end = rest.find('/').unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    match authority.rsplit_once('@') {
        Some((_, host)) => format!("{scheme}://xxxxx@{host}{path}"),
        None => remote.to_owned(),
    }
}

/// Finds the commit: a branch before a tag of the same name, and what an annotated tag points to.
pub(super) async fn resolve(git: &Git, source: &GitSource) -> Result<Resolved, GitError> {
    if let Some(commit) = source.reference.as_ref().filter(|reference| is_commit(reference)) {
        return Ok(Resolved { object: commit.clone(), commit: commit.clone(), reference: commit.clone() });
    }
    let reference = match &source.reference {
        Some(reference) => reference.clone(),
        None => default_branch(git, &source.remote).await?,
    };
    let peeled = format!("{reference}^{{}}");
    let listed = git.ask(&["ls-remote", "--", &source.remote, &reference, &peeled]).await?;
    let find = |name: &str| {
        let mut lines = listed.lines().filter_map(|line| line.split_once('\t'));
        lines.find(|(id, listed)| *listed == name && is_commit(id)).map(|(id, _)| id.to_owned())
    };
    let within = |folder: &str| format!("{folder}{}", reference.strip_prefix(folder).unwrap_or(&reference));
    for name in [within("refs/"), within("refs/heads/"), within("refs/tags/")] {
        if let Some(object) = find(&name) {
            let commit = find(&format!("{name}^{{}}")).unwrap_or_else(|| object.clone());
            return Ok(Resolved { object, commit, reference: name });
        }
    }
    Err(GitError::NoRef { remote: git.shown_remote(), reference })
}

async fn default_branch(git: &Git, remote: &str) -> Result<String, GitError> {
    let listed = git.ask(&["ls-remote", "--symref", "--", remote, "HEAD"]).await?;
    let branch = listed.lines().find_map(|line| line.strip_prefix("ref: ")?.split_once('\t'));
    match branch {
        Some((branch, _)) if check(branch).is_ok() => Ok(branch.to_owned()),
        _ => Err(GitError::NoDefault { remote: git.shown_remote() }),
    }
}

//! What git may show to a remote: a header, or signatures of an agent's keys.
//!
//! Owns the files that tell git so. They lie in a directory of their own that only we can enter and that goes with the
//! value, so that no secret is ever in an argument or in the environment of a process.

use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::GitSource;

/// Every remote of these hosts takes the same tokens, those of submodules too.
const SHARED: [&str; 2] = ["https://github.com/", "https://www.github.com/"];

/// What git is given for one source.
#[derive(Debug)]
pub(crate) struct Access {
    dir: tempfile::TempDir,
    /// A file of settings.
    config: Option<PathBuf>,
    /// Where an agent listens.
    agent: Option<PathBuf>,
    ssh: Option<String>,
}

impl Access {
    /// Nothing as yet, but a directory. A socket's path has to be short, so it is that for temporary files.
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self { dir: tempfile::Builder::new().prefix("hlb-git-").tempdir()?, config: None, agent: None, ssh: None })
    }

    /// For sockets.
    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Sends an `Authorization` header to the remote.
    pub(crate) fn authorize(&mut self, source: &GitSource, header: &str) -> io::Result<()> {
        let path = self.dir.path().join("config");
        let scope = scope(&source.remote);
        let text =
            format!("[http {}]\n\textraHeader = {}\n", quoted(&scope), quoted(&format!("Authorization: {header}")));
        write(&path, &text)?;
        self.config = Some(path);
        Ok(())
    }

    /// Connects by ssh with the keys of the agent at a socket. Without known hosts those are kept that were seen first, in
    /// `kept`.
    pub(crate) fn connect(&mut self, source: &GitSource, agent: &Path, kept: &Path) -> io::Result<()> {
        let (hosts, checking) = if source.known_hosts.is_empty() {
            (kept.to_owned(), "accept-new")
        } else {
            let path = self.dir.path().join("known_hosts");
            write(&path, &source.known_hosts)?;
            (path, "yes")
        };
        // Nothing of the user's: neither configuration nor keys.
        self.ssh = Some(format!(
            "ssh -F /dev/null -o BatchMode=yes -o IdentityFile=/dev/null -o GlobalKnownHostsFile=/dev/null \
             -o StrictHostKeyChecking={checking} -o UserKnownHostsFile={}",
            shell_word(&hosts.display().to_string())
        ));
        self.agent = Some(agent.to_owned());
        Ok(())
    }

    #[cfg(test)]
    pub(super) fn ssh_command(&self) -> &str {
        self.ssh.as_deref().unwrap_or_default()
    }

    #[cfg(test)]
    pub(super) fn set_ssh_command(&mut self, command: String) {
        self.ssh = Some(command);
    }

    /// The variables that tell git.
    pub(super) fn variables(&self) -> Vec<(&'static str, std::ffi::OsString)> {
        let mut variables = Vec::new();
        variables.extend(self.config.as_ref().map(|path| ("GIT_CONFIG_GLOBAL", path.into())));
        variables.extend(self.ssh.as_ref().map(|command| ("GIT_SSH_COMMAND", command.into())));
        variables.extend(self.agent.as_ref().map(|path| ("SSH_AUTH_SOCK", path.into())));
        variables
    }
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    std::fs::write(path, text)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))
}

/// The addresses to which a header goes: this remote only, unless it is one of those that share.
fn scope(remote: &str) -> String {
    if let Some(shared) = SHARED.iter().find(|shared| remote.starts_with(**shared)) {
        return (*shared).to_owned();
    }
    let Some((scheme, rest)) = remote.split_once("://") else { return remote.to_owned() };
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    format!("{scheme}://{host}/{path}")
}

/// A text as git's configuration takes it.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// A text as one word of a shell. `UserKnownHostsFile` takes several names, so a name with a space needs quotes of its own.
fn shell_word(text: &str) -> String {
    format!("'\"{}\"'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_go_to_the_remote_alone() {
        let check = |remote: &str, expected: &str| assert_eq!(scope(remote), expected);
        check("https://github.com/a/b.git", "https://github.com/");
        check("https://github.com.evil.org/a", "https://github.com.evil.org/a");
        check("https://u:p@h:44/a/b", "https://h:44/a/b");
        check("http://h", "http://h/");
    }

    #[test]
    fn texts_are_quoted() {
        assert_eq!(quoted(r#"a"b\c"#), r#""a\"b\\c""#);
        assert_eq!(shell_word("/a b/it's"), r#"'"/a b/it'\''s"'"#);
    }
}

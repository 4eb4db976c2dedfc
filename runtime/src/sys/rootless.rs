//! Building as a user who is not root: the user namespace in which this process is one.
//!
//! Owns what kind of root we are, how we become it, and the words for why a kernel does not let us. It does not know what is
//! built.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use rustix::io::Errno;
use rustix::thread::UnshareFlags;

use super::namespace;

/// As whom this process acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Privilege {
    /// The machine's root.
    Root,
    /// Root of a user namespace that has more users: the subordinate ids of who started us, or those of a container.
    Subordinate,
    /// Root of a user namespace that has no other user: files belong to who started us, or to nobody.
    Single,
}

/// This process cannot be given mounts of its own.
#[derive(Debug, thiserror::Error)]
pub enum IsolateError {
    /// Root, but not of all.
    #[error("this is root without the right to mount file systems (`CAP_SYS_ADMIN`): {0}")]
    Mounts(#[source] io::Error),
    /// No user namespace.
    #[error("the kernel gives user {uid} no user namespace: {source}")]
    Namespace {
        /// The user.
        uid: u32,
        /// The setting that forbids it, if one that is known does.
        switch: Option<Switch>,
        /// What the kernel says.
        source: io::Error,
    },
    /// There are subordinate ids, and they cannot be had.
    #[error("`{program}` does not give the user namespace its ids: {said}")]
    Ids {
        /// What should.
        program: &'static str,
        /// Its words.
        said: String,
    },
}

/// An owner cannot be set: this process has no such user.
#[derive(Debug, thiserror::Error)]
#[error("owner {uid}:{gid} cannot be set, as the user who builds has too few subordinate ids")]
pub(crate) struct OwnerError {
    uid: u32,
    gid: u32,
}

/// A setting of the kernel, and what it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Switch {
    /// Its name for `sysctl`.
    pub name: &'static str,
    /// The value that lets users build.
    pub value: &'static str,
    /// Whether it forbids: how the file that stands for it begins then.
    forbids: &'static str,
}

/// Where programs and the kernel say what they allow.
const SWITCHES: [Switch; 3] = [
    Switch { name: "user.max_user_namespaces", value: "15000", forbids: "0" },
    Switch { name: "kernel.unprivileged_userns_clone", value: "1", forbids: "0" },
    Switch { name: "kernel.apparmor_restrict_unprivileged_userns", value: "0", forbids: "1" },
];

/// Waits until it is told that the namespace is there, and gives it its ids. `$1` and `$2` are arguments of the two programs,
/// which must stand outside of the namespace: inside, the right that their files carry means nothing.
const HELPER: &str = r#"read -r go && newuidmap $1 && exec newgidmap $2"#;
/// `PATH` of users often lacks where the system keeps programs.
const SYSTEM_PATHS: &str = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin";

static PRIVILEGE: OnceLock<Privilege> = OnceLock::new();

/// As whom this process acts: what [`isolate`] found, or else what the namespace we were started in says.
pub(crate) fn privilege() -> Privilege {
    *PRIVILEGE.get_or_init(|| of_map(&std::fs::read_to_string("/proc/self/uid_map").unwrap_or_default()))
}

/// Moves the calling thread into a mount namespace of its own, from which nothing spreads to the host. Who is not root becomes
/// it in a user namespace: with the subordinate ids that `/etc/subuid` and `/etc/subgid` give, or with one id alone.
///
/// Threads made afterwards by this one inherit the namespaces, and the kernel gives a user namespace to processes with one
/// thread only, so the first thread of a program calls this before it makes any other. What is mounted later is gone when the
/// last of these threads is, also after SIGKILL.
///
/// # Errors
/// When the kernel refuses, or the programs that give subordinate ids do.
pub fn isolate() -> Result<Privilege, IsolateError> {
    let user = rustix::process::geteuid();
    if user.is_root() {
        namespace::isolate_mounts().map_err(IsolateError::Mounts)?;
        return Ok(privilege());
    }
    let uid = user.as_raw();
    let refused = |source| IsolateError::Namespace { uid, switch: forbidding(Path::new("/proc/sys")), source };
    match Ranges::of(uid) {
        Some(ranges) => ranges.enter()?,
        None => enter_alone(uid, rustix::process::getegid().as_raw()).map_err(refused)?,
    }
    namespace::isolate_mounts().map_err(refused)?;
    Ok(privilege())
}

/// Words for an owner that cannot be set, if that is why; other errors stay as they are.
pub(crate) fn explain_owner(error: io::Error, uid: u32, gid: u32) -> io::Error {
    if error.raw_os_error() != Some(Errno::INVAL.raw_os_error()) || privilege() == Privilege::Root {
        return error;
    }
    io::Error::new(io::ErrorKind::InvalidInput, OwnerError { uid, gid })
}

/// What this user gets of `/etc/subuid` and `/etc/subgid`: first id and count of each range.
#[derive(Debug, PartialEq, Eq)]
struct Ranges {
    uid: u32,
    gid: u32,
    uids: Vec<(u32, u32)>,
    gids: Vec<(u32, u32)>,
}

impl Ranges {
    /// None if there are none, or nothing that gives them.
    fn of(uid: u32) -> Option<Self> {
        let there = |program: &str| SYSTEM_PATHS.split(':').any(|dir| Path::new(dir).join(program).is_file());
        if !there("newuidmap") || !there("newgidmap") {
            return None;
        }
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let name = user_name(&read("/etc/passwd"), uid);
        let ranges = |path: &str| ranges(&read(path), name.as_deref(), uid);
        let (uids, gids) = (ranges("/etc/subuid"), ranges("/etc/subgid"));
        let gid = rustix::process::getegid().as_raw();
        (!uids.is_empty() && !gids.is_empty()).then_some(Self { uid, gid, uids, gids })
    }

    /// Moves this process into a user namespace with these ids.
    fn enter(&self) -> Result<(), IsolateError> {
        let helper = |error: io::Error| IsolateError::Ids { program: "sh", said: error.to_string() };
        let pid = std::process::id();
        let mut child = Command::new("/bin/sh")
            .args(["-c", HELPER, "hlbc"])
            .arg(arguments(pid, self.uid, &self.uids))
            .arg(arguments(pid, self.gid, &self.gids))
            .env("PATH", SYSTEM_PATHS)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(helper)?;
        let go = child.stdin.take();
        let entered = namespace::unshare(UnshareFlags::NEWUSER);
        if let (Ok(()), Some(mut go)) = (&entered, go) {
            // If it is gone, its status and its words say why.
            let _ = go.write_all(b"go\n");
        }
        // Without a word from us it ends, too.
        let out = child.wait_with_output().map_err(helper)?;
        entered.map_err(|source| {
            let switch = forbidding(Path::new("/proc/sys"));
            IsolateError::Namespace { uid: self.uid, switch, source }
        })?;
        if out.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&out.stderr).trim().to_owned();
        let program = if said.starts_with("newgidmap") { "newgidmap" } else { "newuidmap" };
        let said = said.strip_prefix(program).map_or(said.as_str(), |rest| rest.trim_start_matches([':', ' ']));
        let said = if said.is_empty() { format!("it ended with {}", out.status) } else { said.to_owned() };
        Err(IsolateError::Ids { program, said })
    }
}

/// Moves this process into a user namespace in which it is root and there is nobody else.
fn enter_alone(uid: u32, gid: u32) -> io::Result<()> {
    namespace::unshare(UnshareFlags::NEWUSER)?;
    let write = |file: &str, text: String| std::fs::write(PathBuf::from("/proc/self").join(file), text);
    // Who could drop groups could read what is closed to a group: the kernel wants this promise first.
    write("setgroups", "deny".into())?;
    write("uid_map", format!("0 {uid} 1\n"))?;
    write("gid_map", format!("0 {gid} 1\n"))
}

/// Arguments of `newuidmap`: whose ids they are, then for each range its first id inside, outside, and its length. The user is
/// root inside.
fn arguments(pid: u32, own: u32, ranges: &[(u32, u32)]) -> String {
    let mut text = format!("{pid} 0 {own} 1");
    let mut inside = 1_u32;
    for (first, count) in ranges {
        let _ = write!(text, " {inside} {first} {count}");
        inside = inside.saturating_add(*count);
    }
    text
}

/// The ranges of a user in `/etc/subuid`, where users have names or numbers.
fn ranges(text: &str, name: Option<&str>, uid: u32) -> Vec<(u32, u32)> {
    let number = uid.to_string();
    let lines = text.lines().filter_map(|line| {
        let mut fields = line.split(':');
        let who = fields.next()?;
        let range = (fields.next()?.trim().parse().ok()?, fields.next()?.trim().parse().ok()?);
        (Some(who) == name || who == number).then_some(range)
    });
    lines.filter(|(_, count)| *count > 0).collect()
}

fn user_name(passwd: &str, uid: u32) -> Option<String> {
    let number = uid.to_string();
    let mut lines = passwd.lines().map(|line| line.split(':').collect::<Vec<_>>());
    lines.find_map(|fields| (*fields.get(2)? == number).then(|| fields.first().map(|name| (*name).to_owned()))?)
}

/// What `/proc/self/uid_map` says of us.
fn of_map(map: &str) -> Privilege {
    let counts = map.lines().filter_map(|line| line.split_whitespace().nth(2)?.parse::<u64>().ok());
    match counts.sum() {
        // No file, no namespaces: then there is one root.
        0 | 4_294_967_295 => Privilege::Root,
        1 => Privilege::Single,
        _ => Privilege::Subordinate,
    }
}

/// The setting that forbids user namespaces, below `/proc/sys`.
fn forbidding(settings: &Path) -> Option<Switch> {
    SWITCHES.into_iter().find(|switch| {
        let file = settings.join(switch.name.replace('.', "/"));
        std::fs::read_to_string(file).is_ok_and(|text| text.trim() == switch.forbids)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ranges_of_a_user_have_its_name_or_its_number() {
        let text = "root:1:2\nme:100000:65536\nmetoo:5:5\n1000:300000:10\nme:nonsense\nme:7:0\n";
        assert_eq!(ranges(text, Some("me"), 1000), [(100_000, 65_536), (300_000, 10)]);
        assert_eq!(ranges(text, None, 1000), [(300_000, 10)]);
        assert_eq!(ranges(text, Some("other"), 5), []);
        assert_eq!(user_name("root:x:0:0::/root:/bin/sh\nme:x:1000:100:::\n", 1000).as_deref(), Some("me"));
        assert_eq!(user_name("root:x:0:0\nbroken\n", 1000), None);
    }

    #[test]
    fn who_starts_it_is_root_and_the_others_follow() {
        assert_eq!(
            arguments(7, 1000, &[(100_000, 65_536), (300_000, 10)]),
            "7 0 1000 1 1 100000 65536 65537 300000 10"
        );
    }

    #[test]
    fn the_map_tells_who_we_are() {
        for (map, expected) in [
            ("         0          0 4294967295\n", Privilege::Root),
            ("", Privilege::Root),
            ("0 1000 1\n", Privilege::Single),
            ("0 1000 1\n1 100000 65536\n", Privilege::Subordinate),
            ("0 100000 65536\n", Privilege::Subordinate),
        ] {
            assert_eq!(of_map(map), expected, "{map}");
        }
    }

    #[test]
    fn what_forbids_namespaces_is_named() {
        let check = |files: &[(&str, &str)], expected: Option<&str>| {
            let dir = tempfile::tempdir().unwrap();
            for (name, text) in files {
                let file = dir.path().join(name);
                std::fs::create_dir_all(file.parent().unwrap()).unwrap();
                std::fs::write(file, text).unwrap();
            }
            assert_eq!(forbidding(dir.path()).map(|switch| switch.name), expected);
        };
        check(&[], None);
        check(&[("user/max_user_namespaces", "15000\n"), ("kernel/unprivileged_userns_clone", "1\n")], None);
        check(&[("user/max_user_namespaces", "0\n")], Some("user.max_user_namespaces"));
        check(&[("kernel/unprivileged_userns_clone", "0\n")], Some("kernel.unprivileged_userns_clone"));
        check(
            &[("kernel/apparmor_restrict_unprivileged_userns", "1\n")],
            Some("kernel.apparmor_restrict_unprivileged_userns"),
        );
    }
}

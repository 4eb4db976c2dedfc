//! Which user a process runs as.
//!
//! Owns the reading of `USER[:GROUP]` against the `/etc/passwd` and `/etc/group` of a root file system somebody else made.
//! It does not know what the process is.

use std::io::Read as _;
use std::path::Path;

use rustix::fs::OFlags;

use crate::sys::root::Root;

/// Account files larger than this are not believed.
const MAX_FILE: u64 = 10 << 20;
/// The kernel keeps the upper half for itself.
const MAX_ID: u32 = i32::MAX as u32;

/// Numbers of a user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// Other groups it is in.
    pub(crate) groups: Vec<u32>,
}

/// There is no such user.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UserError {
    /// The name is not in the file.
    #[error("unable to find user {name}: no matching entries in passwd file")]
    UnknownUser {
        /// The name.
        name: String,
    },
    /// The name is not in the file.
    #[error("unable to find group {name}: no matching entries in group file")]
    UnknownGroup {
        /// The name.
        name: String,
    },
    /// A number too large.
    #[error("user or group id {id} is out of range: the largest is {MAX_ID}")]
    OutOfRange {
        /// The number, as written.
        id: String,
    },
}

/// Finds a user, `NAME|UID[:NAME|GID]`; empty is root.
///
/// Two numbers are taken as they are. With no group given, a user of the file has all groups that name it.
pub(crate) fn find(root: &Root, text: &str) -> Result<User, UserError> {
    let (user, group) = match text.split_once(':') {
        Some((user, group)) => (user, Some(group)),
        None => (text, None),
    };
    if let (Some(uid), Some(gid)) = (plain_id(user), group.and_then(plain_id)) {
        return Ok(User { uid: in_range(uid)?, gid: in_range(gid)?, groups: Vec::new() });
    }
    let group = group.filter(|group| !group.is_empty());
    let accounts = read(root, "/etc/passwd");
    let groups = read(root, "/etc/group");
    let wanted = if user.is_empty() { "0" } else { user };
    let number = wanted.parse::<u32>().ok();
    let account = accounts
        .lines()
        .filter_map(Account::parse)
        .find(|account| account.name == wanted || number == Some(account.uid));
    let mut found = match (&account, number) {
        (Some(account), _) => User { uid: in_range(account.uid)?, gid: in_range(account.gid)?, groups: Vec::new() },
        (None, Some(number)) => User { uid: in_range(number)?, gid: 0, groups: Vec::new() },
        (None, None) if is_number(wanted) => return Err(UserError::OutOfRange { id: wanted.to_owned() }),
        (None, None) => return Err(UserError::UnknownUser { name: wanted.to_owned() }),
    };
    let mut entries = groups.lines().filter_map(Group::parse);
    match (group, account) {
        (Some(group), _) => {
            let number = group.parse::<u32>().ok();
            found.gid = match entries.find(|entry| entry.name == group || number == Some(entry.gid)) {
                Some(entry) => in_range(entry.gid)?,
                None => match number {
                    Some(number) => in_range(number)?,
                    None if is_number(group) => return Err(UserError::OutOfRange { id: group.to_owned() }),
                    None => return Err(UserError::UnknownGroup { name: group.to_owned() }),
                },
            };
        }
        (None, Some(account)) => {
            found.groups = entries.filter(|entry| entry.has(account.name)).map(|entry| entry.gid).collect();
        }
        (None, None) => {}
    }
    Ok(found)
}

/// The home directory of a user by number; `/` if the file does not say.
pub(crate) fn home(root: &Root, uid: u32) -> String {
    let accounts = read(root, "/etc/passwd");
    let account = accounts.lines().find(|line| Account::parse(line).is_some_and(|account| account.uid == uid));
    account.and_then(|line| line.trim().split(':').nth(5)).unwrap_or("/").to_owned()
}

struct Account<'line> {
    name: &'line str,
    uid: u32,
    gid: u32,
}

struct Group<'line> {
    name: &'line str,
    gid: u32,
    members: &'line str,
}

impl<'line> Account<'line> {
    /// `name:password:uid:gid:…`; a line that is none is no account.
    fn parse(line: &'line str) -> Option<Self> {
        let mut fields = line.trim().split(':');
        let name = fields.next().filter(|name| !name.is_empty())?;
        let uid = fields.nth(1)?.parse().ok()?;
        Some(Self { name, uid, gid: fields.next()?.parse().ok()? })
    }
}

impl<'line> Group<'line> {
    /// `name:password:gid:member,member`.
    fn parse(line: &'line str) -> Option<Self> {
        let mut fields = line.trim().split(':');
        let name = fields.next().filter(|name| !name.is_empty())?;
        let gid = fields.nth(1)?.parse().ok()?;
        Some(Self { name, gid, members: fields.next().unwrap_or_default() })
    }

    fn has(&self, user: &str) -> bool {
        self.members.split(',').any(|member| member == user)
    }
}

/// A number, or root, which needs no file to be one.
fn plain_id(text: &str) -> Option<u32> {
    if text == "root" { Some(0) } else { text.parse().ok() }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn in_range(id: u32) -> Result<u32, UserError> {
    if id > MAX_ID { Err(UserError::OutOfRange { id: id.to_string() }) } else { Ok(id) }
}

/// The text of an account file. One that is missing, too large or no file knows nobody.
fn read(root: &Root, path: &str) -> String {
    // Not blocking: a pipe of that name would keep us waiting for ever.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
    let Ok(file) = root.open_file(Path::new(path), flags) else { return String::new() };
    let file = std::fs::File::from(file);
    let small = file.metadata().is_ok_and(|data| data.is_file() && data.len() <= MAX_FILE);
    let mut bytes = Vec::new();
    if !small || file.take(MAX_FILE).read_to_end(&mut bytes).is_err() {
        return String::new();
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\nbroken:x:abc:0::/:\n\nwww:x:33:34::/var/www:\n\
                          1000:x:7:8::/:/bin/sh\nhuge:x:3000000000:0::/:\nann:x:1000:1001::/home/ann:/bin/sh\n";
    const GROUP: &str = "root:x:0:\nwheel:x:10:root,ann\nstaff:x:50:ann\nann:x:1001:\nnobody\n77:x:78:\n";

    fn root_with(passwd: Option<&str>, group: Option<&str>) -> (tempfile::TempDir, Root) {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("etc")).unwrap();
        for (name, text) in [("passwd", passwd), ("group", group)] {
            if let Some(text) = text {
                std::fs::write(dir.path().join("etc").join(name), text).unwrap();
            }
        }
        let root = Root::open(dir.path()).unwrap();
        (dir, root)
    }

    fn check(text: &str, expected: (u32, u32, &[u32])) {
        let (_dir, root) = root_with(Some(PASSWD), Some(GROUP));
        let (uid, gid, groups) = expected;
        assert_eq!(find(&root, text), Ok(User { uid, gid, groups: groups.to_owned() }), "{text}");
    }

    fn check_error(text: &str, expected: &str) {
        let (_dir, root) = root_with(Some(PASSWD), Some(GROUP));
        assert_eq!(find(&root, text).unwrap_err().to_string(), expected, "{text}");
    }

    #[test]
    fn homes_are_those_of_accounts() {
        let (_dir, root) = root_with(Some(PASSWD), None);
        assert_eq!([0, 33, 1000, 8].map(|uid| home(&root, uid)), ["/root", "/var/www", "/home/ann", "/"]);
    }

    #[test]
    fn users_are_found_by_name_and_number() {
        check("", (0, 0, &[10]));
        check("root", (0, 0, &[10]));
        check("0", (0, 0, &[10]));
        check("ann", (1000, 1001, &[10, 50]));
        check("www", (33, 34, &[]));
        check("33", (33, 34, &[]));
        check("4242", (4242, 0, &[]));
        // A user whose name is a number comes before the user with that number, as it stands first in the file.
        check("1000", (7, 8, &[]));
    }

    #[test]
    fn groups_replace_those_of_the_user() {
        check("ann:staff", (1000, 50, &[]));
        check("ann:50", (1000, 50, &[]));
        check("ann:4242", (1000, 4242, &[]));
        check("ann:77", (1000, 78, &[]));
        check("ann:", (1000, 1001, &[10, 50]));
        check(":wheel", (0, 10, &[]));
        check("1000:1000", (1000, 1000, &[]));
        check("root:root", (0, 0, &[]));
    }

    #[test]
    fn unknown_ones_are_errors() {
        check_error("bob", "unable to find user bob: no matching entries in passwd file");
        check_error("broken", "unable to find user broken: no matching entries in passwd file");
        check_error("ann:bobs", "unable to find group bobs: no matching entries in group file");
        check_error("3000000000", "user or group id 3000000000 is out of range: the largest is 2147483647");
        check_error("99999999999", "user or group id 99999999999 is out of range: the largest is 2147483647");
        check_error("huge", "user or group id 3000000000 is out of range: the largest is 2147483647");
        check_error("1:4294967295", "user or group id 4294967295 is out of range: the largest is 2147483647");
    }

    #[test]
    fn a_root_without_account_files_knows_numbers() {
        let (_dir, root) = root_with(None, None);
        assert_eq!(find(&root, ""), Ok(User::default()));
        assert_eq!(find(&root, "5").unwrap().uid, 5);
        assert!(find(&root, "ann").is_err());
    }

    #[test]
    fn account_files_that_are_no_files_are_not_read() {
        let (dir, root) = root_with(None, None);
        let passwd = dir.path().join("etc/passwd");
        rustix::fs::mkfifoat(rustix::fs::CWD, &passwd, rustix::fs::Mode::RUSR).unwrap();
        assert_eq!(find(&root, "5").unwrap().uid, 5);
        std::fs::remove_file(&passwd).unwrap();
        // A link is followed inside the root only: this one finds nothing, not the file of the host.
        std::os::unix::fs::symlink("/etc/../../etc/passwd.host", &passwd).unwrap();
        assert!(find(&root, "daemon").is_err());
    }
}

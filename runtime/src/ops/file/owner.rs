//! Owners given by name or number.
//!
//! Owns the look-up in a tree's `/etc/passwd` and `/etc/group`. A name that is not there is root, as in BuildKit.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use hlb_llb::pb;

use super::{FileProblem, Owner, at, inside};
use crate::sys::file;
use crate::sys::root::Root;

/// Nobody has more users; what is larger is no user table.
const LIMIT: u64 = 10 << 20;

/// The ids an action asks for, if it asks for any.
pub(super) fn resolve(
    owner: Option<&pb::ChownOpt>,
    trees: &impl Fn(i64) -> Option<Root>,
) -> Result<Option<Owner>, FileProblem> {
    let Some(owner) = owner else { return Ok(None) };
    let mut ids = Owner { uid: 0, gid: 0 };
    match owner.user.as_ref().and_then(|user| user.user.as_ref()) {
        Some(pb::User::ById(id)) => ids = Owner { uid: *id, gid: *id },
        Some(pb::User::ByName(named)) => {
            // name:password:uid:gid:…
            if let Some(fields) = line_of(trees(named.input), "/etc/passwd", &named.name)? {
                ids = Owner { uid: number(&fields, 2), gid: number(&fields, 3) };
            }
        }
        None => {}
    }
    match owner.group.as_ref().and_then(|group| group.user.as_ref()) {
        Some(pb::User::ById(id)) => ids.gid = *id,
        Some(pb::User::ByName(named)) => {
            // name:password:gid:…
            if let Some(fields) = line_of(trees(named.input), "/etc/group", &named.name)? {
                ids.gid = number(&fields, 2);
            }
        }
        None => {}
    }
    Ok(Some(ids))
}

/// The fields of the first line that begins with a name.
fn line_of(tree: Option<Root>, table: &str, name: &str) -> Result<Option<Vec<String>>, FileProblem> {
    let Some(root) = tree else { return Ok(None) };
    let host = root.resolve(Path::new(table), true).map_err(at(&root, Path::new(table)))?;
    let file = match file::open_regular(&host) {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        other => other.map_err(at(&root, &host))?,
    };
    let mut bytes = Vec::new();
    File::from(file).take(LIMIT + 1).read_to_end(&mut bytes).map_err(at(&root, &host))?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > LIMIT) {
        return Err(FileProblem::TooLarge { path: inside(&root, &host), limit: LIMIT });
    }
    let text = String::from_utf8_lossy(&bytes);
    let found = text.lines().map(|line| line.trim().split(':')).find(|fields| fields.clone().next() == Some(name));
    Ok(found.map(|fields| fields.map(str::to_owned).collect()))
}

fn number(fields: &[String], at: usize) -> u32 {
    fields.get(at).and_then(|field| field.parse().ok()).unwrap_or(0)
}

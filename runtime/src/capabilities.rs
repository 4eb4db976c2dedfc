//! Capabilities: what of LLB this runtime can do.
//!
//! Owns the list. A definition says for each op which features it needs; one that needs a feature unknown here is refused before
//! anything runs, because leaving a feature out would silently build something else. Clients name some features of every op of a
//! kind (ssh keys for each git source) or of an op that can do without (optional agents); these are in the list, and an op that
//! does need what is not there yet says so itself when it is looked at.

use std::collections::BTreeSet;

use crate::error::{ErrorKind, SolveError};

/// Features that are there, by the names of the protocol.
pub const SUPPORTED: &[&str] = &[
    "constraints",
    "diffop",
    "exec.cgroup",
    "exec.meta.base",
    "exec.meta.cgroup.parent",
    "exec.meta.linux.resources",
    "exec.meta.network",
    "exec.meta.proxyenv",
    "exec.meta.removemountstubs.recursive",
    "exec.meta.security",
    "exec.meta.security.devices.v1",
    "exec.meta.setsdefaultpath",
    "exec.meta.ulimit",
    "exec.mount.bind",
    "exec.mount.cache",
    "exec.mount.cache.content",
    "exec.mount.cache.sharing",
    "exec.mount.secret",
    "exec.mount.selector",
    "exec.mount.ssh",
    "exec.mount.tmpfs",
    "exec.mount.tmpfs.size",
    "exec.secretenv",
    "exec.validexitcode",
    "file.base",
    "file.copy.alwaysreplaceexistingdestpaths",
    "file.copy.includeexcludepatterns",
    "file.copy.modestring",
    "file.copy.requiredpaths",
    "file.rm.nofollowsymlink",
    "file.rm.wildcard",
    "file.symlink.create",
    "mergeop",
    "meta.description",
    "meta.exportcache",
    "meta.ignorecache",
    "passthroughop",
    "platform",
    "soruce.http.uidgid",
    "source.buildop.llbfilename",
    "source.git",
    "source.git.checksum",
    "source.git.fullurl",
    "source.git.httpauth",
    "source.git.keepgitdir",
    "source.git.knownsshhosts",
    "source.git.mountsshsock",
    "source.git.mtime",
    "source.git.skipsubmodules",
    "source.git.subdir",
    "source.http",
    "source.http.auth",
    "source.http.checksum",
    "source.http.header",
    "source.http.perm",
    "source.image",
    "source.image.checksum",
    "source.image.layerlimit",
    "source.image.resolvemode",
    "source.imageblob",
    "source.local",
    "source.local.excludepatterns",
    "source.local.followpaths",
    "source.local.includepatterns",
    "source.local.sessionid",
    "source.local.sharedkeyhint",
    "source.local.unique",
    "source.ocilayout",
];

/// Refuses a definition that needs a feature which is not there.
pub(crate) fn check(needed: &BTreeSet<&str>) -> Result<(), SolveError> {
    let missing: Vec<&str> = needed.iter().copied().filter(|id| SUPPORTED.binary_search(id).is_err()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let sentence = format!("the build needs what the embedded runtime does not support yet: {}", missing.join(", "));
    Err(SolveError::say(ErrorKind::Definition, sentence))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted() {
        assert!(SUPPORTED.is_sorted());
    }

    #[test]
    fn unknown_features_are_named() {
        assert!(check(&BTreeSet::from(["file.base", "mergeop"])).is_ok());
        let error = check(&BTreeSet::from(["file.base", "exec.meta.cdi", "zzz"])).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the build needs what the embedded runtime does not support yet: exec.meta.cdi, zzz"
        );
    }
}

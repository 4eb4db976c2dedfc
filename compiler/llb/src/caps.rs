//! Capabilities that the ops we make ask for.
//!
//! Owns their names, which clients and solvers agree on, and sets of them. Which op needs which is said by `ops`.

/// Defines the capabilities with their names, which are sorted.
macro_rules! capabilities {
    ($($cap:ident = $name:literal,)*) => {
        /// What a solver may have to be able to do.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Cap {
            $($cap,)*
        }

        const NAMES: &[&str] = &[$($name,)*];
    };
}

capabilities! {
    DiffOp = "diffop",
    ExecMetaBase = "exec.meta.base",
    ExecMetaCdi = "exec.meta.cdi",
    ExecMetaLinuxResources = "exec.meta.linux.resources",
    ExecMetaNetwork = "exec.meta.network",
    ExecMetaProxyenv = "exec.meta.proxyenv",
    ExecMetaSecurity = "exec.meta.security",
    ExecMetaSetsdefaultpath = "exec.meta.setsdefaultpath",
    ExecMetaUlimit = "exec.meta.ulimit",
    ExecMountBind = "exec.mount.bind",
    ExecMountCache = "exec.mount.cache",
    ExecMountCacheContent = "exec.mount.cache.content",
    ExecMountCacheSharing = "exec.mount.cache.sharing",
    ExecMountSecret = "exec.mount.secret",
    ExecMountSelector = "exec.mount.selector",
    ExecMountSsh = "exec.mount.ssh",
    ExecMountTmpfs = "exec.mount.tmpfs",
    ExecMountTmpfsSize = "exec.mount.tmpfs.size",
    ExecSecretenv = "exec.secretenv",
    ExecValidexitcode = "exec.validexitcode",
    FileBase = "file.base",
    MergeOp = "mergeop",
    PassthroughOp = "passthroughop",
    SourceHttpUidgid = "soruce.http.uidgid",
    SourceBuildopLlbfilename = "source.buildop.llbfilename",
    SourceGit = "source.git",
    SourceGitBundle = "source.git.bundle",
    SourceGitCheckoutbundle = "source.git.checkoutbundle",
    SourceGitChecksum = "source.git.checksum",
    SourceGitFetchbycommit = "source.git.fetchbycommit",
    SourceGitFullurl = "source.git.fullurl",
    SourceGitHttpauth = "source.git.httpauth",
    SourceGitKeepgitdir = "source.git.keepgitdir",
    SourceGitKnownsshhosts = "source.git.knownsshhosts",
    SourceGitMountsshsock = "source.git.mountsshsock",
    SourceGitMtime = "source.git.mtime",
    SourceGitSignatureverify = "source.git.signatureverify",
    SourceGitSkipsubmodules = "source.git.skipsubmodules",
    SourceHttp = "source.http",
    SourceHttpAuth = "source.http.auth",
    SourceHttpChecksum = "source.http.checksum",
    SourceHttpHeader = "source.http.header",
    SourceHttpPerm = "source.http.perm",
    SourceHttpSignatureverify = "source.http.signatureverify",
    SourceImage = "source.image",
    SourceImageChecksum = "source.image.checksum",
    SourceImageLayerlimit = "source.image.layerlimit",
    SourceImageResolvemode = "source.image.resolvemode",
    SourceImageblob = "source.imageblob",
    SourceLocal = "source.local",
    SourceLocalDiffer = "source.local.differ",
    SourceLocalExcludepatterns = "source.local.excludepatterns",
    SourceLocalFollowpaths = "source.local.followpaths",
    SourceLocalIncludepatterns = "source.local.includepatterns",
    SourceLocalMetadatatransfer = "source.local.metadatatransfer",
    SourceLocalSessionid = "source.local.sessionid",
    SourceLocalSharedkeyhint = "source.local.sharedkeyhint",
    SourceLocalUnique = "source.local.unique",
    SourceOcilayout = "source.ocilayout",
}

/// A set of capabilities. There is one for each vertex, so it is one word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Caps(u64);

const _: () = assert!(NAMES.len() <= 64, "they fit into a word");

impl Caps {
    pub(crate) fn add(&mut self, cap: Cap) {
        self.0 |= 1 << cap as u32;
    }

    /// The one of a name, if it is known.
    pub(crate) fn named(name: &str) -> Option<Self> {
        NAMES.binary_search(&name).ok().map(|position| Self(1 << position))
    }

    pub(crate) fn extend(&mut self, other: Self) {
        self.0 |= other.0;
    }

    pub(crate) fn remove(&mut self, other: Self) {
        self.0 &= !other.0;
    }

    /// The names, sorted.
    pub(crate) fn names(self) -> impl Iterator<Item = &'static str> {
        let mut left = self.0;
        std::iter::from_fn(move || {
            let next = left.trailing_zeros() as usize;
            left &= left.wrapping_sub(1);
            NAMES.get(next).copied()
        })
    }
}

impl From<Cap> for Caps {
    fn from(cap: Cap) -> Self {
        let mut caps = Self::default();
        caps.add(cap);
        caps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_and_each_is_found() {
        assert!(NAMES.is_sorted());
        assert_eq!(Caps(u64::MAX >> (64 - NAMES.len())).names().collect::<Vec<_>>(), NAMES);
        assert_eq!(Caps::default().names().count(), 0);
        assert!(NAMES.iter().all(|name| Caps::named(name).unwrap().names().eq([*name])));
        assert_eq!(Caps::from(Cap::SourceHttpUidgid).names().collect::<Vec<_>>(), ["soruce.http.uidgid"]);
    }
}

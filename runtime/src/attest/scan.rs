//! Which packages are in a file system.
//!
//! Owns what is looked for where, and the reading: no link leads out of the root, no file and no tree is too large. What is said
//! of the packages is `spdx`'s. Whoever made the files may have meant harm: a scanner takes any bytes.

mod apk;
mod dpkg;
mod node;
mod python;

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use rustix::io::Errno;

use crate::sys::root::Root;

/// The most bytes of a file that are read.
const LARGEST: u64 = 64 << 20;
/// The most bytes of the texts of one package.
const LONGEST: usize = 1 << 10;
/// The deepest directory that is looked into.
const DEEPEST: usize = 128;
/// The most packages that are told.
const MOST: usize = 200_000;
/// Where rpm keeps what is installed.
const RPM: [&str; 5] = [
    "var/lib/rpm/rpmdb.sqlite",
    "var/lib/rpm/Packages",
    "var/lib/rpm/Packages.db",
    "usr/lib/sysimage/rpm/rpmdb.sqlite",
    "usr/lib/sysimage/rpm/Packages.db",
];

/// A package that is installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Package {
    /// What installs it: `deb`, `apk`, `pypi`, `npm`.
    pub(super) kind: &'static str,
    pub(super) name: String,
    /// May be empty.
    pub(super) version: String,
    /// Who it is from; may be empty.
    pub(super) supplier: String,
    /// As it says; may be empty.
    pub(super) license: String,
    /// Its package URL.
    pub(super) purl: String,
    /// The file that says so, from the root.
    pub(super) place: String,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Scanned {
    pub(super) packages: Vec<Package>,
    /// What is there and could not be told, in sentences.
    pub(super) remarks: Vec<String>,
}

/// The distribution, as `os-release` says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Distribution {
    /// `debian`
    id: String,
    /// `debian-12`; empty if it is not known.
    name: String,
}

/// A file system that is looked into.
struct Scan<'r> {
    root: &'r Root,
    stop: &'r dyn Fn() -> bool,
    found: Scanned,
    /// Packages that were come across.
    seen: usize,
}

/// Looks for packages. `None` if it was to stop.
pub(super) fn scan(root: &Root, stop: &dyn Fn() -> bool) -> io::Result<Option<Scanned>> {
    let mut scan = Scan { root, stop, found: Scanned::default(), seen: 0 };
    let distribution = scan.distribution()?;
    dpkg::scan(&mut scan, &distribution)?;
    apk::scan(&mut scan, &distribution)?;
    for path in RPM {
        if root_has(root, Path::new(path))? {
            let remark = format!("/{path} is a database of rpm, which is not read: its packages are not listed");
            scan.found.remarks.push(remark);
        }
    }
    if !scan.walk()? {
        return Ok(None);
    }
    let (mut found, seen) = (scan.found, scan.seen);
    if seen > MOST {
        found.remarks.push(format!("only the first {MOST} packages are listed"));
    }
    Ok(Some(found))
}

impl Scan<'_> {
    /// The text of a regular file, links in the root followed. `None` if there is none, or if it is too large, which is told.
    fn read(&mut self, path: &Path) -> io::Result<Option<String>> {
        // To open a device would be to use it, and a pipe would wait for its other end: looked at first. Nothing changes meanwhile.
        let looked = self.root.open_file(path, OFlags::PATH).and_then(|file| File::from(file).metadata());
        let found = match looked {
            Err(error) if is_missing(&error) => return Ok(None),
            looked => looked?,
        };
        if !found.is_file() {
            return Ok(None);
        }
        if found.len() > LARGEST {
            let size = found.len();
            self.found.remarks.push(format!("/{} is not read: it has {size} bytes", path.display()));
            return Ok(None);
        }
        let file = File::from(self.root.open_file(path, OFlags::RDONLY | OFlags::NONBLOCK)?);
        let mut bytes = Vec::new();
        file.take(LARGEST).read_to_end(&mut bytes)?;
        Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// The names of the files in a directory, in order; none if there is no such directory.
    fn list(&self, path: &Path) -> io::Result<Vec<std::ffi::OsString>> {
        let listed = self.root.resolve(path, true).and_then(std::fs::read_dir);
        let mut names = match listed {
            Err(error) if is_missing(&error) => return Ok(Vec::new()),
            listed => listed?.map(|entry| entry.map(|entry| entry.file_name())).collect::<io::Result<Vec<_>>>()?,
        };
        names.sort();
        Ok(names)
    }

    fn add(&mut self, package: Package) {
        self.seen += 1;
        if self.found.packages.len() < MOST {
            self.found.packages.push(package);
        }
    }

    fn distribution(&mut self) -> io::Result<Distribution> {
        for path in ["etc/os-release", "usr/lib/os-release"] {
            if let Some(text) = self.read(Path::new(path))? {
                return Ok(Distribution::parse(&text));
            }
        }
        Ok(Distribution::default())
    }

    /// Goes through all directories, without following a link, for what lies anywhere. Whether it came to the end.
    fn walk(&mut self) -> io::Result<bool> {
        let mut next = vec![PathBuf::new()];
        let mut too_deep = false;
        while let Some(directory) = next.pop() {
            if (self.stop)() {
                return Ok(false);
            }
            if directory.components().count() > DEEPEST {
                too_deep = true;
                continue;
            }
            let entries = match std::fs::read_dir(self.root.path().join(&directory)) {
                Err(error) if is_missing(&error) => continue,
                entries => entries?,
            };
            for entry in entries {
                let entry = entry?;
                let (name, kind) = (entry.file_name(), entry.file_type()?);
                let path = directory.join(&name);
                if let Some(document) = python::document(&path, kind.is_dir()) {
                    python::scan(self, &document)?;
                } else if kind.is_file() && name == node::DOCUMENT && node::is_package(&directory) {
                    node::scan(self, &path)?;
                }
                if kind.is_dir() {
                    next.push(path);
                }
            }
        }
        if too_deep {
            let remark = format!("directories more than {DEEPEST} deep are not looked into");
            self.found.remarks.push(remark);
        }
        self.found.packages.sort_by(|one, other| one.purl.cmp(&other.purl).then_with(|| one.place.cmp(&other.place)));
        Ok(true)
    }
}

impl Distribution {
    fn parse(text: &str) -> Self {
        let value = |key: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
            short(line.unwrap_or_default().trim().trim_matches(['"', '\'']))
        };
        let (id, version) = (value("ID"), value("VERSION_ID"));
        let name = if version.is_empty() { id.clone() } else { format!("{id}-{version}") };
        Self { name: if id.is_empty() { String::new() } else { name }, id }
    }

    /// Its name, or another if it has none.
    fn id_or<'a>(&'a self, other: &'a str) -> &'a str {
        if self.id.is_empty() { other } else { &self.id }
    }
}

/// Whether something is at a path, links in the root followed.
fn root_has(root: &Root, path: &Path) -> io::Result<bool> {
    match root.open_file(path, OFlags::PATH) {
        Ok(_) => Ok(true),
        Err(error) if is_missing(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Whether a path leads nowhere, be it that a directory or a link on its way is none.
fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::InvalidFilename)
        || error.raw_os_error() == Some(Errno::LOOP.raw_os_error())
}

/// A text as a document can have it: of one line, and not without end.
fn short(text: &str) -> String {
    let clean = text.trim().chars().map(|c| if c.is_control() { ' ' } else { c });
    let mut length = 0;
    clean
        .take_while(|c| {
            length += c.len_utf8();
            length <= LONGEST
        })
        .collect()
}

/// A path as a document names it.
fn shown(path: &Path) -> String {
    String::from_utf8_lossy(path.as_os_str().as_bytes()).into_owned()
}

/// A name that ends so.
fn ends_with(name: &OsStr, end: &str) -> bool {
    name.as_bytes().ends_with(end.as_bytes())
}

#[cfg(test)]
mod tests;

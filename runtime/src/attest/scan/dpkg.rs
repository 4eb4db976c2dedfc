//! Packages of dpkg.
//!
//! Owns its status files: one for all packages, or one for each, as in images without a package manager.

use std::io;
use std::path::{Path, PathBuf};

use super::{Distribution, MOST, Package, Scan, ends_with, short, shown};
use crate::attest::purl;

const ALL: &str = "var/lib/dpkg/status";
const EACH: &str = "var/lib/dpkg/status.d";

pub(super) fn scan(scan: &mut Scan<'_>, distribution: &Distribution) -> io::Result<()> {
    let mut files = vec![PathBuf::from(ALL)];
    let each = scan.list(Path::new(EACH))?;
    files.extend(each.iter().filter(|name| !ends_with(name, ".md5sums")).map(|name| Path::new(EACH).join(name)));
    for file in files {
        if let Some(text) = scan.read(&file)? {
            let place = shown(&file);
            packages(&text, distribution, &place).into_iter().for_each(|package| scan.add(package));
        }
    }
    Ok(())
}

/// The packages that a status file says are installed.
pub(super) fn packages(text: &str, distribution: &Distribution, place: &str) -> Vec<Package> {
    let mut packages = Vec::new();
    let mut now = Fields::default();
    // A line with nothing in it ends a package, as the end does.
    for line in text.lines().chain([""]) {
        if packages.len() > MOST {
            break;
        }
        if line.trim().is_empty() {
            packages.extend(std::mem::take(&mut now).package(distribution, place));
        } else if let Some((field, value)) = line.split_once(':').filter(|_| !line.starts_with([' ', '\t'])) {
            now.set(field, value);
        }
    }
    packages
}

#[derive(Default)]
struct Fields {
    name: String,
    version: String,
    architecture: String,
    source: String,
    maintainer: String,
    status: Option<String>,
}

impl Fields {
    fn set(&mut self, field: &str, value: &str) {
        let place = match field.to_ascii_lowercase().as_str() {
            "package" => &mut self.name,
            "version" => &mut self.version,
            "architecture" => &mut self.architecture,
            "source" => &mut self.source,
            "maintainer" => &mut self.maintainer,
            "status" => self.status.get_or_insert_default(),
            _ => return,
        };
        *place = short(value);
    }

    /// The package, if it is there: of one that was removed the configuration may be left.
    fn package(self, distribution: &Distribution, place: &str) -> Option<Package> {
        let Self { name, version, architecture, source, maintainer, status } = self;
        let installed = status.is_none_or(|status| status.split_whitespace().last() == Some("installed"));
        if name.is_empty() || !installed {
            return None;
        }
        // `name (version)` if it was made of another version.
        let upstream = source.split_whitespace().next().filter(|source| *source != name).unwrap_or_default();
        let qualifiers =
            [("arch", architecture.as_str()), ("distro", distribution.name.as_str()), ("upstream", upstream)];
        let purl = purl::package("deb", distribution.id_or("debian"), &name, &version, &qualifiers);
        let (supplier, place) = (maintainer, place.to_owned());
        Some(Package { kind: "deb", name, version, supplier, license: String::new(), purl, place })
    }
}

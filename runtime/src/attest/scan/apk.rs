//! Packages of apk.
//!
//! Owns its database of what is installed: lines of one letter and a value, packages apart by a line with nothing in it.

use std::io;
use std::path::Path;

use super::{Distribution, MOST, Package, Scan, short};
use crate::attest::purl;

/// Where it is, and where it is since apk 3.
const PLACES: [&str; 2] = ["lib/apk/db/installed", "usr/lib/apk/db/installed"];

pub(super) fn scan(scan: &mut Scan<'_>, distribution: &Distribution) -> io::Result<()> {
    for place in PLACES {
        if let Some(text) = scan.read(Path::new(place))? {
            packages(&text, distribution, place).into_iter().for_each(|package| scan.add(package));
            // `lib` may lead to `usr/lib`.
            break;
        }
    }
    Ok(())
}

/// The packages that a database has.
pub(super) fn packages(text: &str, distribution: &Distribution, place: &str) -> Vec<Package> {
    let mut packages = Vec::new();
    let mut now = Fields::default();
    for line in text.lines().chain([""]) {
        if packages.len() > MOST {
            break;
        }
        if line.trim().is_empty() {
            packages.extend(std::mem::take(&mut now).package(distribution, place));
        } else if let Some((field, value)) = line.split_once(':') {
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
    license: String,
    maintainer: String,
    origin: String,
}

impl Fields {
    fn set(&mut self, field: &str, value: &str) {
        let place = match field {
            "P" => &mut self.name,
            "V" => &mut self.version,
            "A" => &mut self.architecture,
            "L" => &mut self.license,
            "m" => &mut self.maintainer,
            "o" => &mut self.origin,
            _ => return,
        };
        *place = short(value);
    }

    fn package(self, distribution: &Distribution, place: &str) -> Option<Package> {
        let Self { name, version, architecture, license, maintainer, origin } = self;
        if name.is_empty() {
            return None;
        }
        let upstream = if origin == name { "" } else { &origin };
        let qualifiers =
            [("arch", architecture.as_str()), ("distro", distribution.name.as_str()), ("upstream", upstream)];
        let purl = purl::package("apk", distribution.id_or("alpine"), &name, &version, &qualifiers);
        Some(Package { kind: "apk", name, version, supplier: maintainer, license, purl, place: place.to_owned() })
    }
}

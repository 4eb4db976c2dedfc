//! Packages of Node.
//!
//! Owns `node_modules`: what lies there with a document of its own is a package, what lies deeper in one is not.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use serde_json::Value;

use super::{Package, Scan, short, shown};
use crate::attest::purl;

/// The file that describes a package.
pub(super) const DOCUMENT: &str = "package.json";

const MODULES: &str = "node_modules";

/// Whether a directory is that of a package: `node_modules/NAME` or `node_modules/@SCOPE/NAME`.
pub(super) fn is_package(directory: &Path) -> bool {
    let Some(above) = directory.parent() else { return false };
    let is_modules = |path: &Path| path.file_name() == Some(OsStr::new(MODULES));
    let is_scope = above.file_name().is_some_and(|name| name.as_bytes().starts_with(b"@"));
    is_modules(above) || is_scope && above.parent().is_some_and(is_modules)
}

pub(super) fn scan(scan: &mut Scan<'_>, path: &Path) -> io::Result<()> {
    if let Some(text) = scan.read(path)? {
        package(&text, &shown(path)).into_iter().for_each(|package| scan.add(package));
    }
    Ok(())
}

/// The package that a document describes.
pub(super) fn package(text: &str, place: &str) -> Option<Package> {
    let document: Value = serde_json::from_str(text).ok()?;
    let text = |value: Option<&Value>| short(value.and_then(Value::as_str).unwrap_or_default());
    let of = |key: &str, part: &str| match document.get(key) {
        Some(Value::Object(object)) => text(object.get(part)),
        value => text(value),
    };
    let (name, version) = (text(document.get("name")), text(document.get("version")));
    if name.is_empty() {
        return None;
    }
    let (scope, own) = name.split_once('/').unwrap_or(("", &name));
    let purl = purl::package("npm", scope, own, &version, &[]);
    let (supplier, license) = (of("author", "name"), of("license", "type"));
    Some(Package { kind: "npm", name, version, supplier, license, purl, place: place.to_owned() })
}

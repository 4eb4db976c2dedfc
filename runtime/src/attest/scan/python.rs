//! Packages of Python.
//!
//! Owns the metadata that installers leave beside the modules, wherever those are.

use std::io;
use std::path::{Path, PathBuf};

use super::{Package, Scan, ends_with, short, shown};
use crate::attest::purl;

/// The file with the metadata of a package, if what is at a path is or has that.
pub(super) fn document(path: &Path, is_directory: bool) -> Option<PathBuf> {
    let name = path.file_name()?;
    match is_directory {
        true if ends_with(name, ".dist-info") => Some(path.join("METADATA")),
        true if ends_with(name, ".egg-info") => Some(path.join("PKG-INFO")),
        false if ends_with(name, ".egg-info") => Some(path.to_owned()),
        _ => None,
    }
}

pub(super) fn scan(scan: &mut Scan<'_>, path: &Path) -> io::Result<()> {
    if let Some(text) = scan.read(path)? {
        package(&text, &shown(path)).into_iter().for_each(|package| scan.add(package));
    }
    Ok(())
}

/// The package that a text of metadata describes. Its fields end with the first line that has nothing in it.
pub(super) fn package(text: &str, place: &str) -> Option<Package> {
    let (mut name, mut version, mut author) = (String::new(), String::new(), String::new());
    let (mut license, mut expression) = (String::new(), String::new());
    for line in text.lines().take_while(|line| !line.trim().is_empty()) {
        let Some((field, value)) = line.split_once(':').filter(|_| !line.starts_with([' ', '\t'])) else { continue };
        let field_of = match field.to_ascii_lowercase().as_str() {
            "name" => &mut name,
            "version" => &mut version,
            "author" => &mut author,
            "license" => &mut license,
            "license-expression" => &mut expression,
            _ => continue,
        };
        *field_of = short(value);
    }
    if name.is_empty() {
        return None;
    }
    let purl = purl::package("pypi", "", &normal(&name), &version, &[]);
    let license = if expression.is_empty() { license } else { expression };
    let supplier = if author == "UNKNOWN" { String::new() } else { author };
    Some(Package { kind: "pypi", name, version, supplier, license, purl, place: place.to_owned() })
}

/// A name as the index has it: `Foo.Bar_baz` is `foo-bar-baz`.
fn normal(name: &str) -> String {
    let mut normal = String::new();
    for c in name.chars() {
        match c {
            '-' | '_' | '.' if normal.ends_with('-') => {}
            '-' | '_' | '.' => normal.push('-'),
            c => normal.extend(c.to_lowercase()),
        }
    }
    normal
}

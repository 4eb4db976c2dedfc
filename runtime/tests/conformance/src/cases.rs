//! The cases as they stand in the directory `cases`, and what is known of where the two engines are not alike.
//!
//! Owns the form of these files. Runs nothing.

use std::path::{Path, PathBuf};

/// A program and what is expected of it.
#[derive(Debug, Clone)]
pub struct Case {
    /// `GROUP/NAME`.
    pub name: String,
    /// The program.
    pub text: String,
    /// What it shows: the first line.
    pub shows: String,
    /// If both engines must fail: a part of what the embedded runtime says.
    pub fails_here: Option<String>,
    /// The same for BuildKit.
    pub fails_there: Option<String>,
}

/// Something that the daemon is too old for.
#[derive(Debug, Clone)]
pub struct Lack {
    /// `GROUP/NAME`.
    pub case: String,
    /// The newest version of the Docker engine that was seen to fail.
    pub until: (u32, u32),
    /// A part of what it says.
    pub says: String,
}

/// The directory of the cases.
pub fn directory() -> PathBuf {
    // Asked when the test runs, not when it is compiled: work trees may share what they compile.
    Path::new(&std::env::var_os("CARGO_MANIFEST_DIR").unwrap()).join("cases")
}

/// All cases, by name.
///
/// # Panics
/// If one does not say what it shows.
pub fn all() -> Vec<Case> {
    let mut cases: Vec<Case> = files(".hlb").into_iter().map(|(name, text)| Case::read(name, text)).collect();
    cases.sort_by(|a, b| a.name.cmp(&b.name));
    cases
}

/// The files of all groups whose names end in a certain way: `GROUP/NAME` without that end, and their texts.
pub fn files(ending: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for group in std::fs::read_dir(directory()).unwrap().map(|entry| entry.unwrap()) {
        if !group.file_type().unwrap().is_dir() {
            continue;
        }
        for file in std::fs::read_dir(group.path()).unwrap().map(|entry| entry.unwrap()) {
            let name = format!("{}/{}", group.file_name().to_string_lossy(), file.file_name().to_string_lossy());
            if let Some(name) = name.strip_suffix(ending) {
                found.push((name.to_owned(), std::fs::read_to_string(file.path()).unwrap()));
            }
        }
    }
    found
}

impl Case {
    fn read(name: String, text: String) -> Self {
        let head: Vec<&str> = text.lines().map_while(|line| line.strip_prefix("# ")).collect();
        let shows =
            head.first().unwrap_or_else(|| panic!("{name}: the first line is no comment that says what it shows"));
        let said = |key: &str| head.iter().find_map(|line| line.strip_prefix(key)).map(|said| said.trim().to_owned());
        let (fails_here, fails_there) = (said("Fails here:"), said("Fails there:"));
        assert_eq!(fails_here.is_some(), fails_there.is_some(), "{name}: it fails on both sides, or on none");
        Self { shows: (*shows).to_owned(), fails_here, fails_there, name, text }
    }
}

/// The rows of a list: cells between bars; empty lines and those with `#` in front are left out.
///
/// # Panics
/// If a row has not as many cells as it should.
pub fn rows(list: &str, cells: usize) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(directory().join(list)).unwrap();
    let lines = text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
    let rows = lines.map(|line| line.split(" | ").map(|cell| cell.trim().to_owned()).collect::<Vec<_>>());
    rows.inspect(|row| assert_eq!(row.len(), cells, "{list}: {row:?} has not {cells} cells")).collect()
}

/// What daemons are too old for.
///
/// # Panics
/// If a row is malformed.
pub fn lacks() -> Vec<Lack> {
    let read = |row: Vec<String>| Lack { case: row[0].clone(), until: version(&row[1]), says: row[2].clone() };
    rows("daemon-lacks.txt", 4).into_iter().map(read).collect()
}

/// What the embedded runtime cannot do yet: cases, and a part of what it says.
///
/// # Panics
/// If a row is malformed.
pub fn embedded_lacks() -> Vec<(String, String)> {
    rows("embedded-lacks.txt", 3).into_iter().map(|row| (row[0].clone(), row[1].clone())).collect()
}

/// The cases in which the two differ on purpose, and the newest version of the Docker engine in which they do; `None` if that
/// will not change.
///
/// # Panics
/// If a row is malformed.
pub fn differences() -> Vec<(String, Option<(u32, u32)>)> {
    let until = |cell: &str| (cell != "-").then(|| version(cell));
    rows("differences.txt", 3).into_iter().map(|row| (row[0].clone(), until(&row[1]))).collect()
}

fn version(cell: &str) -> (u32, u32) {
    let (major, minor) = cell.split_once('.').unwrap();
    (major.parse().unwrap(), minor.parse().unwrap())
}

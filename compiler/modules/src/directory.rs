//! A module that lies in a directory.
//!
//! Owns that nothing outside of the directory is ever read for it, whatever links it holds.

use camino::{Utf8Path, Utf8PathBuf};
use hlb_compiler::{ModuleFiles, WorldError};

/// Longest text that is read. A program is written by people.
const MAX_TEXT: u64 = 16 << 20;

/// The files of a module in a directory that does not change.
#[derive(Debug)]
pub(crate) struct Directory {
    /// Without links in it.
    root: Utf8PathBuf,
}

impl Directory {
    pub(crate) fn open(root: &Utf8Path) -> Result<Self, WorldError> {
        let root = root.canonicalize_utf8().map_err(|error| unreadable(root, &error))?;
        Ok(Self { root })
    }
}

impl ModuleFiles for Directory {
    fn read_text(&self, path: &Utf8Path) -> Result<String, WorldError> {
        let place = self.locate(path)?;
        let wrong = |reason: &str| WorldError::Unreadable { path: path.to_owned(), reason: reason.to_owned() };
        let found = std::fs::metadata(&place).map_err(|error| unreadable(path, &error))?;
        if !found.is_file() {
            return Err(wrong("it is no file"));
        }
        if found.len() > MAX_TEXT {
            return Err(wrong("it is longer than 16 MiB"));
        }
        let bytes = std::fs::read(&place).map_err(|error| unreadable(path, &error))?;
        String::from_utf8(bytes).map_err(|_| wrong("it is not UTF-8"))
    }

    fn locate(&self, path: &Utf8Path) -> Result<Utf8PathBuf, WorldError> {
        let place = self.root.join(path).canonicalize_utf8().map_err(|error| unreadable(path, &error))?;
        if !place.starts_with(&self.root) {
            let reason = "it leads out of the module".to_owned();
            return Err(WorldError::Unreadable { path: path.to_owned(), reason });
        }
        Ok(place)
    }

    fn root(&self) -> &Utf8Path {
        &self.root
    }
}

fn unreadable(path: &Utf8Path, error: &std::io::Error) -> WorldError {
    match error.kind() {
        std::io::ErrorKind::NotFound => WorldError::NotFound { path: path.to_owned() },
        _ => WorldError::Unreadable { path: path.to_owned(), reason: error.to_string() },
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn no_link_leads_out() {
        let dir = tempfile::tempdir().unwrap();
        let base = Utf8Path::from_path(dir.path()).unwrap();
        std::fs::create_dir_all(base.join("m/lib")).unwrap();
        std::fs::write(base.join("secret"), "s").unwrap();
        std::fs::write(base.join("m/a.hlb"), "a").unwrap();
        symlink("../a.hlb", base.join("m/lib/in.hlb")).unwrap();
        symlink("../secret", base.join("m/out.hlb")).unwrap();
        symlink(base.join("secret"), base.join("m/absolute.hlb")).unwrap();
        symlink("..", base.join("m/up")).unwrap();
        let module = Directory::open(&base.join("m")).unwrap();
        let read = |path: &str| module.read_text(Utf8Path::new(path)).map_err(|error| error.to_string());
        assert_eq!(read("a.hlb"), Ok("a".to_owned()));
        assert_eq!(read("lib/in.hlb"), Ok("a".to_owned()));
        for out in ["out.hlb", "absolute.hlb", "up/secret", "../secret"] {
            assert_eq!(read(out), Err(format!("{out}: it leads out of the module")));
        }
        assert_eq!(read("lib"), Err("lib: it is no file".to_owned()));
        assert_eq!(read("none"), Err("no such file or directory: none".to_owned()));
    }
}

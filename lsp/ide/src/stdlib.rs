//! The texts that come with the language, as files.
//!
//! Owns their names in the directory to which editors go for the definition of a builtin.

use std::io;
use std::os::unix::fs::PermissionsExt;

use camino::{Utf8Path, Utf8PathBuf};

/// Writes the declarations of the builtins and the standard modules into a directory, which need not be there. Files that are right
/// stay; others are replaced as a whole, so that several servers may do so at the same time. They cannot be written, lest somebody
/// takes them for what counts.
///
/// # Errors
/// If the directory cannot be written in.
pub fn write_stdlib(dir: &Utf8Path) -> io::Result<()> {
    let one = std::iter::once(("builtin".to_owned(), hlb_stdlib::BUILTIN));
    let namespaces = hlb_stdlib::NAMESPACES.iter().map(|(name, text)| ((*name).to_owned(), *text));
    let modules = hlb_stdlib::MODULES.iter().map(|(name, text)| (format!("std/{name}"), *text));
    for (name, text) in one.chain(namespaces).chain(modules) {
        let path = dir.join(name).with_extension("hlb");
        if std::fs::read(&path).is_ok_and(|found| found == text.as_bytes()) {
            continue;
        }
        let parent = path.parent().unwrap_or(dir);
        std::fs::create_dir_all(parent)?;
        let mut file = tempfile::Builder::new().permissions(PermissionsExt::from_mode(0o444)).tempfile_in(parent)?;
        io::Write::write_all(&mut file, text.as_bytes())?;
        file.persist(&path).map_err(|error| error.error)?;
    }
    Ok(())
}

/// The file of a text that comes with the language, by the name under which programs know it: `<builtin>`, `<str>`, `std/go`.
pub(crate) fn file_of(name: &str) -> Option<Utf8PathBuf> {
    let bare = name.strip_prefix('<').and_then(|name| name.strip_suffix('>'));
    let known = match bare {
        Some(bare) => bare == "builtin" || hlb_stdlib::NAMESPACES.iter().any(|(name, _)| *name == bare),
        None => name.strip_prefix("std/").is_some_and(|name| hlb_stdlib::module(name).is_some()),
    };
    known.then(|| Utf8PathBuf::from(format!("{}.hlb", bare.unwrap_or(name))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_has_a_file_and_is_written_once() {
        let dir = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(dir.path()).unwrap().join("deep/stdlib");
        write_stdlib(&root).unwrap();
        for name in ["<builtin>", "<str>", "std/go"] {
            assert!(root.join(file_of(name).unwrap()).is_file(), "{name}");
        }
        assert_eq!(file_of("<nope>"), None);
        assert_eq!(file_of("/work/build.hlb"), None);
        let builtin = root.join("builtin.hlb");
        assert_eq!(std::fs::read_to_string(&builtin).unwrap(), hlb_stdlib::BUILTIN);
        let before = std::fs::metadata(&builtin).unwrap();
        assert!(before.permissions().readonly());
        write_stdlib(&root).unwrap();
        assert_eq!(std::fs::metadata(&builtin).unwrap().modified().unwrap(), before.modified().unwrap());
        // What somebody has changed is put right.
        std::fs::remove_file(&builtin).unwrap();
        std::fs::write(&builtin, "mine").unwrap();
        write_stdlib(&root).unwrap();
        assert_eq!(std::fs::read_to_string(&builtin).unwrap(), hlb_stdlib::BUILTIN);
    }
}

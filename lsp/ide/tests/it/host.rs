//! Files on disk and in buffers, and what is kept of them.

use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use hlb_ide::{Host, Level, Project, Settings, Tag};

struct Folder {
    dir: tempfile::TempDir,
    host: Host,
}

impl Folder {
    fn new(files: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let root = Utf8PathBuf::from_path_buf(dir.path().to_owned()).unwrap();
        let settings = Settings { stdlib: Some(root.join("stdlib")), ..Settings::default() };
        let folder = Self { dir, host: Host::new(settings, vec![root]) };
        files.iter().for_each(|(path, text)| folder.write(path, text));
        folder
    }

    fn path(&self, path: &str) -> Utf8PathBuf {
        Utf8Path::from_path(self.dir.path()).unwrap().join(path)
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn project(&self) -> Arc<Project> {
        self.host.snapshot().project(&|| false).unwrap()
    }

    /// Codes of a file, found near and far.
    fn told(&self, path: &str) -> (Vec<&'static str>, Vec<&'static str>) {
        let path = self.path(path);
        let near = self.host.snapshot().analysis(&path).unwrap().diagnostics();
        let far = self.project().diagnostics(&path).unwrap();
        (near.iter().map(|it| it.code).collect(), far.iter().map(|it| it.code).collect())
    }
}

const LIB: (&str, &str) = ("lib.hlb", "export fs tool() {\n\tscratch\n}\n");
const BUILD: (&str, &str) = ("build.hlb", "import lib from \"./lib.hlb\"\n\nfs default() {\n\tlib.tool\n}\n");

#[test]
fn files_of_the_folders_are_of_the_project_though_nobody_has_opened_them() {
    let mut folder = Folder::new(&[LIB, BUILD, ("deep/other.hlb", "fs x() {\n\tnope\n}\n")]);
    assert_eq!(folder.project().files().len(), 3);
    assert_eq!(folder.told("deep/other.hlb").1, ["E0101"]);
    let uses = folder.project().references(&folder.path("lib.hlb"), LIB.1.find("tool").unwrap(), false);
    assert_eq!(uses.len(), 1);
    // A file that is new is seen when somebody says so.
    folder.write("new.hlb", "fs y() {\n\tscratch\n}\n");
    folder.host.touched();
    assert_eq!(folder.project().files().len(), 4);
    folder.host.edit(folder.path("unsaved.hlb"), "fs z() {\n\tscratch\n}\n".to_owned());
    assert_eq!(folder.project().files().len(), 5);
}

#[test]
fn a_buffer_stands_for_its_file_until_it_is_closed() {
    let mut folder = Folder::new(&[LIB, BUILD]);
    let lib = folder.path("lib.hlb");
    assert_eq!(folder.told("build.hlb"), (vec![], vec![]));
    folder.host.edit(lib.clone(), "export fs other() {\n\tscratch\n}\n".to_owned());
    assert_eq!(folder.told("build.hlb"), (vec!["E0101"], vec!["E0101"]));
    folder.host.close(&lib);
    assert_eq!(folder.told("build.hlb"), (vec![], vec![]));
    folder.write("lib.hlb", "fs tool() {\n\tscratch\n}\n");
    folder.host.touched();
    assert_eq!(folder.told("build.hlb"), (vec!["E0108"], vec!["E0108"]));
}

#[test]
fn what_was_found_out_is_kept_while_its_files_stay_the_same() {
    let mut folder = Folder::new(&[LIB, BUILD]);
    let (build, lib, other) = (folder.path("build.hlb"), folder.path("lib.hlb"), folder.path("other.hlb"));
    folder.host.edit(build.clone(), BUILD.1.to_owned());
    folder.host.edit(other.clone(), "fs a() {\n\tscratch\n}\n".to_owned());
    let look = |folder: &Folder| folder.host.snapshot().analysis(&build).unwrap();
    let first = look(&folder);
    folder.host.edit(other, "fs b() {\n\tscratch\n}\n".to_owned());
    assert!(Arc::ptr_eq(&first, &look(&folder)), "nobody imports the other file");
    folder.host.touched();
    assert!(Arc::ptr_eq(&first, &look(&folder)), "nothing has changed");
    folder.host.edit(lib.clone(), LIB.1.to_owned());
    let second = look(&folder);
    assert!(!Arc::ptr_eq(&first, &second), "an imported file has another text");
    folder.host.close(&lib);
    std::fs::remove_file(&lib).unwrap();
    folder.host.touched();
    let third = look(&folder);
    assert_eq!(third.diagnostics().len(), 1, "the import is gone");
    folder.write("lib.hlb", LIB.1);
    folder.host.touched();
    assert!(look(&folder).diagnostics().is_empty(), "it is there again");
    let project = folder.project();
    folder.host.touched();
    assert!(Arc::ptr_eq(&project, &folder.project()));
}

#[test]
fn a_look_at_all_files_can_be_given_up_and_taken_up_again() {
    let folder = Folder::new(&[LIB, BUILD]);
    let asked = std::cell::Cell::new(0);
    let stop = || asked.replace(asked.get() + 1) > 0;
    assert!(folder.host.snapshot().project(&stop).is_none());
    assert_eq!(folder.project().files().len(), 2);
}

#[test]
fn without_folders_the_files_beside_a_document_are_of_the_project() {
    let folder = Folder::new(&[LIB, BUILD, ("deep/other.hlb", "")]);
    let mut host = Host::new(Settings::default(), Vec::new());
    host.edit(folder.path("build.hlb"), BUILD.1.to_owned());
    assert_eq!(host.snapshot().project(&|| false).unwrap().files().len(), 2);
}

#[test]
fn what_nothing_uses_and_what_is_old_is_marked() {
    let text = "import lib \"./lib.hlb\"\n\nfs f(string unused) {\n\tscratch\n}\n\nfs default() {\n\tlib.tool\n}\n";
    let folder = Folder::new(&[LIB, ("build.hlb", text)]);
    let analysis = folder.host.snapshot().analysis(&folder.path("build.hlb")).unwrap();
    let tags: Vec<_> = analysis.diagnostics().iter().map(|it| (it.code, it.tag)).collect();
    assert_eq!(tags, [("E0121", Some(Tag::Deprecated)), ("E0304", Some(Tag::Unused))]);
}

#[test]
fn a_module_that_is_not_at_hand_is_a_hint_and_a_copy_of_it_is_used() {
    let commit = "0123456789abcdef0123456789abcdef01234567";
    let text =
        format!("import m from \"git+https://example.org/m@{commit}:lib.hlb\"\n\nfs default() {{\n\tm.tool\n}}\n");
    let mut folder = Folder::new(&[("build.hlb", &text)]);
    let path = folder.path("build.hlb");
    let levels = |folder: &Folder| -> Vec<(&str, Level)> {
        let analysis = folder.host.snapshot().analysis(&path).unwrap();
        analysis.diagnostics().iter().map(|it| (it.code, it.level)).collect()
    };
    assert_eq!(levels(&folder), [("E0151", Level::Hint)]);
    folder.host.edit(path.clone(), text.clone());
    let state = folder.path("state");
    folder.write(&format!("state/modules/git/{commit}/lib.hlb"), LIB.1);
    folder.host.configure(Settings { state: Some(state), ..Settings::default() });
    assert_eq!(levels(&folder), []);
}

#[test]
fn texts_that_come_with_the_language_have_no_mistakes() {
    let folder = Folder::new(&[]);
    let dir = folder.path("stdlib");
    hlb_ide::write_stdlib(&dir).unwrap();
    for name in ["builtin.hlb", "str.hlb", "std/go.hlb"] {
        let snapshot = folder.host.snapshot();
        let path = dir.join(name);
        assert!(snapshot.is_standard(&path));
        assert!(snapshot.analysis(&path).unwrap().diagnostics().is_empty(), "{name}");
    }
}

#[test]
fn warnings_for_the_strict_are_given_on_request() {
    let text = "fs default() {\n\timage \"alpine\"\n}\n";
    let mut folder = Folder::new(&[("build.hlb", text)]);
    assert_eq!(folder.told("build.hlb"), (vec![], vec![]));
    folder.host.configure(Settings { strict: true, ..Settings::default() });
    let (near, far) = folder.told("build.hlb");
    assert_eq!((near.len(), &near), (1, &far));
}

#[test]
fn the_nearest_lock_file_counts() {
    let lock = |digit: &str| {
        format!("version = 1\n\n[image.\"docker.io/library/alpine:3.20\"]\ndigest = \"sha256:{}\"\n", digit.repeat(64))
    };
    let folder = Folder::new(&[
        ("hlb.lock", &lock("a")),
        ("deep/hlb.lock", &lock("b")),
        ("bad/hlb.lock", "x"),
        ("bad/a.hlb", ""),
    ]);
    let digest = |path: &str| {
        let pins = folder.host.snapshot().pins(&folder.path(path));
        pins.images.first().map(|pin| (pin.name.clone(), pin.digest.clone()))
    };
    assert_eq!(digest("build.hlb"), Some(("alpine:3.20".to_owned(), format!("sha256:{}", "a".repeat(64)))));
    assert_eq!(digest("deep/er/build.hlb").unwrap().1, format!("sha256:{}", "b".repeat(64)));
    assert_eq!(digest("bad/a.hlb"), None);
}

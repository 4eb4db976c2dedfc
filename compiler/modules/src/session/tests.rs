//! Sessions with an outside that answers from a table and counts what it is asked.

use std::cell::RefCell;
use std::collections::BTreeMap;

use super::*;

#[derive(Default)]
struct Fake {
    pins: BTreeMap<String, String>,
    /// Images that the owner of this machine has put in their place.
    ours: Vec<String>,
    /// Files of commits, and of filesystems by the name of the solve.
    files: BTreeMap<String, Vec<(&'static str, &'static str)>>,
    asked: RefCell<Vec<String>>,
}

impl Fake {
    fn ask(&self, text: String) {
        self.asked.borrow_mut().push(text);
    }

    fn asked(&self) -> String {
        self.asked.take().join(", ")
    }

    fn write(&self, name: &str, into: &Path) -> Result<(), WorldError> {
        let files = self.files.get(name).ok_or_else(|| WorldError::Other(format!("no {name}")))?;
        for (path, text) in files {
            std::fs::create_dir_all(into.join(path).parent().unwrap()).unwrap();
            std::fs::write(into.join(path), text).unwrap();
        }
        Ok(())
    }
}

impl Outside for Fake {
    fn is_of_this_machine(&self, wanted: &PinRequest) -> bool {
        self.ours.contains(&Name::of(wanted).text)
    }

    fn look_up(&self, wanted: &PinRequest) -> Result<String, WorldError> {
        let name = Name::of(wanted).text;
        self.ask(format!("look up {name}"));
        self.pins.get(&name).cloned().ok_or_else(|| WorldError::Other(format!("no {name}")))
    }

    fn checkout(&self, remote: &str, commit: &str, into: &Path) -> Result<(), WorldError> {
        self.ask(format!("checkout {remote} {}", &commit[..4]));
        self.write(commit, into)
    }

    fn build(&self, solve: &Solve, into: &Path) -> Result<(), WorldError> {
        self.ask(format!("build {}", solve.name));
        self.write(&solve.name, into)
    }
}

struct Project {
    dir: tempfile::TempDir,
}

impl Project {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    fn places(&self) -> Places {
        let entry = Utf8Path::from_path(self.dir.path()).unwrap().join("build.hlb");
        Places::of(&entry, Some(self.dir.path().join("state")))
    }

    fn session(&self, mode: Mode) -> Session {
        Session::open(&self.places(), mode).unwrap().with_vendor(&self.places()).unwrap()
    }

    fn lock(&self) -> String {
        let text = std::fs::read_to_string(self.places().lock).unwrap_or_default();
        text.lines().skip(2).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
    }
}

fn digest(digit: char) -> String {
    format!("sha256:{}", digit.to_string().repeat(64))
}

fn commit(digit: char) -> String {
    digit.to_string().repeat(40)
}

fn image(reference: &str) -> PinRequest {
    PinRequest::Image { reference: reference.to_owned(), platform: Platform::new("linux", "amd64") }
}

fn git(reference: &str) -> ModuleRequest<'_> {
    ModuleRequest { from: ModuleFrom::Git { remote: "https://h/r", reference }, source: "git://h/r", importer: None }
}

fn alpine() -> Fake {
    Fake { pins: [("a:1".to_owned(), digest('a'))].into(), ..Fake::default() }
}

#[test]
fn a_name_is_looked_up_once_and_written_down() {
    let (project, outside) = (Project::new(), alpine());
    let session = project.session(Mode::Record);
    for _ in 0..2 {
        assert_eq!(session.pin(&image("a:1"), Some(&outside)).unwrap(), Some(Pin(digest('a'))));
    }
    assert_eq!(outside.asked(), "look up a:1");
    assert_eq!(project.lock(), "");
    session.save().unwrap();
    assert_eq!(project.lock(), format!("[image.\"a:1\"]\ndigest = \"{}\"", digest('a')));
    // From now on nobody is asked, whatever the name stands for meanwhile.
    let offline = project.session(Mode::Record);
    assert_eq!(offline.pin(&image("a:1"), Some(&Fake::default())).unwrap(), Some(Pin(digest('a'))));
    assert_eq!(offline.pin(&image("a:1"), None).unwrap(), Some(Pin(digest('a'))));
    assert_eq!(offline.changes(), Vec::new());
}

#[test]
fn nothing_is_added_to_what_is_locked() {
    let (project, outside) = (Project::new(), alpine());
    let error = project.session(Mode::Locked).pin(&image("a:1"), Some(&outside)).unwrap_err();
    assert_eq!(error, WorldError::NotLocked { entry: "a:1".to_owned() });
    let error = project.session(Mode::Locked).module(&git("main"), Some(&outside)).unwrap_err();
    assert_eq!(error, WorldError::NotLocked { entry: "https://h/r#main".to_owned() });
    assert_eq!(outside.asked(), "");
    assert_eq!(project.session(Mode::Keep).pin(&image("a:1"), Some(&outside)).unwrap(), None);
}

#[test]
fn what_stands_for_a_name_on_this_machine_is_not_pinned() {
    let (project, mut outside) = (Project::new(), alpine());
    outside.ours.push("a:1".to_owned());
    for mode in [Mode::Record, Mode::Locked] {
        assert_eq!(project.session(mode).pin(&image("a:1"), Some(&outside)).unwrap(), None);
    }
    // Unless the lock file holds it: then it is what it says.
    let mut lock = crate::Lock::default();
    lock.set(Name::of(&image("a:1")), digest('b'));
    lock.write(&project.places().lock).unwrap();
    assert_eq!(project.session(Mode::Locked).pin(&image("a:1"), Some(&outside)).unwrap(), Some(Pin(digest('b'))));
}

#[test]
fn renewing_moves_what_is_meant() {
    let project = Project::new();
    let mut lock = crate::Lock::default();
    for name in ["a:1", "b:1", "c:1"] {
        lock.set(Name::of(&image(name)), digest('0'));
    }
    lock.write(&project.places().lock).unwrap();
    let mut outside = alpine();
    outside.pins.insert("b:1".to_owned(), digest('b'));
    let session = project.session(Mode::Renew(vec!["a".to_owned(), "c:1".to_owned(), "x".to_owned()]));
    for name in ["a:1", "a:1", "b:1"] {
        session.pin(&image(name), Some(&outside)).unwrap();
    }
    let failed = session.renew_others(&Platform::new("linux", "amd64"), &outside);
    assert_eq!(failed.iter().map(|(name, _)| name.text.as_str()).collect::<Vec<_>>(), ["c:1"]);
    assert_eq!(outside.asked(), "look up a:1, look up c:1");
    assert_eq!(session.unknown(), ["x"]);
    let moved: Vec<String> = session.changes().iter().map(|change| change.name.text.clone()).collect();
    assert_eq!(moved, ["a:1"]);
    session.prune();
    session.save().unwrap();
    assert!(!project.lock().contains("c:1") && project.lock().contains(&digest('a')));
}

#[test]
fn what_others_wrote_meanwhile_stays() {
    let (project, outside) = (Project::new(), alpine());
    let session = project.session(Mode::Record);
    session.pin(&image("a:1"), Some(&outside)).unwrap();
    let mut other = crate::Lock::default();
    other.set(Name::of(&image("b:1")), digest('b'));
    other.write(&project.places().lock).unwrap();
    session.save().unwrap();
    assert!(project.lock().contains("a:1") && project.lock().contains("b:1"));
}

fn repository() -> Fake {
    Fake {
        pins: [("https://h/r#main".to_owned(), commit('c'))].into(),
        files: [(commit('c'), vec![("build.hlb", "# one"), ("lib/a.hlb", "# a")])].into(),
        ..Fake::default()
    }
}

fn text(found: &FoundModule) -> String {
    found.files.read_text(Utf8Path::new("build.hlb")).unwrap()
}

#[test]
fn a_commit_is_fetched_once() {
    let (project, outside) = (Project::new(), repository());
    let session = project.session(Mode::Record);
    let module = session.module(&git("main"), Some(&outside)).unwrap();
    assert_eq!((text(&module).as_str(), module.id.clone()), ("# one", commit('c')));
    assert_eq!(outside.asked(), "look up https://h/r#main, checkout https://h/r cccc");
    session.save().unwrap();
    // Offline, by ref and by commit.
    let again = project.session(Mode::Locked);
    assert_eq!(text(&again.module(&git("main"), None).unwrap()), "# one");
    assert_eq!(text(&again.module(&git(&commit('c')), None).unwrap()), "# one");
    // What is not at hand is refused, not guessed.
    let error = project.session(Mode::Record).module(&git("other"), None).unwrap_err();
    assert!(matches!(error, WorldError::Refused { .. }), "{error}");
}

#[test]
fn a_fetch_that_failed_leaves_nothing() {
    let (project, mut outside) = (Project::new(), repository());
    outside.files.clear();
    assert!(project.session(Mode::Record).module(&git("main"), Some(&outside)).is_err());
    let modules = project.dir.path().join("state/modules");
    let left: Vec<_> = std::fs::read_dir(&modules).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["git"]);
    assert_eq!(std::fs::read_dir(modules.join("git")).unwrap().count(), 0);
}

#[test]
fn copies_are_used_if_they_are_what_was_copied() {
    let (project, outside) = (Project::new(), repository());
    let module = project.session(Mode::Record).module(&git(&commit('c')), Some(&outside)).unwrap();
    let remote = hlb_compiler::RemoteModule {
        source: "git://h/r".to_owned(),
        kind: ModuleKind::Git,
        id: module.id.clone(),
        reference: "main".to_owned(),
        shown: "h/r".to_owned(),
        files: module.files,
    };
    let copied = Vendor::write(&project.places().vendor, &[Arc::new(remote)]).unwrap();
    assert_eq!(copied, [format!("git/{}", commit('c'))]);
    std::fs::remove_dir_all(project.dir.path().join("state")).unwrap();
    let module = project.session(Mode::Locked).module(&git(&commit('c')), None).unwrap();
    assert_eq!(text(&module), "# one");
    assert!(module.files.root().as_str().contains(".hlb/vendor/git"));

    std::fs::write(module.files.root().join("lib/a.hlb"), "# changed").unwrap();
    let error = project.session(Mode::Record).module(&git(&commit('c')), Some(&outside)).unwrap_err();
    assert!(error.to_string().contains("was changed"), "{error}");

    // Writing it anew leaves nothing of what was there.
    assert_eq!(Vendor::write(&project.places().vendor, &[]).unwrap(), Vec::<String>::new());
    assert!(!project.places().vendor.join("git").exists() && project.places().vendor.join("index.toml").exists());
    assert_eq!(std::fs::read_dir(project.dir.path().join(".hlb")).unwrap().count(), 1);
}

fn solve(name: &str, identifier: &str) -> Solve {
    let op = hlb_llb::ops::Image::new(identifier, pb::Platform::default());
    let output = hlb_llb::ops::image(op, hlb_llb::graph::Annotations::default());
    Solve {
        definition: hlb_llb::graph::marshal(Some(&output), Vec::new()),
        exports: Vec::new(),
        locals: BTreeMap::new(),
        secrets: BTreeMap::new(),
        sockets: BTreeMap::new(),
        layouts: BTreeMap::new(),
        image: hlb_compiler::ImageConfig::default(),
        name: name.to_owned(),
    }
}

#[test]
fn a_filesystem_is_built_again_unless_its_graph_says_what_is_in_it() {
    let project = Project::new();
    let mut outside = Fake::default();
    outside.files.insert("m".to_owned(), vec![("build.hlb", "# one")]);
    let pinned = solve("m", &format!("docker.io/library/m:1@{}", digest('a')));
    let moving = solve("m", "docker.io/library/m:1");
    let get = |solve: &Solve, outside: Option<&dyn Outside>| {
        let request = ModuleRequest { from: ModuleFrom::Fs(solve), source: "image(\"m\")", importer: None };
        project.session(Mode::Record).module(&request, outside)
    };
    for _ in 0..2 {
        assert_eq!(text(&get(&pinned, Some(&outside)).unwrap()), "# one");
    }
    assert_eq!(outside.asked(), "build m");
    assert_eq!(text(&get(&pinned, None).unwrap()), "# one");

    assert_eq!(text(&get(&moving, Some(&outside)).unwrap()), "# one");
    outside.files.insert("m".to_owned(), vec![("build.hlb", "# two")]);
    assert_eq!(text(&get(&moving, Some(&outside)).unwrap()), "# two");
    assert_eq!(outside.asked(), "build m, build m");
    assert!(matches!(get(&moving, None), Err(WorldError::Refused { .. })));
}

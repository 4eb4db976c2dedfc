//! What is noted, for how long, and what whoever takes things away sees of it.

use std::sync::mpsc;
use std::time::Duration;

use super::*;

struct Bench {
    store: Store,
    // Behind the store, which is in it.
    dir: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self { store: Store::open(dir.path()).unwrap(), dir }
    }

    fn layer(&self, name: &str) -> Item {
        let staged = self.store.layers().new_dir().unwrap();
        let id: LayerId = name.parse().unwrap();
        self.store.layers().commit(&id, &staged).unwrap();
        Item::Layer(id)
    }

    fn leased(&self) -> Vec<String> {
        let root = self.store.root();
        leased(root, &taking(root).unwrap()).unwrap().iter().map(ToString::to_string).collect()
    }

    fn list(&self) -> String {
        std::fs::read_to_string(self.store.session_dir().join(LIST)).unwrap()
    }
}

#[test]
fn a_use_ends_with_the_last_clone() {
    let bench = Bench::new();
    let (a, b) = (bench.layer("a"), bench.layer("b"));
    assert!(bench.leased().is_empty(), "a commit holds as long as what it returns");
    let both = bench.store.lease(&[a.clone(), b.clone()]).unwrap().unwrap();
    let again = both.clone();
    let other = bench.store.lease(std::slice::from_ref(&b)).unwrap().unwrap();
    assert_eq!(bench.leased(), ["layer a", "layer b"]);
    drop(both);
    assert_eq!(bench.leased(), ["layer a", "layer b"]);
    drop(again);
    assert_eq!(bench.store.inner.session.uses().table().items.len(), 1);
    drop(other);
    assert!(bench.leased().is_empty() && bench.list().is_empty());
}

#[test]
fn a_commit_is_in_use_at_once() {
    let bench = Bench::new();
    let staged = bench.store.layers().new_dir().unwrap();
    let (_, first) = bench.store.layers().commit(&"a".parse().unwrap(), &staged).unwrap();
    let (digest, _, blob) = bench.store.blobs().writer().unwrap().finish(None).unwrap();
    assert_eq!(bench.leased(), ["layer a".to_owned(), format!("blob {digest}")]);
    // Whoever makes one that is there already has it too.
    let staged = bench.store.layers().new_dir().unwrap();
    let (_, second) = bench.store.layers().commit(&"a".parse().unwrap(), &staged).unwrap();
    drop((first, blob));
    assert!(bench.leased().contains(&"layer a".to_owned()));
    drop(second);
    assert!(bench.leased().is_empty());
}

#[test]
fn what_is_not_there_cannot_be_held() {
    let bench = Bench::new();
    let (a, gone) = (bench.layer("a"), Item::Layer("gone".parse().unwrap()));
    assert!(bench.store.lease(&[a, gone]).unwrap().is_none());
    assert!(bench.leased().is_empty(), "nothing of it is held");
    assert!(bench.store.lease(&[Item::Blob(Digest::of(""))]).unwrap().is_none());
    let digest = bench.store.blobs().put("").unwrap();
    assert!(bench.store.lease(&[Item::Blob(digest)]).unwrap().is_some());
    assert!(bench.store.lease(&[]).unwrap().is_some());
}

#[test]
fn only_living_sessions_use_anything() {
    let bench = Bench::new();
    let a = bench.layer("a");
    let other = Store::open(bench.dir.path()).unwrap();
    let held = other.lease(&[a]).unwrap().unwrap();
    let dead = bench.store.root().join("sessions/dead");
    std::fs::create_dir(&dead).unwrap();
    std::fs::write(dead.join("lock"), "").unwrap();
    std::fs::write(dead.join(LIST), "layer b\n").unwrap();
    assert_eq!(bench.leased(), ["layer a"]);
    drop(other);
    assert_eq!(bench.leased(), ["layer a"], "a lease keeps its session");
    drop(held);
    assert!(bench.leased().is_empty());
}

#[test]
fn no_use_begins_while_things_are_taken_away() {
    let bench = Bench::new();
    let (held, free) = (bench.layer("held"), bench.layer("free"));
    let _lease = bench.store.lease(std::slice::from_ref(&held)).unwrap().unwrap();
    let taking = taking(bench.store.root()).unwrap();
    assert!(bench.store.lease(&[held]).unwrap().is_some(), "what is held already needs no lock");
    let (send, receive) = mpsc::channel();
    let store = bench.store.clone();
    let waiting = std::thread::spawn(move || send.send(store.lease(&[free]).unwrap().is_some()).unwrap());
    assert!(receive.recv_timeout(Duration::from_millis(200)).is_err(), "it waits");
    std::fs::remove_dir_all(bench.store.root().join("layers/free")).unwrap();
    drop(taking);
    assert!(!receive.recv().unwrap(), "and sees what was taken away");
    waiting.join().unwrap();
}

#[test]
fn a_list_of_the_past_is_written_anew() {
    let bench = Bench::new();
    let kept = bench.store.lease(&[bench.layer("kept")]).unwrap().unwrap();
    let path = bench.store.session_dir().join(LIST);
    let using = using(bench.store.root()).unwrap();
    let line = Item::Blob(Digest::of("")).to_string().len() as u64 + 1;
    for number in 0..LARGE / line - 1 {
        let digest = Digest::of(number.to_string());
        drop(hold(&bench.store.inner, &[Item::Blob(digest)], &using).unwrap());
    }
    let before = std::fs::metadata(&path).unwrap().len();
    assert!(before > LARGE - 1000 && before <= LARGE, "{before}");
    drop(hold(&bench.store.inner, &[Item::Blob(Digest::of("a")), Item::Blob(Digest::of("b"))], &using).unwrap());
    assert_eq!(bench.list(), "layer kept\n");
    let more = hold(&bench.store.inner, &[Item::Layer("more".parse().unwrap())], &using).unwrap();
    assert_eq!(bench.list(), "layer kept\nlayer more\n", "the new one is the one that is written");
    drop(kept);
    drop(more);
    assert_eq!(bench.list(), "");
}

#[test]
fn the_list_is_stable() {
    let items = [Item::Layer("sha256-00".parse().unwrap()), Item::Blob(Digest::of(""))];
    let lines = items.clone().map(|item| line(&item));
    insta::assert_snapshot!(lines.concat(), @r"
    layer sha256-00
    blob sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
    ");
    assert_eq!(lines.map(|line| Item::read(line.trim_end())), items.map(Some));
    for other in ["", "layer", "layer ..", "blob sha256:", "mount x"] {
        assert_eq!(Item::read(other), None, "{other}");
    }
}

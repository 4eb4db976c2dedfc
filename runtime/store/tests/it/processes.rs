//! Several processes with one state directory. The test binary starts itself again for them.

use std::process::{Command, Stdio};

use hlb_store::{LayerId, NewRecord, Store};

use crate::fixture;

const ROUNDS: usize = 40;

/// What one process does: shared and own layers, blobs, records, all at once from two threads.
fn work(store: &Store, who: &str) {
    std::thread::scope(|scope| {
        for thread in 0..2 {
            scope.spawn(move || {
                for round in 0..ROUNDS {
                    let shared: LayerId = format!("shared-{round}").parse().unwrap();
                    let staged = store.layers().new_dir().unwrap();
                    std::fs::write(staged.join("file"), round.to_string()).unwrap();
                    store.layers().commit(&shared, &staged).unwrap();
                    store.blobs().put(format!("blob {round}")).unwrap();
                    let record = NewRecord {
                        key: format!("key-{round}").into(),
                        links: Vec::new(),
                        root: true,
                        facts: serde_json::Value::Null,
                        layers: vec![shared],
                        description: format!("{who}-{thread}"),
                        kind: hlb_store::RecordType::Regular,
                        cost: std::time::Duration::ZERO,
                    };
                    store.cache().save(&record).unwrap();
                    assert!(!store.cache().records(&record.key).unwrap().is_empty());
                }
            });
        }
    });
}

/// Not a test of its own: the body of a child of the tests below.
#[test]
fn child() {
    let Ok(root) = std::env::var("HLB_STORE_TEST_ROOT") else { return };
    let store = Store::open(root.as_ref()).unwrap();
    match std::env::var("HLB_STORE_TEST_KILL") {
        Ok(_) => {
            let staged = store.layers().new_dir().unwrap();
            std::fs::write(staged.join("half"), "").unwrap();
            println!("ready");
            std::thread::sleep(std::time::Duration::from_secs(600));
        }
        Err(_) => work(&store, &std::process::id().to_string()),
    }
}

fn start(root: &std::path::Path, kill: bool) -> std::process::Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "processes::child", "--nocapture"]).env("HLB_STORE_TEST_ROOT", root);
    if kill {
        command.env("HLB_STORE_TEST_KILL", "1");
    }
    command.stdout(Stdio::piped()).spawn().unwrap()
}

#[test]
fn processes_write_at_once() {
    let fixture = fixture();
    let children: Vec<_> = (0..3).map(|_| start(fixture.store.root(), false)).collect();
    work(&fixture.store, "parent");
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
    for round in 0..ROUNDS {
        let records = fixture.store.cache().records(&format!("key-{round}").into()).unwrap();
        assert_eq!(records.len(), 8, "four processes with two threads each saved one");
        let file = fixture.store.layers().path(&records[0].layers[0]).join("file");
        assert_eq!(std::fs::read_to_string(file).unwrap(), round.to_string());
    }
    let sessions = std::fs::read_dir(fixture.store.root().join("sessions")).unwrap().count();
    assert_eq!(sessions, 1, "every child took its session with it");
}

#[test]
fn many_open_and_close_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("state");
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..10 {
                    let store = Store::open(&root).unwrap();
                    store.facts().put("n", "k", b"v").unwrap();
                    assert!(store.session_dir().join("lock").exists());
                }
            });
        }
    });
    assert_eq!(std::fs::read_dir(root.join("sessions")).unwrap().count(), 0);
}

#[test]
fn a_killed_process_leaves_only_its_session() {
    use std::io::BufRead;
    let fixture = fixture();
    let mut child = start(fixture.store.root(), true);
    let mut lines = std::io::BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("ready")));
    let mut seen = 0;
    Store::open_with(fixture.store.root(), &mut |_| seen += 1).unwrap();
    assert_eq!(seen, 0, "it is alive");
    child.kill().unwrap();
    child.wait().unwrap();
    Store::open_with(fixture.store.root(), &mut |_| seen += 1).unwrap();
    assert_eq!(seen, 1);
    assert_eq!(std::fs::read_dir(fixture.store.root().join("sessions")).unwrap().count(), 1);
}

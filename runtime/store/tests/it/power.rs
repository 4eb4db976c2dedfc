//! What is lost with the machine's power, or damaged, is lost whole and made again.

use std::time::Duration;

use hlb_store::{LayerId, NewRecord, RecordType, Store};
use rusqlite::Connection;

use crate::{Fixture, fixture};

fn database(store: &Store) -> Connection {
    Connection::open(store.root().join("meta.db")).unwrap()
}

fn save(fixture: &Fixture, key: &str) -> LayerId {
    let layer = fixture.layer(key);
    let record = NewRecord {
        key: key.into(),
        links: Vec::new(),
        root: true,
        facts: serde_json::Value::Null,
        layers: vec![layer.clone()],
        description: String::new(),
        kind: RecordType::Regular,
        cost: Duration::ZERO,
    };
    fixture.store.cache().save(&record).unwrap();
    layer
}

fn is_found(store: &Store, key: &str) -> bool {
    !store.cache().records(&key.into()).unwrap().is_empty()
}

#[test]
fn what_was_not_on_disk_is_not_believed() {
    let fixture = fixture();
    let settled = save(&fixture, "settled");
    std::thread::sleep(Duration::from_millis(3));
    fixture.store.settle().unwrap();
    let lost = save(&fixture, "lost");
    // The same kernel has it in memory.
    assert!(is_found(&fixture.open_again(), "lost"));
    database(&fixture.store).execute("UPDATE layers SET boot = 'another' WHERE boot <> ''", []).unwrap();
    let store = fixture.open_again();
    assert!(is_found(&store, "settled") && store.layers().exists(&settled).unwrap());
    assert!(!is_found(&store, "lost") && !store.layers().path(&lost).exists());
}

#[test]
fn a_damaged_database_is_put_aside() {
    for (what, damage) in
        [("text", &b"this is no database, it is only text that is long enough"[..]), ("zeros", &[0; 8192])]
    {
        let fixture = fixture();
        let (layer, root) = (save(&fixture, "key"), fixture.store.root().to_owned());
        let Fixture { dir, store } = fixture;
        drop(store);
        std::fs::write(root.join("meta.db"), damage).unwrap();
        let store = Store::open(&root).unwrap();
        let aside = store.damaged().unwrap();
        assert_eq!(std::fs::read(aside.join("meta.db")).unwrap(), damage, "{what}");
        assert!(!is_found(&store, "key"));
        assert!(!store.layers().path(&layer).exists(), "{what}: nothing leads to it any more");
        let fixture = Fixture { dir, store };
        save(&fixture, "key");
        assert!(is_found(&fixture.store, "key"));
    }
}

#[test]
fn a_database_that_breaks_meanwhile_is_replaced() {
    let fixture = fixture();
    for key in 0..200 {
        save(&fixture, &key.to_string());
    }
    let store = &fixture.store;
    store.heal().unwrap();
    assert_eq!(store.damaged(), None, "it is whole");
    assert!(is_found(store, "7"));
    let busy: bool = database(store).query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0)).unwrap();
    assert!(!busy);
    let path = store.root().join("meta.db");
    let mut bytes = std::fs::read(&path).unwrap();
    let length = bytes.len();
    bytes[8192..].fill(0xa5);
    // In place: the file that is open is the one that breaks.
    std::fs::write(&path, &bytes).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().len(), length as u64);
    store.heal().unwrap();
    assert!(store.damaged().is_some());
    assert!(!is_found(store, "7"));
    save(&fixture, "7");
    assert!(is_found(store, "7"));
}

#[test]
fn leftovers_are_found_without_a_dead_session() {
    let fixture = fixture();
    let store = &fixture.store;
    let kept = save(&fixture, "kept");
    let root = store.root();
    drop(fixture.open_again());
    // Killed between the rename and the commit, and the session was removed since.
    let orphan = store.layers().path(&LayerId::random());
    std::fs::create_dir_all(&orphan).unwrap();
    for cache in ["half", "used"] {
        std::fs::create_dir_all(root.join("cache-mounts").join(cache).join("new")).unwrap();
        std::fs::write(root.join("cache-mounts").join(cache).join("lock"), "").unwrap();
    }
    let used = std::fs::File::open(root.join("cache-mounts/used/lock")).unwrap();
    rustix::fs::flock(&used, rustix::fs::FlockOperation::LockExclusive).unwrap();
    for trial in ["trial-old", "trial-new"] {
        std::fs::create_dir(root.join(trial)).unwrap();
    }
    let long_ago = std::time::SystemTime::now() - Duration::from_secs(2 * 60 * 60);
    std::fs::File::open(root.join("trial-old")).unwrap().set_modified(long_ago).unwrap();
    drop(fixture.open_again());
    let there = |path: &str| root.join(path).exists();
    assert!(!orphan.exists() && store.layers().exists(&kept).unwrap());
    assert_eq!((there("cache-mounts/half/new"), there("cache-mounts/used/new")), (false, true));
    assert_eq!((there("trial-old"), there("trial-new")), (false, true));
}

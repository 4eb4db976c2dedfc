//! What may go goes whole, in a fair order, and nothing that is in use.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use hlb_store::{Collected, Item, KeyId, LayerId, NewRecord, Policy, RecordType, Store, UsageId};
use rusqlite::Connection;

use crate::{Fixture, fixture};

const KIB: usize = 1024;

fn never() -> bool {
    false
}

fn database(store: &Store) -> Connection {
    Connection::open(store.root().join("meta.db")).unwrap()
}

/// A layer with so many KiB in it.
fn layer(store: &Store, kib: usize) -> LayerId {
    let id = LayerId::random();
    let staged = store.layers().new_dir().unwrap();
    std::fs::write(staged.join("file"), vec![7; kib * KIB]).unwrap();
    store.layers().commit(&id, &staged).unwrap();
    id
}

fn save(store: &Store, key: &str, layers: &[&LayerId], kind: RecordType, cost: u64) {
    let record = NewRecord {
        key: key.into(),
        links: Vec::new(),
        root: true,
        facts: serde_json::Value::Null,
        layers: layers.iter().map(|id| (*id).clone()).collect(),
        description: format!("makes {key}"),
        kind,
        cost: Duration::from_secs(cost),
    };
    store.cache().save(&record).unwrap();
}

fn keys(store: &Store) -> Vec<String> {
    let db = database(store);
    let mut query = db.prepare("SELECT name FROM keys JOIN results ON results.key = keys.id ORDER BY name").unwrap();
    query.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

/// Where each entry is.
fn places(store: &Store) -> Vec<std::path::PathBuf> {
    let mut places = Vec::new();
    for folder in ["layers", "cache-mounts", "git"] {
        places.extend(std::fs::read_dir(store.root().join(folder)).unwrap().map(|entry| entry.unwrap().path()));
    }
    for folder in std::fs::read_dir(store.root().join("blobs/sha256")).unwrap() {
        places.extend(std::fs::read_dir(folder.unwrap().path()).unwrap().map(|entry| entry.unwrap().path()));
    }
    places
}

/// What `du` says of files and directories together.
fn du(places: &[std::path::PathBuf]) -> u64 {
    if places.is_empty() {
        return 0;
    }
    let output = Command::new("du").args(["-s", "-c", "-B1"]).args(places).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    said.lines().last().unwrap().split('\t').next().unwrap().parse().unwrap()
}

/// One of everything: an image and a step on it, a local directory twice, an orphan, a blob, a cache mount and a repository.
fn everything() -> (Fixture, BTreeMap<&'static str, LayerId>) {
    let fixture = fixture();
    let store = &fixture.store;
    let (base, top, lost) = (layer(store, 40), layer(store, 9), layer(store, 5));
    save(store, "image", &[&base], RecordType::SourceImage, 3);
    save(store, "image too", &[&base], RecordType::SourceImage, 3);
    save(store, "step", &[&base, &top], RecordType::Regular, 1);
    let old = layer(store, 17);
    // The next state of a directory has what did not change from the earlier one.
    let staged = store.layers().new_dir().unwrap();
    std::fs::hard_link(store.layers().path(&old).join("file"), staged.join("file")).unwrap();
    std::fs::write(staged.join("new"), "new").unwrap();
    let new = LayerId::random();
    store.layers().commit(&new, &staged).unwrap();
    save(store, "old", &[&old], RecordType::SourceLocal, 0);
    save(store, "new", &[&new], RecordType::SourceLocal, 0);
    store.blobs().put(vec![1; 10 * KIB]).unwrap();
    let cache = store.cache_mounts_dir().join("key.0");
    std::fs::create_dir_all(cache.join("fs/deep")).unwrap();
    std::fs::write(cache.join("id"), "go").unwrap();
    std::fs::write(cache.join("lock"), "").unwrap();
    std::fs::write(cache.join("fs/deep/object"), vec![1; 30 * KIB]).unwrap();
    let repository = store.root().join("git/0a.git");
    std::fs::create_dir_all(&repository).unwrap();
    std::fs::write(repository.join("HEAD"), "ref: refs/heads/main").unwrap();
    let layers = [("base", base), ("top", top), ("lost", lost), ("old", old), ("new", new)];
    (fixture, layers.into())
}

#[test]
fn sums_are_those_of_the_file_system() {
    let (fixture, layers) = everything();
    let store = &fixture.store;
    let check = |what: &str| {
        let entries = store.usage().unwrap();
        let sum: u64 = entries.iter().filter(|entry| entry.id != UsageId::Rest).map(|entry| entry.bytes).sum();
        assert_eq!(sum, du(&places(store)), "{what}");
    };
    check("at first");
    check("from what was noted");
    // One of the names of a file goes: the others are larger then.
    store.layers().remove(&layers["old"]).unwrap();
    check("without the first of two that share");
    let staged = store.layers().new_dir().unwrap();
    std::fs::hard_link(store.layers().path(&layers["top"]).join("file"), staged.join("file")).unwrap();
    store.layers().commit(&LayerId::random(), &staged).unwrap();
    store.layers().measure_again(&layers["top"]).unwrap();
    check("with a layer that shares files with one that was measured");
    let total: u64 = store.usage().unwrap().iter().map(|entry| entry.bytes).sum();
    drop(database(store));
    let all = du(&[store.root().to_owned()]) - du(&[store.session_dir().to_owned()]);
    // The database is written to in between.
    assert!(total.abs_diff(all) < 64 * KIB as u64, "{total} {all}");
}

#[test]
fn each_thing_is_one_entry() {
    let (fixture, layers) = everything();
    let entries = fixture.store.usage().unwrap();
    let shown: Vec<String> = entries
        .iter()
        .map(|entry| format!("{} {} {}", entry.kind, entry.description, if entry.shared { "shared" } else { "own" }))
        .collect();
    let mut shown: Vec<&str> = shown.iter().map(String::as_str).collect();
    shown.sort_unstable();
    insta::assert_snapshot!(shown.join("\n"), @r"
    exec.cachemount cache mount `go` own
    internal archive of a layer own
    internal git repository own
    internal the database, logs, locks and running builds own
    regular makes step shared
    source.image makes image shared
    source.local makes new own
    source.local makes old own
    unreferenced nothing leads to it own
    ");
    let step = entries.iter().find(|entry| entry.kind == RecordType::Regular).unwrap();
    assert_eq!(
        step.bytes,
        du(&[fixture.store.root().join("layers").join(layers["top"].as_str())]),
        "the base counts below"
    );
}

/// What is left of everything after a collection, without what the test does not name.
fn left(policy: impl FnOnce(&Store) -> Policy) -> String {
    let (fixture, _layers) = everything();
    let store = &fixture.store;
    let policy = policy(store);
    let would = store.would_collect(&policy).unwrap();
    let before = du(&places(store));
    let collected = store.collect(&policy, &never).unwrap();
    let freed = before - du(&places(store));
    // Of two directories that share a file, one alone frees its own share only in the books.
    let one_of_two = collected.removed.iter().filter(|entry| entry.kind == RecordType::SourceLocal).count() == 1;
    assert!(freed == collected.bytes || one_of_two && freed < collected.bytes, "what it says it freed is free");
    let told = |collected: &Collected| {
        let ids = collected.removed.iter().map(|entry| (entry.id.clone(), entry.bytes));
        (ids.collect::<BTreeMap<_, _>>(), collected.bytes, collected.left)
    };
    assert_eq!(told(&would), told(&collected), "a look says what will happen");
    let mut kinds: Vec<String> = store.usage().unwrap().iter().map(|entry| entry.kind.to_string()).collect();
    kinds.sort_unstable();
    kinds.join(" ")
}

#[test]
fn policies_say_what_goes() {
    let filtered = |filter: &str| Policy { filters: vec![filter.parse().unwrap()], ..Policy::default() };
    let all = |_: &Store| Policy { all: true, ..Policy::default() };
    insta::assert_snapshot!(left(all), @"internal");
    insta::assert_snapshot!(left(|_| Policy::default()), @"internal internal internal");
    insta::assert_snapshot!(left(|_| Policy { keep_duration: Duration::from_secs(60), ..Policy::default() }), @"exec.cachemount internal internal internal regular source.image source.local source.local unreferenced");
    insta::assert_snapshot!(left(|_| filtered("type==exec.cachemount")), @"internal internal internal regular source.image source.local source.local unreferenced");
    insta::assert_snapshot!(left(|_| filtered("type==source.local,description~=old")), @"exec.cachemount internal internal internal regular source.image source.local unreferenced");
    // Of more filters one has to mean it.
    insta::assert_snapshot!(left(|_| Policy {
        filters: vec!["type==regular".parse().unwrap(), "type==unreferenced".parse().unwrap()],
        ..Policy::default()
    }), @"exec.cachemount internal internal internal source.image source.local source.local");
    // The base stays for the step on it.
    insta::assert_snapshot!(left(|_| filtered("type==source.image")), @"exec.cachemount internal internal internal regular source.local source.local unreferenced");
    insta::assert_snapshot!(left(|_| Policy { leave_free: Some(1), ..all(&fixture().store) }), @"exec.cachemount internal internal internal regular source.image source.local source.local unreferenced");
    insta::assert_snapshot!(left(|_| Policy { keep_storage: Some(1 << 40), ..all(&fixture().store) }), @"exec.cachemount internal internal internal regular source.image source.local source.local unreferenced");
    insta::assert_snapshot!(left(|store| {
        let total: u64 = store.usage().unwrap().iter().map(|entry| entry.bytes).sum();
        Policy { keep_storage: Some(total - 1), ..all(store) }
    }), @"exec.cachemount internal internal internal regular source.image source.local source.local");
}

#[test]
fn a_full_disk_of_others_does_not_cost_the_whole_cache() {
    let (fixture, _layers) = everything();
    let policy = |reserved| Policy { all: true, leave_free: Some(u64::MAX), reserved, ..Policy::default() };
    assert_eq!(fixture.store.collect(&policy(1 << 40), &never).unwrap().removed, []);
    assert!(!fixture.store.collect(&policy(0), &never).unwrap().removed.is_empty());
}

/// Which of two results goes first. A result is when it was used in seconds from a start, how often, what it cost in seconds
/// and how large it is in KiB.
fn first(a: (u64, u64, u64, usize), b: (u64, u64, u64, usize)) -> String {
    let fixture = fixture();
    let store = &fixture.store;
    for (key, (used, uses, cost, kib)) in [("a", a), ("b", b)] {
        save(store, key, &[&layer(store, kib)], RecordType::Regular, cost);
        database(store)
            .execute(
                "UPDATE results SET created_at = 1, used_at = ?1, uses = ?2 WHERE key = (SELECT id FROM keys WHERE name = ?3)",
                (1_000_000 + used as i64 * 1000, uses as i64, key),
            )
            .unwrap();
    }
    let total: u64 = store.usage().unwrap().iter().map(|entry| entry.bytes).sum();
    let one = Policy { keep_storage: Some(total - 1), ..Policy::default() };
    let collected = store.collect(&one, &never).unwrap();
    let gone: Vec<String> = collected.removed.into_iter().map(|entry| entry.description).collect();
    gone.join(" and ")
}

#[test]
fn what_is_worth_least_goes_first() {
    let check = |a, b, gone: &str| assert_eq!(first(a, b), format!("makes {gone}"), "{a:?} {b:?}");
    check((1, 0, 1, 8), (2, 0, 1, 8), "a");
    check((2, 0, 1, 8), (1, 0, 1, 8), "b");
    check((1, 5, 1, 8), (1, 2, 1, 8), "b");
    check((1, 0, 9, 8), (1, 0, 2, 8), "b");
    check((1, 0, 5, 8), (1, 0, 5, 900), "b");
    check((2, 0, 1, 8), (1, 7, 9, 8), "a");
}

#[test]
fn a_layer_goes_with_its_last_holder() {
    let (fixture, layers) = everything();
    let store = &fixture.store;
    let filtered = |filter: &str| Policy { filters: vec![filter.parse().unwrap()], ..Policy::default() };
    let image = store.collect(&filtered("type==source.image"), &never).unwrap();
    assert_eq!((image.removed.len(), image.bytes), (1, 0));
    assert!(store.layers().exists(&layers["base"]).unwrap());
    assert_eq!(keys(store), ["new", "old", "step"]);
    let step = store.collect(&filtered("type==regular"), &never).unwrap();
    let both = [&layers["base"], &layers["top"]];
    assert!(step.bytes > 49 * KIB as u64 && both.iter().all(|layer| !store.layers().exists(layer).unwrap()));
}

#[test]
fn a_layer_in_use_is_never_collected() {
    let fixture = fixture();
    let done = AtomicBool::new(false);
    let policy = Policy { all: true, ..Policy::default() };
    std::thread::scope(|scope| {
        for _ in 0..2 {
            let collector = fixture.open_again();
            let (done, policy) = (&done, &policy);
            scope.spawn(move || {
                while !done.load(Ordering::Relaxed) {
                    collector.collect(policy, &never).unwrap();
                }
            });
        }
        let builders: Vec<_> = (0..2)
            .map(|number| {
                let store = fixture.open_again();
                scope.spawn(move || {
                    let mut found = 0;
                    for round in 0..150 {
                        let key: KeyId = format!("{number}").into();
                        // As a build does: what is found is held before it is used, and what is made is held as it is made.
                        let records = store.cache().records(&key).unwrap();
                        let held = records.into_iter().find_map(|record| {
                            let items: Vec<Item> = record.layers.iter().cloned().map(Item::Layer).collect();
                            Some((record.layers.clone(), store.lease(&items).unwrap()?))
                        });
                        let (layers, _lease) = match held {
                            Some(held) => {
                                found += 1;
                                held
                            }
                            None => {
                                let id = LayerId::random();
                                let staged = store.layers().new_dir().unwrap();
                                std::fs::write(staged.join("file"), "content").unwrap();
                                let (_, lease) = store.layers().commit(&id, &staged).unwrap();
                                save(&store, key.as_str(), &[&id], RecordType::Regular, 1);
                                (vec![id], lease)
                            }
                        };
                        for _ in 0..round % 3 {
                            std::thread::yield_now();
                            let text = std::fs::read_to_string(store.layers().path(&layers[0]).join("file"));
                            assert_eq!(text.unwrap(), "content");
                        }
                    }
                    found
                })
            })
            .collect();
        let found: Vec<_> = builders.into_iter().map(|builder| builder.join()).collect();
        // Before anything fails: the collectors wait for it.
        done.store(true, Ordering::Relaxed);
        let found: usize = found.into_iter().map(Result::unwrap).sum();
        // The first look of each finds nothing in any case.
        assert!(found < 298, "nothing was ever collected");
    });
    let left = fixture.store.collect(&policy, &never).unwrap().left;
    let rest = fixture.store.usage().unwrap();
    assert_eq!(rest.len(), 1, "{left} {rest:?}");
}

#[test]
fn what_a_lock_holds_stays() {
    let (fixture, _layers) = everything();
    let lock = std::fs::File::open(fixture.store.cache_mounts_dir().join("key.0/lock")).unwrap();
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockShared).unwrap();
    let entry = |store: &Store| store.usage().unwrap().into_iter().find(|entry| entry.kind == RecordType::CacheMount);
    assert!(entry(&fixture.store).unwrap().in_use);
    let policy = Policy { all: true, ..Policy::default() };
    fixture.store.collect(&policy, &never).unwrap();
    assert!(entry(&fixture.store).is_some());
    drop(lock);
    fixture.store.collect(&policy, &never).unwrap();
    assert!(entry(&fixture.store).is_none());
}

#[test]
fn one_collects_at_a_time() {
    let (fixture, _layers) = everything();
    let alone = std::fs::File::create(fixture.store.root().join("gc.lock")).unwrap();
    rustix::fs::flock(&alone, rustix::fs::FlockOperation::LockExclusive).unwrap();
    assert_eq!(fixture.store.try_collect(&Policy::default(), &never).unwrap(), None);
    assert_eq!(fixture.store.collect(&Policy::default(), &|| true).unwrap().removed, []);
    drop(alone);
    assert_eq!(fixture.store.collect(&Policy::default(), &|| true).unwrap().removed, [], "stopped before the first");
    assert!(!fixture.store.collect(&Policy::default(), &never).unwrap().removed.is_empty());
}

#[test]
fn what_is_removed_is_remembered_as_that() {
    let (fixture, layers) = everything();
    let db = database(&fixture.store);
    for key in ["step", "image", "old"] {
        db.execute(
            "INSERT INTO structures (key, vertex, map, kind, name, place, op, parts, made_at)
             VALUES (?1, '', '', '', '', '', x'', '{}', ?2)",
            (key, SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis() as i64),
        )
        .unwrap();
    }
    let filter = "type==regular".parse().unwrap();
    fixture.store.collect(&Policy { filters: vec![filter], ..Policy::default() }, &never).unwrap();
    fixture.store.layers().remove(&layers["old"]).unwrap();
    let mut query = db.prepare("SELECT key, lost, lost_at > 0 FROM structures ORDER BY key").unwrap();
    let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
    let rows: Vec<(String, String, bool)> = rows.map(Result::unwrap).collect();
    let row = |key: &str, lost: &str, at| (key.to_owned(), lost.to_owned(), at);
    assert_eq!(rows, [row("image", "", false), row("old", "damaged", true), row("step", "pruned", true)]);
}

#[test]
fn the_listing_of_a_directory_goes_with_its_layer() {
    let fixture = fixture();
    let store = &fixture.store;
    for name in ["gone", "kept"] {
        store.facts().put("local-1", name, b"listing").unwrap();
        let key = KeyId::of_fact("local-1", name);
        save(store, key.as_str(), &[&layer(store, 1)], RecordType::SourceLocal, 0);
    }
    let filter = format!("description~={}", KeyId::of_fact("local-1", "gone")).parse().unwrap();
    store.collect(&Policy { filters: vec![filter], ..Policy::default() }, &never).unwrap();
    assert_eq!(store.facts().get("local-1", "gone").unwrap(), None);
    assert!(store.facts().get("local-1", "kept").unwrap().is_some());
    store.facts().put("content-1", "any", b"digest").unwrap();
    store.collect(&Policy { all: true, keep_storage: Some(0), ..Policy::default() }, &never).unwrap();
    assert!(store.facts().get("content-1", "any").unwrap().is_some());
    store.collect(&Policy { all: true, ..Policy::default() }, &never).unwrap();
    assert_eq!(store.facts().get("content-1", "any").unwrap(), None, "there is nothing that it could be about");
}

fn count(db: &Connection, table: &str) -> i64 {
    db.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
}

#[test]
fn builds_and_failed_steps_outlive_their_time() {
    let fixture = fixture();
    let store = &fixture.store;
    let db = database(store);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis() as i64;
    let days = |days: i64| now - days * 24 * 60 * 60 * 1000;
    let build = |started: i64, outcome: &str| {
        db.execute(
            "INSERT INTO builds (session, title, directory, started_at, outcome) VALUES ('', '', '', ?1, ?2)",
            (started, outcome),
        )
        .unwrap();
        let build = db.last_insert_rowid();
        let logs = store.root().join(format!("logs/{build}"));
        std::fs::create_dir_all(&logs).unwrap();
        std::fs::write(logs.join("1.log"), "log").unwrap();
        build
    };
    let fail = |build: i64, layer: &LayerId| {
        db.execute("INSERT INTO failures VALUES (?1, 1, x'', '[]')", [build]).unwrap();
        db.execute("INSERT INTO failure_layers VALUES (?1, 1, ?2)", (build, layer.as_str())).unwrap();
    };
    build(days(31), "done");
    build(days(40), "running");
    let old = build(days(8), "failed");
    let layers: Vec<LayerId> = (0..5).map(|_| layer(store, 1)).collect();
    fail(old, &layers[0]);
    for failed in &layers[1..] {
        fail(build(days(1), "failed"), failed);
    }
    let nothing = || Policy { keep_storage: Some(u64::MAX), ..Policy::default() };
    store.collect(&nothing(), &never).unwrap();
    let logs = || std::fs::read_dir(store.root().join("logs")).unwrap().count();
    assert_eq!((count(&db, "builds"), logs()), (6, 6), "one is too old, one runs");
    assert_eq!((count(&db, "failures"), count(&db, "failure_layers")), (3, 3), "one is too old, one too many");
    // The layers of the others are unreferenced, those of kept ones stay.
    let unreferenced = Policy { filters: vec!["type==unreferenced".parse().unwrap()], ..Policy::default() };
    store.collect(&unreferenced, &never).unwrap();
    let kept: Vec<bool> = layers.iter().map(|layer| store.layers().exists(layer).unwrap()).collect();
    assert_eq!(kept, [false, false, true, true, true]);
    for _ in 0..200 {
        build(now, "done");
    }
    store.collect(&nothing(), &never).unwrap();
    assert_eq!((count(&db, "builds"), logs()), (201, 201), "and the one that runs");
    assert_eq!(count(&db, "failures"), 0);
    fail(build(now, "failed"), &layers[4]);
    store.collect(&Policy { all: true, ..Policy::default() }, &never).unwrap();
    assert!(!Path::new(&store.layers().path(&layers[4])).exists());
}

//! When it is collected, and what kinds there are.

use hlb_store::{LayerId, NewRecord};

use super::*;

fn store() -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&dir.path().join("state")).unwrap();
    (dir, store)
}

/// A result with so many KiB that nobody uses.
fn fill(store: &Store, kib: usize) {
    let id = LayerId::random();
    let staged = store.layers().new_dir().unwrap();
    std::fs::write(staged.join("file"), vec![1; kib << 10]).unwrap();
    store.layers().commit(&id, &staged).unwrap();
    let record = NewRecord {
        key: hlb_store::KeyId::random(),
        links: Vec::new(),
        root: true,
        facts: serde_json::Value::Null,
        layers: vec![id],
        description: String::new(),
        kind: RecordType::Regular,
        cost: Duration::ZERO,
    };
    store.cache().save(&record).unwrap();
}

fn results(store: &Store) -> usize {
    store.usage().unwrap().iter().filter(|entry| entry.kind == RecordType::Regular).count()
}

#[test]
fn limits_are_kept_but_not_looked_at_all_the_time() {
    let (_dir, store) = store();
    let collect = |limits: CacheLimits| collect_if_due(&store, limits, &|| false).unwrap();
    let none = CacheLimits { use_at_most: None, leave_free: None, keep_at_least: Some(Space::Bytes(0)) };
    let at_most = |bytes| CacheLimits { use_at_most: Some(Space::Bytes(bytes)), ..none };
    let free = |bytes| CacheLimits { leave_free: Some(Space::Bytes(bytes)), ..none };
    (0..4).for_each(|_| fill(&store, 256));
    collect(at_most(64 << 20));
    assert_eq!(results(&store), 4, "below the limit");
    collect(free(1));
    assert_eq!(results(&store), 4, "enough is free");
    let all: u64 = store.usage().unwrap().iter().map(|entry| entry.bytes).sum();
    let limit = at_most(all - (300 << 10));
    collect(limit);
    let left = results(&store);
    assert!(left < 4 && left > 0, "{left} of {all} bytes");
    fill(&store, 900);
    collect(limit);
    assert_eq!(results(&store), left + 1, "it was looked at just now");
    store.facts().delete(FACTS, "last").unwrap();
    collect(limit);
    assert!(results(&store) < left + 1);
    fill(&store, 256);
    store.facts().delete(FACTS, "last").unwrap();
    collect(CacheLimits { keep_at_least: None, ..free(u64::MAX) });
    assert!(results(&store) > 0, "so little may stay");
    store.facts().delete(FACTS, "last").unwrap();
    collect(free(u64::MAX));
    assert_eq!(results(&store), 0);
}

#[test]
fn room_is_made_from_what_nobody_uses() {
    let (_dir, store) = store();
    fill(&store, 100);
    let (least, share) = EMERGENCY;
    let wanted = (store.disk().unwrap().1 / 100 * share).max(least);
    let (free, before) = (store.free().unwrap(), store.usage().unwrap().len());
    assert!(make_room(&store, &|| false).unwrap());
    // Where so much is free anyway, nothing goes.
    assert_eq!(store.usage().unwrap().len() == before, free >= wanted);
}

#[test]
fn spaces_are_of_a_disk() {
    let disk = Disk { free: 5, total: 1000 };
    assert_eq!((Space::Bytes(7).of(disk), Space::Percent(10).of(disk)), (7, 100));
}

#[test]
fn kinds_are_those_of_the_sources() {
    let check = |identifier: &str, kind: RecordType| {
        let source = pb::SourceOp { identifier: identifier.to_owned(), ..Default::default() };
        let op = pb::Op { op: Some(pb::OpKind::Source(source)), ..Default::default() };
        assert_eq!(super::kind(&op), kind, "{identifier}");
    };
    check("docker-image://docker.io/library/alpine:latest", RecordType::SourceImage);
    check("oci-layout://a@sha256:0", RecordType::SourceImage);
    check("docker-image+blob://a", RecordType::Regular);
    check("git://host/a", RecordType::SourceGitCheckout);
    check("https://host/a", RecordType::SourceHttp);
    check("local://src", RecordType::SourceLocal);
    assert_eq!(super::kind(&pb::Op::default()), RecordType::Regular);
}

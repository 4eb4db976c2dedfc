//! Builds, their steps and what those were made of.

use std::time::{Duration, SystemTime};

use hlb_store::{Ended, KeyId, Likeness, Made, NewBuild, NewStructure, Outcome, StepRow, StepState};

use crate::{Fixture, fixture};

fn begun() -> NewBuild {
    NewBuild { title: "run".to_owned(), directory: "/work".into(), started_at: SystemTime::now() }
}

fn step(number: u32, state: StepState) -> StepRow {
    StepRow {
        number,
        vertex: format!("sha256:{number}"),
        name: format!("step {number}"),
        inputs: vec!["sha256:a".to_owned(), "sha256:b".to_owned()],
        state,
        started_at: Some(SystemTime::UNIX_EPOCH + Duration::from_millis(1234)),
        took: Some(Duration::from_micros(5678)),
        error: None,
        explanation: Some("{}".to_owned()),
    }
}

fn structure(key: &str, map: &str, made: bool) -> NewStructure {
    NewStructure {
        key: Some(KeyId::from(key)),
        vertex: "sha256:v".to_owned(),
        map: map.to_owned(),
        kind: "exec".to_owned(),
        name: "name".to_owned(),
        place: "f:line".to_owned(),
        op: b"op".to_vec(),
        parts: r#"{"v":1}"#.to_owned(),
        made,
        lost: String::new(),
    }
}

fn ended(outcome: Outcome, steps: Vec<(StepRow, Option<Made>)>, structures: Vec<NewStructure>) -> Ended {
    Ended { outcome, steps, structures, sources: vec![b"source".to_vec()], durations: Vec::new() }
}

fn maps(fixture: &Fixture, likeness: Likeness<'_>) -> Vec<String> {
    let found = fixture.store.structures().like(likeness, 10).unwrap();
    found.into_iter().map(|row| row.structure.map).collect()
}

#[test]
fn builds_are_read_as_they_were_written() {
    let fixture = fixture();
    let history = fixture.store.history();
    let id = history.begin(&begun()).unwrap();
    assert_eq!(history.build(id).unwrap().unwrap().outcome, Outcome::Running);
    let steps = vec![(step(1, StepState::Ran), None), (step(2, StepState::Cached), None)];
    assert_eq!(history.end(Some(id), &begun(), &ended(Outcome::Failed, steps, Vec::new())).unwrap(), id);
    let build = history.build(id).unwrap().unwrap();
    assert_eq!((build.outcome, build.steps, build.cached), (Outcome::Failed, 2, 1));
    assert!(build.ended_at.is_some());
    assert_eq!(history.steps(id).unwrap(), [step(1, StepState::Ran), step(2, StepState::Cached)]);
    assert_eq!(history.sources(id).unwrap(), [b"source"]);
    // One that was not begun gets the next number.
    let next = history.end(None, &begun(), &ended(Outcome::Done, Vec::new(), Vec::new())).unwrap();
    assert_eq!(history.builds(9).unwrap().iter().map(|build| build.id).collect::<Vec<_>>(), [next, id]);
    assert!(history.build(99).unwrap().is_none());
}

#[test]
fn a_build_is_dead_when_its_process_is() {
    let fixture = fixture();
    let own = fixture.store.history().begin(&begun()).unwrap();
    let other = fixture.open_again();
    let theirs = other.history().begin(&begun()).unwrap();
    assert!(fixture.store.history().dead().unwrap().is_empty());
    drop(other);
    assert_eq!(fixture.store.history().dead().unwrap(), [theirs]);
    let steps = vec![(step(1, StepState::Died), None)];
    fixture.store.history().bury(theirs, &ended(Outcome::Died, steps, Vec::new())).unwrap();
    assert!(fixture.store.history().dead().unwrap().is_empty());
    let buried = fixture.store.history().build(theirs).unwrap().unwrap();
    assert_eq!((buried.outcome, buried.ended_at), (Outcome::Died, None));
    assert_eq!(fixture.store.history().build(own).unwrap().unwrap().outcome, Outcome::Running);
}

#[test]
fn a_structure_is_written_again_only_if_its_result_is_made_again() {
    let fixture = fixture();
    let (history, structures) = (fixture.store.history(), fixture.store.structures());
    let end = |new: NewStructure| {
        let steps = vec![(step(1, StepState::Ran), Some(Made::New(0)))];
        history.end(None, &begun(), &ended(Outcome::Done, steps, vec![new])).unwrap()
    };
    let key = KeyId::from("key");
    let first = end(structure("key", "one", true));
    let db = rusqlite::Connection::open(fixture.store.root().join("meta.db")).unwrap();
    db.execute("UPDATE structures SET lost = 'pruned', lost_at = 1 WHERE key = 'key'", []).unwrap();
    let row = structures.of(&key).unwrap().unwrap();
    assert_eq!((row.structure.lost.as_str(), row.build), ("pruned", first));
    end(structure("key", "two", false));
    assert_eq!(structures.of(&key).unwrap().unwrap().structure.map, "one");
    let third = end(structure("key", "three", true));
    let again = structures.of(&key).unwrap().unwrap();
    assert_eq!((again.structure.map.as_str(), again.structure.lost.as_str()), ("three", ""));
    assert_eq!((again.id, again.build), (row.id, third));
    assert_eq!(structures.made_by(&[&key, &KeyId::from("none")]).unwrap()[&key], (row.id, third));
    assert_eq!(history.last_uses(10).unwrap(), [(row.id, third)].into());
    let last = |directory: &str, builds: u32| {
        let steps = history.last_steps(std::path::Path::new(directory), builds).unwrap();
        steps.into_iter().map(|step| (step.build, step.vertex, step.kind)).collect::<Vec<_>>()
    };
    let step = |build| (build, "sha256:1".to_owned(), "exec".to_owned());
    assert_eq!(last("/work", 2), [step(third - 1), step(third)]);
    assert_eq!(last("/elsewhere", 2), []);
}

#[test]
fn structures_are_found_by_place_map_or_name_of_one_kind() {
    let fixture = fixture();
    let new = |key: &str, place: &str, map: &str, name: &str, kind: &str| NewStructure {
        place: place.to_owned(),
        name: name.to_owned(),
        kind: kind.to_owned(),
        ..structure(key, map, true)
    };
    let all = vec![
        new("1", "here", "by place", "a", "exec"),
        new("2", "", "wanted", "b", "exec"),
        new("3", "", "by name", "c", "exec"),
        new("4", "here", "wanted", "c", "file"),
        new("5", "", "another", "d", "exec"),
    ];
    fixture.store.history().end(None, &begun(), &ended(Outcome::Done, Vec::new(), all)).unwrap();
    let likeness = Likeness { place: "here", map: "wanted", name: "c", kind: "exec" };
    assert_eq!(maps(&fixture, likeness), ["by place", "wanted", "by name"]);
    let rows = fixture.store.structures().rows(&[2, 99]).unwrap();
    assert_eq!(rows.iter().map(|row| row.structure.map.as_str()).collect::<Vec<_>>(), ["wanted"]);
    // No place is not a place.
    assert_eq!(maps(&fixture, Likeness { place: "", ..likeness }), ["wanted", "by name"]);
}

#[test]
fn durations_settle_on_what_is_usual() {
    let fixture = fixture();
    let history = fixture.store.history();
    let took = |millis: u64| {
        let durations = vec![("step".to_owned(), Duration::from_millis(millis))];
        let ended = Ended { durations, ..ended(Outcome::Done, Vec::new(), Vec::new()) };
        history.end(None, &begun(), &ended).unwrap();
        fixture.store.durations(["step", "other"]).unwrap()
    };
    assert_eq!(took(100), [("step", Duration::from_millis(100))].into());
    assert_eq!(took(200), [("step", Duration::from_millis(150))].into());
}

#[test]
fn a_build_of_nothing_new_is_there_for_all_without_waiting_for_the_disk() {
    let Fixture { dir, store } = fixture();
    let log = dir.path().join("state/meta.db-wal");
    drop(store);
    assert!(!log.exists());
    let open = || hlb_store::Store::open(&dir.path().join("state")).unwrap();
    let end = |store: &hlb_store::Store, structures| {
        store.history().end(None, &begun(), &ended(Outcome::Done, Vec::new(), structures)).unwrap()
    };
    let light = end(&open(), Vec::new());
    assert!(log.exists());
    assert_eq!(open().history().builds(9).unwrap()[0].id, light);
    // What was made is on the disk when it ends.
    let heavy = end(&open(), vec![structure("key", "map", true)]);
    assert!(!log.exists());
    let ids: Vec<i64> = open().history().builds(9).unwrap().into_iter().map(|build| build.id).collect();
    assert_eq!(ids, [heavy, light]);
}

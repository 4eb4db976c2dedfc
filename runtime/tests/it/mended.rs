//! A state directory that is broken: builds mend what they can, and do not fail for it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hlb_llb::graph::{Annotations, marshal};
use hlb_llb::ops::{Copy, FileStep, Local, LocalOwner, file, local};
use hlb_llb::status::Status;
use hlb_runtime::{CacheLimits, Policy, RecordType, State};
use tokio_util::sync::CancellationToken;

use crate::support::{Bench, mkfile, read};

/// The directories of the layers that have such a file.
fn layers_with(state: &Path, file: &str) -> Vec<PathBuf> {
    let layers = std::fs::read_dir(state.join("layers")).unwrap().map(|entry| entry.unwrap().path());
    layers.filter(|layer| layer.join("fs").join(file).exists()).collect()
}

#[test]
fn privileged_a_layer_that_vanishes_in_a_build_is_made_again() {
    let mut bench = Bench::new();
    let base = mkfile(None, "/a", "base");
    let top = |text: &str| mkfile(Some(base.clone()), "/b", text);
    bench.solve(Some(&top("one"))).unwrap();
    let (state, done) = (bench.path("state"), AtomicBool::new(false));
    bench.watch = Some(Arc::new(move |status| {
        // Only the second file is made: the first was found in the cache, and is in use.
        if let Status::Started { .. } = status
            && let [layer] = layers_with(&state, "a").as_slice()
            && !done.swap(true, Ordering::Relaxed)
        {
            std::fs::remove_dir_all(layer).unwrap();
        }
    }));
    let seen = bench.solve(Some(&top("two"))).unwrap();
    assert_eq!((read(&bench.out(), "a").as_str(), read(&bench.out(), "b").as_str()), ("base", "two"));
    assert!(seen.log.contains("a cached layer cannot be read (No such file or directory"), "{}", seen.log);
    assert_eq!(seen.cached.len(), 1);
    bench.watch = None;
    assert_eq!(bench.solve(Some(&top("two"))).unwrap().ran, [""; 0], "what was made again is found");
}

#[test]
fn privileged_without_metadata_everything_is_made_again() {
    let bench = Bench::new();
    let target = mkfile(None, "/a", "text");
    bench.solve(Some(&target)).unwrap();
    std::fs::write(bench.path("state/meta.db"), "this is no database, it is only text that is long enough").unwrap();
    let state = State::open(&bench.path("state")).unwrap();
    let notices = state.notices();
    let root = bench.path("state").canonicalize().unwrap();
    let dir = std::fs::read_dir(&root).unwrap().map(|entry| entry.unwrap().path());
    let aside = dir.into_iter().find(|path| path.display().to_string().contains("/damaged-")).unwrap();
    let (root, aside) = (root.display(), aside.display());
    assert_eq!(
        notices,
        [format!("the metadata in `{root}/meta.db` was damaged and is kept in `{aside}`; the cache starts empty")]
    );
    drop(state);
    assert_eq!(bench.solve(Some(&target)).unwrap().ran.len(), 1);
    assert_eq!(bench.solve(Some(&target)).unwrap().ran.len(), 0);
}

#[test]
fn privileged_metadata_that_breaks_in_a_build_is_replaced() {
    let mut bench = Bench::new();
    for text in ["one", "two"] {
        bench.solve(Some(&mkfile(None, "/a", text))).unwrap();
    }
    let (meta, done) = (bench.path("state/meta.db"), AtomicBool::new(false));
    bench.watch = Some(Arc::new(move |status| {
        if let Status::Started { .. } = status
            && !done.swap(true, Ordering::Relaxed)
        {
            let mut bytes = std::fs::read(&meta).unwrap();
            bytes[4096..].fill(0xa5);
            std::fs::write(&meta, bytes).unwrap();
        }
    }));
    let definition = marshal(Some(&mkfile(None, "/a", "three")), Vec::new());
    let (seen, notices) =
        bench.solve_with(definition, |_| {}, async |runtime, _| Ok(runtime.state().notices())).unwrap();
    assert!(seen.log.contains("the metadata of the cache is damaged; it starts empty"), "{}", seen.log);
    assert_eq!(notices.len(), 1, "{notices:?}");
    bench.watch = None;
    assert_eq!(bench.solve(Some(&mkfile(None, "/a", "three"))).unwrap().ran, [""; 0]);
    assert_eq!(read(&bench.out(), "a"), "three");
}

#[test]
fn privileged_what_is_used_is_noted_and_nothing_in_use_goes() {
    let bench = Bench::new();
    bench.write("file", "text");
    // A file that was written a moment ago is read again by the next build.
    std::thread::sleep(Duration::from_millis(80));
    let source = local(Local::new("src", LocalOwner::Unique("src".to_owned())), Annotations::default());
    let copy = Copy::new(Some(source), "/file", "/");
    let target = file(None, vec![FileStep::Copy(copy)], Annotations::default()).unwrap();
    let definition = marshal(Some(&target), Vec::new());
    let entries = |state: &State| {
        let mut entries: Vec<_> = state.usage().unwrap().into_iter().map(|it| (it.kind, it.uses, it.in_use)).collect();
        entries.retain(|entry| entry.0 != RecordType::Internal);
        entries.sort_unstable();
        entries
    };
    bench.solve_definition(definition.clone()).unwrap();
    let state = State::open(&bench.path("state")).unwrap();
    assert_eq!(entries(&state), [(RecordType::Regular, 0, false), (RecordType::SourceLocal, 0, false)]);
    bench.solve_definition(definition.clone()).unwrap();
    assert_eq!(entries(&state), [(RecordType::Regular, 0, false), (RecordType::SourceLocal, 0, false)], "the same use");
    let db = rusqlite::Connection::open(bench.path("state/meta.db")).unwrap();
    db.execute("UPDATE results SET used_at = 1000", []).unwrap();
    let all = Policy { all: true, ..Policy::default() };
    let (_, ()) = bench
        .solve_with(
            definition,
            |_| {},
            async |runtime, solved| {
                assert_eq!(
                    entries(&runtime.state()),
                    [(RecordType::Regular, 1, true), (RecordType::SourceLocal, 1, false)],
                    "the result is held"
                );
                runtime.state().collect(&all, &|| false).unwrap();
                assert_eq!(entries(&runtime.state()), [(RecordType::Regular, 1, true)]);
                runtime.look(&solved).await.unwrap();
                runtime.tidy(CacheLimits::default(), &CancellationToken::new()).await.unwrap();
                let waiting: i64 =
                    db.query_row("SELECT count(*) FROM layers WHERE boot <> ''", [], |row| row.get(0)).unwrap();
                assert_eq!(waiting, 0, "everything is on disk");
                Ok(())
            },
        )
        .unwrap();
    state.collect(&all, &|| false).unwrap();
    assert_eq!(entries(&state), []);
}

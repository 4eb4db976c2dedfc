//! Sessions: what a process leaves behind, and who may remove it.

use std::os::unix::fs::PermissionsExt;

use hlb_store::{LayerId, Store};

use crate::fixture;

#[test]
fn the_session_goes_with_the_last_clone() {
    let fixture = fixture();
    let store = fixture.open_again();
    let clone = store.clone();
    let dir = store.session_dir().to_owned();
    std::fs::create_dir_all(dir.join("runc/deep")).unwrap();
    drop(store);
    assert!(dir.exists());
    drop(clone);
    assert!(!dir.exists());
}

#[test]
fn a_blob_writer_keeps_its_session() {
    let fixture = fixture();
    let store = fixture.open_again();
    let writer = store.blobs().writer().unwrap();
    drop(store);
    let (digest, _, _) = writer.finish(None).unwrap();
    assert!(fixture.store.blobs().contains(&digest));
}

#[test]
fn dead_sessions_are_shown_and_removed_living_ones_stay() {
    let fixture = fixture();
    let sessions = fixture.store.root().join("sessions");
    // What a killed process leaves: a lock nobody holds. And one that was killed before it made the lock.
    std::fs::create_dir_all(sessions.join("dead/layers/0/fs/usr")).unwrap();
    std::fs::write(sessions.join("dead/lock"), "").unwrap();
    std::fs::create_dir_all(sessions.join("unborn")).unwrap();
    let mut seen = Vec::new();
    let second = Store::open_with(fixture.store.root(), &mut |dir| {
        assert!(dir.exists(), "the hook comes before the removal");
        seen.push(dir.file_name().unwrap().to_owned());
    })
    .unwrap();
    assert_eq!(seen, ["dead", "unborn"]);
    let mut left: Vec<_> = std::fs::read_dir(&sessions).unwrap().map(|entry| entry.unwrap().path()).collect();
    left.sort();
    let mut alive = [fixture.store.session_dir().to_owned(), second.session_dir().to_owned()];
    alive.sort();
    assert_eq!(left, alive);
}

#[test]
fn layers_of_a_crash_are_swept() {
    let fixture = fixture();
    let kept = fixture.layer("kept");
    let lost = fixture.layer("lost");
    let layers = fixture.store.layers();
    // Killed between the rename and the commit of the row.
    let orphan = layers.path(&LayerId::random());
    std::fs::create_dir_all(&orphan).unwrap();
    std::fs::remove_dir_all(layers.path(&lost).parent().unwrap()).unwrap();
    let dead = fixture.store.root().join("sessions/dead");
    std::fs::create_dir(&dead).unwrap();
    let staged = layers.new_dir().unwrap();
    fixture.open_again();
    assert!(!orphan.exists());
    assert!(layers.exists(&kept).unwrap());
    assert!(staged.exists(), "what a living session has staged is not touched");
}

#[test]
fn the_state_directory_is_private() {
    let fixture = fixture();
    for path in ["", "blobs", "layers", "sessions", "cache-mounts"] {
        let mode = std::fs::metadata(fixture.store.root().join(path)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700, "{path}");
    }
    let fs = fixture.store.layers().new_dir().unwrap();
    assert_eq!(std::fs::metadata(fs).unwrap().permissions().mode() & 0o777, 0o755);
}

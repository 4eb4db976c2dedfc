//! What is in use stays, whoever cleans up.

use hlb_store::{Item, LayerId, Store};

use crate::fixture;

/// Leaves a session behind whose process is dead, so that the next one to open the store cleans up.
fn die(store: &Store, name: &str) {
    std::fs::create_dir(store.root().join("sessions").join(name)).unwrap();
}

#[test]
fn a_layer_in_use_survives_the_loss_of_its_row() {
    let fixture = fixture();
    let id = fixture.layer("kept");
    let lease = fixture.store.lease(&[Item::Layer(id.clone())]).unwrap().unwrap();
    let db = rusqlite::Connection::open(fixture.store.root().join("meta.db")).unwrap();
    db.execute("DELETE FROM layers", []).unwrap();
    die(&fixture.store, "first");
    fixture.open_again();
    assert_eq!(std::fs::read_to_string(fixture.store.layers().path(&id).join("file")).unwrap(), "kept");
    drop(lease);
    die(&fixture.store, "second");
    fixture.open_again();
    assert!(!fixture.store.layers().path(&id).exists(), "nobody uses it any more");
}

#[test]
fn the_dead_use_nothing() {
    let fixture = fixture();
    let id = fixture.layer("lost");
    let db = rusqlite::Connection::open(fixture.store.root().join("meta.db")).unwrap();
    db.execute("DELETE FROM layers", []).unwrap();
    // As a killed process leaves it: with a lock that nobody holds, and a list.
    die(&fixture.store, "dead");
    let dead = fixture.store.root().join("sessions/dead");
    std::fs::write(dead.join("lock"), "").unwrap();
    std::fs::write(dead.join("leases"), format!("layer {id}\n")).unwrap();
    fixture.open_again();
    assert!(!fixture.store.layers().path(&id).exists());
}

#[test]
fn a_lease_keeps_the_session() {
    let fixture = fixture();
    let id = fixture.layer("kept");
    let store = fixture.open_again();
    let session = store.session_dir().to_owned();
    let lease = store.lease(&[Item::Layer(id)]).unwrap().unwrap();
    drop(store);
    assert!(session.exists());
    drop(lease);
    assert!(!session.exists());
}

#[test]
fn many_threads_hold_and_let_go_at_once() {
    let fixture = fixture();
    let layers: Vec<LayerId> = (0..8).map(|number| fixture.layer(&number.to_string())).collect();
    let always = fixture.store.lease(&[Item::Layer(layers[0].clone())]).unwrap().unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (layers, store) = (&layers, &fixture.store);
            scope.spawn(move || {
                for round in 0..200 {
                    let items = [&layers[(thread + round) % 8], &layers[round % 8]].map(|id| Item::Layer(id.clone()));
                    assert!(store.lease(&items).unwrap().is_some());
                }
            });
        }
    });
    let list = std::fs::read_to_string(fixture.store.session_dir().join("leases")).unwrap();
    assert!(list.lines().any(|line| line == format!("layer {}", layers[0])));
    drop(always);
    assert_eq!(std::fs::metadata(fixture.store.session_dir().join("leases")).unwrap().len(), 0);
}

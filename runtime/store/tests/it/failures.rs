//! Failed steps that are kept.

use hlb_store::{Failure, KeptMount, LayerId, Store};

#[test]
fn what_is_kept_is_found_by_its_numbers() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let layers = [LayerId::random(), LayerId::random()];
    let failure = |build, number, layers: &[LayerId]| Failure {
        build,
        number,
        op: vec![0, 1, 255],
        mounts: vec![KeptMount { mount: 0, layers: layers.to_vec() }, KeptMount { mount: 3, layers: Vec::new() }],
    };
    for (build, number) in [(7, 2), (7, 11), (9, 1)] {
        store.failures().put(&failure(build, number, &layers)).unwrap();
    }
    let found = |build| store.failures().list(build).unwrap();
    assert_eq!(found(None), [(9, 1), (7, 11), (7, 2)]);
    assert_eq!(found(Some(7)), [(7, 11), (7, 2)]);
    assert_eq!(found(Some(8)), []);
    // Also by another process, and only the newer of two with the same numbers.
    store.failures().put(&failure(7, 2, &layers[1..])).unwrap();
    let other = Store::open(dir.path()).unwrap();
    assert_eq!(other.failures().get(7, 2).unwrap(), Some(failure(7, 2, &layers[1..])));
    assert_eq!(other.failures().get(7, 3).unwrap(), None);
}

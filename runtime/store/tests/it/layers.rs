//! A layer is there with its whole content and its row, or not at all.

use std::path::Path;

use hlb_store::{LayerId, NewRecord};

use crate::fixture;

#[test]
fn a_commit_moves_the_directory() {
    let fixture = fixture();
    let layers = fixture.store.layers();
    let id: LayerId = "sha256-0011".parse().unwrap();
    let staged = layers.new_dir().unwrap();
    std::fs::write(staged.join("file"), "x").unwrap();
    std::fs::create_dir(staged.parent().unwrap().join("work")).unwrap();
    assert!(!layers.exists(&id).unwrap());
    let (path, _) = layers.commit(&id, &staged).unwrap();
    assert_eq!(path, layers.path(&id));
    assert!(layers.exists(&id).unwrap());
    assert_eq!(std::fs::read_to_string(path.join("file")).unwrap(), "x");
    assert!(!staged.exists());
    assert!(!path.parent().unwrap().join("work").exists(), "only `fs` is kept");
}

#[test]
fn the_first_layer_of_a_name_stays() {
    let fixture = fixture();
    let layers = fixture.store.layers();
    let id = fixture.layer("first");
    let staged = layers.new_dir().unwrap();
    std::fs::write(staged.join("file"), "second").unwrap();
    let (path, _) = layers.commit(&id, &staged).unwrap();
    assert_eq!(std::fs::read_to_string(path.join("file")).unwrap(), "first");
    assert!(!staged.parent().unwrap().exists(), "the staged one is removed");
}

#[test]
fn a_layer_that_lost_its_directory_is_made_again() {
    let fixture = fixture();
    let layers = fixture.store.layers();
    let id = fixture.layer("first");
    std::fs::remove_dir_all(layers.path(&id).parent().unwrap()).unwrap();
    assert!(!layers.exists(&id).unwrap());
    let staged = layers.new_dir().unwrap();
    layers.commit(&id, &staged).unwrap();
    assert!(layers.exists(&id).unwrap());
}

#[test]
fn a_directory_without_a_row_is_replaced() {
    let fixture = fixture();
    let layers = fixture.store.layers();
    let id = LayerId::random();
    std::fs::create_dir_all(layers.path(&id).join("half")).unwrap();
    assert!(!layers.exists(&id).unwrap());
    let staged = layers.new_dir().unwrap();
    let (path, _) = layers.commit(&id, &staged).unwrap();
    assert!(!path.join("half").exists());
}

#[test]
fn only_what_was_staged_here_is_committed() {
    let fixture = fixture();
    let other = fixture.open_again();
    let elsewhere = other.layers().new_dir().unwrap();
    let own = fixture.store.layers().new_dir().unwrap();
    for path in [Path::new("/etc"), &elsewhere, own.parent().unwrap(), &own.join("..")] {
        let error = fixture.store.layers().commit(&LayerId::random(), path).unwrap_err().to_string();
        assert!(error.contains("was not staged in this session"), "{path:?}: {error}");
    }
    assert!(elsewhere.exists() && own.exists());
}

#[test]
fn removing_a_layer_drops_the_results_that_need_it() {
    let fixture = fixture();
    let (kept, gone) = (fixture.layer("kept"), fixture.layer("gone"));
    let record = |key: &str, layers| NewRecord {
        key: key.into(),
        links: Vec::new(),
        root: true,
        facts: serde_json::Value::Null,
        layers,
        description: String::new(),
        kind: hlb_store::RecordType::Regular,
        cost: std::time::Duration::ZERO,
    };
    let cache = fixture.store.cache();
    cache.save(&record("a", vec![kept.clone()])).unwrap();
    cache.save(&record("b", vec![kept.clone(), gone.clone()])).unwrap();
    fixture.store.layers().remove(&gone).unwrap();
    assert!(!fixture.store.layers().exists(&gone).unwrap());
    assert!(!fixture.store.layers().path(&gone).exists());
    assert!(cache.exists(&"a".into()).unwrap());
    assert!(!cache.exists(&"b".into()).unwrap());
    fixture.store.layers().remove(&gone).unwrap();
}

#[test]
fn names_are_file_names_without_colons() {
    for text in ["a", "sha256-00ff", "A.b_c-9"] {
        assert_eq!(text.parse::<LayerId>().unwrap().as_str(), text);
    }
    for text in ["", ".", "..", "a/b", "a:b", "a,b", "-a", "ü", "a b", &"x".repeat(101)] {
        assert!(text.parse::<LayerId>().is_err(), "{text:?}");
    }
    assert_ne!(LayerId::random(), LayerId::random());
    assert!(LayerId::random().as_str().parse::<LayerId>().is_ok());
}

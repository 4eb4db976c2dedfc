//! The on-disk format. A change here needs a migration, or a new format version.

use hlb_store::{LayerId, Store};

use crate::{chain, fixture};

#[test]
fn the_schema_is_stable() {
    let fixture = fixture();
    let db = rusqlite::Connection::open(fixture.store.root().join("meta.db")).unwrap();
    let version: u32 = db.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    let mut query = db.prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name").unwrap();
    let tables: Vec<String> = query.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    let mut dump = format!("version {version}\n");
    for table in tables {
        dump.push_str(&table.split_whitespace().collect::<Vec<_>>().join(" "));
        dump.push('\n');
    }
    insta::assert_snapshot!(dump, @r#"
version 2
CREATE TABLE build_sources ( build INTEGER NOT NULL REFERENCES builds (id) ON DELETE CASCADE, source BLOB NOT NULL ) STRICT
CREATE INDEX build_sources_by_build ON build_sources (build)
CREATE TABLE build_steps ( build INTEGER NOT NULL REFERENCES builds (id) ON DELETE CASCADE, number INTEGER NOT NULL, vertex TEXT NOT NULL, name TEXT NOT NULL, inputs TEXT NOT NULL, state TEXT NOT NULL, started_at INTEGER, micros INTEGER, error TEXT, structure INTEGER, explanation TEXT, PRIMARY KEY (build, number) ) STRICT, WITHOUT ROWID
CREATE TABLE builds ( id INTEGER PRIMARY KEY AUTOINCREMENT, session TEXT NOT NULL, title TEXT NOT NULL, directory TEXT NOT NULL, started_at INTEGER NOT NULL, ended_at INTEGER, outcome TEXT NOT NULL ) STRICT
CREATE TABLE durations ( step TEXT PRIMARY KEY, micros INTEGER NOT NULL, at INTEGER NOT NULL ) STRICT, WITHOUT ROWID
CREATE TABLE facts ( namespace TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, PRIMARY KEY (namespace, key) ) STRICT, WITHOUT ROWID
CREATE TABLE failure_layers ( build INTEGER NOT NULL, number INTEGER NOT NULL, layer TEXT NOT NULL, PRIMARY KEY (build, number, layer) ) STRICT, WITHOUT ROWID
CREATE INDEX failure_layers_by_layer ON failure_layers (layer)
CREATE TABLE failures ( build INTEGER NOT NULL, number INTEGER NOT NULL, op BLOB NOT NULL, mounts TEXT NOT NULL, PRIMARY KEY (build, number) ) STRICT, WITHOUT ROWID
CREATE TABLE keys ( id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, root INTEGER NOT NULL, created_at INTEGER NOT NULL, facts TEXT NOT NULL ) STRICT
CREATE TABLE layers ( id TEXT PRIMARY KEY, created_at INTEGER NOT NULL , boot TEXT NOT NULL DEFAULT '', bytes INTEGER, shared INTEGER NOT NULL DEFAULT 0) STRICT, WITHOUT ROWID
CREATE TABLE links ( source INTEGER NOT NULL REFERENCES keys (id), digest TEXT NOT NULL, input INTEGER NOT NULL, output INTEGER NOT NULL, selector TEXT NOT NULL, target INTEGER NOT NULL REFERENCES keys (id), PRIMARY KEY (source, digest, input, output, selector, target) ) STRICT, WITHOUT ROWID
CREATE INDEX links_by_target ON links (target)
CREATE TABLE result_layers ( result INTEGER NOT NULL REFERENCES results (id) ON DELETE CASCADE, position INTEGER NOT NULL, layer TEXT NOT NULL, PRIMARY KEY (result, position) ) STRICT, WITHOUT ROWID
CREATE INDEX result_layers_by_layer ON result_layers (layer)
CREATE TABLE results ( id INTEGER PRIMARY KEY AUTOINCREMENT, key INTEGER NOT NULL REFERENCES keys (id), created_at INTEGER NOT NULL, description TEXT NOT NULL , used_at INTEGER NOT NULL DEFAULT 0, uses INTEGER NOT NULL DEFAULT 0, cost INTEGER NOT NULL DEFAULT 0, kind TEXT NOT NULL DEFAULT 'regular') STRICT
CREATE INDEX results_by_key ON results (key, created_at)
CREATE TABLE sqlite_sequence(name,seq)
CREATE TABLE structures ( id INTEGER PRIMARY KEY, key TEXT, vertex TEXT NOT NULL, map TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL, place TEXT NOT NULL, op BLOB NOT NULL, parts TEXT NOT NULL, made_at INTEGER NOT NULL, lost TEXT NOT NULL DEFAULT '', lost_at INTEGER NOT NULL DEFAULT 0 ) STRICT
CREATE INDEX structures_by_key ON structures (key)
CREATE INDEX structures_by_map ON structures (map, made_at)
CREATE INDEX structures_by_name ON structures (name, made_at)
CREATE INDEX structures_by_place ON structures (place, made_at)
"#);
}

/// What a program of the first version left.
const VERSION_1: &str = "
    CREATE TABLE layers (id TEXT PRIMARY KEY, created_at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE keys (
        id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, root INTEGER NOT NULL, created_at INTEGER NOT NULL, facts TEXT NOT NULL
    ) STRICT;
    CREATE TABLE links (
        source INTEGER NOT NULL REFERENCES keys (id), digest TEXT NOT NULL, input INTEGER NOT NULL, output INTEGER NOT NULL,
        selector TEXT NOT NULL, target INTEGER NOT NULL REFERENCES keys (id),
        PRIMARY KEY (source, digest, input, output, selector, target)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX links_by_target ON links (target);
    CREATE TABLE results (
        id INTEGER PRIMARY KEY AUTOINCREMENT, key INTEGER NOT NULL REFERENCES keys (id), created_at INTEGER NOT NULL,
        description TEXT NOT NULL
    ) STRICT;
    CREATE INDEX results_by_key ON results (key, created_at);
    CREATE TABLE result_layers (
        result INTEGER NOT NULL REFERENCES results (id) ON DELETE CASCADE, position INTEGER NOT NULL, layer TEXT NOT NULL,
        PRIMARY KEY (result, position)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX result_layers_by_layer ON result_layers (layer);
    CREATE TABLE facts (
        namespace TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, PRIMARY KEY (namespace, key)
    ) STRICT, WITHOUT ROWID;
    INSERT INTO layers VALUES ('base', 1000);
    INSERT INTO keys VALUES (1, 'image', 1, 1000, '{}'), (2, 'step', 0, 2000, '{}');
    INSERT INTO links VALUES (1, 'sha256:run', 0, 0, '', 2);
    INSERT INTO results VALUES (7, 2, 2000, 'run make');
    INSERT INTO result_layers VALUES (7, 0, 'base');
    INSERT INTO facts VALUES ('local-1', 'here', x'6869');
    PRAGMA user_version = 1;
";

#[test]
fn what_an_older_program_kept_is_found() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(dir.path().join("layers/base/fs")).unwrap();
    std::fs::write(dir.path().join("version"), "1\n").unwrap();
    let db = rusqlite::Connection::open(dir.path().join("meta.db")).unwrap();
    db.pragma_update(None, "journal_mode", "WAL").unwrap();
    db.execute_batch(VERSION_1).unwrap();
    drop(db);
    let store = Store::open(dir.path()).unwrap();
    let link = hlb_store::Link { input: 0, output: 0, digest: "sha256:run".to_owned(), selector: String::new() };
    let found = store.cache().targets(&"image".into(), &link).unwrap();
    assert_eq!(found, ["step".into()]);
    let records = store.cache().records(&found[0]).unwrap();
    let base: LayerId = "base".parse().unwrap();
    assert_eq!(
        (records.len(), &records[0].layers, records[0].description.as_str()),
        (1, &vec![base.clone()], "run make")
    );
    assert!(store.layers().exists(&base).unwrap());
    assert_eq!(store.facts().get("local-1", "here").unwrap().unwrap(), b"hi");
    // And what is new works on it.
    let staged = store.layers().new_dir().unwrap();
    store.layers().commit(&LayerId::random(), &staged).unwrap();
    let db = rusqlite::Connection::open(dir.path().join("meta.db")).unwrap();
    let version: u32 = db.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    let kind: String = db.query_row("SELECT kind FROM results WHERE id = 7", [], |row| row.get(0)).unwrap();
    assert_eq!((version, kind.as_str()), (2, "regular"));
}

#[test]
fn the_directory_is_stable() {
    let fixture = fixture();
    fixture.store.blobs().put("hello").unwrap();
    let staged = fixture.store.layers().new_dir().unwrap();
    let _held = fixture.store.layers().commit(&"base".parse().unwrap(), &staged).unwrap();
    let mut found = Vec::new();
    list(fixture.store.root(), "", &mut found);
    let session = fixture.store.session_dir().file_name().unwrap().to_str().unwrap();
    found.retain(|path| !path.starts_with("meta.db-"));
    found.sort();
    insta::assert_snapshot!(found.join("\n").replace(session, "SESSION"), @r#"
blobs/
blobs/sha256/
blobs/sha256/2c/
blobs/sha256/2c/2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824
cache-mounts/
layers/
layers/base/
layers/base/fs/
leases.lock
lock
meta.db
sessions/
sessions/SESSION/
sessions/SESSION/blobs/
sessions/SESSION/layers/
sessions/SESSION/leases
sessions/SESSION/lock
sessions/SESSION/trash/
spare
version
"#);
}

fn list(dir: &std::path::Path, prefix: &str, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{prefix}{}", entry.file_name().to_str().unwrap());
        if entry.path().is_dir() {
            list(&entry.path(), &format!("{name}/"), found);
            found.push(format!("{name}/"));
        } else {
            found.push(name);
        }
    }
}

/// Opens a state directory prepared by `prepare`; the error with `ROOT` for its path.
fn refused(prepare: impl FnOnce(&std::path::Path)) -> String {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("state");
    prepare(&root);
    let error = Store::open(&root).unwrap_err();
    let real = dir.path().canonicalize().unwrap();
    chain(&error).replace(real.to_str().unwrap(), "DIR").replace(dir.path().to_str().unwrap(), "DIR")
}

#[test]
fn what_cannot_be_used_is_refused_with_the_reason() {
    let version = |text: &'static str| {
        move |root: &std::path::Path| {
            std::fs::create_dir(root).unwrap();
            std::fs::write(root.join("version"), text).unwrap();
        }
    };
    insta::assert_snapshot!(refused(version("2\n")), @"the state directory `DIR/state` has format 2, this program knows 1: use the newer program or another directory");
    insta::assert_snapshot!(refused(version("hello\n")), @"the state directory `DIR/state` is not usable: its `version` file holds `hello`, not a number");
    insta::assert_snapshot!(refused(|root| std::fs::write(root, "").unwrap()), @"the state directory `DIR/state` is not usable: cannot create `DIR/state`: File exists (os error 17)");
    insta::assert_snapshot!(refused(|root| {
        drop(Store::open(root).unwrap());
        let db = rusqlite::Connection::open(root.join("meta.db")).unwrap();
        db.pragma_update(None, "user_version", 7).unwrap();
    }), @"the state directory `DIR/state` is not usable: the metadata in `DIR/state/meta.db` has version 7, this program knows 2: use the newer program or another state directory");
}

#[test]
fn an_unwritable_place_is_named() {
    let error = Store::open(std::path::Path::new("/proc/nothing/state")).unwrap_err();
    insta::assert_snapshot!(chain(&error), @"the state directory `/proc/nothing/state` is not usable: cannot create `/proc/nothing/state`: No such file or directory (os error 2)");
}

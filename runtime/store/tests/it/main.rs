//! The contract of the store, from outside: what its users may rely on.

#![expect(clippy::unwrap_used, reason = "a failed expectation is what a test reports")]

mod blobs;
mod cache;
mod failures;
mod format;
mod gc;
mod history;
mod layers;
mod leases;
mod power;
mod processes;
mod sessions;

use hlb_store::Store;

/// A store in a directory that goes with it.
struct Fixture {
    dir: tempfile::TempDir,
    store: Store,
}

fn fixture() -> Fixture {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&dir.path().join("state")).unwrap();
    Fixture { dir, store }
}

impl Fixture {
    /// Another opening, as another process would make it.
    fn open_again(&self) -> Store {
        Store::open(&self.dir.path().join("state")).unwrap()
    }

    /// A committed layer with one file in it.
    fn layer(&self, content: &str) -> hlb_store::LayerId {
        layer(&self.store, content)
    }
}

fn layer(store: &Store, content: &str) -> hlb_store::LayerId {
    let id = hlb_store::LayerId::random();
    let staged = store.layers().new_dir().unwrap();
    std::fs::write(staged.join("file"), content).unwrap();
    store.layers().commit(&id, &staged).unwrap();
    id
}

/// The message of an error and of what caused it.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        text = format!("{text}: {error}");
        next = error.source();
    }
    text
}

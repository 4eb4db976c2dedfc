//! Results that a frontend knows by name.
//!
//! Owns the names, and that a result is made once, when it is first looked at. Does not know the protocol.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use hlb_llb::pb;
use tokio::sync::OnceCell;

use super::{Fault, Host};

/// All results of one frontend.
pub(super) struct References<H: Host> {
    known: Mutex<HashMap<String, Arc<Reference<H>>>>,
    given: AtomicU64,
}

/// A graph, and its result once it is made.
pub(super) struct Reference<H: Host> {
    pub(super) definition: pb::Definition,
    tree: OnceCell<Arc<H::Tree>>,
}

impl<H: Host> References<H> {
    pub(super) fn new() -> Self {
        Self { known: Mutex::new(HashMap::new()), given: AtomicU64::new(1) }
    }

    /// Names a graph.
    pub(super) fn add(&self, definition: pb::Definition) -> (String, Arc<Reference<H>>) {
        let id = format!("ref{}", self.given.fetch_add(1, Ordering::Relaxed));
        let reference = Arc::new(Reference { definition, tree: OnceCell::new() });
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(id.clone(), Arc::clone(&reference));
        (id, reference)
    }

    /// What was given a name.
    pub(super) fn get(&self, id: &str) -> Result<Arc<Reference<H>>, Fault> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(id).cloned().ok_or_else(|| match id {
            "" => Fault::new("the empty file system has no files"),
            id => Fault::new(format!("there is no result `{id}`")),
        })
    }
}

impl<H: Host> Reference<H> {
    /// The result. Whoever asks meanwhile waits for the same; after a failure the next one tries again.
    pub(super) async fn tree(&self, host: &H) -> Result<Arc<H::Tree>, Fault> {
        let make = || async { host.solve(self.definition.clone()).await.map(Arc::new) };
        self.tree.get_or_try_init(make).await.cloned()
    }
}

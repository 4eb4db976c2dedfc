//! The state directory: blobs by digest, layers, and metadata in SQLite.
//!
//! Any number of processes may have one state directory open at once; nobody is a server for the others.
//!
//! ```text
//! <root>/version               format version; a newer one is refused
//! <root>/lock                  flock: opening, and taking a session away
//! <root>/leases.lock           flock: shared to begin a use of something, exclusive to take unused things away
//! <root>/spare                 room to clean up in when the disk is full
//! <root>/gc.lock               flock: one at a time takes things away
//! <root>/meta.db               SQLite in WAL mode: layers, the cache graph, facts, builds and what their steps were made of
//! <root>/blobs/sha256/ab/<hex> content by digest, there only after it was verified
//! <root>/downloads/<hex>       what has come so far of a blob that is on its way
//! <root>/layers/<id>/fs        one overlay layer
//! <root>/layers/<id>/partial   there if a snapshot begins with a layer that was made on others (hlb-runtime's)
//! <root>/claims/<hex>         flock: somebody makes what goes by that name
//! <root>/cache-mounts/<id>/fs  what `mount cache` keeps between steps
//! <root>/git/<id>.git          repositories that were fetched; `<id>.lock` is held by flock while one is used (hlb-runtime's)
//! <root>/logs/<build>/         what the steps of a build printed; while it runs, a journal of them (hlb-runtime's)
//! <root>/damaged-<time>/       a database that could not be read any more
//! <root>/sessions/<id>/        scratch of one process; `lock` is held by flock while it lives, `leases` is what it uses
//! ```
//!
//! Whatever is being made is made in the session directory and becomes visible by one rename. A process that dies leaves
//! only its session directory, which the next one to open the store removes.
//!
//! The crate does not know what a layer contains, how a cache key is computed or what is worth keeping.

mod store;

mod blob;
mod cache;
mod download;
mod facts;
mod layer;
mod meta;

mod claim;
mod durable;
mod durations;
mod lease;
mod session;
mod spare;
mod sweep;
mod tree;

mod expire;
mod filter;
mod gc;
mod usage;

mod failure;
mod history;
mod structure;

pub use blob::{BlobError, BlobWriter, Blobs};
pub use cache::{Cache, KeyId, Link, NewRecord, Record, ResultId};
pub use claim::{Claim, ClaimError};
pub use download::{Download, Part};
pub use facts::Facts;
pub use failure::{Failure, Failures, KeptMount};
pub use filter::{Filter, FilterError};
pub use gc::{Collected, GcError, Policy};
pub use history::{BuildRow, Ended, History, LastStep, Made, NewBuild, Outcome, StepRow, StepState};
pub use layer::{InvalidLayerId, LayerError, LayerId, Layers};
pub use lease::{Item, Lease, LeaseError};
pub use meta::{Corrupt, MetaError};
pub use store::{FORMAT, OpenError, Store};
pub use structure::{Likeness, NewStructure, StructureRow, Structures};
pub use tree::remove_tree;
pub use usage::{RecordType, UsageId, UsageInfo};

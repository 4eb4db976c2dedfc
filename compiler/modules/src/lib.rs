//! What a program takes from elsewhere, kept so that it is the same tomorrow.
//!
//! ```text
//!   World::pin ────► Session ──► Lock (hlb.lock) ── not there? ──► Outside: registry, git, http
//!   World::module ─► Session ──► Vendor (.hlb/vendor), Cache (state directory) ── not there? ──► Outside: checkout, solve
//! ```
//!
//! [`Session`] is what one command keeps about one program. It reads and writes files; everything that needs a network or a
//! solver is asked of an [`Outside`], which `hlbc` implements. Knows neither how programs are read nor how graphs are solved.

mod cache;
mod directory;
mod lock;
mod name;
mod pins;
mod session;
mod show;
mod tree;
mod vendor;

pub use lock::{Lock, LockError};
pub use name::{Name, NameKind};
pub use pins::{Change, Mode};
pub use session::{Outside, Places, Session};
pub use show::show;
pub use vendor::{Vendor, VendorError};

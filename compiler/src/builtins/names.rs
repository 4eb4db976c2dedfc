//! The namespaces: functions on values alone, in groups that are always there.

use super::Implementation;
use crate::effects::Effects;

/// The names of all namespaces.
pub(crate) const NAMESPACES: &[&str] = &[];

/// How a function of a namespace works, and what it does outside of the build.
pub(crate) fn implementation(_namespace: &str, _name: &str) -> Option<(Implementation, Effects)> {
    None
}

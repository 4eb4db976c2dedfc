//! What a graph is refused for before any of it runs.
//!
//! Owns the questions whose answers are in the graph alone: which features it needs, what its steps want beyond the usual,
//! and what of it nothing here can do. A build that cannot end well should not begin.

use std::collections::BTreeSet;

use hlb_llb::definition::{Graph, LoadedVertex};
use hlb_llb::pb;

use crate::capabilities;
use crate::error::{ErrorKind, SolveError};
use crate::ops;
use crate::runtime::Entitlement;

/// A step wants more than the caller gives.
#[derive(Debug, thiserror::Error)]
#[error("the step needs the entitlement `{}`, which the caller did not give", entitlement.name())]
pub(crate) struct NotAllowed {
    pub(crate) entitlement: Entitlement,
}

/// Refuses a graph that cannot be solved here, or not with what the caller allows.
pub(crate) fn admit(graph: &Graph, allow: &BTreeSet<Entitlement>) -> Result<(), SolveError> {
    capabilities::check(&graph.capabilities())?;
    for vertex in &graph.vertices {
        check(vertex, allow).map_err(|error| error.at(&vertex.digest, &vertex.name))?;
    }
    Ok(())
}

fn check(vertex: &LoadedVertex, allow: &BTreeSet<Entitlement>) -> Result<(), SolveError> {
    match &vertex.op.op {
        Some(pb::OpKind::Exec(exec)) => {
            for entitlement in needed(exec) {
                if !allow.contains(&entitlement) {
                    return Err(SolveError::new(ErrorKind::Definition, NotAllowed { entitlement }));
                }
            }
            ops::exec::check(exec).map_err(|error| SolveError::new(error.kind(), error))
        }
        Some(pb::OpKind::Source(source)) => ops::source::check(source),
        _ => Ok(()),
    }
}

fn needed(exec: &pb::ExecOp) -> impl Iterator<Item = Entitlement> {
    let network = (exec.network() == pb::NetMode::Host).then_some(Entitlement::NetworkHost);
    let security = (exec.security() == pb::SecurityMode::Insecure).then_some(Entitlement::SecurityInsecure);
    network.into_iter().chain(security)
}

//! Graphs that were checked, each with what it is for.
//!
//! Owns how they become a plan. Which graphs a request has, the compiler says. Solves nothing.

use hlb_compiler::Wanted;
use hlb_llb::{Graph, Plan, pb};

use crate::definition;
use crate::error::Failure;

/// Graphs that were checked.
pub(crate) struct Graphs(Vec<(Graph, Option<pb::Source>, Vec<String>)>);

impl Graphs {
    /// Checks graphs.
    ///
    /// # Errors
    /// If one is none.
    pub(crate) fn load(wanted: Vec<Wanted>) -> Result<Self, Failure> {
        let load = |it: Wanted| {
            let graph = definition::load("the LLB of the program", &it.definition)?;
            Ok((graph, it.definition.source, it.labels))
        };
        Ok(Self(wanted.into_iter().map(load).collect::<Result<_, Failure>>()?))
    }

    /// The one graph of a definition.
    ///
    /// # Errors
    /// If it is none.
    pub(crate) fn of(name: &str, definition: pb::Definition) -> Result<Self, Failure> {
        let graph = definition::load(name, &definition)?;
        Ok(Self(vec![(graph, definition.source, vec!["result".to_owned()])]))
    }

    /// All of it as steps.
    pub(crate) fn plan(&self) -> Plan<'_> {
        let mut plan = Plan::new();
        for (graph, source, labels) in &self.0 {
            labels.iter().for_each(|label| plan.add(graph, source.as_ref(), label));
        }
        plan
    }
}

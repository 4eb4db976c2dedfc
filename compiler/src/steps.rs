//! The steps of a target, for people.
//!
//! Owns LLB as lists of lines with the places that made them. Nothing is executed: a world that refuses makes it an error.

use hlb_language::diagnostic::{Diagnostic, Location};
use hlb_language::source::{LineColumn, SourceId};
use hlb_language::span::Span;
use hlb_llb::{Graph, Plan, draw, plan};

use crate::codes;
use crate::graphs::wanted;
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
/// As for [`crate::compile`], and if the graph is one that no solver takes.
pub fn steps(
    world: &dyn World,
    checked: &Checked,
    target: &TargetCall,
    options: &Options,
) -> Result<Steps, CompileErrors> {
    let request = crate::compile(world, checked, std::slice::from_ref(target), options)?;
    let mut graphs = Vec::new();
    for wanted in wanted(request) {
        let graph = Graph::load(&wanted.definition).map_err(|error| unusable(checked, target, &error.to_string()))?;
        graphs.push((graph, wanted));
    }
    let mut plan = Plan::new();
    for (graph, wanted) in &graphs {
        wanted.labels.iter().for_each(|label| plan.add(graph, wanted.definition.source.as_ref(), label));
    }
    let texts = draw::steps(&plan);
    let steps = plan.steps.iter().zip(texts).enumerate().map(|(position, (step, text))| Step {
        number: position + 1,
        title: draw::headline(&plan, step),
        text,
        inputs: inputs(step),
        places: step.places.iter().map(place).collect(),
    });
    let results = plan.results.iter().map(|it| (it.label.clone(), it.from.map(|(step, _)| step + 1)));
    Ok(Steps { steps: steps.collect(), results: results.collect() })
}

fn inputs(step: &plan::Step<'_>) -> Vec<(usize, String)> {
    let uses = plan::uses(&step.vertex.op).into_iter();
    uses.filter_map(|(input, role)| Some((step.inputs.get(input)?.0 + 1, role.to_string()))).collect()
}

fn place(place: &plan::Place<'_>) -> (String, LineColumn) {
    let number = |number: i32| u32::try_from(number).unwrap_or(0);
    (place.file.to_owned(), LineColumn { line: number(place.line), column: number(place.column) })
}

fn unusable(checked: &Checked, target: &TargetCall, why: &str) -> CompileErrors {
    let found = checked.target(&target.name).map(|found| found.at);
    let at = found.unwrap_or(Location { source: SourceId(0), span: Span::at(0) });
    let message = format!("the graph of `{}` cannot be used: {why}", target.name);
    CompileErrors(vec![Diagnostic::error(codes::DEPTH, at, message)])
}

#[cfg(test)]
mod tests {
    use hlb_language::source::LineColumn;

    use crate::testing::MemoryWorld;
    use crate::{Consent, Options, Platform, Steps, check_text};

    fn steps(text: &str) -> Result<Steps, String> {
        let world = MemoryWorld::default();
        let checked = check_text(&world, "build.hlb".into(), text.to_owned());
        let options = Options { platform: Platform::new("linux", "amd64"), consent: Consent::none(), calls: None };
        super::steps(&world, &checked, &"default".into(), &options).map_err(|errors| errors.to_string())
    }

    #[test]
    fn steps_have_numbers_words_inputs_and_places() {
        let found = steps("fs tool() {\n\timage \"alpine\"\n}\n\nfs default() {\n\ttool\n\trun \"true\"\n}\n").unwrap();
        let [image, run] = found.steps.as_slice() else { panic!("{found:?}") };
        assert_eq!((image.number, run.number), (1, 2));
        assert!(image.text.starts_with("#1 ") && run.text.starts_with("#2 "), "{found:?}");
        assert!(run.title.contains("true"), "{}", run.title);
        assert_eq!(run.inputs, [(1, "/".to_owned())]);
        let at = |line, column| ("build.hlb".to_owned(), LineColumn { line, column });
        assert_eq!(image.places, [at(2, 2), at(6, 2)]);
        assert_eq!(run.places, [at(7, 2)]);
        assert_eq!(found.results, [("result of `default`".to_owned(), Some(2))]);
    }

    #[test]
    fn nothing_has_no_steps_and_mistakes_are_told() {
        let empty = steps("fs default() {\n\tscratch\n}\n").unwrap();
        assert_eq!((empty.steps.len(), empty.results), (0, vec![("result of `default`".to_owned(), None)]));
        assert!(steps("fs other() { scratch; }").unwrap_err().contains("there is no target `default`"));
        assert!(steps("fs default( {").is_err());
    }
}

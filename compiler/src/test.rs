//! Tests that a program has of itself.
//!
//! Owns which there are and what comes out of each. What a test asks to be built is for the caller to build: it fails if that fails.

use hlb_language::diagnostic::{Diagnostic, Location};

use crate::hir::ModuleId;
use crate::{Checked, CompileErrors, Options, Request, World, emit, eval};

/// What came out of a test.
#[derive(Debug)]
pub struct TestOutcome {
    /// What it says is true.
    pub name: String,
    /// Where that is written.
    pub at: Location,
    /// What is to be built for it to be true, or why it is not.
    pub result: Result<Request, Diagnostic>,
}

/// Evaluates the tests of the entry file whose names are `wanted`, in the order of the file. Each stands by itself.
///
/// `begin` is called with the name of each before it is evaluated.
///
/// # Errors
/// The program's errors if it has some.
pub fn test(
    world: &dyn World,
    checked: &Checked,
    wanted: &dyn Fn(&str) -> bool,
    options: &Options,
    begin: &mut dyn FnMut(&str),
    each: &mut dyn FnMut(TestOutcome),
) -> Result<(), CompileErrors> {
    checked.complete()?;
    let tests = checked.program.tests.iter().filter(|test| test.module == ModuleId(0));
    for test in tests.filter(|test| wanted(&test.name)) {
        begin(&test.name);
        let mut evaluator = checked.evaluator(world, options);
        let value = evaluator.test(test);
        let result = match value {
            Ok(value) => {
                let plan = eval::plan(&value);
                let mut emitter = emit::Emitter::new(&evaluator);
                Ok(plan.map_or(Request::Nil, |plan| emitter.request(&plan, &test.name)))
            }
            Err(error) => Err(*error),
        };
        each(TestOutcome { name: test.name.to_string(), at: test.at, result });
    }
    Ok(())
}

//! Which targets get to a call.
//!
//! Owns the search from a call to what calls it, within a file. Evaluates nothing.

use std::collections::{HashMap, HashSet, VecDeque};

use hlb_compiler::Checked;
use hlb_compiler::hir::{ConstantId, FuncId, Program, Target};
use hlb_compiler::{TargetInfo, Type};
use hlb_language::diagnostic::Location;
use hlb_language::source::SourceId;
use hlb_language::span::Span;

/// So many declarations are looked at.
const MOST: usize = 50;

/// What holds calls.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Holder {
    Func(FuncId),
    Constant(ConstantId),
}

/// The names of targets that need nothing from the command line and get to a call, nearest first.
pub(super) fn targets(checked: &Checked, call: Location) -> Vec<String> {
    let program = &checked.program;
    let holders = holders(program, call.source);
    let Some(first) = around(&holders, call.span) else { return Vec::new() };
    let builds = |target: &TargetInfo| {
        matches!(target.ty, Type::Fs | Type::Pipeline) && target.params.iter().all(|param| param.optional)
    };
    let targets = checked.targets();
    let targets: HashSet<&str> = targets.iter().filter(|it| builds(it)).map(|it| it.name.as_str()).collect();
    let callers = callers(program, &holders, call.source);
    let (mut seen, mut queue, mut found) = (HashSet::from([first]), VecDeque::from([first]), Vec::new());
    while let Some(next) = queue.pop_front() {
        let name = match next {
            Holder::Func(id) => program.funcs.get(id.0).map(|func| &func.name.text),
            Holder::Constant(id) => program.constants.get(id.0).map(|constant| &constant.name.text),
        };
        found.extend(name.filter(|name| targets.contains(name.as_str())).map(ToString::to_string));
        for caller in callers.get(&next).into_iter().flatten() {
            if seen.len() < MOST && seen.insert(*caller) {
                queue.push_back(*caller);
            }
        }
    }
    found
}

/// The functions and constants of a file with their places, in the order of the text.
fn holders(program: &Program, source: SourceId) -> Vec<(Span, Holder)> {
    let here =
        |module: hlb_compiler::hir::ModuleId| program.modules.get(module.0).is_some_and(|it| it.source == source);
    let funcs = program.funcs.iter().enumerate().filter(|(_, func)| here(func.module));
    let funcs = funcs.map(|(id, func)| (func.span, Holder::Func(FuncId(id))));
    let constants = program.constants.iter().enumerate().filter(|(_, constant)| here(constant.module));
    let constants = constants.map(|(id, constant)| (constant.span, Holder::Constant(ConstantId(id))));
    let mut all: Vec<(Span, Holder)> = funcs.chain(constants).collect();
    all.sort_by_key(|(span, _)| *span);
    all
}

fn around(holders: &[(Span, Holder)], span: Span) -> Option<Holder> {
    let before = holders.partition_point(|(holder, _)| holder.start <= span.start);
    let (holder, found) = holders.get(before.checked_sub(1)?)?;
    holder.contains(span).then_some(*found)
}

/// Who uses what, in the order of the text.
fn callers(program: &Program, holders: &[(Span, Holder)], source: SourceId) -> HashMap<Holder, Vec<Holder>> {
    let mut callers: HashMap<Holder, Vec<Holder>> = HashMap::new();
    let mut references: Vec<_> = program.references.iter().filter(|it| it.at.source == source).collect();
    references.sort_by_key(|it| it.at.span);
    for reference in references {
        let used = match reference.target {
            Target::Func(id) => Some(Holder::Func(id)),
            Target::Constant(id) => Some(Holder::Constant(id)),
            // The function that binds it is evaluated for it.
            Target::Bind(id) => program.binds.get(id.0).map(|bound| Holder::Func(bound.func)),
            _ => None,
        };
        if let (Some(used), Some(user)) = (used, around(holders, reference.at.span)) {
            callers.entry(used).or_default().push(user);
        }
    }
    callers
}

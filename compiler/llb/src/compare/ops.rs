//! One op and another, without the graphs that they are in.
//!
//! Owns what is said of two ops by themselves: their fields, in which an input is as good as any other, and which input of one
//! is for the same thing as which of the other. What is in the inputs is for others to compare.

use super::Change;
use super::difference::differences;
use super::fields::{Fields, Side};
use crate::definition::LoadedVertex;
use crate::digest::Digest;
use crate::pb;
use crate::plan::{Plan, Role, Step, uses};

/// Inputs of two ops that are for the same thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paired {
    /// The input of the one.
    pub before: usize,
    /// The input of the other.
    pub after: usize,
    /// What it is for, such as the path of a mount.
    pub role: String,
}

/// How two ops differ by themselves. `names` says what the inputs of each are called: as many as it has.
pub fn ops(before: &pb::Op, after: &pb::Op, names: (&[String], &[String])) -> Vec<Change> {
    differences(of(before, names.0), of(after, names.1))
}

/// How many fields an op has that may differ.
pub fn fields(op: &pb::Op) -> usize {
    let fields = of(op, &vec![String::new(); op.inputs.len()]);
    let items = fields.items.iter().filter(|item| !item.minor).map(|item| item.parts.len().max(1));
    fields.args.len() + items.sum::<usize>()
}

/// The inputs of two ops that are for the same thing; an input that is for several things counts by the first.
pub fn paired_inputs(before: &pb::Op, after: &pb::Op) -> Vec<Paired> {
    let mut left = numbered(before);
    let mut pairs: Vec<Paired> = Vec::new();
    for (input, role, nth) in numbered(after) {
        if pairs.iter().any(|pair| pair.after == input) {
            continue;
        }
        let same = left.iter().position(|(_, other, at)| *other == role && *at == nth);
        if let Some((was, _, _)) = same.map(|at| left.swap_remove(at))
            && !pairs.iter().any(|pair| pair.before == was)
        {
            pairs.push(Paired { before: was, after: input, role: role.to_string() });
        }
    }
    pairs
}

/// The uses of inputs, those with one role by the order in which they come.
fn numbered(op: &pb::Op) -> Vec<(usize, Role<'_>, usize)> {
    let all = uses(op);
    let nth = |at: usize, role: &Role<'_>| all.iter().take(at).filter(|(_, other)| other == role).count();
    all.iter().enumerate().map(|(at, (input, role))| (*input, *role, nth(at, role))).collect()
}

fn of(op: &pb::Op, names: &[String]) -> Fields {
    let vertex = LoadedVertex {
        digest: Digest::of(b""),
        op: op.clone(),
        metadata: pb::OpMetadata::default(),
        inputs: Vec::new(),
        name: String::new(),
    };
    let nothing = Plan::new();
    let step = Step { vertex: &vertex, inputs: Vec::new(), places: Vec::new() };
    Side::alone(&nothing, names).fields(&step)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exec(args: &[&str], mounts: &[(&str, i64)]) -> pb::Op {
        let mount =
            |(dest, input): &(&str, i64)| pb::Mount { dest: (*dest).to_owned(), input: *input, ..Default::default() };
        let inputs = mounts.iter().filter(|(_, input)| *input >= 0).map(|_| pb::Input::default()).collect();
        let meta = pb::Meta { args: args.iter().map(|arg| (*arg).to_owned()).collect(), ..Default::default() };
        let exec = pb::ExecOp { meta: Some(meta), mounts: mounts.iter().map(mount).collect(), ..Default::default() };
        pb::Op { inputs, op: Some(pb::OpKind::Exec(exec)), ..Default::default() }
    }

    #[test]
    fn fields_differ_and_inputs_do_not() {
        let check = |before: &pb::Op, after: &pb::Op, expected: &[&str]| {
            let names = |op: &pb::Op, side: &str| -> Vec<String> {
                (0..op.inputs.len()).map(|at| format!("{side} {at}")).collect()
            };
            let changes = ops(before, after, (&names(before, "old"), &names(after, "new")));
            let words = |text: &Option<String>| text.clone().unwrap_or_else(|| "none".to_owned());
            let shown: Vec<String> = changes
                .iter()
                .map(|it| format!("{}: {} > {}", it.field, words(&it.before), words(&it.after)))
                .collect();
            assert_eq!(shown, expected);
        };
        let plain = exec(&["cc", "a"], &[("/", 0)]);
        check(&plain, &plain, &[]);
        check(&plain, &exec(&["cc", "b"], &[("/", 0)]), &["argument 2: a > b"]);
        // Another number of the same input is no difference, nothing in place of an input is.
        check(&exec(&["cc"], &[("/", 0), ("/a", 1)]), &exec(&["cc"], &[("/", 1), ("/a", 0)]), &[]);
        check(&plain, &exec(&["cc", "a"], &[("/", -1)]), &["mount `/` from: old 0 > scratch"]);
        let more = exec(&["cc", "a"], &[("/", 0), ("/src", 1)]);
        check(&plain, &more, &["mount `/src`: none > type bind, from new 1"]);
    }

    #[test]
    fn inputs_for_the_same_thing_are_pairs() {
        let check = |before: &[(&str, i64)], after: &[(&str, i64)], expected: &[(usize, usize, &str)]| {
            let pairs = paired_inputs(&exec(&[], before), &exec(&[], after));
            let pairs: Vec<_> = pairs.iter().map(|pair| (pair.before, pair.after, pair.role.as_str())).collect();
            assert_eq!(pairs, expected);
        };
        check(&[("/", 0), ("/a", 1)], &[("/", 0), ("/a", 1)], &[(0, 0, "/"), (1, 1, "/a")]);
        check(&[("/", 0), ("/b", 1)], &[("/a", 0), ("/b", 1), ("/", 2)], &[(1, 1, "/b"), (0, 2, "/")]);
        check(&[("/", 0)], &[("/", -1)], &[]);
        assert!(fields(&exec(&["a"], &[("/", 0)])) > 3);
    }
}

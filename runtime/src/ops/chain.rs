//! The actions of a file op.
//!
//! Owns which tree each action starts from and which trees become outputs. Actions that continue one another work on one mounted
//! tree and make one layer; a tree that two actions read, or that is an output, is committed first. What an action does to a tree is
//! in `file`.

use hlb_llb::pb;

use crate::error::{ErrorKind, SolveError};
use crate::ops::file;
use crate::snapshot::{Active, Snapshot, Snapshots, View};
use crate::sys::root::Root;

/// Runs the actions in order and gives the outputs by number.
pub(crate) fn run(
    snapshots: &Snapshots,
    op: &pb::FileOp,
    inputs: &[Snapshot],
    cancelled: &dyn Fn() -> Result<(), SolveError>,
) -> Result<Vec<Snapshot>, SolveError> {
    let mut trees = Trees::new(snapshots, op, inputs);
    for (at, action) in op.actions.iter().enumerate() {
        cancelled()?;
        trees.act(at, action)?;
    }
    trees.outputs(op)
}

/// The trees that actions can name: the op's inputs, then the result of each action.
struct Trees<'a> {
    snapshots: &'a Snapshots,
    inputs: usize,
    trees: Vec<Option<Tree>>,
    /// How many actions and outputs still want each tree.
    wanted: Vec<usize>,
}

enum Tree {
    Done(Snapshot),
    Open(Box<Active>),
}

impl<'a> Trees<'a> {
    fn new(snapshots: &'a Snapshots, op: &pb::FileOp, inputs: &[Snapshot]) -> Self {
        let count = inputs.len() + op.actions.len();
        let mut wanted = vec![0; count];
        for (at, action) in op.actions.iter().enumerate() {
            let result = (action.output >= 0).then_some((inputs.len() + at) as i64);
            for index in [Some(action.input), Some(action.secondary_input), result].into_iter().flatten() {
                if let Some(wanted) = usize::try_from(index).ok().and_then(|index| wanted.get_mut(index)) {
                    *wanted += 1;
                }
            }
        }
        let mut trees: Vec<Option<Tree>> = inputs.iter().map(|input| Some(Tree::Done(input.clone()))).collect();
        trees.resize_with(count, || None);
        Self { snapshots, inputs: inputs.len(), trees, wanted }
    }

    fn act(&mut self, at: usize, action: &pb::FileAction) -> Result<(), SolveError> {
        let mut active = self.take(action.input)?;
        let path = active.mount().map_err(environment)?;
        let target = Root::open(&path).map_err(environment)?;
        let source = match action.secondary_input {
            -1 => None,
            index => Some(self.view(index)?),
        };
        let source_root = source.as_ref().map(|view| Root::open(view.path())).transpose().map_err(environment)?;
        // Names are looked up in the tree that the op names. It is usually the one that is being changed.
        let mut owners: Vec<(i64, View)> = Vec::new();
        for index in named_in(action) {
            if index != action.input && index >= 0 {
                owners.push((index, self.view(index)?));
            }
        }
        let owner = |index: i64| match owners.iter().find(|(known, _)| *known == index) {
            Some((_, view)) => Root::open(view.path()).ok(),
            None if index == action.input => Root::open(&path).ok(),
            None => None,
        };
        file::apply(action, &target, source_root.as_ref(), owner)
            .map_err(|error| SolveError::new(ErrorKind::Step, error))?;
        if let Some(tree) = self.trees.get_mut(self.inputs + at) {
            *tree = Some(Tree::Open(active));
        }
        Ok(())
    }

    /// A writable tree that starts as the named one.
    fn take(&mut self, index: i64) -> Result<Box<Active>, SolveError> {
        let Ok(at) = usize::try_from(index) else {
            return Ok(Box::new(self.snapshots.prepare(&Snapshot::default()).map_err(environment)?));
        };
        let last = self.wanted.get_mut(at).is_some_and(|wanted| {
            *wanted = wanted.saturating_sub(1);
            *wanted == 0
        });
        let open = last && matches!(self.trees.get(at), Some(Some(Tree::Open(_))));
        if open && let Some(Some(Tree::Open(active))) = self.trees.get_mut(at).map(Option::take) {
            return Ok(active);
        }
        let snapshot = self.committed(at)?;
        Ok(Box::new(self.snapshots.prepare(&snapshot).map_err(environment)?))
    }

    fn view(&mut self, index: i64) -> Result<View, SolveError> {
        let snapshot = match usize::try_from(index) {
            Ok(at) => self.committed(at)?,
            Err(_) => Snapshot::default(),
        };
        self.snapshots.view(&snapshot).map_err(environment)
    }

    /// The tree as a snapshot, committing it if it is still open.
    fn committed(&mut self, at: usize) -> Result<Snapshot, SolveError> {
        let missing =
            || SolveError::say(ErrorKind::Definition, format!("a file op names tree {at}, which does not exist"));
        let tree = self.trees.get_mut(at).ok_or_else(missing)?;
        let snapshot = match tree.take().ok_or_else(missing)? {
            Tree::Done(snapshot) => snapshot,
            Tree::Open(active) => active.commit().map_err(environment)?,
        };
        *tree = Some(Tree::Done(snapshot.clone()));
        Ok(snapshot)
    }

    fn outputs(mut self, op: &pb::FileOp) -> Result<Vec<Snapshot>, SolveError> {
        let mut outputs: Vec<(i64, usize)> = op
            .actions
            .iter()
            .enumerate()
            .filter(|(_, action)| action.output >= 0)
            .map(|(at, action)| (action.output, self.inputs + at))
            .collect();
        outputs.sort_unstable();
        outputs.into_iter().map(|(_, at)| self.committed(at)).collect()
    }
}

/// The trees in which an action looks up names of users and groups.
fn named_in(action: &pb::FileAction) -> Vec<i64> {
    let owner = match &action.action {
        Some(pb::FileActionKind::Copy(copy)) => copy.owner.as_ref(),
        Some(pb::FileActionKind::Mkfile(mkfile)) => mkfile.owner.as_ref(),
        Some(pb::FileActionKind::Mkdir(mkdir)) => mkdir.owner.as_ref(),
        Some(pb::FileActionKind::Symlink(symlink)) => symlink.owner.as_ref(),
        Some(pb::FileActionKind::Rm(_)) | None => None,
    };
    let Some(owner) = owner else { return Vec::new() };
    [&owner.user, &owner.group]
        .into_iter()
        .filter_map(|user| match user.as_ref()?.user.as_ref()? {
            pb::User::ByName(named) => Some(named.input),
            pb::User::ById(_) => None,
        })
        .collect()
}

fn environment(error: impl std::error::Error + Send + Sync + 'static) -> SolveError {
    SolveError::new(ErrorKind::Environment, error)
}

//! Evaluating: from a checked program to the graph it describes.
//!
//! Owns the order of evaluation. Statements of a block run one after the other, an error ends the evaluation where it
//! happens, arguments and names are evaluated when they are needed and once, and a call with the same arguments on the same
//! filesystem is the same value. What builtins do is in `builtins`; bytes are made by `emit`.

mod argument;
mod bind;
mod call;
pub(crate) mod expr;
mod flow;
pub(crate) mod graph;
pub(crate) mod history;
mod key;
mod limit;
pub(crate) mod operator;
mod publish;
pub(crate) mod scope;
pub(crate) mod show;
pub(crate) mod text;
pub(crate) mod value;
pub(crate) mod watch;

use std::collections::BTreeSet;
use std::rc::Rc;

use ecow::EcoString;
use hlb_language::diagnostic::{Diagnostic, Location};
use hlb_language::source::{SourceId, SourceMap};
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use crate::consent::Consent;
use crate::hir::{self, BindId, ConstantId, FuncId, Program, Stmt};
use crate::image::ImageConfig;
use crate::types::Type;
use crate::world::{Platform, World};
use bind::Bound;
use graph::Graph;
use history::Log;
use key::{Key, KeyId, Keys};
pub(crate) use limit::{MAX_ITEMS, MAX_TEXT, traced};
use scope::{Binding, Names, ScopeId, Scopes};
use value::{ExportId, ExportPlan, Frame, Fs, Plan, Site, Value};

/// Evaluation ends where an error is.
pub(crate) type Fail = Box<Diagnostic>;

/// An evaluation in progress.
pub(crate) struct Evaluator<'p> {
    pub(crate) world: &'p dyn World,
    pub(crate) program: &'p Program,
    pub(crate) sources: &'p SourceMap,
    /// The target that is being evaluated.
    pub(crate) target: EcoString,
    /// The platform of what has none of its own.
    pub(crate) platform: Platform,
    pub(crate) graph: Graph,
    pub(crate) exports: Vec<ExportPlan>,
    /// Exports that were done during evaluation, with the digests of the images.
    pub(crate) published: FxHashMap<ExportId, EcoString>,
    pub(crate) log: Log,
    scopes: Scopes<'p>,
    /// Calls that have been evaluated: on what, with what, in which scope, and what came out.
    known: FxHashMap<(FuncId, KeyId, u64), (ScopeId, Value)>,
    /// Values of expressions that have been evaluated as arguments.
    values: FxHashMap<KeyId, Value>,
    constants: FxHashMap<ConstantId, Value>,
    bound: FxHashMap<(ScopeId, BindId), Bound<'p>>,
    configs: FxHashMap<(String, Platform), Rc<ImageConfig>>,
    /// The directories of files, and whose files they are.
    places: FxHashMap<SourceId, Rc<value::Place>>,
    /// Regular expressions that are ready for use.
    pub(crate) patterns: crate::builtins::Patterns,
    keys: Keys,
    next_fs: u64,
    /// The options of calls that have none.
    pub(crate) no_options: Rc<Vec<value::Opt>>,
    depth: usize,
    calls: usize,
    most_calls: usize,
    /// What modules of others may do.
    pub(crate) consent: Consent,
    /// What is noted for those who step through it, if somebody does.
    pub(crate) watch: Option<Box<watch::Watching>>,
}

impl<'p> Evaluator<'p> {
    pub(crate) fn new(world: &'p dyn World, program: &'p Program, sources: &'p SourceMap, platform: Platform) -> Self {
        Self {
            world,
            program,
            sources,
            target: EcoString::new(),
            platform,
            graph: Graph::default(),
            exports: Vec::new(),
            published: FxHashMap::default(),
            log: Log::default(),
            scopes: Scopes::default(),
            known: FxHashMap::default(),
            values: FxHashMap::default(),
            constants: FxHashMap::default(),
            bound: FxHashMap::default(),
            configs: FxHashMap::default(),
            places: {
                let place = |module: &hir::Module| {
                    let (dir, origin) = (module.dir.clone(), module.origin.clone());
                    (module.source, Rc::new(value::Place { dir, origin }))
                };
                program.modules.iter().map(place).collect()
            },
            patterns: crate::builtins::Patterns::default(),
            keys: Keys::default(),
            next_fs: 1,
            no_options: Rc::default(),
            depth: 0,
            calls: 0,
            most_calls: limit::MAX_CALLS,
            consent: Consent::none(),
            watch: None,
        }
    }

    /// The value of a target, for arguments that the command line gives, one for each parameter that it gives one for.
    pub(crate) fn target(
        &mut self,
        name: &str,
        target: hir::Target,
        at: Location,
        args: Vec<Option<Value>>,
    ) -> Result<Value, Fail> {
        self.depth = 0;
        self.target = name.into();
        // The target itself is called by nobody, so it has no frame; this one stands for errors of its own.
        let root = Rc::new(Frame { at, parent: None });
        match target {
            hir::Target::Func(id) => {
                let args = self.given(args);
                self.call_func(id, args, Value::Nil, &root, true).map(|(_, value)| value)
            }
            hir::Target::Bind(id) => {
                let args = self.given(args);
                self.call_bind(id, args, Value::Nil, &root, true)
            }
            hir::Target::Constant(id) => self.constant(id),
            _ => Ok(Value::Nil),
        }
    }

    fn given(&mut self, args: Vec<Option<Value>>) -> Vec<Binding<'p>> {
        let bindings = args.into_iter().map(|arg| match arg {
            Some(value) => {
                let key = self.keys.of(&value);
                Binding::Known(value, key)
            }
            None => Binding::Unset,
        });
        bindings.collect()
    }

    /// What the block of a test asks to be built, if nothing in it is wrong.
    pub(crate) fn test(&mut self, test: &'p hir::Test) -> Result<Value, Fail> {
        self.depth = 0;
        self.target.clone_from(&test.name);
        let key = self.keys.unique();
        let scope = self.scopes.root(None, Vec::new(), key);
        self.body(&test.body, None, scope, None, Value::Nil)
    }

    /// The empty filesystem.
    pub(crate) fn scratch(&mut self) -> Fs {
        Fs {
            id: self.fresh(),
            out: None,
            env: Vec::new(),
            cwd: None,
            shell: None,
            own_platform: None,
            platform: self.platform.clone(),
            config: Rc::new(ImageConfig::default()),
            history: None,
            exports: Rc::new(BTreeSet::new()),
        }
    }

    /// Notes what was done to a filesystem.
    pub(crate) fn commit(&mut self, fs: &mut Fs, created_by: String, empty_layer: bool) {
        fs.history = Some(self.log.add(fs.history, created_by, empty_layer));
    }

    /// A number for a filesystem value that has none like it.
    pub(crate) fn fresh(&mut self) -> u64 {
        self.next_fs += 1;
        self.next_fs
    }

    /// The config of an image, looked up once.
    pub(crate) fn image_config(
        &mut self,
        reference: &str,
        platform: &Platform,
    ) -> Result<Rc<ImageConfig>, crate::world::WorldError> {
        let key = (reference.to_owned(), platform.clone());
        if let Some(known) = self.configs.get(&key) {
            return Ok(Rc::clone(known));
        }
        let config = Rc::new(self.world.image_config(reference, platform)?.unwrap_or_default());
        self.configs.insert(key, Rc::clone(&config));
        Ok(config)
    }

    /// Runs the statements of a block. `start` is what it goes on from.
    pub(super) fn block(
        &mut self,
        block: &'p hir::Block,
        scope: ScopeId,
        frame: Option<&Rc<Frame>>,
        start: Value,
    ) -> Result<Value, Fail> {
        let scope = self.opened(block, scope);
        self.stmts(block, scope, frame, start)
    }

    /// The scope of the statements of a block.
    fn opened(&mut self, block: &'p hir::Block, scope: ScopeId) -> ScopeId {
        if block.names == 0 {
            return scope;
        }
        self.inner(scope, block.at, Names::Block(block), vec![Binding::Unset; block.names])
    }

    fn stmts(
        &mut self,
        block: &'p hir::Block,
        scope: ScopeId,
        frame: Option<&Rc<Frame>>,
        start: Value,
    ) -> Result<Value, Fail> {
        let mut value = start;
        for stmt in &block.stmts {
            value = match &self.watch {
                None => self.stmt(stmt, &block.ty, scope, frame, value)?,
                Some(_) => self.watched(stmt, &block.ty, scope, frame, value)?,
            };
        }
        Ok(value)
    }

    /// A scope inside of another.
    fn inner(&mut self, parent: ScopeId, at: Location, names: Names<'p>, bindings: Vec<Binding<'p>>) -> ScopeId {
        let keys = bindings.iter().map(|binding| self.binding_key(binding)).collect();
        let around = self.scopes.get(parent).map(|scope| scope.key);
        let key = match around {
            Some(around) => self.keys.intern(Key::Scope(at, around, keys)),
            None => self.keys.unique(),
        };
        self.scopes.inner(parent, names, bindings, key)
    }

    fn stmt(
        &mut self,
        stmt: &'p Stmt,
        ty: &Type,
        scope: ScopeId,
        frame: Option<&Rc<Frame>>,
        current: Value,
    ) -> Result<Value, Fail> {
        match stmt {
            Stmt::Value(expr) => {
                let next = self.expr(expr, scope, frame)?;
                if *ty == Type::Fs {
                    return Ok(self.replace(current, next));
                }
                self.limited(append(ty, &expr.ty, current, next), expr.at, frame)
            }
            Stmt::Call(call) if *ty == Type::Fs => self.call(call, scope, frame, current),
            Stmt::Call(call) => {
                let next = self.call(call, scope, frame, Value::Nil)?;
                self.limited(append(ty, &call.ty, current, next), call.at, frame)
            }
            Stmt::If(branches) => match self.chosen(branches, scope, frame)? {
                Some(block) => self.block(block, scope, frame, current),
                None => Ok(current),
            },
            Stmt::Match(matched) => match self.arm(matched, scope, frame)? {
                Some((block, scope)) => self.block(block, scope, frame, current),
                None => Ok(current),
            },
            Stmt::For(looped) => self.looped(looped, scope, frame, current),
            Stmt::Let(stmt) => {
                let binding = self.binding(&stmt.value, scope, frame);
                if let Some(result) = stmt.result {
                    let root = self.scopes.get(scope).map_or(scope, |scope| scope.root);
                    self.bound.insert((root, result), Bound::Later(binding.clone()));
                }
                self.scopes.set(scope, stmt.index, binding);
                Ok(current)
            }
            Stmt::Assert(assert) => {
                self.assert(assert, scope, frame)?;
                Ok(current)
            }
        }
    }

    /// A filesystem in the place of another: what was to be exported on the way is still to be exported.
    pub(super) fn replace(&mut self, current: Value, next: Value) -> Value {
        match (current, next) {
            (Value::Fs(before), Value::Fs(next)) if !before.exports.is_empty() => {
                let mut next = (*next).clone();
                next.inherit(&before.exports);
                next.id = self.fresh();
                Value::Fs(Rc::new(next))
            }
            (_, next) => next,
        }
    }

    /// What is known of a call in some file.
    fn place(&self, at: Location, args: SmallVec<[Location; 4]>, frame: &Rc<Frame>) -> Site {
        let place = self.places.get(&at.source).cloned().unwrap_or_default();
        Site { at, args, frame: Rc::clone(frame), place }
    }
}

/// What a statement leaves, given what the block had before: options, stages and elements are added to, all else is replaced.
fn append(ty: &Type, own: &Type, current: Value, next: Value) -> Value {
    match (ty, current, next) {
        (Type::List(item), current, next) => {
            let mut all = match current {
                Value::List(all) => all,
                _ => Rc::default(),
            };
            if own.fits(item) {
                Rc::make_mut(&mut all).push(next.filled(item));
            } else if !next.items().is_empty() {
                Rc::make_mut(&mut all).extend(next.items().iter().cloned());
            }
            Value::List(all)
        }
        (_, current, Value::Nil) => current,
        (Type::Pipeline | Type::Test, Value::Nil, next) => plan(&next).map_or(Value::Nil, Value::Plan),
        (Type::Option(_) | Type::OwnOption(..), current, Value::List(lists)) => {
            lists.iter().fold(current, |current, next| append(ty, ty, current, next.clone()))
        }
        (Type::Option(_) | Type::OwnOption(..), Value::Options(mut all), Value::Options(more)) => {
            Rc::make_mut(&mut all).extend(more.iter().cloned());
            Value::Options(all)
        }
        (Type::Pipeline | Type::Test, Value::Plan(mut before), next) => {
            let Some(next) = plan(&next) else { return Value::Plan(before) };
            Plan::then(Rc::make_mut(&mut before), next);
            Value::Plan(before)
        }
        (_, _, next) => next,
    }
}

/// What is to be built for a value; nothing for values that are not built.
pub(crate) fn plan(value: &Value) -> Option<Rc<Plan>> {
    match value {
        Value::Fs(fs) => Some(Rc::new(Plan::Fs(Rc::clone(fs)))),
        Value::Plan(plan) => Some(Rc::clone(plan)),
        Value::List(items) => {
            let mut parts: Vec<Rc<Plan>> = items.iter().filter_map(plan).collect();
            if parts.len() > 1 { Some(Rc::new(Plan::parallel(parts))) } else { parts.pop() }
        }
        _ => None,
    }
}

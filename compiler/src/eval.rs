//! Evaluating: from a checked program to the graph it describes.
//!
//! Owns the order of evaluation. Statements of a block run one after the other, an error ends the evaluation where it
//! happens, arguments are evaluated when they are needed and once, and a call with the same arguments on the same filesystem
//! is the same value. What builtins do is in `builtins`; bytes are made by `emit`.

mod call;
pub(crate) mod graph;
pub(crate) mod history;
mod key;
mod publish;
pub(crate) mod text;
pub(crate) mod value;

use std::collections::BTreeSet;
use std::rc::Rc;

use ecow::EcoString;
use hlb_language::diagnostic::{Diagnostic, Location};
use hlb_language::source::SourceMap;
use rustc_hash::FxHashMap;

use crate::codes;
use crate::consent::Consent;
use crate::hir::{self, BindId, ExprNode, FuncId, Program, TextPart};
use crate::image::ImageConfig;
use crate::types::Kind;
use crate::world::{Platform, World};
use call::{Bound, Instance, Thunk};
use graph::Graph;
use history::Log;
use key::{Key, KeyId, Keys};
use value::{ExportId, ExportPlan, Frame, Fs, InstanceId, Plan, Value};

/// Evaluation ends where an error is.
pub(crate) type Fail = Box<Diagnostic>;

/// How deep calls and expressions may be in one another. Each level takes a few kilobytes of stack.
const MAX_DEPTH: usize = 150;

/// How many calls a program may evaluate. Functions that call others twice, a few dozen deep, would never end otherwise.
const MAX_CALLS: usize = 200_000;

/// How many bytes a text may have.
const MAX_TEXT: usize = 16 << 20;

/// How many options, arguments or things to build one value may hold.
pub(crate) const MAX_ITEMS: usize = 100_000;

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
    instances: Vec<Instance<'p>>,
    known: FxHashMap<(FuncId, KeyId, u64), InstanceId>,
    /// Values of expressions that have been evaluated as arguments.
    values: FxHashMap<KeyId, Value>,
    bound: FxHashMap<(InstanceId, BindId), Bound>,
    configs: FxHashMap<(String, Platform), Rc<ImageConfig>>,
    keys: Keys,
    next_fs: u64,
    depth: usize,
    calls: usize,
    /// What modules of others may do.
    pub(crate) consent: Consent,
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
            instances: Vec::new(),
            known: FxHashMap::default(),
            values: FxHashMap::default(),
            bound: FxHashMap::default(),
            configs: FxHashMap::default(),
            keys: Keys::default(),
            next_fs: 1,
            depth: 0,
            calls: 0,
            consent: Consent::none(),
        }
    }

    /// The value of a target: a function or bound name without parameters.
    pub(crate) fn target(&mut self, name: &str, target: hir::Target, at: Location) -> Result<Value, Fail> {
        self.depth = 0;
        self.target = name.into();
        // The target itself is called by nobody, so it has no frame; this one stands for errors of its own.
        let root = Rc::new(Frame { at, parent: None });
        match target {
            hir::Target::Func(id) => self.call_func(id, Vec::new(), Value::Nil, &root, true),
            hir::Target::Bind(id) => self.call_bind(id, Vec::new(), Value::Nil, &root, true),
            _ => Ok(Value::Nil),
        }
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

    /// Runs the statements of a block. `start` is what a filesystem block begins with. `scope` holds the parameters.
    fn block(
        &mut self,
        block: &'p hir::Block,
        scope: InstanceId,
        frame: Option<&Rc<Frame>>,
        start: Value,
    ) -> Result<Value, Fail> {
        let mut value = start;
        for stmt in &block.stmts {
            value = self.stmt(stmt, &block.kind, scope, frame, value)?;
        }
        Ok(value)
    }

    fn stmt(
        &mut self,
        stmt: &'p hir::Stmt,
        kind: &Kind,
        scope: InstanceId,
        frame: Option<&Rc<Frame>>,
        current: Value,
    ) -> Result<Value, Fail> {
        match stmt {
            hir::Stmt::Value(expr) => {
                let next = self.expr(expr, scope, frame)?;
                limited(append(kind, current, next), expr.at, frame)
            }
            hir::Stmt::Call(call) => {
                if *kind == Kind::Fs {
                    return self.call(call, scope, frame, current);
                }
                let next = self.call(call, scope, frame, Value::Nil)?;
                limited(append(kind, current, next), call.at, frame)
            }
        }
    }

    /// The value of an expression.
    pub(crate) fn expr(
        &mut self,
        expr: &'p hir::Expr,
        scope: InstanceId,
        frame: Option<&Rc<Frame>>,
    ) -> Result<Value, Fail> {
        match &expr.node {
            ExprNode::Int(value) => Ok(Value::Int(*value)),
            ExprNode::Bool(value) => Ok(Value::Bool(*value)),
            ExprNode::Text(text) => self.text(text, expr.at, scope, frame),
            ExprNode::Call(call) => self.call(call, scope, frame, Value::Nil),
            ExprNode::Block(block) => {
                self.enter(expr.at, frame)?;
                let value = self.block(block, scope, frame, Value::Nil);
                self.depth -= 1;
                value
            }
            ExprNode::Error => Err(Box::new(Diagnostic::error(
                codes::UNSUPPORTED,
                expr.at,
                "this expression has an error, so the program cannot be evaluated",
            ))),
        }
    }

    fn text(
        &mut self,
        text: &'p hir::Text,
        at: Location,
        scope: InstanceId,
        frame: Option<&Rc<Frame>>,
    ) -> Result<Value, Fail> {
        let mut whole = String::new();
        for part in &text.parts {
            match part {
                TextPart::Text(part) => whole.push_str(part),
                TextPart::Value(expr) => {
                    let value = self.expr(expr, scope, frame)?;
                    whole.push_str(&display(&value, &expr.kind));
                    if whole.len() > MAX_TEXT {
                        return Err(too_much(at, frame, "this text is longer than 16 MiB".to_owned()));
                    }
                }
            }
        }
        Ok(Value::Text(match text.layout {
            Some(layout) => text::heredoc(layout, &whole).into(),
            None => whole.into(),
        }))
    }

    /// Goes one level deeper; the caller goes back up.
    fn enter(&mut self, at: Location, frame: Option<&Rc<Frame>>) -> Result<(), Fail> {
        if self.depth >= MAX_DEPTH {
            return Err(too_much(at, frame, format!("calls are nested more than {MAX_DEPTH} deep here")));
        }
        self.calls += 1;
        if self.calls > MAX_CALLS {
            return Err(too_much(at, frame, format!("the program evaluates more than {MAX_CALLS} calls")));
        }
        self.depth += 1;
        Ok(())
    }

    fn force(&mut self, thunk: &Thunk<'p>) -> Result<Value, Fail> {
        if let Some(value) = self.values.get(&thunk.key) {
            return Ok(value.clone());
        }
        let value = self.expr(thunk.expr, thunk.scope, thunk.frame.as_ref())?;
        self.values.insert(thunk.key, value.clone());
        Ok(value)
    }

    fn key(&mut self, expr: &'p hir::Expr, scope: InstanceId) -> KeyId {
        let key = match &expr.node {
            ExprNode::Int(value) => Key::Int(*value),
            ExprNode::Bool(value) => Key::Bool(*value),
            ExprNode::Call(call) => match call.callee {
                hir::Callee::Param(index) => {
                    let known = self.instances.get(scope.0).and_then(|instance| instance.args.get(index));
                    match known.map(Vec::as_slice) {
                        Some([thunk]) => return thunk.key,
                        _ => self.site(expr.at, scope),
                    }
                }
                hir::Callee::Func(id) => Key::Func(id, self.arg_keys(&call.args, scope)),
                hir::Callee::Bind(id) => Key::Bind(id, self.arg_keys(&call.args, scope)),
                hir::Callee::Builtin(_) | hir::Callee::OwnBind(_) => self.site(expr.at, scope),
            },
            ExprNode::Text(text) => match text.parts.as_slice() {
                [] => Key::Text("".into()),
                [TextPart::Text(part)] if text.layout.is_none() => Key::Text(part.clone()),
                _ => self.site(expr.at, scope),
            },
            ExprNode::Block(_) | ExprNode::Error => self.site(expr.at, scope),
        };
        self.keys.intern(key)
    }

    fn arg_keys(&mut self, args: &'p [hir::Expr], scope: InstanceId) -> Vec<KeyId> {
        args.iter().map(|arg| self.key(arg, scope)).collect()
    }

    /// A key for what is only equal to itself: an expression together with the arguments that its function was called with.
    fn site(&self, at: Location, scope: InstanceId) -> Key {
        let instance = self.instances.get(scope.0);
        let func = instance.and_then(|instance| self.program.func(instance.func));
        match (instance, func) {
            // What such a function has bound depends on what it was called on, not only on its arguments.
            (_, Some(func)) if func.binds => Key::Site(at, None, Some(scope)),
            (Some(instance), _) => Key::Site(at, Some(instance.key), None),
            (None, _) => Key::Site(at, None, Some(scope)),
        }
    }
}

/// What a statement leaves, given what the block had before: strings, numbers and truth values are replaced, options and
/// stages are added to.
fn append(kind: &Kind, current: Value, next: Value) -> Value {
    match (kind, current, next) {
        (_, current, Value::Nil) => current,
        (Kind::Pipeline, Value::Nil, next) => plan(&next).map_or(Value::Nil, Value::Plan),
        (Kind::Option(_), Value::Options(mut all), Value::Options(more)) => {
            Rc::make_mut(&mut all).extend(more.iter().cloned());
            Value::Options(all)
        }
        (Kind::Pipeline, Value::Plan(mut before), next) => {
            let Some(next) = plan(&next) else { return Value::Plan(before) };
            match Rc::make_mut(&mut before) {
                Plan::Sequential(size, stages) => {
                    *size = size.saturating_add(next.size());
                    stages.push(next);
                }
                other => {
                    let size = other.size().saturating_add(next.size());
                    *other = Plan::Sequential(size, vec![Rc::new(other.clone()), next]);
                }
            }
            Value::Plan(before)
        }
        (_, _, next) => next,
    }
}

/// Refuses a value that has grown beyond all use.
fn limited(value: Value, at: Location, frame: Option<&Rc<Frame>>) -> Result<Value, Fail> {
    let size = match &value {
        Value::Options(all) => all.len(),
        Value::Plan(plan) => plan.size(),
        _ => 0,
    };
    if size > MAX_ITEMS {
        return Err(too_much(at, frame, format!("this block holds more than {MAX_ITEMS} things")));
    }
    Ok(value)
}

fn too_much(at: Location, frame: Option<&Rc<Frame>>, message: String) -> Fail {
    let fail = Diagnostic::error(codes::DEPTH, at, message);
    Box::new(match frame {
        Some(frame) => traced(fail, frame),
        None => fail,
    })
}

/// What is to be built for a value; nothing for values that are not built.
pub(crate) fn plan(value: &Value) -> Option<Rc<Plan>> {
    match value {
        Value::Fs(fs) => Some(Rc::new(Plan::Fs(Rc::clone(fs)))),
        Value::Plan(plan) => Some(Rc::clone(plan)),
        Value::Nil | Value::Text(_) | Value::Int(_) | Value::Bool(_) | Value::Options(_) => None,
    }
}

/// The text of a value in a string; the empty value of a kind that is no text is `0` or `false`.
fn display(value: &Value, kind: &Kind) -> String {
    match (value, kind) {
        (Value::Text(text), _) => text.to_string(),
        (Value::Int(value), _) => value.to_string(),
        (Value::Bool(value), _) => value.to_string(),
        (_, Kind::Int) => "0".to_owned(),
        (_, Kind::Bool) => "false".to_owned(),
        _ => String::new(),
    }
}

/// An error with the calls that led to it.
pub(crate) fn traced(mut fail: Diagnostic, frame: &Rc<Frame>) -> Diagnostic {
    for at in frame.outward().take(MAX_DEPTH) {
        let known = fail.primary.at == at || fail.secondary.iter().any(|label| label.at == at);
        if !known && fail.secondary.len() < 8 {
            fail = fail.also(at, "in this call");
        }
    }
    fail
}

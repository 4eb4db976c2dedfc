//! A step as fields that can be compared one by one.
//!
//! Owns what the fields are and what they are called. A field has a form to compare, in which inputs are steps of the
//! second plan, and a form to show. Fields that no word is known for go by their names in LLB, so that none is missed.

use super::align::{Pairs, output_id};
use super::names::{flatten, in_words, json, others, word};
use crate::digest::Digest;
use crate::draw::{brief, cut, owner_words, printable, sharing};
use crate::dump;
use crate::graph::CUSTOM_NAME;
use crate::pb;
use crate::plan::{Plan, Role, Step, owner, reads_input, uses};

/// How many characters say which step an input is.
const BRIEF: usize = 40;

/// A plan that steps are seen in.
pub(super) struct Side<'p> {
    plan: &'p Plan<'p>,
    pairs: Option<&'p Pairs>,
    /// What inputs are called of a step that is looked at by itself: any is as good as another then.
    names: Option<&'p [String]>,
}

/// The fields of a step.
#[derive(Default)]
pub(super) struct Fields {
    /// Program and arguments.
    pub(super) args: Vec<String>,
    pub(super) items: Vec<Item>,
}

/// A field, which may have fields of its own.
pub(super) struct Item {
    /// What it is called.
    pub(super) key: String,
    /// Items of one class can have become each other though they are called differently.
    pub(super) class: Option<&'static str>,
    /// The whole.
    pub(super) value: Value,
    pub(super) parts: Vec<(String, Value)>,
    /// Whether it is of no interest if anything else changed.
    pub(super) minor: bool,
}

/// A value.
#[derive(Clone)]
pub(super) struct Value {
    /// What equal values have equal.
    pub(super) id: String,
    pub(super) shown: String,
}

impl Value {
    fn plain(text: impl Into<String>) -> Self {
        let id = text.into();
        Self { shown: id.clone(), id }
    }
}

impl Item {
    fn new(key: impl Into<String>, value: Value) -> Self {
        Self { key: key.into(), class: None, value, parts: Vec::new(), minor: false }
    }

    pub(super) fn plain(key: impl Into<String>, text: impl Into<String>) -> Self {
        Self::new(key, Value::plain(text))
    }

    fn minor(self) -> Self {
        Self { minor: true, ..self }
    }
}

impl<'p> Side<'p> {
    pub(super) fn before(plan: &'p Plan<'p>, pairs: &'p Pairs) -> Self {
        Self { plan, pairs: Some(pairs), names: None }
    }

    pub(super) fn after(plan: &'p Plan<'p>) -> Self {
        Self { plan, pairs: None, names: None }
    }

    /// A step without a plan around it. There is a name for each of its inputs.
    pub(super) fn alone(nothing: &'p Plan<'p>, names: &'p [String]) -> Self {
        Self { plan: nothing, pairs: None, names: Some(names) }
    }

    /// An output so that both plans say it equally.
    pub(super) fn id(&self, from: Option<(usize, usize)>) -> String {
        let Some((step, output)) = from else { return "scratch".to_owned() };
        let name = output_id(self.plan, step, output);
        match self.pairs {
            None => format!("{step} {name}"),
            Some(pairs) => match pairs.after(step) {
                Some(after) => format!("{after} {name}"),
                None => format!("gone {step} {name}"),
            },
        }
    }

    fn input(&self, step: &Step<'_>, position: i64) -> Value {
        if let Some(names) = self.names {
            let name = usize::try_from(position).ok().and_then(|position| names.get(position));
            return match name {
                Some(name) => Value { id: "an input".to_owned(), shown: printable(name) },
                None => Value::plain("scratch"),
            };
        }
        let from = usize::try_from(position).ok().and_then(|position| step.inputs.get(position)).copied();
        Value { id: self.id(from), shown: self.shown(from) }
    }

    /// An output for people: numbers alone mean other steps in the other plan.
    pub(super) fn shown(&self, from: Option<(usize, usize)>) -> String {
        let Some((step, output)) = from else { return "scratch".to_owned() };
        let what = self.plan.steps.get(step).map(|step| brief(self.plan, step)).unwrap_or_default();
        format!("{} {}", self.plan.output(step, output), cut(&what, BRIEF))
    }

    /// The fields of a step of this plan.
    pub(super) fn fields(&self, step: &Step<'_>) -> Fields {
        let mut fields = Fields::default();
        let op = &step.vertex.op;
        let items = &mut fields.items;
        match &op.op {
            None => {}
            Some(pb::OpKind::Source(source)) => {
                items.push(Item::plain("source", printable(&source.identifier)));
                for (name, value) in &source.attrs {
                    let item = Item::plain(format!("attribute `{}`", printable(name)), printable(value));
                    items.push(if is_internal(name) { item.minor() } else { item });
                }
            }
            Some(pb::OpKind::Exec(exec)) => {
                fields.args = exec.meta.as_ref().map(|meta| meta.args.clone()).unwrap_or_default();
                self.exec(step, exec, items);
            }
            Some(pb::OpKind::File(file)) => self.file(step, file, items),
            Some(pb::OpKind::Build(build)) => {
                let inputs = build.inputs.iter();
                items.extend(
                    inputs.map(|(name, it)| {
                        Item::new(format!("input `{}`", printable(name)), self.input(step, it.input))
                    }),
                );
                let attrs = build.attrs.iter();
                items.extend(
                    attrs.map(|(name, it)| Item::plain(format!("attribute `{}`", printable(name)), printable(it))),
                );
                items.push(Item::plain("builder", build.builder.to_string()));
                let nested = build.def.as_ref().map(|it| Digest::of(crate::encode_definition(it)).to_string());
                items.extend(nested.map(|digest| Item::plain("definition", digest)));
            }
            Some(pb::OpKind::Merge(merge)) => {
                let layers = merge.inputs.iter().enumerate();
                items.extend(layers.map(|(at, it)| Item::new(format!("layer {}", at + 1), self.input(step, it.input))));
            }
            Some(pb::OpKind::Diff(diff)) => {
                let of = |at: Option<i64>| self.input(step, at.unwrap_or(-1));
                items.push(Item::new("from", of(diff.lower.map(|it| it.input))));
                items.push(Item::new("to", of(diff.upper.map(|it| it.input))));
            }
            Some(pb::OpKind::Passthrough(pass)) => {
                items.push(Item::plain("id", printable(&pass.id)));
                let outputs = pass.outputs.iter().enumerate();
                items.extend(outputs.map(|(at, it)| Item::new(format!("output {at}"), self.input(step, *it))));
            }
        }
        let waits = uses(op).into_iter().filter(|(_, role)| *role == Role::Awaited);
        items.extend(
            waits.map(|(at, _)| Item::new("waits for", self.input(step, i64::try_from(at).unwrap_or(-1))).minor()),
        );
        let mut rest = Vec::new();
        let around = pb::Op { inputs: Vec::new(), op: None, ..op.clone() };
        flatten(&dump::op(&around), "", &mut rest);
        items.extend(rest.into_iter().map(|(key, text)| Item::plain(in_words(&key), text)));
        metadata(step, items);
        number_equal_keys(items);
        fields
    }

    fn exec(&self, step: &Step<'_>, exec: &pb::ExecOp, items: &mut Vec<Item>) {
        let nothing = pb::Meta::default();
        let meta = exec.meta.as_ref().unwrap_or(&nothing);
        for entry in &meta.env {
            let (name, value) = entry.split_once('=').unwrap_or((entry, ""));
            items.push(Item::plain(format!("env `{}`", printable(name)), printable(value)));
        }
        let names: Vec<&str> = meta.env.iter().map(|it| it.split_once('=').map_or(it.as_str(), |it| it.0)).collect();
        items.push(Item::plain("order of env", printable(&names.join(" "))).minor());
        for mount in &exec.mounts {
            items.push(self.mount(step, mount));
        }
        let order: Vec<&str> = exec.mounts.iter().map(|mount| mount.dest.as_str()).collect();
        items.push(Item::plain("order of mounts", printable(&order.join(" "))).minor());
        for secret in &exec.secretenv {
            let optional = if secret.optional { ", optional" } else { "" };
            let value = format!("secret {}{optional}", printable(&secret.id));
            items.push(Item::plain(format!("env `{}`", printable(&secret.name)), value));
        }
        let network = ["its own", "that of the machine", "none"];
        items.push(Item::plain("network", word(&network, exec.network)));
        items.push(Item::plain("security", word(&["sandbox", "insecure"], exec.security)));
        for host in &meta.extra_hosts {
            items.push(Item::plain(format!("host `{}`", printable(&host.host)), printable(&host.ip)));
        }
        for limit in &meta.ulimit {
            let value = format!("{} to {}", limit.soft, limit.hard);
            items.push(Item::plain(format!("ulimit `{}`", printable(&limit.name)), value));
        }
        items.push(Item::plain("directory", printable(&meta.cwd)));
        items.push(Item::plain("user", printable(&meta.user)));
        let rest = pb::ExecOp {
            meta: Some(pb::Meta {
                args: Vec::new(),
                env: Vec::new(),
                cwd: String::new(),
                user: String::new(),
                extra_hosts: Vec::new(),
                ulimit: Vec::new(),
                ..meta.clone()
            }),
            mounts: Vec::new(),
            network: 0,
            security: 0,
            secretenv: Vec::new(),
            cdi_devices: exec.cdi_devices.clone(),
        };
        others(&rest, &["meta."], items);
    }

    fn mount(&self, step: &Step<'_>, mount: &pb::Mount) -> Item {
        let types = ["bind", "secret", "SSH agent", "cache", "memory"];
        let mut parts = vec![
            ("path".to_owned(), Value::plain(printable(&mount.dest))),
            ("type".to_owned(), Value::plain(word(&types, mount.mount_type))),
        ];
        if reads_input(mount) {
            parts.push(("from".to_owned(), self.input(step, mount.input)));
            let kept = if mount.output >= 0 { "kept" } else { "dropped" };
            parts.push(("result".to_owned(), Value::plain(kept)));
        }
        let mut rest = Vec::new();
        // What has been said, and the numbers that stand for it.
        let others =
            pb::Mount { dest: String::new(), mount_type: 0, input: 0, output: 0, content_cache: 0, ..mount.clone() };
        flatten(&json(&others), "", &mut rest);
        if mount.content_cache != 0 {
            let words = ["by default", "yes", "no"];
            rest.push(("cached by content".to_owned(), word(&words, mount.content_cache)));
        }
        if let Some(cache) = &mount.cache_opt {
            rest.retain(|(key, _)| key != "cacheOpt.sharing");
            rest.push(("sharing".to_owned(), sharing(cache.sharing()).to_owned()));
        }
        let text = |(key, text): (String, String)| {
            let key = match key.as_str() {
                "readonly" => "read-only".to_owned(),
                "cacheOpt.ID" => "cache".to_owned(),
                "secretOpt.ID" => "secret".to_owned(),
                "SSHOpt.ID" => "agent".to_owned(),
                "TmpfsOpt.size" => "size".to_owned(),
                key => in_words(key.rsplit('.').next().unwrap_or(key)),
            };
            (key, Value::plain(text))
        };
        parts.extend(rest.into_iter().map(text));
        let words = parts.iter().filter(|(name, _)| name != "path" && name != "result");
        let words: Vec<String> = words.map(|(name, value)| format!("{name} {}", value.shown)).collect();
        Item {
            class: Some("mount"),
            parts,
            ..Item::plain(format!("mount `{}`", printable(&mount.dest)), words.join(", "))
        }
    }

    fn file(&self, step: &Step<'_>, file: &pb::FileOp, items: &mut Vec<Item>) {
        let inputs = step.vertex.op.inputs.len();
        let key = |it: &pb::FileAction| it.action.as_ref().map(action_key).unwrap_or_default();
        let input = |position: i64| {
            let action = usize::try_from(position).ok().and_then(|at| file.actions.get(at.checked_sub(inputs)?));
            match action {
                Some(action) => {
                    Value { id: format!("action {}", key(action)), shown: format!("what {} made", key(action)) }
                }
                None => self.input(step, position),
            }
        };
        for it in &file.actions {
            let Some(action) = &it.action else { continue };
            let mut parts = vec![("on".to_owned(), input(it.input))];
            if matches!(action, pb::FileActionKind::Copy(_)) || it.secondary_input >= 0 {
                parts.push(("from".to_owned(), input(it.secondary_input)));
            }
            let kept = if it.output >= 0 { "kept" } else { "handed on" };
            parts.push(("result".to_owned(), Value::plain(kept)));
            if let Some(owner) = owner(action) {
                let lookup = [&owner.user, &owner.group].into_iter().flatten().filter_map(|it| match &it.user {
                    Some(pb::User::ByName(named)) => Some(format!(" {}", input(named.input).id)),
                    _ => None,
                });
                let shown = owner_words(owner);
                let id = format!("{shown}{}", lookup.collect::<String>());
                parts.push(("owner".to_owned(), Value { id, shown }));
            }
            let mut rest = Vec::new();
            flatten(&json(action), "", &mut rest);
            rest.retain(|(key, _)| !key.starts_with("owner."));
            parts.extend(rest.into_iter().map(|(key, text)| action_part(action, key, text)));
            items.push(Item {
                class: Some(action_class(action)),
                parts,
                ..Item::plain(action_key(action), crate::draw::action_words(action, &input(it.secondary_input).shown))
            });
        }
        let order: Vec<String> = file.actions.iter().map(key).collect();
        items.push(Item::plain("order of actions", order.join(", ")).minor());
    }
}

/// A part of an action, in words.
fn action_part(action: &pb::FileActionKind, key: String, text: String) -> (String, Value) {
    match (key.as_str(), action) {
        ("data", pb::FileActionKind::Mkfile(file)) => {
            let shown = match std::str::from_utf8(&file.data) {
                Ok(text) => text.to_owned(),
                Err(_) => format!("{} bytes that are no text", file.data.len()),
            };
            ("content".to_owned(), Value { id: text, shown })
        }
        ("mode", _) => {
            let octal = text.parse::<i32>().ok().filter(|mode| *mode >= 0).map(|mode| format!("{mode:04o}"));
            ("mode".to_owned(), Value { shown: octal.unwrap_or_else(|| "kept".to_owned()), id: text })
        }
        _ => (in_words(&key), Value::plain(text)),
    }
}

/// What an action is known by: what it does, and where.
pub(super) fn action_key(action: &pb::FileActionKind) -> String {
    let path = match action {
        pb::FileActionKind::Mkdir(dir) => &dir.path,
        pb::FileActionKind::Mkfile(file) => &file.path,
        pb::FileActionKind::Symlink(link) => &link.newpath,
        pb::FileActionKind::Rm(rm) => &rm.path,
        pb::FileActionKind::Copy(copy) => return format!("copy to {}", printable(&copy.dest)),
    };
    format!("{} {}", action_class(action), printable(path))
}

fn action_class(action: &pb::FileActionKind) -> &'static str {
    match action {
        pb::FileActionKind::Mkdir(_) => "mkdir",
        pb::FileActionKind::Mkfile(_) => "mkfile",
        pb::FileActionKind::Symlink(_) => "symlink",
        pb::FileActionKind::Rm(_) => "rm",
        pb::FileActionKind::Copy(_) => "copy",
    }
}

/// What is said about a step without being part of its digest. Capabilities follow from the op.
fn metadata(step: &Step<'_>, items: &mut Vec<Item>) {
    let metadata = pb::OpMetadata { caps: Default::default(), ..step.vertex.metadata.clone() };
    for (key, text) in &metadata.description {
        if key != CUSTOM_NAME {
            items.push(Item::plain(format!("description `{}`", printable(key)), printable(text)));
        } else if !is_name_of_command(&step.vertex.op, text) {
            items.push(Item::plain("name", printable(text)));
        }
    }
    if let Some(export) = &metadata.export_cache {
        items.push(Item::plain("export cache", if export.value { "yes" } else { "no" }));
    }
    others(&pb::OpMetadata { description: Default::default(), export_cache: None, ..metadata }, &[], items);
}

/// Whether a name only says again which command is run, as clients name steps.
pub(super) fn is_name_of_command(op: &pb::Op, name: &str) -> bool {
    crate::draw::is_the_command(op, name)
}

fn is_internal(name: &str) -> bool {
    crate::draw::is_internal(name)
}

/// Gives the second and further ones of a key a number.
fn number_equal_keys(items: &mut [Item]) {
    let mut seen: std::collections::HashMap<String, usize> = std::collections::HashMap::new();
    for item in items {
        let count = seen.entry(item.key.clone()).or_default();
        *count += 1;
        if *count > 1 {
            item.key = format!("{} ({count})", item.key);
        }
    }
}

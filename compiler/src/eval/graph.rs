//! The graph that evaluation grows: ops before they are LLB.
//!
//! Owns nodes in an arena, inputs always before users. Whether a mount of a command has an output is only known when
//! everything is evaluated, so bytes are made later, by `emit`.

use std::collections::BTreeMap;
use std::rc::Rc;

use camino::Utf8PathBuf;
use ecow::EcoString;
use hlb_llb::{ops, pb};

use super::value::Frame;
use crate::request::{LocalDir, Socket};
use crate::world::Platform;

/// Index of a node.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(crate) struct NodeId(pub(crate) usize);

/// An output of a node.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Out {
    pub(crate) node: NodeId,
    pub(crate) port: Port,
}

/// Which output.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Port {
    /// The only one, or the root of a command.
    Main,
    /// What a command leaves in one of its mounts.
    Mount(usize),
}

/// A node, the calls that made it, and what it takes from the client.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) node: Node,
    pub(crate) frame: Rc<Frame>,
    pub(crate) needs: Option<Box<Needs>>,
}

/// What a solver needs from the client.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Needs {
    pub(crate) locals: BTreeMap<String, LocalDir>,
    pub(crate) secrets: BTreeMap<String, Utf8PathBuf>,
    pub(crate) sockets: BTreeMap<String, Socket>,
    pub(crate) layouts: BTreeMap<String, Utf8PathBuf>,
}

impl Needs {
    pub(crate) fn take(&mut self, other: &Self) {
        self.locals.extend(other.locals.iter().map(|(name, dir)| (name.clone(), dir.clone())));
        self.secrets.extend(other.secrets.iter().map(|(id, path)| (id.clone(), path.clone())));
        self.sockets.extend(other.sockets.iter().map(|(id, socket)| (id.clone(), socket.clone())));
        self.layouts.extend(other.layouts.iter().map(|(store, dir)| (store.clone(), dir.clone())));
    }
}

/// An op.
#[derive(Debug)]
pub(crate) enum Node {
    Image(Box<ops::Image>),
    Http(Box<ops::Http>),
    Git(Box<ops::Git>),
    OciLayout(Box<ops::OciLayout>),
    Local(Box<ops::Local>),
    /// What a frontend returned: a graph that reads nothing of this one.
    Foreign(Rc<pb::Definition>),
    Exec(Box<Exec>),
    File {
        base: Option<Out>,
        step: Box<Step>,
    },
    Merge(Vec<Out>),
    Diff {
        lower: Out,
        upper: Option<Out>,
    },
}

/// A change of files.
#[derive(Debug)]
pub(crate) enum Step {
    /// One that reads nothing else.
    Plain(ops::FileStep),
    /// A copy, whose source is filled in when it is known.
    Copy { source: Option<Out>, copy: ops::Copy },
}

/// A command.
#[derive(Clone, Debug)]
pub(crate) struct Exec {
    pub(crate) args: Vec<String>,
    pub(crate) name: String,
    pub(crate) env: Vec<(EcoString, EcoString)>,
    pub(crate) cwd: String,
    pub(crate) user: String,
    pub(crate) hostname: String,
    pub(crate) cgroup_parent: String,
    pub(crate) hosts: Vec<pb::HostIp>,
    pub(crate) ulimits: Vec<pb::Ulimit>,
    pub(crate) valid_exit_codes: Option<Vec<i32>>,
    pub(crate) proxy: Option<pb::ProxyEnv>,
    pub(crate) network: pb::NetMode,
    pub(crate) security: pb::SecurityMode,
    pub(crate) root: Option<Out>,
    pub(crate) readonly_root: bool,
    pub(crate) mounts: Vec<Mount>,
    pub(crate) secrets: Vec<ops::Secret>,
    pub(crate) sockets: Vec<ops::Ssh>,
    pub(crate) resources: Option<pb::LinuxResources>,
    pub(crate) group: Option<pb::ProgressGroup>,
    /// Where it runs; none for the platform of what is built.
    pub(crate) platform: Option<Platform>,
}

/// A mount of a command.
#[derive(Clone, Debug)]
pub(crate) struct Mount {
    pub(crate) dest: String,
    pub(crate) source: Option<Out>,
    pub(crate) selector: String,
    pub(crate) readonly: bool,
    pub(crate) kind: ops::MountKind,
    pub(crate) content_cache: pb::MountContentCache,
    /// Whether something is made from what the command leaves there.
    pub(crate) used: bool,
}

/// The nodes.
#[derive(Debug, Default)]
pub(crate) struct Graph {
    entries: Vec<Entry>,
}

impl Graph {
    pub(crate) fn add(&mut self, node: Node, frame: &Rc<Frame>) -> Out {
        self.push(node, None, frame)
    }

    /// Adds a node that takes something from the client.
    pub(crate) fn add_with(&mut self, node: Node, needs: Needs, frame: &Rc<Frame>) -> Out {
        self.push(node, (needs != Needs::default()).then(|| Box::new(needs)), frame)
    }

    fn push(&mut self, node: Node, needs: Option<Box<Needs>>, frame: &Rc<Frame>) -> Out {
        let id = NodeId(self.entries.len());
        self.entries.push(Entry { node, frame: Rc::clone(frame), needs });
        Out { node: id, port: Port::Main }
    }

    pub(crate) fn get(&self, id: NodeId) -> Option<&Entry> {
        self.entries.get(id.0)
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Notes that what a command leaves in a mount is needed.
    pub(crate) fn need(&mut self, out: Out) {
        let Port::Mount(index) = out.port else { return };
        if let Some(Entry { node: Node::Exec(exec), .. }) = self.entries.get_mut(out.node.0)
            && let Some(mount) = exec.mounts.get_mut(index)
        {
            mount.used = true;
        }
    }

    /// What a node reads.
    pub(crate) fn inputs(&self, id: NodeId) -> Vec<Out> {
        match self.get(id).map(|entry| &entry.node) {
            None
            | Some(
                Node::Image(_) | Node::Http(_) | Node::Git(_) | Node::OciLayout(_) | Node::Local(_) | Node::Foreign(_),
            ) => Vec::new(),
            Some(Node::Exec(exec)) => {
                exec.root.into_iter().chain(exec.mounts.iter().filter_map(|mount| mount.source)).collect()
            }
            Some(Node::File { base, step }) => {
                let source = match &**step {
                    Step::Plain(_) => None,
                    Step::Copy { source, .. } => *source,
                };
                base.iter().copied().chain(source).collect()
            }
            Some(Node::Merge(inputs)) => inputs.clone(),
            Some(Node::Diff { lower, upper }) => std::iter::once(*lower).chain(*upper).collect(),
        }
    }
}

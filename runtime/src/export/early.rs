//! Layers that are packed while later steps run.
//!
//! Owns what is packed before it is asked for: the layers under the result that is to become an image, each as soon as the step
//! that made it has ended, one at a time and behind everything else that this machine does. What a blob is, and that nobody packs
//! one twice, is known to `layers`.

use std::collections::HashSet;
use std::sync::Arc;

use hlb_llb::definition::{Graph, LoadedVertex};
use hlb_llb::{Digest, pb};
use hlb_store::LayerId;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Stop;
use super::image::form;
use super::layers::Turn;
use super::options::ImageOptions;
use crate::engine::Engine;
use crate::layer_blob::{self, Form, Known, known};
use crate::snapshot::Snapshot;

/// How far behind others, as `nice` counts it.
const NICE: i32 = 10;

/// What is packed early for one solve.
#[derive(Debug)]
pub(crate) struct Early {
    forms: Vec<Form>,
    /// The outputs whose layers will lie under those of the result.
    chain: HashSet<(Digest, usize)>,
    cancel: CancellationToken,
    tasks: TaskTracker,
}

impl Early {
    /// For a graph whose result becomes these images; none if it becomes no image.
    pub(crate) fn of(graph: &Graph, images: &[ImageOptions]) -> Option<Arc<Self>> {
        let mut forms: Vec<Form> = Vec::new();
        for form in images.iter().map(form) {
            if !forms.contains(&form) {
                forms.push(form);
            }
        }
        if forms.is_empty() {
            return None;
        }
        let chain = chain(graph);
        Some(Arc::new(Self { forms, chain, cancel: CancellationToken::new(), tasks: TaskTracker::new() }))
    }

    /// Hears that a step has made an output.
    pub(crate) fn made(&self, engine: &Arc<Engine>, vertex: &Digest, output: usize, snapshot: &Snapshot) {
        if snapshot.is_scratch() || !self.chain.contains(&(vertex.clone(), output)) {
            return;
        }
        let (engine, snapshot) = (Arc::clone(engine), snapshot.clone());
        let (forms, cancel) = (self.forms.clone(), self.cancel.clone());
        self.tasks.spawn(async move {
            for form in forms {
                // What cannot be packed now is told when it is needed.
                pack(&engine, &snapshot, form, &cancel).await;
            }
        });
    }

    /// Gives up, and waits until nothing is packed any more.
    pub(crate) async fn stop(&self) {
        self.cancel.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Drop for Early {
    /// Nobody is left who could want it.
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

/// Packs the topmost layer, unless that is done. Whether it did.
async fn pack(engine: &Arc<Engine>, snapshot: &Snapshot, form: Form, cancel: &CancellationToken) -> bool {
    let layers: Vec<LayerId> = snapshot.layers().to_vec();
    let _one = tokio::select! {
        one = engine.packing.background() => one,
        () = cancel.cancelled() => return false,
    };
    let turn = tokio::select! {
        turn = engine.packing.turn(&layers, form) => turn,
        () = cancel.cancelled() => return false,
    };
    if cancel.is_cancelled() || !matches!(known(&engine.store, &layers, form, false), Ok(Known::Nothing)) {
        return false;
    }
    let (engine, cancel, snapshot) = (Arc::clone(engine), cancel.clone(), snapshot.clone());
    let (done, ended) = tokio::sync::oneshot::channel();
    // A thread of its own: those of others must not become slow, and not everybody may make one fast again.
    let begun = std::thread::Builder::new().name("pack".to_owned()).spawn(move || {
        let _held: (Turn, Snapshot) = (turn, snapshot);
        // Steps are waited for, this is not.
        let _ = rustix::process::setpriority_process(None, NICE);
        let stop: Stop<'_> = &|| cancel.is_cancelled();
        let packed = layer_blob::pack(&engine.store, &engine.snapshots, &layers, form, stop);
        let _ = done.send(packed.is_ok());
    });
    begun.is_ok() && ended.await.unwrap_or(false)
}

/// The outputs on which the result is built, layer on layer; not the result itself, which is asked for as soon as it is made.
fn chain(graph: &Graph) -> HashSet<(Digest, usize)> {
    let mut found = HashSet::new();
    let mut next = graph.target;
    let mut first = true;
    while let Some((at, output)) = next {
        let Some(vertex) = graph.vertices.get(at) else { break };
        if !std::mem::take(&mut first) {
            found.insert((vertex.digest.clone(), output));
        }
        next = below(vertex, output).and_then(|input| vertex.inputs.get(input).copied());
    }
    found
}

/// The input whose layers lie under those of an output.
fn below(vertex: &LoadedVertex, output: usize) -> Option<usize> {
    let output = i64::try_from(output).ok()?;
    let input = match vertex.op.op.as_ref()? {
        pb::OpKind::Exec(exec) => exec.mounts.iter().find(|mount| mount.output == output)?.input,
        pb::OpKind::File(file) => {
            let inputs = i64::try_from(vertex.inputs.len()).ok()?;
            let mut at = file.actions.iter().position(|action| action.output == output)?;
            loop {
                let input = file.actions.get(at)?.input;
                // Numbers behind those of the inputs are actions before.
                match usize::try_from(input - inputs) {
                    Ok(before) if before < at => at = before,
                    Ok(_) => return None,
                    Err(_) => break input,
                }
            }
        }
        pb::OpKind::Merge(merge) => merge.inputs.first()?.input,
        _ => return None,
    };
    usize::try_from(input).ok()
}

#[cfg(test)]
mod tests {
    use hlb_llb::graph::{Annotations, Output, marshal};
    use hlb_llb::ops::{FileStep, file, merge};

    use super::*;

    fn mkfile(on: Option<Output>, name: &str) -> Output {
        let step = FileStep::MkFile {
            path: format!("/{name}"),
            mode: 0o644,
            data: name.as_bytes().into(),
            owner: None,
            created: None,
        };
        // Two actions, of which the second is on the first.
        file(on, vec![step.clone(), step], Annotations::default()).unwrap()
    }

    /// The names of the files that the steps of a chain make.
    fn names(target: &Output) -> Vec<String> {
        let graph = Graph::load(&marshal(Some(target), Vec::new())).unwrap();
        let chain = chain(&graph);
        let on_it = graph.vertices.iter().filter(|vertex| chain.contains(&(vertex.digest.clone(), 0)));
        let mut names: Vec<String> = on_it
            .map(|vertex| match &vertex.op.op {
                Some(pb::OpKind::File(file)) => match file.actions.first().and_then(|it| it.action.as_ref()) {
                    Some(pb::FileActionKind::Mkfile(made)) => made.path.clone(),
                    other => format!("{other:?}"),
                },
                _ => "merge".to_owned(),
            })
            .collect();
        names.sort();
        names
    }

    #[test]
    fn the_chain_is_what_lies_under_the_result() {
        let (one, other) = (mkfile(None, "one"), mkfile(None, "other"));
        let two = mkfile(Some(one.clone()), "two");
        assert_eq!(names(&one), Vec::<String>::new());
        assert_eq!(names(&mkfile(Some(two.clone()), "three")), ["/one", "/two"]);
        let merged = merge(vec![two, other], Annotations::default()).unwrap();
        assert_eq!(names(&mkfile(Some(merged), "four")), ["/one", "/two", "merge"]);
    }

    #[test]
    fn nothing_is_packed_for_what_becomes_no_image() {
        let graph = Graph::load(&marshal(Some(&mkfile(None, "one")), Vec::new())).unwrap();
        assert!(Early::of(&graph, &[]).is_none());
        let twice = [ImageOptions::default(), ImageOptions::default()];
        assert_eq!(Early::of(&graph, &twice).unwrap().forms.len(), 1);
    }
}

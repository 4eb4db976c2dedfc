//! A daemon's events as ours.
//!
//! Owns what was seen of each vertex. BuildKit repeats what it said, and ends and restarts a source that it first looks up
//! and then fetches; ours are said once.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::{Duration, SystemTime};

use bollard_buildkit_proto::google::protobuf::Timestamp;
use bollard_buildkit_proto::moby::buildkit::v1 as control;
use hlb_llb::Digest;
use hlb_llb::status::{Status, Stream, VertexInfo};

/// What was said of the vertices so far.
#[derive(Debug, Default)]
pub(crate) struct Events {
    vertices: BTreeMap<Digest, Seen>,
    failed: Option<Digest>,
}

#[derive(Debug, Default)]
struct Seen {
    inputs: Vec<Digest>,
    state: State,
}

#[derive(Debug, Default, PartialEq)]
enum State {
    #[default]
    Known,
    Started,
    /// It ended well, which is not said yet: a source may start again.
    Held(SystemTime),
    Cached,
    Completed,
}

impl Events {
    /// Takes a message of the daemon and passes on what is new in it.
    pub(crate) fn take(&mut self, response: control::StatusResponse, say: &mut dyn FnMut(Status)) {
        self.introduce(&response.vertexes, say);
        for vertex in &response.vertexes {
            self.progress(vertex, say);
        }
        for status in response.statuses {
            let name = if status.id.is_empty() { status.name } else { status.id };
            let total = u64::try_from(status.total).ok().filter(|total| *total > 0);
            let current = u64::try_from(status.current).unwrap_or(0);
            say(Status::Progress { vertex: digest(&status.vertex), name, current, total });
        }
        for log in response.logs {
            let stream = if log.stream == 1 { Stream::Stdout } else { Stream::Stderr };
            say(Status::Log { vertex: digest(&log.vertex), stream, data: log.msg });
        }
        for warning in response.warnings {
            let mut data = b"warning: ".to_vec();
            data.extend_from_slice(&warning.short);
            data.push(b'\n');
            say(Status::Log { vertex: digest(&warning.vertex), stream: Stream::Stderr, data });
        }
    }

    /// Says what was held back. Nothing comes any more.
    pub(crate) fn end(&mut self, say: &mut dyn FnMut(Status)) {
        for (vertex, seen) in &mut self.vertices {
            seen.release(vertex, say);
        }
    }

    /// The first step that failed by itself.
    pub(crate) fn failed(&self) -> Option<&Digest> {
        self.failed.as_ref()
    }

    fn introduce(&mut self, vertexes: &[control::Vertex], say: &mut dyn FnMut(Status)) {
        let mut new = HashMap::new();
        let mut order = Vec::new();
        for vertex in vertexes {
            let key = digest(&vertex.digest);
            if self.vertices.contains_key(&key) {
                continue;
            }
            let inputs: Vec<Digest> = vertex.inputs.iter().map(|input| digest(input)).collect();
            self.vertices.insert(key.clone(), Seen { inputs: inputs.clone(), state: State::Known });
            order.push(key.clone());
            new.insert(key.clone(), VertexInfo { digest: key, name: vertex.name.clone(), inputs });
        }
        if !order.is_empty() {
            say(Status::Graph(inputs_first(order, new)));
        }
    }

    fn progress(&mut self, vertex: &control::Vertex, say: &mut dyn FnMut(Status)) {
        let key = digest(&vertex.digest);
        if vertex.cached || vertex.started.is_some() {
            self.settle_inputs(&key, say);
        }
        let Some(seen) = self.vertices.get_mut(&key) else { return };
        if vertex.cached {
            if !matches!(seen.state, State::Cached | State::Completed) {
                seen.state = State::Cached;
                say(Status::Cached { vertex: key.clone(), at: time(vertex.started) });
            }
            return;
        }
        let Some(started) = vertex.started else { return };
        match seen.state {
            State::Known => {
                seen.state = State::Started;
                say(Status::Started { vertex: key.clone(), at: time(Some(started)) });
            }
            State::Held(_) if vertex.completed.is_none() => seen.state = State::Started,
            _ => {}
        }
        if let Some(completed) = vertex.completed
            && matches!(seen.state, State::Started | State::Held(_))
        {
            let at = time(Some(completed));
            if !vertex.error.is_empty() {
                seen.state = State::Completed;
                if self.failed.is_none() && !vertex.error.ends_with("context canceled") {
                    self.failed = Some(key.clone());
                }
                say(Status::Completed { vertex: key, at, error: Some(vertex.error.clone()) });
                return;
            }
            seen.state = State::Held(at);
            if !seen.inputs.is_empty() {
                seen.release(&key, say);
            }
        }
    }

    /// What a vertex reads is done once it starts.
    fn settle_inputs(&mut self, vertex: &Digest, say: &mut dyn FnMut(Status)) {
        let inputs = self.vertices.get(vertex).map(|seen| seen.inputs.clone()).unwrap_or_default();
        for input in inputs {
            if let Some(seen) = self.vertices.get_mut(&input) {
                seen.release(&input, say);
            }
        }
    }
}

impl Seen {
    fn release(&mut self, vertex: &Digest, say: &mut dyn FnMut(Status)) {
        if let State::Held(at) = self.state {
            self.state = State::Completed;
            say(Status::Completed { vertex: vertex.clone(), at, error: None });
        }
    }
}

/// New vertices in an order in which each comes after those it reads.
fn inputs_first(order: Vec<Digest>, mut new: HashMap<Digest, VertexInfo>) -> Vec<VertexInfo> {
    let mut sorted = Vec::with_capacity(order.len());
    let mut entered = HashSet::new();
    let mut open = order;
    open.reverse();
    while let Some(next) = open.last().cloned() {
        if entered.insert(next.clone())
            && let Some(vertex) = new.get(&next)
        {
            open.extend(vertex.inputs.iter().rev().filter(|input| !entered.contains(*input)).cloned());
            continue;
        }
        open.pop();
        sorted.extend(new.remove(&next));
    }
    sorted
}

/// The digest that names a vertex. Daemons are free to name their own steps otherwise.
fn digest(text: &str) -> Digest {
    text.parse().unwrap_or_else(|_| Digest::of(text))
}

fn time(at: Option<Timestamp>) -> SystemTime {
    let Some(at) = at else { return SystemTime::now() };
    let nanos = Duration::from_nanos(u64::try_from(at.nanos).unwrap_or(0));
    let seconds = Duration::from_secs(at.seconds.unsigned_abs());
    let whole = if at.seconds < 0 {
        SystemTime::UNIX_EPOCH.checked_sub(seconds)
    } else {
        SystemTime::UNIX_EPOCH.checked_add(seconds)
    };
    whole.and_then(|whole| whole.checked_add(nanos)).unwrap_or(SystemTime::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vertex(name: &str, inputs: &[&str], started: i64, completed: i64) -> control::Vertex {
        let at = |seconds: i64| (seconds > 0).then_some(Timestamp { seconds, nanos: 0 });
        control::Vertex {
            digest: Digest::of(name).to_string(),
            inputs: inputs.iter().map(|input| Digest::of(input).to_string()).collect(),
            name: name.to_owned(),
            started: at(started),
            completed: at(completed),
            ..control::Vertex::default()
        }
    }

    /// Each message is a list of vertices; what is said of them, a line each.
    fn check(messages: Vec<Vec<control::Vertex>>) -> (String, Events) {
        let mut names = HashMap::new();
        let mut lines = Vec::new();
        let mut events = Events::default();
        let mut say = |status: Status| {
            if let Status::Graph(vertices) = &status {
                names.extend(vertices.iter().map(|vertex| (vertex.digest.clone(), vertex.name.clone())));
            }
            let second = |at: SystemTime| at.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
            lines.push(match status {
                Status::Graph(vertices) => {
                    format!("graph {}", vertices.iter().map(|it| it.name.as_str()).collect::<Vec<_>>().join(" "))
                }
                Status::Started { vertex, at } => format!("{} started {}", names[&vertex], second(at)),
                Status::Cached { vertex, .. } => format!("{} cached", names[&vertex]),
                Status::Completed { vertex, at, error } => {
                    let line = format!("{} completed {} {}", names[&vertex], second(at), error.unwrap_or_default());
                    line.trim_end().to_owned()
                }
                Status::Log { vertex, stream, data } => {
                    format!("{} {stream:?} {:?}", names[&vertex], String::from_utf8(data).unwrap())
                }
                Status::Progress { vertex, name, current, total } => {
                    format!("{} {name} {current} {total:?}", names[&vertex])
                }
                Status::Warning { text } => format!("warning {text}"),
            });
        };
        for vertexes in messages {
            let response = control::StatusResponse { vertexes, ..control::StatusResponse::default() };
            events.take(response, &mut say);
        }
        events.end(&mut say);
        (lines.join("\n"), events)
    }

    #[test]
    fn a_source_ends_once() {
        let said = check(vec![
            vec![vertex("run", &["image"], 0, 0), vertex("image", &[], 0, 0)],
            vec![vertex("image", &[], 1, 0)],
            vec![vertex("image", &[], 1, 2)],
            vec![vertex("image", &[], 3, 0)],
            vec![vertex("image", &[], 3, 4)],
            vec![vertex("run", &["image"], 5, 0)],
            vec![vertex("run", &["image"], 5, 6)],
        ]);
        insta::assert_snapshot!(said.0, @r"
        graph image run
        image started 1
        image completed 4
        run started 5
        run completed 6
        ");
    }

    #[test]
    fn cached_and_failed_steps_are_told_apart() {
        let cached = control::Vertex { cached: true, ..vertex("image", &[], 1, 1) };
        let failed = control::Vertex { error: "exit code: 1".to_owned(), ..vertex("run", &["image"], 2, 3) };
        let cancelled =
            control::Vertex { error: "rpc: context canceled".to_owned(), ..vertex("other", &["image"], 2, 3) };
        let (said, events) = check(vec![vec![cached.clone(), cancelled, failed], vec![cached]]);
        insta::assert_snapshot!(said, @r"
        graph image other run
        image cached
        other started 2
        other completed 3 rpc: context canceled
        run started 2
        run completed 3 exit code: 1
        ");
        assert_eq!(events.failed(), Some(&Digest::of("run")));
    }

    #[test]
    fn graphs_that_cannot_be_are_survived() {
        let circle = vec![vertex("a", &["b"], 0, 0), vertex("b", &["a", "b", "gone"], 0, 0)];
        assert_eq!(check(vec![circle]).0, "graph b a");
        let odd = control::Vertex { digest: "not a digest".to_owned(), ..vertex("odd", &[], i64::MAX, i64::MAX) };
        let response = control::StatusResponse { vertexes: vec![odd], ..control::StatusResponse::default() };
        let mut count = 0;
        Events::default().take(response, &mut |_| count += 1);
        assert_eq!(count, 2);
    }
}

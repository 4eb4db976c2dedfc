//! Plain progress: lines that are only ever added, one group of them for each vertex.
//!
//! Owns the numbers of vertices, the grouping of what runs at the same time, and the form of every line. A vertex that
//! prints while another one has the floor waits with its lines until that one ends or has been silent for a while. Has no
//! clock: times come in.

use std::collections::{BTreeMap, HashMap};
use std::io::Write;
use std::time::{Duration, SystemTime};

use hlb_llb::Digest;
use hlb_llb::status::{Status, Stream};

use super::lines::Lines;

/// How long a vertex that says nothing keeps the floor while another has something to say.
const SILENCE: Duration = Duration::from_millis(500);
/// How long lines wait, at most, while another vertex talks without end.
const PATIENCE: Duration = Duration::from_secs(3);
/// How long a measured part goes on before, and between two times that, it is mentioned.
const MENTION: Duration = Duration::from_secs(3);
/// Characters of a name that are shown.
const NAME: usize = 160;

/// The display.
pub(crate) struct Plain<W> {
    out: W,
    names: HashMap<Digest, String>,
    vertices: BTreeMap<usize, Vertex>,
    numbers: HashMap<Digest, usize>,
    /// The vertex whose group is being written, and when it last said something.
    floor: Option<(usize, Duration)>,
    /// Whether the last group was more than a line that says `CACHED`.
    spoke: bool,
}

struct Vertex {
    name: String,
    started: Option<(SystemTime, Duration)>,
    state: State,
    introduced: bool,
    stdout: Lines,
    stderr: Lines,
    parts: HashMap<String, Part>,
    /// Lines that could not be written yet, and when the first of them came.
    waiting: Vec<Vec<u8>>,
    since: Duration,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Running,
    Cached,
    Done,
}

/// A measured part of a vertex's work.
struct Part {
    mentioned: Duration,
    before: u64,
    finished: bool,
}

impl<W: Write> Plain<W> {
    pub(crate) fn new(out: W) -> Self {
        Self {
            out,
            names: HashMap::new(),
            vertices: BTreeMap::new(),
            numbers: HashMap::new(),
            floor: None,
            spoke: false,
        }
    }

    /// Takes an event that came `now`, counted from the start of the build.
    pub(crate) fn see(&mut self, status: Status, now: Duration) {
        match status {
            Status::Graph(vertices) => {
                self.names.extend(vertices.into_iter().map(|vertex| (vertex.digest, shown(&vertex.name))));
            }
            Status::Started { vertex, at } => {
                let number = self.number(&vertex);
                if let Some(vertex) = self.vertices.get_mut(&number) {
                    vertex.started.get_or_insert((at, now));
                    vertex.state = State::Running;
                }
                self.say(number, None, now);
            }
            Status::Cached { vertex, .. } => {
                let number = self.number(&vertex);
                let Some(vertex) = self.vertices.get_mut(&number) else { return };
                // A second target may find what the first has built or found.
                if vertex.state != State::Running {
                    return;
                }
                vertex.state = State::Cached;
                self.say(number, Some(b"CACHED".to_vec()), now);
            }
            Status::Completed { vertex, at, error } => self.completed(&vertex, at, error, now),
            Status::Log { vertex, stream, data } => self.log(&vertex, stream, &data, now),
            Status::Progress { vertex, name, current, total } => self.measured(&vertex, &name, current, total, now),
            Status::Warning { text } => self.warn(&text),
        }
        self.tick(now);
    }

    /// Passes the floor on if it is time to.
    pub(crate) fn tick(&mut self, now: Duration) {
        let next = self
            .vertices
            .iter()
            .filter(|(_, vertex)| !vertex.waiting.is_empty())
            .min_by_key(|(_, vertex)| vertex.since)
            .map(|(number, vertex)| (*number, vertex.since));
        let Some((next, since)) = next else { return };
        let free = self.floor.is_none_or(|(holder, spoken)| {
            let ended = self.vertices.get(&holder).is_none_or(|vertex| vertex.state != State::Running);
            ended || now.saturating_sub(spoken) >= SILENCE || now.saturating_sub(since) >= PATIENCE
        });
        if free {
            self.give(next, now);
            self.tick_again(now);
        }
    }

    /// Writes what still waits.
    pub(crate) fn settle(&mut self, now: Duration) {
        let numbers: Vec<usize> = self.vertices.keys().copied().collect();
        for number in numbers {
            let Some(vertex) = self.vertices.get_mut(&number) else { continue };
            let rest: Vec<Vec<u8>> = [vertex.stdout.end(), vertex.stderr.end()].into_iter().flatten().collect();
            for line in rest {
                self.say(number, Some(line), now);
            }
        }
        while let Some(number) = self.vertices.iter().find(|(_, it)| !it.waiting.is_empty()).map(|(number, _)| *number)
        {
            self.give(number, now);
        }
    }

    /// Writes what still waits, and the totals.
    pub(crate) fn end(&mut self, now: Duration, success: bool) {
        self.settle(now);
        if success {
            let cached = self.vertices.values().filter(|vertex| vertex.state == State::Cached).count();
            let steps = self.vertices.len();
            let plural = if steps == 1 { "" } else { "s" };
            if self.spoke {
                self.write(b"\n");
            }
            self.write(format!("{steps} step{plural}, {cached} cached, {}\n", seconds(now)).as_bytes());
        }
        let _ = self.out.flush();
    }

    fn tick_again(&mut self, now: Duration) {
        // What ended while it waited has said everything: the floor is free again at once.
        while let Some((holder, _)) = self.floor {
            let running = self.vertices.get(&holder).is_some_and(|vertex| vertex.state == State::Running);
            let next = self.vertices.iter().filter(|(_, vertex)| !vertex.waiting.is_empty());
            let next = next.min_by_key(|(_, vertex)| vertex.since).map(|(number, _)| *number);
            match next {
                Some(next) if !running => self.give(next, now),
                _ => return,
            }
        }
    }

    fn completed(&mut self, vertex: &Digest, at: SystemTime, error: Option<String>, now: Duration) {
        let Some(number) = self.numbers.get(vertex).copied() else { return };
        let Some(vertex) = self.vertices.get_mut(&number) else { return };
        if vertex.state != State::Running {
            return;
        }
        let took = vertex.started.and_then(|(started, _)| at.duration_since(started).ok()).unwrap_or_default();
        let rest: Vec<Vec<u8>> = [vertex.stdout.end(), vertex.stderr.end()].into_iter().flatten().collect();
        for line in rest {
            let line = stamped(took, &line);
            self.say(number, Some(line), now);
        }
        let line = match error {
            None => format!("DONE {}", seconds(took)),
            Some(error) => format!("ERROR {}", one_line(&error)),
        };
        self.say(number, Some(line.into_bytes()), now);
        if let Some(vertex) = self.vertices.get_mut(&number) {
            vertex.state = State::Done;
        }
    }

    fn log(&mut self, vertex: &Digest, stream: Stream, data: &[u8], now: Duration) {
        let number = self.number(vertex);
        let Some(vertex) = self.vertices.get_mut(&number) else { return };
        let lines = match stream {
            Stream::Stdout => vertex.stdout.take(data),
            Stream::Stderr => vertex.stderr.take(data),
        };
        let took = vertex.started.map(|(_, came)| now.saturating_sub(came)).unwrap_or_default();
        for line in lines {
            let line = stamped(took, &line);
            self.say(number, Some(line), now);
        }
    }

    /// Writes what no vertex says between the groups.
    fn warn(&mut self, text: &str) {
        self.write(format!("warning: {}\n", one_line(text)).as_bytes());
    }

    /// Mentions a part now and then, so that a long download does not look like a hang.
    fn measured(&mut self, vertex: &Digest, name: &str, current: u64, total: Option<u64>, now: Duration) {
        let number = self.number(vertex);
        let Some(vertex) = self.vertices.get_mut(&number) else { return };
        let first = Part { mentioned: now, before: current, finished: false };
        let part = vertex.parts.entry(name.to_owned()).or_insert(first);
        let finished = total == Some(current);
        let long = now.saturating_sub(part.mentioned) >= MENTION;
        let moved = part.before != current || finished;
        if part.finished || !(moved && long) {
            part.finished |= finished;
            return;
        }
        part.mentioned = now;
        part.before = current;
        part.finished = finished;
        let line = match total {
            Some(total) => format!("{} {} / {}", one_line(name), size(current), size(total)),
            None => format!("{} {}", one_line(name), size(current)),
        };
        self.say(number, Some(line.into_bytes()), now);
    }

    /// The number of a vertex; the next free one at first sight.
    fn number(&mut self, digest: &Digest) -> usize {
        if let Some(number) = self.numbers.get(digest) {
            return *number;
        }
        let number = self.numbers.len() + 1;
        self.numbers.insert(digest.clone(), number);
        let vertex = Vertex {
            name: self.names.get(digest).cloned().unwrap_or_else(|| digest.to_string()),
            started: None,
            state: State::Running,
            introduced: false,
            stdout: Lines::default(),
            stderr: Lines::default(),
            parts: HashMap::new(),
            waiting: Vec::new(),
            since: Duration::ZERO,
        };
        self.vertices.insert(number, vertex);
        number
    }

    /// Has a vertex say a line, or only its name: at once if it has the floor or the floor is free, else later.
    fn say(&mut self, number: usize, line: Option<Vec<u8>>, now: Duration) {
        match self.floor {
            Some((holder, _)) if holder == number => {
                self.floor = Some((number, now));
                if let Some(line) = line {
                    self.write_line(number, &line);
                }
            }
            _ => {
                let free = self.floor.is_none();
                let Some(vertex) = self.vertices.get_mut(&number) else { return };
                if let Some(line) = line {
                    if vertex.waiting.is_empty() {
                        vertex.since = now;
                    }
                    vertex.waiting.push(line);
                } else if free {
                    self.give(number, now);
                }
            }
        }
    }

    /// Gives the floor to a vertex and writes what it has to say.
    fn give(&mut self, number: usize, now: Duration) {
        let before = self.floor.replace((number, now)).map(|(holder, _)| holder);
        let Some(vertex) = self.vertices.get_mut(&number) else { return };
        let lines = std::mem::take(&mut vertex.waiting);
        let terse = vertex.state == State::Cached && !vertex.introduced;
        vertex.introduced = true;
        let heading = format!("#{number} {}\n", vertex.name);
        if before.is_some_and(|before| before != number) && (self.spoke || !terse) {
            self.write(b"\n");
        }
        self.spoke = !terse;
        self.write(heading.as_bytes());
        for line in lines {
            self.write_line(number, &line);
        }
    }

    fn write_line(&mut self, number: usize, line: &[u8]) {
        let mut bytes = format!("#{number} ").into_bytes();
        bytes.extend_from_slice(line);
        bytes.push(b'\n');
        self.write(&bytes);
    }

    /// That nobody reads progress is no reason to stop a build.
    fn write(&mut self, bytes: &[u8]) {
        let _ = self.out.write_all(bytes).and_then(|()| self.out.flush());
    }
}

fn stamped(took: Duration, line: &[u8]) -> Vec<u8> {
    let mut text = format!("{:.3} ", took.as_secs_f64()).into_bytes();
    text.extend_from_slice(line);
    text
}

fn seconds(time: Duration) -> String {
    format!("{:.1}s", time.as_secs_f64())
}

fn size(bytes: u64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < units.len() {
        value /= 1024.0;
        unit += 1;
    }
    let unit_name = units.get(unit).copied().unwrap_or_default();
    if unit == 0 { format!("{bytes} {unit_name}") } else { format!("{value:.1} {unit_name}") }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A name in one line of a length that fits.
fn shown(name: &str) -> String {
    let name = hlb_llb::draw::printable(&one_line(name));
    match name.char_indices().nth(NAME) {
        Some((end, _)) => format!("{}…", name.get(..end).unwrap_or_default()),
        None => name,
    }
}

#[cfg(test)]
mod tests;

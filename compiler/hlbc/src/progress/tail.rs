//! The last lines that each vertex printed, for the report of a failed one.
//!
//! Owns how many are kept, and how much of each.

use std::collections::{HashMap, VecDeque};

use hlb_llb::Digest;
use hlb_llb::status::{Status, Stream};

use super::lines::Lines;

const KEPT: usize = 20;
/// Bytes of a line that are kept; the log itself has been shown whole.
const WIDTH: usize = 500;

/// What is remembered of all logs.
#[derive(Default)]
pub(crate) struct Tails(HashMap<Digest, Tail>);

#[derive(Default)]
struct Tail {
    stdout: Lines,
    stderr: Lines,
    last: VecDeque<String>,
}

impl Tails {
    pub(crate) fn see(&mut self, status: &Status) {
        match status {
            Status::Log { vertex, stream, data } => {
                let tail = self.0.entry(vertex.clone()).or_default();
                let lines = match stream {
                    Stream::Stdout => tail.stdout.take(data),
                    Stream::Stderr => tail.stderr.take(data),
                };
                tail.keep(lines);
            }
            Status::Completed { vertex, error: None, .. } => {
                // Nobody will ask for the log of what succeeded.
                self.0.remove(vertex);
            }
            Status::Completed { vertex, error: Some(_), .. } => {
                if let Some(tail) = self.0.get_mut(vertex) {
                    let rest: Vec<_> = [tail.stdout.end(), tail.stderr.end()].into_iter().flatten().collect();
                    tail.keep(rest);
                }
            }
            Status::Graph(_)
            | Status::Started { .. }
            | Status::Cached { .. }
            | Status::Progress { .. }
            | Status::Warning { .. } => {}
        }
    }

    /// The last lines of a vertex, oldest first.
    pub(crate) fn of(&self, vertex: &Digest) -> Vec<String> {
        self.0.get(vertex).map(|tail| tail.last.iter().cloned().collect()).unwrap_or_default()
    }
}

impl Tail {
    fn keep(&mut self, lines: Vec<Vec<u8>>) {
        for line in lines {
            if self.last.len() == KEPT {
                self.last.pop_front();
            }
            let shown = line.get(..WIDTH).unwrap_or(&line);
            let more = if shown.len() < line.len() { "…" } else { "" };
            self.last.push_back(format!("{}{more}", String::from_utf8_lossy(shown)));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    fn log(tails: &mut Tails, vertex: &Digest, data: &str) {
        tails.see(&Status::Log { vertex: vertex.clone(), stream: Stream::Stdout, data: data.as_bytes().to_vec() });
    }

    #[test]
    fn the_last_lines_of_a_failed_vertex_are_kept() {
        let (mut tails, vertex) = (Tails::default(), Digest::of("x"));
        for number in 0..30 {
            log(&mut tails, &vertex, &format!("{number}\n"));
        }
        log(&mut tails, &vertex, "no newline");
        let at = SystemTime::now();
        tails.see(&Status::Completed { vertex: vertex.clone(), at, error: Some("exit code 1".to_owned()) });
        let tail = tails.of(&vertex);
        assert_eq!(tail.len(), KEPT);
        assert_eq!((tail[0].as_str(), tail[KEPT - 1].as_str()), ("11", "no newline"));
    }

    #[test]
    fn a_long_line_is_cut() {
        let (mut tails, vertex) = (Tails::default(), Digest::of("x"));
        log(&mut tails, &vertex, &format!("{}\n", "a".repeat(WIDTH + 1)));
        assert_eq!(tails.of(&vertex), [format!("{}…", "a".repeat(WIDTH))]);
    }

    #[test]
    fn what_succeeded_is_forgotten() {
        let (mut tails, vertex) = (Tails::default(), Digest::of("x"));
        log(&mut tails, &vertex, "a\n");
        tails.see(&Status::Completed { vertex: vertex.clone(), at: SystemTime::now(), error: None });
        assert!(tails.of(&vertex).is_empty());
    }
}

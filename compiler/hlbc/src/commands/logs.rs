//! `hlbc logs`.
//!
//! Owns how what steps printed is laid out again. Of one step it is byte for byte what that printed.

use std::io::{self, Write};

use hlb_llb::draw::printable;
use hlb_llb::status::Stream;
use hlb_runtime::{BuildLog, BuildRow, LogPiece, StepRow};

use crate::error::{Failure, Kind};
use crate::report::Screen;
use crate::{cli, failure, state};

pub(crate) fn logs(args: &cli::Logs, screen: Screen) -> Result<(), Failure> {
    let state = state::open(args.state.root.as_deref(), screen)?;
    let told = |error| failure::plain(&error);
    let build = state.build(args.build).map_err(told)?.ok_or_else(|| super::history::unknown(args.build))?;
    let steps = state.steps(&build).map_err(told)?;
    if let Some(number) = args.step {
        check_step(&build, steps.iter().map(|step| step.number), number)?;
    }
    let mut out = io::BufWriter::new(io::stdout().lock());
    let mut first = true;
    for step in steps.iter().filter(|step| args.step.is_none_or(|number| number == step.number)) {
        let Some(log) = state.log(&build, step).map_err(told)? else { continue };
        let heading = args.step.is_none().then(|| heading(step, std::mem::take(&mut first)));
        match copy(log, heading, args.timestamps, &mut out) {
            Ok(()) => {}
            // A reader that has gone away has had enough.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
            Err(error) => return Err(Failure::new(Kind::Environment, "cannot copy a log").because(error)),
        }
    }
    match out.flush() {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::new(Kind::Environment, "cannot write to standard output").because(error))
        }
        _ => Ok(()),
    }
}

/// Whether a build has a step.
///
/// # Errors
/// If not; names those that it has.
pub(super) fn check_step(
    build: &BuildRow,
    mut numbers: impl Iterator<Item = u32> + Clone,
    wanted: u32,
) -> Result<(), Failure> {
    if numbers.clone().any(|number| number == wanted) {
        return Ok(());
    }
    let has = match (numbers.next(), numbers.last()) {
        (None, _) => "it has none".to_owned(),
        (Some(only), None) => format!("it has only {only}"),
        (Some(first), Some(last)) => format!("it has {first} to {last}"),
    };
    Err(Failure::new(Kind::Missing, format!("build {} has no step {wanted}; {has}", build.id))
        .help(format!("run `hlbc logs {}` for those that printed anything", build.id)))
}

fn heading(step: &StepRow, is_first: bool) -> String {
    let name: Vec<&str> = step.name.split_whitespace().collect();
    let space = if is_first { "" } else { "\n" };
    format!("{space}#{} {}\n", step.number, printable(&name.join(" ")))
}

fn copy(log: BuildLog, heading: Option<String>, timestamps: bool, out: &mut impl Write) -> io::Result<()> {
    let mut lines = Lines::default();
    let is_part = heading.is_some();
    out.write_all(heading.unwrap_or_default().as_bytes())?;
    for piece in log {
        let piece = piece?;
        if timestamps {
            lines.stamped(&piece, out)?;
        } else {
            out.write_all(&piece.data)?;
        }
        lines.see(&piece);
    }
    // What follows begins on a line of its own.
    if is_part && lines.is_open() { out.write_all(b"\n") } else { Ok(()) }
}

/// Where lines end. Both streams of a step come out as they came in.
#[derive(Default)]
struct Lines {
    /// The stream whose line has not ended.
    open: Option<Stream>,
}

impl Lines {
    fn see(&mut self, piece: &LogPiece) {
        if let Some(last) = piece.data.last() {
            self.open = (*last != b'\n').then_some(piece.stream);
        }
    }

    fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Writes a piece with its time in front of each line that it begins.
    fn stamped(&self, piece: &LogPiece, out: &mut impl Write) -> io::Result<()> {
        let mut is_new = match self.open {
            None => true,
            Some(stream) if stream == piece.stream => false,
            // The other stream has a line of its own.
            Some(_) => {
                out.write_all(b"\n")?;
                true
            }
        };
        for line in piece.data.split_inclusive(|byte| *byte == b'\n') {
            if is_new {
                write!(out, "{:.3} ", piece.at.as_secs_f64())?;
            }
            out.write_all(line)?;
            is_new = true;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn times_stand_before_lines_and_not_before_pieces() {
        let mut lines = Lines::default();
        let mut out = Vec::new();
        let pieces =
            [(Stream::Stdout, "a\nb"), (Stream::Stdout, "c\n"), (Stream::Stdout, "open"), (Stream::Stderr, "e\n")];
        for (second, (stream, text)) in pieces.into_iter().enumerate() {
            let piece = LogPiece { stream, at: Duration::from_secs(second as u64), data: text.into() };
            lines.stamped(&piece, &mut out).unwrap();
            lines.see(&piece);
        }
        assert_eq!(String::from_utf8(out).unwrap(), "0.000 a\n0.000 bc\n2.000 open\n3.000 e\n");
    }
}

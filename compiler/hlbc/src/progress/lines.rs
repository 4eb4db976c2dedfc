//! Cutting what a process prints into lines.
//!
//! Owns the piece of a line that is not ended yet.

/// A line that grew longer than this is passed on in pieces, so that a process without newlines needs no endless memory.
const LONGEST: usize = 64 * 1024;

/// One stream of one process.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    rest: Vec<u8>,
}

impl Lines {
    /// Takes what was printed and gives the lines it ends, without their ends.
    pub(crate) fn take(&mut self, data: &[u8]) -> Vec<Vec<u8>> {
        let mut lines = Vec::new();
        for piece in data.split_inclusive(|byte| *byte == b'\n') {
            self.rest.extend_from_slice(piece);
            if piece.ends_with(b"\n") || self.rest.len() >= LONGEST {
                lines.extend(self.end());
            }
        }
        lines
    }

    /// Gives the piece that no newline ended, if there is one.
    pub(crate) fn end(&mut self) -> Option<Vec<u8>> {
        let mut line = std::mem::take(&mut self.rest);
        if line.is_empty() {
            return None;
        }
        if line.ends_with(b"\n") {
            line.pop();
        }
        if line.ends_with(b"\r") {
            line.pop();
        }
        Some(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines that come out after each piece; then what is left.
    fn check(pieces: &[&str], lines: &[&[&str]], rest: Option<&str>) {
        let mut cut = Lines::default();
        for (piece, expected) in pieces.iter().zip(lines) {
            let found = cut.take(piece.as_bytes());
            assert_eq!(found, expected.iter().map(|line| line.as_bytes().to_vec()).collect::<Vec<_>>(), "{piece:?}");
        }
        assert_eq!(cut.end(), rest.map(|rest| rest.as_bytes().to_vec()));
    }

    #[test]
    fn lines_are_cut_at_newlines_only() {
        check(&["a\nb\n"], &[&["a", "b"]], None);
        check(&["a", "b", "\n", "c"], &[&[], &[], &["ab"], &[]], Some("c"));
        check(&["\n\n"], &[&["", ""]], None);
        check(&["a\r\n10%\r20%\r\n"], &[&["a", "10%\r20%"]], None);
        check(&["ä\n"], &[&["ä"]], None);
        check(&[], &[], None);
    }

    #[test]
    fn a_line_without_end_comes_in_pieces() {
        let mut cut = Lines::default();
        let found = cut.take(&vec![b'x'; LONGEST + 10]);
        assert_eq!(found.iter().map(Vec::len).collect::<Vec<_>>(), [LONGEST + 10]);
        assert_eq!(cut.end(), None);
    }
}

//! What was done to filesystems, for the history of an image.
//!
//! Owns a log that filesystems share: each knows its last entry, and each entry the one before, so a value costs no copy.

use crate::image::History;

/// Names an entry of [`Log`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct EntryId(usize);

/// All entries of an evaluation.
#[derive(Debug, Default)]
pub(crate) struct Log(Vec<Entry>);

#[derive(Debug)]
struct Entry {
    before: Option<EntryId>,
    created_by: String,
    empty_layer: bool,
}

const LABEL: &str = "LABEL";

impl Log {
    /// Adds what was done after `before`.
    pub(crate) fn add(&mut self, before: Option<EntryId>, created_by: String, empty_layer: bool) -> EntryId {
        self.0.push(Entry { before, created_by, empty_layer });
        EntryId(self.0.len() - 1)
    }

    /// A history with everything up to an entry added.
    pub(crate) fn extend(&self, mut history: Vec<History>, last: Option<EntryId>) -> Vec<History> {
        let entries = std::iter::successors(last, |id| self.0.get(id.0)?.before).filter_map(|id| self.0.get(id.0));
        let entries: Vec<&Entry> = entries.collect();
        for entry in entries.into_iter().rev() {
            // Labels in a row are one entry, as in one LABEL line of a Dockerfile.
            if let Some(label) = entry.created_by.strip_prefix(LABEL)
                && let Some(before) = history.last_mut()
                && before.created_by.starts_with(LABEL)
            {
                before.created_by.push_str(label);
                continue;
            }
            history.push(History {
                created_by: entry.created_by.clone(),
                comment: "hlb.v0".to_owned(),
                empty_layer: entry.empty_layer,
                created: String::new(),
            });
        }
        history
    }
}

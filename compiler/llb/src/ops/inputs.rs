//! The inputs of an op while it is made.
//!
//! Owns that each stands there once, however many there are.

use std::collections::HashMap;

use crate::digest::Digest;
use crate::graph::Output;

/// So many are found faster by looking at each.
const FEW: usize = 16;

/// Different outputs, in the order in which they were first named.
#[derive(Default)]
pub(super) struct Inputs {
    list: Vec<Output>,
    /// Where each is, once there are more than a few.
    positions: HashMap<(Digest, i64), usize>,
}

impl Inputs {
    /// Position of an output, which joins if it is not there yet; −1 if there is none.
    pub(super) fn position(&mut self, output: Option<&Output>) -> i64 {
        let Some(output) = output else { return -1 };
        let position = self.find(output).unwrap_or_else(|| self.add(output));
        i64::try_from(position).unwrap_or(i64::MAX)
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    pub(super) fn into_list(self) -> Vec<Output> {
        self.list
    }

    fn find(&self, output: &Output) -> Option<usize> {
        if self.list.len() > FEW {
            self.positions.get(&key(output)).copied()
        } else {
            self.list.iter().position(|input| input == output)
        }
    }

    fn add(&mut self, output: &Output) -> usize {
        let position = self.list.len();
        self.list.push(output.clone());
        match position {
            ..FEW => {}
            FEW => self.positions = self.list.iter().map(key).zip(0..).collect(),
            _ => {
                self.positions.insert(key(output), position);
            }
        }
        position
    }
}

fn key(output: &Output) -> (Digest, i64) {
    (output.vertex.digest().clone(), output.index)
}

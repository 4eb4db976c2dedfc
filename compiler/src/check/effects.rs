//! What functions do outside of the build.
//!
//! Owns the spreading of effects from what is called to what calls it.

use super::Checker;
use crate::effects::Effects;

impl Checker<'_> {
    /// Sets the effects of functions, constants and tests: their own, and those of all that they need.
    pub(super) fn spread_effects(&mut self) {
        let all = self.closure();
        let program = &mut self.declared.program;
        let funcs = program.funcs.len();
        let constants = program.constants.len();
        for (node, effects) in all.into_iter().enumerate() {
            if let Some(func) = program.funcs.get_mut(node) {
                func.effects = effects;
            } else if let Some(constant) = program.constants.get_mut(node - funcs) {
                constant.effects = effects;
            } else if let Some(test) = program.tests.get_mut(node - funcs - constants) {
                test.effects = effects;
            }
        }
    }

    /// Goes through all in the order of need, without recursion: chains of calls are as long as people write them. Circles are
    /// errors, so what is missing in them harms nobody.
    fn closure(&self) -> Vec<Effects> {
        let mut all = self.own.clone();
        let mut done = vec![false; all.len()];
        for start in 0..all.len() {
            let mut path = vec![(start, 0)];
            while let Some((node, followed)) = path.last_mut() {
                let node = *node;
                if done.get(node).copied().unwrap_or(true) {
                    path.pop();
                    continue;
                }
                match self.edges.get(node).and_then(|edges| edges.get(*followed)) {
                    Some((to, _)) => {
                        *followed += 1;
                        let open = path.len() <= all.len();
                        if open && !done.get(*to).copied().unwrap_or(true) {
                            path.push((*to, 0));
                        }
                    }
                    None => {
                        let needed = self.edges.get(node).into_iter().flatten();
                        let sum = needed.filter_map(|(to, _)| all.get(*to)).fold(Effects::NONE, |sum, it| sum.and(*it));
                        if let Some(own) = all.get_mut(node) {
                            *own = own.and(sum);
                        }
                        if let Some(slot) = done.get_mut(node) {
                            *slot = true;
                        }
                        path.pop();
                    }
                }
            }
        }
        all
    }
}

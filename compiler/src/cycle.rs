//! Circles in a graph of things that use one another.
//!
//! Owns the search, which does not recurse. Knows neither files nor functions.

/// One circle for each knot of the graph: its nodes in order, each with the label of the edge to the next.
///
/// `edges[n]` are the targets of node `n` with their labels.
pub(crate) fn cycles<L: Copy>(edges: &[Vec<(usize, L)>]) -> Vec<Vec<(usize, L)>> {
    #[derive(Clone, Copy, PartialEq)]
    enum Mark {
        New,
        Open,
        Done,
    }
    let mut marks = vec![Mark::New; edges.len()];
    let mut found = Vec::new();
    for start in 0..edges.len() {
        if marks.get(start) != Some(&Mark::New) {
            continue;
        }
        // The path from `start`: a node and how many of its edges have been followed.
        let mut path: Vec<(usize, usize)> = vec![(start, 0)];
        set(&mut marks, start, Mark::Open);
        while let Some((node, followed)) = path.last_mut() {
            let node = *node;
            let Some((target, _)) = edges.get(node).and_then(|list| list.get(*followed)).copied() else {
                set(&mut marks, node, Mark::Done);
                path.pop();
                continue;
            };
            *followed += 1;
            match marks.get(target) {
                Some(Mark::New) => {
                    set(&mut marks, target, Mark::Open);
                    path.push((target, 0));
                }
                Some(Mark::Open) => {
                    let circle = path
                        .iter()
                        .skip_while(|(node, _)| *node != target)
                        .filter_map(|(node, followed)| {
                            let label = edges.get(*node)?.get(followed.checked_sub(1)?)?.1;
                            Some((*node, label))
                        })
                        .collect();
                    found.push(circle);
                }
                Some(Mark::Done) | None => {}
            }
        }
    }
    return found;

    fn set(marks: &mut [Mark], node: usize, mark: Mark) {
        if let Some(slot) = marks.get_mut(node) {
            *slot = mark;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(edges: &[&[usize]], expected: &[&[usize]]) {
        let edges: Vec<Vec<(usize, ())>> = edges.iter().map(|list| list.iter().map(|to| (*to, ())).collect()).collect();
        let found: Vec<Vec<usize>> =
            cycles(&edges).iter().map(|circle| circle.iter().map(|(node, ())| *node).collect()).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn circles_are_found_once() {
        check(&[&[1, 2], &[2], &[]], &[]);
        check(&[&[0]], &[&[0]]);
        check(&[&[1], &[2], &[1]], &[&[1, 2]]);
        check(&[&[1], &[0], &[3], &[2]], &[&[0, 1], &[2, 3]]);
    }

    #[test]
    fn a_long_chain_needs_no_stack() {
        let mut edges: Vec<Vec<(usize, ())>> = (1..200_000).map(|to| vec![(to, ())]).collect();
        edges.push(vec![(0, ())]);
        assert_eq!(cycles(&edges).first().map(Vec::len), Some(200_000));
    }
}

//! The graph of a solve as a list of steps, and the texts that it was made of.
//!
//! Owns their numbers: inputs before users, in the order in which BuildKit walks. Passwords in addresses are left out, and what
//! only says for which process a directory was read.

use std::collections::{BTreeMap, HashMap, HashSet};

use hlb_llb::json::{ToJson as _, base64};
use hlb_llb::{Digest, encode_op, pb};
use serde::Serialize;
use serde_json::Value;

use super::materials::without_password;
use crate::solver::trace::{Trace, Traced};

/// Attributes of sources that differ from process to process.
const OF_PROCESSES: [&str; 2] = ["local.session", "local.unique"];

/// The steps of a solve.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Steps {
    #[serde(rename = "llbDefinition", skip_serializing_if = "Vec::is_empty")]
    list: Vec<Step>,
    /// The names of steps by the digests of their ops.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    digest_mapping: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Serialize)]
struct Step {
    id: String,
    op: Value,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    inputs: Vec<String>,
}

/// The texts that steps come from.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Program<'p> {
    /// By step.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    locations: BTreeMap<String, Places>,
    infos: Vec<Text<'p>>,
}

#[derive(Clone, Debug, Serialize)]
struct Text<'p> {
    filename: &'p str,
    #[serde(skip_serializing_if = "str::is_empty")]
    language: &'p str,
    /// In Base64.
    #[serde(skip_serializing_if = "String::is_empty")]
    data: String,
}

#[derive(Clone, Debug, Serialize)]
struct Places {
    locations: Vec<Place>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Place {
    #[serde(skip_serializing_if = "is_zero")]
    source_index: i32,
    ranges: Vec<Range>,
}

#[derive(Clone, Debug, Serialize)]
struct Range {
    start: Point,
    end: Point,
}

#[derive(Clone, Debug, Serialize)]
struct Point {
    #[serde(skip_serializing_if = "is_zero")]
    line: i32,
    #[serde(skip_serializing_if = "is_zero")]
    character: i32,
}

impl Steps {
    /// The steps that lead to the result, the one that names it, and those of inner graphs.
    pub(super) fn of(trace: &Trace) -> Result<Self, serde_json::Error> {
        let known: HashMap<&Digest, &Traced> = trace.vertices.iter().map(|it| (&it.digest, it)).collect();
        let mut walk = Walk { known: &known, seen: HashSet::new(), order: Vec::new() };
        let (target, output) = &trace.target;
        walk.to(target);
        let last = walk.order.len();
        // They are worked on side by side, so that their order in the trace is another each time.
        let mut others: Vec<&Digest> = known.keys().copied().collect();
        others.sort();
        others.into_iter().for_each(|digest| walk.to(digest));
        let terminal = pb::Op {
            inputs: vec![pb::Input { digest: target.to_string(), index: i64::try_from(*output).unwrap_or(0) }],
            ..pb::Op::default()
        };
        let terminal_digest = Digest::of(encode_op(&terminal));
        let mut steps = Self::default();
        let (before, behind) = walk.order.split_at(last);
        let ops = before.iter().map(|it| (&it.digest, &it.op));
        // A solve of nothing has no step that could be the last.
        let ops = ops.chain((!before.is_empty()).then_some((&terminal_digest, &terminal)));
        for (digest, op) in ops.chain(behind.iter().map(|it| (&it.digest, &it.op))) {
            let id = format!("step{}", steps.list.len());
            let step = Step { op: shown(op)?, inputs: steps.inputs(op), id: id.clone() };
            steps.list.push(step);
            steps.digest_mapping.insert(digest.to_string(), id);
        }
        Ok(steps)
    }

    /// What tells these steps from others, on whichever machine they are done.
    pub(super) fn digest(&self) -> Result<Digest, serde_json::Error> {
        serde_json::to_vec(&self.list).map(Digest::of)
    }

    /// The texts of the program, and which parts of them the steps come from.
    pub(super) fn program<'p>(&self, source: &'p pb::Source) -> Option<Program<'p>> {
        if source.infos.is_empty() {
            return None;
        }
        let named = |(digest, places): (&String, &pb::Locations)| {
            let locations = places.locations.iter().map(place).collect();
            Some((self.digest_mapping.get(digest)?.clone(), Places { locations }))
        };
        let text = |info: &'p pb::SourceInfo| Text {
            filename: &info.filename,
            language: &info.language,
            data: base64(&info.data),
        };
        Some(Program {
            locations: source.locations.iter().filter_map(named).collect(),
            infos: source.infos.iter().map(text).collect(),
        })
    }

    fn inputs(&self, op: &pb::Op) -> Vec<String> {
        let name = |input: &pb::Input| {
            let step = self.digest_mapping.get(&input.digest).map_or("step", String::as_str);
            format!("{step}:{}", input.index)
        };
        op.inputs.iter().map(name).collect()
    }
}

/// A walk over a graph, inputs first.
struct Walk<'t> {
    known: &'t HashMap<&'t Digest, &'t Traced>,
    seen: HashSet<&'t Digest>,
    order: Vec<&'t Traced>,
}

impl<'t> Walk<'t> {
    /// Adds a vertex with all that it reads. Graphs are deeper than a stack.
    fn to(&mut self, digest: &Digest) {
        let mut stack: Vec<(&'t Traced, usize)> = Vec::new();
        stack.extend(self.enter(digest));
        while let Some((vertex, next)) = stack.last_mut() {
            let input = vertex.inputs.get(*next);
            *next += 1;
            match input {
                Some((input, _)) => stack.extend(self.enter(input)),
                None => {
                    self.order.push(vertex);
                    stack.pop();
                }
            }
        }
    }

    fn enter(&mut self, digest: &Digest) -> Option<(&'t Traced, usize)> {
        let (digest, vertex) = self.known.get_key_value(digest)?;
        self.seen.insert(digest).then_some((vertex, 0))
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_zero(number: &i32) -> bool {
    *number == 0
}

/// An op without its inputs, and without what nobody is to see.
fn shown(op: &pb::Op) -> Result<Value, serde_json::Error> {
    let mut op = op.clone();
    op.inputs.clear();
    if let Some(pb::OpKind::Source(source)) = &mut op.op {
        source.identifier = without_password(&source.identifier);
        source.attrs.retain(|name, _| !OF_PROCESSES.contains(&name.as_str()));
        source.attrs.values_mut().for_each(|value| *value = without_password(value));
    }
    if let Some(pb::OpKind::Exec(pb::ExecOp { meta: Some(pb::Meta { proxy_env: Some(proxy), .. }), .. })) = &mut op.op {
        for address in [&mut proxy.http_proxy, &mut proxy.https_proxy, &mut proxy.ftp_proxy, &mut proxy.all_proxy] {
            *address = without_password(address);
        }
    }
    serde_json::from_str(&op.to_json())
}

fn place(location: &pb::Location) -> Place {
    let point = |point: Option<&pb::Position>| {
        let pb::Position { line, character } = point.copied().unwrap_or_default();
        Point { line, character }
    };
    let range = |range: &pb::Range| Range { start: point(range.start.as_ref()), end: point(range.end.as_ref()) };
    Place { source_index: location.source_index, ranges: location.ranges.iter().map(range).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attest::materials::tests::{source, traced};

    fn trace(vertices: Vec<Traced>, target: usize) -> Trace {
        let target = (vertices[target].digest.clone(), 1);
        Trace { vertices, target, ..Trace::nothing() }
    }

    fn text(steps: &Steps) -> String {
        serde_json::to_string_pretty(steps).unwrap()
    }

    #[test]
    fn inputs_come_first_and_inner_graphs_last() {
        let base = source("https://u:hush@h/f", &[("local.unique", "x"), ("http.filename", "f")], None);
        let other = source("local://src", &[], None);
        let merge = pb::MergeOp { inputs: vec![pb::MergeInput { input: 0 }, pb::MergeInput { input: 1 }] };
        let merge = traced(pb::OpKind::Merge(merge), &[&base, &other], None);
        let inner = source("docker-image://docker.io/library/inner:1", &[], None);
        let steps = Steps::of(&trace(vec![inner, merge, other, base], 1)).unwrap();
        insta::assert_snapshot!(text(&steps), @r#"
        {
          "llbDefinition": [
            {
              "id": "step0",
              "op": {
                "Op": {
                  "source": {
                    "attrs": {
                      "http.filename": "f"
                    },
                    "identifier": "https://xxxxx@h/f"
                  }
                },
                "platform": {
                  "Architecture": "amd64",
                  "OS": "linux"
                }
              }
            },
            {
              "id": "step1",
              "op": {
                "Op": {
                  "source": {
                    "identifier": "local://src"
                  }
                },
                "platform": {
                  "Architecture": "amd64",
                  "OS": "linux"
                }
              }
            },
            {
              "id": "step2",
              "op": {
                "Op": {
                  "merge": {
                    "inputs": [
                      {},
                      {
                        "input": 1
                      }
                    ]
                  }
                },
                "platform": {
                  "Architecture": "amd64",
                  "OS": "linux"
                }
              },
              "inputs": [
                "step0:0",
                "step1:0"
              ]
            },
            {
              "id": "step3",
              "op": {
                "Op": {}
              },
              "inputs": [
                "step2:1"
              ]
            },
            {
              "id": "step4",
              "op": {
                "Op": {
                  "source": {
                    "identifier": "docker-image://docker.io/library/inner:1"
                  }
                },
                "platform": {
                  "Architecture": "amd64",
                  "OS": "linux"
                }
              }
            }
          ],
          "digestMapping": {
            "sha256:24d5bc25e30c9d50461a5ef220eae12489efd5938b0648c24db0d34661e46ef7": "step2",
            "sha256:504b93a26925ba1ebc4c33beb07b824e543035f2d85391e5f60c8f778d710e15": "step1",
            "sha256:6dd19cbeaac0598edbe3113a1d6e35668a0923f670c81ae122b72323fa353592": "step3",
            "sha256:8c903e52c78e8e37cd47cbe9699cb64b4f24ba39fa065b8ed9ea9ea3729d5a07": "step0",
            "sha256:bc727ec3e07aa009f45ffacd946b8f0871cb5949828bd50f2394cee4ec14a287": "step4"
          }
        }
        "#);
    }

    #[test]
    fn a_deep_graph_is_walked() {
        let mut vertices = vec![source("local://src", &[], None)];
        for _ in 0..20_000 {
            let below = vertices.last().unwrap();
            let op = pb::DiffOp { lower: None, upper: Some(pb::UpperDiffInput { input: 0 }) };
            vertices.push(traced(pb::OpKind::Diff(op), &[below], None));
        }
        let last = vertices.len() - 1;
        let steps = Steps::of(&trace(vertices, last)).unwrap();
        assert_eq!(steps.list.len(), last + 2);
        assert_eq!(steps.list[last + 1].inputs, [format!("step{last}:1")]);
        assert_eq!(text(&Steps::of(&Trace::nothing()).unwrap()), "{}");
    }

    #[test]
    fn steps_are_the_same_in_every_process() {
        let of = |process: &str| {
            let steps = Steps::of(&trace(vec![source("local://src", &[("local.unique", process)], None)], 0)).unwrap();
            steps.digest().unwrap()
        };
        assert_eq!(of("one"), of("two"));
    }

    #[test]
    fn texts_and_places_are_those_of_the_program() {
        let trace = trace(vec![source("local://src", &[], None)], 0);
        let point = |line, character| Some(pb::Position { line, character });
        let location = |source_index| pb::Location {
            source_index,
            ranges: pb::Range { start: point(3, 0), end: point(3, 9) }.into(),
        };
        let here = pb::Locations { locations: vec![location(0), location(1)].into() };
        let info = pb::SourceInfo {
            filename: "build.hlb".into(),
            data: b"fs default()".to_vec(),
            language: "HLB".into(),
            ..Default::default()
        };
        let source = pb::Source {
            locations: [(trace.target.0.to_string(), here.clone()), ("sha256:other".to_owned(), here)].into(),
            infos: vec![info],
        };
        let steps = Steps::of(&trace).unwrap();
        let program = serde_json::to_string(&steps.program(&source).unwrap()).unwrap();
        insta::assert_snapshot!(program, @r#"{"locations":{"step0":{"locations":[{"ranges":[{"start":{"line":3},"end":{"line":3,"character":9}}]},{"sourceIndex":1,"ranges":[{"start":{"line":3},"end":{"line":3,"character":9}}]}]}},"infos":[{"filename":"build.hlb","language":"HLB","data":"ZnMgZGVmYXVsdCgp"}]}"#);
        assert!(steps.program(&pb::Source::default()).is_none());
    }
}

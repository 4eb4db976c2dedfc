//! Documents of a real BuildKit, taken apart and put together again.

use std::time::Duration;

use super::*;

fn read(name: &str) -> CacheConfig {
    let path = format!("{}/tests/cache-keys/{name}.cacheconfig.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// A document as a draft whose keys have names in this order.
fn draft(config: &CacheConfig, rename: impl Fn(usize) -> String) -> Draft {
    let mut draft = Draft::default();
    let key = |at: usize| KeyId::from(rename(at));
    for (at, record) in config.records.iter().enumerate() {
        let input = |keys: &Vec<CacheInput>| keys.iter().map(|it| (it.selector.clone(), key(it.link))).collect();
        let inputs = record.inputs.iter().map(input).collect();
        draft.nodes.insert(key(at), Node { digest: record.digest.clone(), inputs });
        for result in &record.results {
            let mut layers = Vec::new();
            let mut next = i64::try_from(result.layer).unwrap();
            while let Ok(layer) = usize::try_from(next) {
                layers.insert(0, config.layers[layer].blob.clone());
                next = config.layers[layer].parent;
            }
            draft.results.insert(key(at), DraftResult { layers, created_at: result.created_at });
        }
    }
    draft
}

#[test]
fn what_a_buildkit_wrote_is_written_as_it_was() {
    let check = |name: &str| {
        let config = read(name);
        let wanted = serde_json::to_string(&config).unwrap();
        let written = |rename: &dyn Fn(usize) -> String| {
            serde_json::to_string(&draft(&config, rename).config(Layering::Own)).unwrap()
        };
        // Whatever the keys are called here.
        assert_eq!(written(&|at| format!("{at:03}")), wanted, "{name}");
        assert_eq!(written(&|at| format!("{:03}", 999 - at)), wanted, "{name}");
        assert_eq!(written(&|at| Digest::of([at as u8]).to_string()), wanted, "{name}");
    };
    check("t1");
    check("t2");
}

fn node(digest: &str, inputs: &[&[&str]]) -> Node {
    let input = |keys: &&[&str]| keys.iter().map(|key| (String::new(), KeyId::from(*key))).collect();
    Node { digest: Digest::of(digest), inputs: inputs.iter().map(input).collect() }
}

fn result(layers: &[&str], seconds: u64) -> DraftResult {
    DraftResult {
        layers: layers.iter().map(Digest::of).collect(),
        created_at: SystemTime::UNIX_EPOCH + Duration::from_secs(seconds),
    }
}

/// A graph in letters, with the records' digests by number, and their results.
fn written(nodes: &[(&str, &str, &[&[&str]])], results: &[(&str, &[&str], u64)]) -> Vec<String> {
    let draft = Draft {
        nodes: nodes.iter().map(|(key, digest, inputs)| (KeyId::from(*key), node(digest, inputs))).collect(),
        results: results.iter().map(|(key, layers, at)| (KeyId::from(*key), result(layers, *at))).collect(),
    };
    let config = draft.config(Layering::Own);
    let letter = |digest: &Digest| {
        nodes.iter().map(|(_, text, _)| *text).find(|text| Digest::of(text) == *digest).unwrap().to_owned()
    };
    let line = |record: &CacheRecord| {
        let input = |keys: &Vec<CacheInput>| {
            let mut keys: Vec<String> = keys.iter().map(|it| letter(&config.records[it.link].digest)).collect();
            keys.sort();
            format!(" ({})", keys.join(" "))
        };
        let inputs: String = record.inputs.iter().map(input).collect();
        let time = record.results.first().map_or(String::new(), |it| super::super::time::write(it.created_at));
        format!("{}{inputs} {time}", letter(&record.digest)).trim_end().to_owned()
    };
    let mut lines: Vec<String> = config.records.iter().map(line).collect();
    lines.sort();
    lines
}

#[test]
fn only_what_leads_to_results_is_written() {
    let base: &[(&str, &str, &[&[&str]])] = &[
        ("a", "A", &[]),
        ("b", "B", &[]),
        ("s", "S", &[&["a"], &["b"]]),
        ("t", "T", &[&["s"]]),
        ("u", "U", &[&["s"]]),
    ];
    assert_eq!(written(base, &[]), Vec::<String>::new());
    assert_eq!(written(base, &[("t", &["x"], 1)]), ["A", "B", "S (A) (B)", "T (S) 1970-01-01T00:00:01Z"]);
    // An input for which nothing stands that lasts takes with it what follows.
    let lost: &[(&str, &str, &[&[&str]])] = &[("a", "A", &[]), ("s", "S", &[&["a"], &["gone"]]), ("t", "T", &[&["s"]])];
    assert_eq!(written(lost, &[("t", &["x"], 1)]), Vec::<String>::new());
    let content: &[(&str, &str, &[&[&str]])] = &[("a", "A", &[]), ("s", "S", &[&["gone", "a"]])];
    assert_eq!(written(content, &[("s", &["x"], 1)]), ["A", "S (A) 1970-01-01T00:00:01Z"]);
}

#[test]
fn equal_keys_are_one_with_the_newest_result() {
    let nodes: &[(&str, &str, &[&[&str]])] =
        &[("a", "A", &[]), ("s1", "S", &[&["a"]]), ("s2", "S", &[&["a"]]), ("t", "T", &[&["s1", "s2"]])];
    let results: &[(&str, &[&str], u64)] = &[("s1", &["x"], 1), ("s2", &["y"], 2), ("t", &["z"], 3)];
    assert_eq!(written(nodes, results), ["A", "S (A) 1970-01-01T00:00:02Z", "T (S) 1970-01-01T00:00:03Z"]);
}

#[test]
fn circles_are_cut() {
    let nodes: &[(&str, &str, &[&[&str]])] = &[
        ("a", "A", &[]),
        ("s", "S", &[&["a", "t"]]),
        ("t", "T", &[&["s"]]),
        ("x", "X", &[&["y"]]),
        ("y", "Y", &[&["x"]]),
    ];
    let results: &[(&str, &[&str], u64)] = &[("t", &["l"], 1), ("x", &["l"], 1)];
    assert_eq!(written(nodes, results), ["A", "S (A)", "T (S) 1970-01-01T00:00:01Z"]);
}

#[test]
fn images_hold_what_they_begin_with() {
    let mut draft = Draft::default();
    for (key, layers) in [("a", &["1"][..]), ("b", &["1", "2"]), ("c", &["2"]), ("d", &["1", "2", "3"])] {
        draft.nodes.insert(KeyId::from(key), node(key, &[]));
        draft.results.insert(KeyId::from(key), result(layers, 1));
    }
    let image: Vec<Digest> = ["1", "2"].iter().map(Digest::of).collect();
    let config = draft.config(Layering::Image(&image));
    let top = |record: &CacheRecord| record.results.first().map(|result| result.layer);
    let by = |key: &str| config.records.iter().find(|it| it.digest == Digest::of(key)).and_then(top);
    assert_eq!([by("a"), by("b"), by("c"), by("d")], [Some(0), Some(1), None, None]);
    assert!(config.layers.is_empty());
}

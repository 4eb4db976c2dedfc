//! Documents that a real BuildKit wrote, and damaged ones.

use super::*;

fn read(name: &str) -> CacheConfig {
    let path = format!("{}/tests/cache-keys/{name}.cacheconfig.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn blobs(config: &CacheConfig) -> HashMap<Digest, RemoteLayer> {
    let layer = |digest: &Digest| {
        let json = format!(r#"{{"digest":"{digest}","size":1}}"#);
        RemoteLayer { blob: serde_json::from_str(&json).unwrap(), diff_id: Digest::of(digest) }
    };
    config.layers.iter().map(|found| (found.blob.clone(), layer(&found.blob))).collect()
}

fn graph(config: &CacheConfig) -> RemoteGraph {
    let mut graph = RemoteGraph::default();
    graph.add(config, &blobs(config), 0).unwrap();
    graph
}

#[test]
fn every_record_is_found_by_each_of_its_inputs() {
    for name in ["t1", "t2"] {
        let config = read(name);
        let graph = graph(&config);
        assert_eq!(graph.nodes.len(), config.records.len());
        for (record, (key, node)) in config.records.iter().zip(names(&config).unwrap()) {
            assert_eq!(is_far(&key), !record.inputs.is_empty());
            for (at, keys) in node.inputs.iter().enumerate() {
                for (selector, from) in keys {
                    let link = FarLink { input: at, digest: record.digest.clone(), selector: selector.clone() };
                    assert!(graph.links[&(from.clone(), link)].contains(&key), "{name}: {record:?}");
                }
            }
            let result = graph.result(&key);
            assert_eq!(
                (result.is_some(), graph.created_at(&key).is_some()),
                (!record.results.is_empty(), result.is_some())
            );
            if let Some(result) = result {
                let top = &config.layers[record.results[0].layer];
                assert_eq!(result.layers.last().unwrap().blob.digest, top.blob);
            }
        }
    }
}

#[test]
fn links_hold_the_digest_of_the_step_with_its_output() {
    let map = Digest::of("map");
    let digest = key::root_key(map.as_str(), 2);
    let root = Digest::of("root");
    let text = format!(
        r#"{{"records":[{{"digest":"{digest}","inputs":[[{{"selector":"s","link":1}}]]}},{{"digest":"{root}"}}]}}"#
    );
    let graph = graph(&serde_json::from_str(&text).unwrap());
    let link =
        |output: u32, selector: &str| Link { input: 0, output, digest: map.to_string(), selector: selector.to_owned() };
    let from = KeyId::from(root.as_str());
    assert_eq!(graph.targets(&from, &link(2, "s")).len(), 1);
    assert_eq!(graph.targets(&from, &link(1, "s")), []);
    assert_eq!(graph.targets(&from, &link(2, "")), []);
    assert_eq!(graph.targets(&KeyId::from("x"), &link(2, "s")), []);
}

#[test]
fn equal_keys_of_different_caches_are_one() {
    let (one, two) = (read("t1"), read("t2"));
    let mut both = graph(&one);
    both.add(&two, &blobs(&two), 1).unwrap();
    // The two graphs begin with the same step on files of their own.
    assert_eq!(both.nodes.len(), one.records.len() + two.records.len());
    let mut twice = graph(&one);
    let mut later = one.clone();
    for record in &mut later.records {
        for result in &mut record.results {
            result.created_at += std::time::Duration::from_secs(1);
        }
    }
    twice.add(&later, &blobs(&one), 1).unwrap();
    assert_eq!(twice.nodes.len(), one.records.len());
    assert!(twice.results.values().all(|result| result.place == 1));
    twice.add(&one, &blobs(&one), 2).unwrap();
    assert!(twice.results.values().all(|result| result.place == 1));
}

#[test]
fn results_without_all_their_layers_are_left_out() {
    let config = read("t1");
    let mut some = blobs(&config);
    some.remove(&config.layers[1].blob);
    let mut graph = RemoteGraph::default();
    graph.add(&config, &some, 0).unwrap();
    // All of them lie on that one.
    assert_eq!((graph.nodes.len(), graph.results.len()), (config.records.len(), 0));
}

#[test]
fn file_systems_of_too_many_layers_are_left_out() {
    let (digest, root) = (Digest::of("x"), Digest::of("root"));
    let check = |count: usize| {
        let layers: Vec<String> =
            (0..count).map(|at| format!(r#"{{"blob":"{digest}","parent":{}}}"#, at as i64 - 1)).collect();
        let top = format!(r#"{{"layer":{},"createdAt":"2024-01-01T00:00:00Z"}}"#, count - 1);
        let record = format!(r#"{{"layers":[{top}],"digest":"{root}"}}"#);
        let config =
            serde_json::from_str(&format!(r#"{{"layers":[{}],"records":[{record}]}}"#, layers.join(","))).unwrap();
        graph(&config).result(&KeyId::from(root.as_str())).map(|result| result.layers.len())
    };
    assert_eq!(check(3), Some(3));
    assert_eq!(check(MAX_LOWERS), Some(MAX_LOWERS));
    assert_eq!(check(MAX_LOWERS + 1), None);
    assert_eq!(check(100_000), None);
}

#[test]
fn damaged_documents_are_refused() {
    let digest = Digest::of("x");
    let check = |layers: &str, records: &str| {
        let record = |text: &str| text.replace('D', &format!(r#""digest":"{digest}""#));
        let layers = layers.replace('B', &format!(r#""blob":"{digest}""#));
        let text = format!(r#"{{"layers":[{layers}],"records":[{}]}}"#, record(records));
        let config = serde_json::from_str(&text).unwrap();
        let mut graph = RemoteGraph::default();
        let error = graph.add(&config, &blobs(&config), 0).unwrap_err().to_string();
        assert!(graph.nodes.is_empty() && graph.results.is_empty());
        error
    };
    insta::assert_snapshot!(check("{B,\"parent\":7}", ""), @"its layer 0 lies on layer 7, of 1");
    insta::assert_snapshot!(check("{B}", ""), @"its layer 0 lies on itself");
    insta::assert_snapshot!(check("{B,\"parent\":1},{B}", ""), @"its layer 0 lies on itself");
    insta::assert_snapshot!(check("", r#"{D,"layers":[{"layer":3}]}"#), @"its record 0 names layer 3, of 0");
    insta::assert_snapshot!(check("{B,\"parent\":-1}", r#"{D,"chains":[{"layers":[0,1]}]}"#), @"its record 0 names layer 1, of 1");
    insta::assert_snapshot!(check("", r#"{D,"inputs":[[{"link":1}]]}"#), @"its record 0 names record 1, of 1");
    insta::assert_snapshot!(check("", r#"{D,"inputs":[[]]}"#), @"nothing stands for input 0 of its record 0");
    insta::assert_snapshot!(check("", r#"{D,"inputs":[[{"link":0}]]}"#), @"its record 0 follows from itself");
    insta::assert_snapshot!(check("", r#"{D},{D,"inputs":[[{"link":2}]]},{D,"inputs":[[{"link":0}],[{"link":1}]]}"#), @"its record 1 follows from itself");
}

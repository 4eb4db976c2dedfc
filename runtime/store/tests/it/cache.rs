//! The cache graph: links, results, pruning.

use std::time::Duration;

use hlb_store::{KeyId, LayerId, Link, NewRecord, RecordType};

use crate::{Fixture, fixture};

fn link(input: u32, digest: &str, selector: &str) -> Link {
    Link { input, output: 0, digest: digest.to_owned(), selector: selector.to_owned() }
}

fn new(key: &str, links: &[(&str, Link)], layers: &[&LayerId]) -> NewRecord {
    NewRecord {
        key: key.into(),
        links: links.iter().map(|(from, link)| (KeyId::from(*from), link.clone())).collect(),
        root: links.is_empty(),
        facts: serde_json::json!({ "of": key }),
        layers: layers.iter().map(|id| (*id).clone()).collect(),
        description: format!("makes {key}"),
        kind: RecordType::Regular,
        cost: Duration::ZERO,
    }
}

fn targets(fixture: &Fixture, from: &str, link: &Link) -> Vec<String> {
    let found = fixture.store.cache().targets(&from.into(), link).unwrap();
    found.into_iter().map(|key| key.to_string()).collect()
}

#[test]
fn links_lead_to_keys_and_keys_to_results() {
    let fixture = fixture();
    let cache = fixture.store.cache();
    let (base, top) = (fixture.layer("base"), fixture.layer("top"));
    cache.save(&new("root", &[], &[&base])).unwrap();
    let step = link(0, "sha256:step", "");
    cache.save(&new("built", &[("root", step.clone())], &[&base, &top])).unwrap();
    assert_eq!(targets(&fixture, "root", &step), ["built"]);
    let records = cache.records(&"built".into()).unwrap();
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].layers, [base, top]);
    assert_eq!(records[0].description, "makes built");
    assert!(records[0].created_at.elapsed().unwrap().as_secs() < 60);
    assert_eq!(cache.facts(&"built".into()).unwrap(), Some(serde_json::json!({ "of": "built" })));
    assert_eq!(cache.facts(&"nothing".into()).unwrap(), None);
}

#[test]
fn every_part_of_a_link_counts() {
    let fixture = fixture();
    let step = link(1, "sha256:step", "sel");
    fixture.store.cache().save(&new("built", &[("root", step.clone())], &[])).unwrap();
    assert_eq!(targets(&fixture, "root", &step), ["built"]);
    for other in [
        Link { input: 0, ..step.clone() },
        Link { output: 1, ..step.clone() },
        Link { digest: "sha256:other".to_owned(), ..step.clone() },
        Link { selector: String::new(), ..step.clone() },
    ] {
        assert!(targets(&fixture, "root", &other).is_empty(), "{other:?}");
    }
    assert!(targets(&fixture, "toor", &step).is_empty());
}

#[test]
fn one_link_can_lead_to_several_keys_and_several_links_to_one() {
    let fixture = fixture();
    let step = link(0, "d", "");
    let cache = fixture.store.cache();
    cache.save(&new("one", &[("a", step.clone()), ("b", step.clone())], &[])).unwrap();
    cache.save(&new("two", &[("a", step.clone())], &[])).unwrap();
    cache.link(&"two".into(), &[("c".into(), step.clone())]).unwrap();
    cache.link(&"nothing".into(), &[("d".into(), step.clone())]).unwrap();
    assert_eq!(targets(&fixture, "a", &step), ["one", "two"]);
    assert_eq!(targets(&fixture, "b", &step), ["one"]);
    assert_eq!(targets(&fixture, "c", &step), ["two"]);
    assert!(!cache.exists(&"d".into()).unwrap());
}

#[test]
fn the_newest_result_comes_first() {
    let fixture = fixture();
    let cache = fixture.store.cache();
    let layers: Vec<LayerId> = (0..4).map(|n| fixture.layer(&n.to_string())).collect();
    for layer in &layers {
        cache.save(&new("key", &[], &[layer])).unwrap();
    }
    let found: Vec<LayerId> =
        cache.records(&"key".into()).unwrap().into_iter().flat_map(|record| record.layers).collect();
    assert_eq!(found, layers.into_iter().rev().collect::<Vec<_>>());
}

#[test]
fn a_result_without_layers_is_the_empty_file_system() {
    let fixture = fixture();
    fixture.store.cache().save(&new("key", &[], &[])).unwrap();
    assert_eq!(fixture.store.cache().records(&"key".into()).unwrap()[0].layers, []);
}

#[test]
fn results_that_lost_a_layer_are_dropped() {
    let fixture = fixture();
    let cache = fixture.store.cache();
    let (kept, lost) = (fixture.layer("kept"), fixture.layer("lost"));
    cache.save(&new("key", &[], &[&kept])).unwrap();
    cache.save(&new("key", &[], &[&kept, &lost])).unwrap();
    std::fs::remove_dir_all(fixture.store.layers().path(&lost)).unwrap();
    for _ in 0..2 {
        let records = cache.records(&"key".into()).unwrap();
        assert_eq!(records.len(), 1);
        assert_eq!(records[0].layers, std::slice::from_ref(&kept));
    }
}

#[test]
fn dropping_prunes_what_leads_nowhere() {
    let fixture = fixture();
    let cache = fixture.store.cache();
    let step = link(0, "d", "");
    // a -> b -> c and a -> e; c and e have results, b only had one.
    cache.save(&new("a", &[], &[])).unwrap();
    let b = cache.save(&new("b", &[("a", step.clone())], &[])).unwrap();
    let c = cache.save(&new("c", &[("b", step.clone()), ("slow", step.clone())], &[])).unwrap();
    cache.save(&new("e", &[("a", step.clone())], &[])).unwrap();
    let there = || ["a", "b", "c", "e", "slow"].map(|key| cache.exists(&key.into()).unwrap());
    assert_eq!(there(), [true; 5]);
    cache.drop_record(&b).unwrap();
    assert_eq!(there(), [true; 5], "b still leads to c");
    cache.drop_record(&c).unwrap();
    assert_eq!(there(), [true, false, false, true, false]);
    assert_eq!(targets(&fixture, "a", &step), ["e"]);
    cache.drop_record(&c).unwrap();
}

#[test]
fn facts_are_set_replaced_and_forgotten() {
    let fixture = fixture();
    let facts = fixture.store.facts();
    assert_eq!(facts.get("http", "url").unwrap(), None);
    facts.put("http", "url", b"one").unwrap();
    facts.put("http", "url", b"two").unwrap();
    facts.put("git", "url", b"").unwrap();
    assert_eq!(facts.get("http", "url").unwrap().as_deref(), Some(&b"two"[..]));
    assert_eq!(facts.get("git", "url").unwrap().as_deref(), Some(&b""[..]));
    facts.delete("http", "url").unwrap();
    facts.delete("http", "url").unwrap();
    assert_eq!(facts.get("http", "url").unwrap(), None);
}

#[test]
fn keys_without_results_lead_on_and_go_with_what_they_lead_to() {
    let fixture = fixture();
    let cache = fixture.store.cache();
    let (first, second) = (link(0, "sha256:first", "sel"), link(0, "sha256:second", ""));
    let result = cache.save(&new("target", &[("between", second.clone())], &[])).unwrap();
    cache
        .connect(&[("between".into(), vec![("root".into(), first.clone()), ("other".into(), first.clone())])])
        .unwrap();
    assert_eq!(targets(&fixture, "root", &first), ["between"]);
    assert_eq!(targets(&fixture, "between", &second), ["target"]);

    let ancestry = cache.ancestry(&["target".into(), "nothing".into()]).unwrap();
    let shown: Vec<String> = ancestry
        .iter()
        .map(|(key, links)| {
            let from: Vec<String> =
                links.iter().map(|(from, link)| format!("{from} {} {}", link.digest, link.selector)).collect();
            format!("{key} <- {}", from.join(", "))
        })
        .collect();
    assert_eq!(
        shown,
        [
            "between <- other sha256:first sel, root sha256:first sel",
            "other <- ",
            "root <- ",
            "target <- between sha256:second ",
        ]
    );
    cache.drop_record(&result).unwrap();
    for key in ["target", "between", "root", "other"] {
        assert!(!cache.exists(&key.into()).unwrap(), "{key}");
    }
}

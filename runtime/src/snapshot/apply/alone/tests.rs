//! Layers that are unpacked by themselves and settled afterwards, beside the same ones unpacked in order.

use std::cell::Cell;

use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, TestRunner};

use super::super::apply_layer;
use super::super::tests::{archive, facts};
use super::*;

/// What became of the last of some layers.
#[derive(Debug, PartialEq, Eq)]
enum Became {
    /// It was settled, and is what it is when it is unpacked in order.
    Settled,
    /// Only the stack can tell.
    Depends,
}

/// Unpacks layers in order, and the last one alone too. `Err` is why it cannot be unpacked in order.
fn unpack(archives: &[String]) -> Result<Became, String> {
    // The time of the root directory is that of the last change in it, unless it is said.
    let archive = |text: &String| archive(&format!("time=7 d ./\n{text}"));
    let dir = tempfile::tempdir().unwrap();
    let mut lowers: Vec<PathBuf> = Vec::new();
    let fresh = |name: &str| {
        let path = dir.path().join(name);
        std::fs::create_dir(&path).unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        path
    };
    let (last, first) = archives.split_last().unwrap();
    for (at, text) in first.iter().enumerate() {
        let upper = fresh(&at.to_string());
        // One that cannot be unpacked is as good as an incomplete one here.
        let _ = apply_layer(&archive(text)[..], &upper, &lowers, LayerLimits::default());
        lowers.insert(0, upper);
    }
    let (ordered, alone) = (fresh("ordered"), fresh("alone"));
    let truth = apply_layer(&archive(last)[..], &ordered, &lowers, LayerLimits::default());
    let became = match apply_alone(&archive(last)[..], &alone, LayerLimits::default()).unwrap() {
        Alone::Depends => Became::Depends,
        Alone::Done(applied, open) => {
            if open.settle(&lowers).unwrap() {
                let truth = truth.as_ref().expect("it was settled, and cannot be unpacked in order");
                assert_eq!((&applied, facts(&alone)), (truth, facts(&ordered)), "{archives:#?}");
                Became::Settled
            } else {
                Became::Depends
            }
        }
    };
    truth.map(|_| became).map_err(|error| error.to_string())
}

fn check(archives: &[&str], expected: Became) {
    let archives: Vec<String> = archives.iter().map(|text| (*text).to_owned()).collect();
    assert_eq!(unpack(&archives), Ok(expected), "{archives:#?}");
}

#[test]
fn privileged_most_layers_need_no_other() {
    for (lower, upper) in [
        ("f a x", "f b y\n d d\n f d/e z\n h d/h b"),
        ("mode=700 own=3:4 x.user.k=v time=9 d a\n f a/x 1", "f a/y 2"),
        ("mode=700 x.user.k=v d a", "f a/y 2\n x.user.l=w mode=711 d a"),
        ("mode=700 x.user.k=v d a", "f a/y 2\n x.user.k=w d a"),
        ("f a x\n d b\n f b/c y", "f .wh.a\n f .wh.b"),
        ("d a\n mode=700 d a/b", "f .wh.a\n f a/b/c x"),
        ("d a\n mode=700 d a/b", "f a/b/c x\n f .wh.a"),
        ("d a\n mode=700 d a/b", "d a\n f a/.wh..wh..opq\n f a/b/c x"),
        ("d a\n mode=700 d a/b", "f a/b/c x\n f a/.wh..wh..opq"),
        ("d a\n f a/b x", "d a\n f a/.wh.b\n f a now\n d a"),
        ("d a\n f a/b x", "f a/c y\n f a now"),
        ("l a b\n d b", "f .wh.a\n f a/c x"),
        ("l a b", "d a\n f a/c x"),
        ("l a b", "f a x\n h c a"),
    ] {
        check(&[lower, upper], Became::Settled);
    }
}

#[test]
fn privileged_what_only_the_stack_can_tell() {
    for (lower, upper) in [
        // What is in a directory that is a link lower down goes elsewhere, even if it has been replaced since.
        ("d usr/lib\n l lib usr/lib", "f lib/a x"),
        ("d usr/lib\n l lib usr/lib", "f lib/a x\n d lib"),
        ("d usr/lib\n l lib usr/lib", "f lib/a x\n f lib y"),
        // A link of the layer itself may lead to lower ones.
        ("d usr/lib", "l lib usr/lib\n f lib/a x"),
        ("f a x", "h b a"),
        ("d d\n f d/a x", "d e\n h e/b d/a"),
        ("f a x\n f b y", "f .wh..wh..opq\n f c z"),
    ] {
        check(&[lower, upper], Became::Depends);
    }
    // It is refused where it is unpacked in order.
    for (lower, upper) in [("f a x", "f a/b y"), ("f a x", "f ../b y"), ("f a x", "f .wh.a\n h b a")] {
        assert!(unpack(&[lower.to_owned(), upper.to_owned()]).is_err(), "{upper}");
    }
}

#[test]
fn notes_have_a_budget() {
    let place = |name: &str| vec![CString::new(name).unwrap(); 2];
    let mut notes = Notes { parts: MAX_PARTS - 4, ..Notes::default() };
    notes.hide(place("a"));
    notes.hide_all(place("b"));
    assert!(!notes.is_full());
    // Nothing is noted of what is hidden.
    notes.imply(place("a"), 0);
    assert!(!notes.is_full());
    notes.imply(place("c"), 0);
    assert!(notes.is_full());
    notes = Notes::default();
    notes.hide(place(&"n".repeat(200)));
    assert_eq!(notes.parts, 8);
}

/// A place of few, so that entries meet.
fn place() -> impl Strategy<Value = String> {
    prop::collection::vec(select(vec!["a", "b", "c"]), 1..4).prop_map(|names| names.join("/"))
}

fn entry() -> impl Strategy<Value = String> {
    let mode = select(vec!["", "mode=700 ", "mode=711 own=1:2 "]);
    let more = select(vec!["", "x.user.k=1 ", "x.user.k=2 x.user.l=3 ", "time=5 "]);
    let plain = (mode, more, select(vec!["d", "d", "d", "f"]), place())
        .prop_map(|(mode, more, kind, place)| format!("{mode}{more}{kind} {place}"));
    let link = (place(), select(vec!["a", "b", "/c", "../b", "a/b", "."]))
        .prop_map(|(place, target)| format!("l {place} {target}"));
    let hidden = place().prop_map(|place| match place.rsplit_once('/') {
        Some((dir, name)) => format!("f {dir}/.wh.{name}"),
        None => format!("f .wh.{place}"),
    });
    prop_oneof![
        8 => plain,
        1 => link,
        1 => (place(), place()).prop_map(|(place, target)| format!("h {place} {target}")),
        3 => hidden,
        1 => place().prop_map(|place| format!("f {place}/.wh..wh..opq")),
        1 => place().prop_map(|place| format!("c {place} 0:0")),
    ]
}

#[test]
fn privileged_alone_then_settled_equals_in_order() {
    let layer = |most| prop::collection::vec(entry(), 1..most).prop_map(|lines| lines.join("\n"));
    let layers = (layer(10), layer(6), layer(8)).prop_map(|(first, second, third)| vec![first, second, third]);
    let (settled, in_order) = (Cell::new(0), Cell::new(0));
    let cases = Config::default().cases * 2;
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    TestRunner::new(config)
        .run(&layers, |archives| {
            let became = unpack(&archives);
            in_order.set(in_order.get() + u32::from(became.is_ok()));
            settled.set(settled.get() + u32::from(became == Ok(Became::Settled)));
            Ok(())
        })
        .unwrap();
    assert!(settled.get() > cases / 5 && in_order.get() > settled.get(), "{} of {}", settled.get(), in_order.get());
}

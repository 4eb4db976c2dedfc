//! The suite: each group of cases in namespaces of its own, with a daemon of its own.

mod caches;
mod lists;

use hlb_conformance::bench::Bench;
use hlb_conformance::namespaces::inside;
use hlb_conformance::{images, loads};

fn group(test: &str, group: &str) {
    inside(test, |directory| {
        let mut bench = Bench::start(directory);
        bench.group(group);
        bench.end();
    });
}

#[test]
fn privileged_sources() {
    group("privileged_sources", "sources");
}

#[test]
fn privileged_files() {
    group("privileged_files", "files");
}

#[test]
fn privileged_run() {
    inside("privileged_run", |directory| {
        let mut bench = Bench::start(directory);
        images::push_debian();
        bench.group("run");
        bench.end();
    });
}

#[test]
fn privileged_mounts() {
    group("privileged_mounts", "mounts");
}

#[test]
fn privileged_layers() {
    group("privileged_layers", "layers");
}

#[test]
fn privileged_exports() {
    group("privileged_exports", "exports");
}

#[test]
fn privileged_foreign() {
    inside("privileged_foreign", |directory| {
        let mut bench = Bench::start(directory);
        bench.foreign();
        bench.end();
    });
}

#[test]
fn privileged_an_engine_asks_for_the_layer_that_it_lacks() {
    inside("privileged_an_engine_asks_for_the_layer_that_it_lacks", loads::one_layer_more);
}

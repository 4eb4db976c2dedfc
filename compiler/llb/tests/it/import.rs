//! Definitions of others as parts of our graphs.

use std::sync::Arc;

use hlb_llb::definition::InvalidDefinition;
use hlb_llb::graph::{Annotations, import, marshal};
use hlb_llb::{Digest, FieldOrder, Graph, encode_op_in, ops, pb};
use prost::Message;

use crate::corpus::cases;
use crate::graph::image;

fn place(source_index: i32, line: i32) -> pb::Location {
    let position = Some(pb::Position { line, character: 0 });
    pb::Location { source_index, ranges: pb::Range { start: position, end: position }.into() }
}

fn info(filename: &str) -> pb::SourceInfo {
    pb::SourceInfo { filename: filename.to_owned(), ..Default::default() }
}

/// A definition that says its ops in the other order of fields, so that encoding them again would change digests.
fn foreign() -> pb::Definition {
    let mut definition = marshal(Some(&image("a")), vec![info("Dockerfile"), info("other")]);
    let metadata = definition.metadata.remove(Digest::of(&definition.def[0]).as_str()).unwrap();
    let op = pb::Op::decode(definition.def[0].clone()).unwrap();
    let bytes = encode_op_in(FieldOrder::OneofLast, &op);
    assert_ne!(bytes, definition.def[0]);
    let digest = Digest::of(&bytes).to_string();
    let input = pb::Input { digest: digest.clone(), index: 0 };
    let terminal = pb::Op { inputs: vec![input], ..Default::default() };
    definition.def = vec![bytes.into(), terminal.encode_to_vec().into()];
    definition.metadata.insert(digest.clone(), metadata);
    let locations = pb::Locations { locations: vec![place(1, 7), place(0, 8)].into() };
    definition.source.as_mut().unwrap().locations.insert(digest, locations);
    definition
}

#[test]
fn real_definitions_come_out_as_they_went_in() {
    for case in cases() {
        let given = pb::Definition::decode(case.bytes.as_slice()).unwrap();
        let mut infos = Vec::new();
        let output = import(&given, &mut infos, &[]).unwrap();
        assert_eq!(infos, given.source.clone().unwrap_or_default().infos, "{}", case.name);
        let again = marshal(output.as_ref(), infos);
        let (wanted, got) = (Graph::load(&given).unwrap(), Graph::load(&again).unwrap());
        // Where the positions of inputs differ, so do those of the target.
        assert_eq!(got, wanted, "{}", case.name);
        let head = output.map_or(String::new(), |output| output.vertex.digest().to_string());
        assert_eq!(head, case.head, "{}", case.name);
        for bytes in &again.def {
            assert!(given.def.contains(bytes), "{}", case.name);
        }
        let places = |definition: &pb::Definition| definition.source.clone().unwrap_or_default().locations;
        let known = wanted.vertices.iter().filter_map(|vertex| {
            let digest = vertex.digest.to_string();
            places(&given)
                .get(&digest)
                .filter(|places| !places.locations.is_empty())
                .map(|places| (digest, places.clone()))
        });
        assert_eq!(places(&again), known.collect(), "{}", case.name);
    }
}

#[test]
fn bytes_stay_and_places_move_behind_those_of_the_caller() {
    let given = foreign();
    let mut infos = vec![info("build.hlb")];
    let base = import(&given, &mut infos, &[]).unwrap().unwrap();
    assert_eq!(base.vertex.bytes(), given.def[0]);
    let own = Annotations { locations: vec![place(0, 1)], ..Default::default() };
    let rm = ops::FileStep::Rm { path: "/x".to_owned(), allow_not_found: false, allow_wildcard: false };
    let changed = ops::file(Some(base.clone()), vec![rm], own).unwrap();
    let definition = marshal(Some(&changed), infos);

    assert_eq!(definition.def[0], given.def[0]);
    let digest = base.vertex.digest().as_str();
    assert_eq!(definition.metadata[digest], given.metadata[digest]);
    let source = definition.source.as_ref().unwrap();
    let names: Vec<&str> = source.infos.iter().map(|info| info.filename.as_str()).collect();
    assert_eq!(names, ["build.hlb", "Dockerfile", "other"]);
    assert_eq!(*source.locations[digest].locations, [place(2, 7), place(1, 8)]);
    assert_eq!(*source.locations[changed.vertex.digest().as_str()].locations, [place(0, 1)]);
    assert_eq!(Graph::load(&definition).unwrap().vertices.len(), 2);
}

#[test]
fn what_is_imported_twice_is_one_op() {
    let mut infos = Vec::new();
    let first = import(&foreign(), &mut infos, &[]).unwrap().unwrap();
    let second = import(&foreign(), &mut infos, &[]).unwrap().unwrap();
    assert_eq!(first, second);
    let both = ops::merge(vec![first.clone(), second], Annotations::default()).unwrap();
    let definition = marshal(Some(&both), infos);
    assert_eq!(definition.def.len(), 3);
    let source = definition.source.unwrap();
    assert_eq!(source.locations[first.vertex.digest().as_str()].locations.len(), 4);
    assert_eq!(source.infos.len(), 4);
}

#[test]
fn no_ops_are_the_empty_file_system() {
    let mut infos = Vec::new();
    assert_eq!(import(&pb::Definition::default(), &mut infos, &[]).unwrap(), None);
    assert_eq!(import(&marshal(None, vec![info("x")]), &mut infos, &[]).unwrap(), None);
    assert_eq!(infos, [info("x")]);
}

#[test]
fn places_are_in_files_that_are_there() {
    let check = |index: i32, wanted: &str| {
        let mut definition = foreign();
        let digest = Digest::of(&definition.def[0]).to_string();
        let locations = &mut definition.source.as_mut().unwrap().locations;
        Arc::make_mut(&mut locations.get_mut(&digest).unwrap().locations)[1].source_index = index;
        let mut infos = vec![info("mine")];
        let error = import(&definition, &mut infos, &[]).unwrap_err();
        assert_eq!(error.to_string(), format!("op {digest}: source.locations[1].sourceIndex {wanted}"));
        assert_eq!(infos.len(), 1);
    };
    check(2, "is 2, but can only be 0 to 1");
    check(-1, "is -1, but can only be 0 to 1");
    check(i32::MAX, "is 2147483647, but can only be 0 to 1");
    let garbled = pb::Definition { def: vec![vec![0xff].into()], ..Default::default() };
    assert!(matches!(import(&garbled, &mut Vec::new(), &[]), Err(InvalidDefinition::GarbledOp { .. })));
}

#[test]
fn long_chains_need_no_stack() {
    let mut output = image("a");
    for _ in 0..20_000 {
        output = ops::diff(Some(output), None, Annotations::default()).unwrap();
    }
    let definition = marshal(Some(&output), Vec::new());
    drop(output);
    let imported = import(&definition, &mut Vec::new(), &[]).unwrap();
    assert_eq!(marshal(imported.as_ref(), Vec::new()), definition);
}

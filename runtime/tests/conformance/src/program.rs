//! Programs of cases as graphs.
//!
//! Owns where a program lies when it is compiled, and what is compiled of it.

use std::path::Path;

use camino::Utf8Path;
use hlb_compiler::{Consent, Export, Options, Platform, Request, Solve};
use hlb_llb::pb;

use crate::cases::{self, Case};
use crate::world::CaseWorld;
use crate::{files, foreign};

/// Compiles a case, whose program lies in `programs/GROUP` of a directory.
///
/// # Errors
/// If it does not compile; why.
///
/// # Panics
/// If its program cannot be written.
pub fn compile(world: &CaseWorld<'_>, directory: &Path, case: &Case) -> Result<Vec<Solve>, String> {
    let path = directory.join(format!("programs/{}.hlb", case.name));
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, &case.text).unwrap();
    let checked = hlb_compiler::check(world, Utf8Path::from_path(&path).unwrap());
    let options = Options { platform: Platform::new("linux", "amd64"), consent: Consent::none(), calls: None };
    let request = hlb_compiler::compile(world, &checked, &[], &options);
    let mut solves = Vec::new();
    flatten(request.map_err(|error| format!("it does not compile: {error}"))?, &mut solves);
    Ok(solves)
}

/// The graphs of all cases, with their names. No engine is needed, and no image is looked up.
///
/// # Panics
/// If a case does not compile that should.
pub fn graphs(directory: &Path) -> Vec<(String, pb::Definition)> {
    files::write(directory);
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let world = CaseWorld { tokio: &tokio, images: None };
    let mut graphs: Vec<(String, pb::Definition)> =
        foreign::all().into_iter().map(|foreign| (foreign.case.name, foreign.definition)).collect();
    for case in cases::all() {
        let solves = match compile(&world, directory, &case) {
            Ok(solves) => solves,
            Err(_) if case.fails_here.is_some() => Vec::new(),
            Err(error) => panic!("{}: {error}", case.name),
        };
        for solve in solves {
            let exported = solve.exports.iter().flat_map(Export::variants).map(|variant| variant.definition.clone());
            let definitions: Vec<_> = exported.chain([solve.definition.clone()]).collect();
            graphs.extend(definitions.into_iter().map(|definition| (case.name.clone(), definition)));
        }
    }
    graphs
}

fn flatten(request: Request, solves: &mut Vec<Solve>) {
    match request {
        Request::Nil => {}
        Request::Solve(solve) => solves.push(*solve),
        Request::Parallel(parts) | Request::Sequential(parts) => {
            parts.into_iter().for_each(|part| flatten(part, solves));
        }
    }
}

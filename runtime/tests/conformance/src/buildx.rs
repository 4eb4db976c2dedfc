//! Docker's buildx, as one who reads what is in a registry.
//!
//! Owns how it is asked. It lies beside the engine, and needs none for this.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::daemon;
use crate::namespaces::{ADVICE, run};

/// Where the package has it.
const PROGRAM: &str = "usr/libexec/docker/cli-plugins/docker-buildx";

/// What is said of an image of a registry: its provenance and its bill of materials, as `docker buildx imagetools inspect` shows
/// them. `directory` is for what the program keeps.
///
/// # Panics
/// If the program is not there, finds no image, or shows something else than JSON.
pub fn attestations(image: &str, directory: &Path) -> (Value, Value) {
    let program = daemon::unpacked().join(PROGRAM);
    assert!(program.is_file(), "`{}` is missing: {ADVICE}", program.display());
    let shown = |what: &str| {
        let said = run(Command::new(&program)
            .args(["imagetools", "inspect", image, "--format", &format!("{{{{json .{what}}}}}")])
            .env("DOCKER_CONFIG", directory.join("buildx")));
        serde_json::from_str(&said).unwrap_or_else(|error| panic!("{what} of {image} is not JSON ({error}): {said}"))
    };
    (shown("Provenance"), shown("SBOM"))
}

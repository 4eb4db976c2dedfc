//! The world of a case: what its ```world block says there is.
//!
//! Owns the words of that block. Each line says one thing, `KIND NAME = TEXT`; `\n` in a text is a newline.

use hlb_compiler::testing::MemoryWorld;
use hlb_compiler::{CommandOutput, ImageConfig};

use super::page::Case;

/// The world with the files of a case and what its block adds.
pub(crate) fn world(case: &Case) -> Result<MemoryWorld, String> {
    let mut world = MemoryWorld::new();
    for file in &case.files {
        world = world.file(&file.name, &file.text);
    }
    for block in case.blocks.iter().filter(|block| block.kind == "world") {
        for line in block.text.lines().filter(|line| !line.trim().is_empty()) {
            world = add(world, line).ok_or_else(|| format!("`{line}` says nothing of a world"))?;
        }
    }
    Ok(world)
}

fn add(mut world: MemoryWorld, line: &str) -> Option<MemoryWorld> {
    let (kind, rest) = line.split_once(' ')?;
    let (name, text) = rest.split_once(" = ").unwrap_or((rest.trim_end_matches(" ="), ""));
    let text = text.replace("\\n", "\n");
    match kind {
        "env" => {
            world.env.insert(name.to_owned(), text);
        }
        "file" => world = world.file(name, text),
        // A command with what it prints, or with the code that it fails with.
        "command" => {
            let stdout = if text.is_empty() { text } else { format!("{text}\n") };
            let stderr = "to stderr\n".to_owned();
            let combined = format!("{stdout}{stderr}");
            world.commands.insert(name.to_owned(), CommandOutput { exit_code: 0, stdout, stderr, combined });
        }
        "failing" => {
            let exit_code = text.parse().ok()?;
            let said = "it failed\n".to_owned();
            let output = CommandOutput { exit_code, stdout: String::new(), stderr: said.clone(), combined: said };
            world.commands.insert(name.to_owned(), output);
        }
        "image" => {
            let mut config = ImageConfig::default();
            for part in text.split("; ").filter(|part| !part.is_empty()) {
                let (key, value) = part.split_once(' ')?;
                match key {
                    "env" => config.env.push(value.to_owned()),
                    "dir" => value.clone_into(&mut config.working_dir),
                    "user" => value.clone_into(&mut config.user),
                    "entrypoint" => config.entrypoint = value.split(' ').map(str::to_owned).collect(),
                    "cmd" => config.cmd = value.split(' ').map(str::to_owned).collect(),
                    _ => return None,
                }
            }
            world.images.get_or_insert_default().insert(name.to_owned(), config);
        }
        // A file that every filesystem has that is built while the program is evaluated.
        "built" => {
            world.built.get_or_insert_default().insert(name.to_owned(), text);
        }
        "pushed" => world.pushed = Ok(name.to_owned()),
        _ => return None,
    }
    Some(world)
}

//! Fenced blocks of Markdown pages, and the worlds that comments above them describe.
//!
//! Owns the reading of blocks and of `<!-- world: … -->`. Knows nothing of what the blocks of a page are for.

use hlb_compiler::testing::{MemoryModule, MemoryWorld};
use hlb_compiler::{CommandOutput, ImageConfig};

/// A fenced block.
pub(crate) struct Block {
    /// The number of its opening line, from 1.
    pub(crate) line: usize,
    /// The first word behind the fence.
    pub(crate) language: String,
    /// What follows that word.
    pub(crate) info: String,
    /// The lines in it, each with its end.
    pub(crate) text: String,
    /// What comments above it say of the world, each without `<!-- world:` around it.
    pub(crate) settings: Vec<String>,
}

/// The blocks of a page, in order.
pub(crate) fn blocks(page: &str) -> Result<Vec<Block>, String> {
    let mut blocks = Vec::new();
    let mut settings = Vec::new();
    let mut lines = page.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        if let Some(setting) = line.strip_prefix("<!-- world: ").and_then(|rest| rest.strip_suffix(" -->")) {
            settings.push(setting.to_owned());
        }
        let Some(info) = line.strip_prefix("```") else { continue };
        let (language, info) = info.split_once(' ').unwrap_or((info, ""));
        let mut text = String::new();
        loop {
            let (_, line) = lines.next().ok_or_else(|| format!("line {}: the block is never closed", number + 1))?;
            if line == "```" {
                break;
            }
            text.push_str(line);
            text.push('\n');
        }
        let (language, info) = (language.to_owned(), info.to_owned());
        blocks.push(Block { line: number + 1, language, info, text, settings: std::mem::take(&mut settings) });
    }
    Ok(blocks)
}

/// Puts into a world what a comment says of it: ``file `go.mod` ``, ``env `CI` is `1` ``, ``command `date` prints `now` ``,
/// ``built `/etc/hostname` is `box` `` (a file of everything built), ``image `docker.io/library/a:latest` ``,
/// ``module `https://HOST/PATH#REF` has `FILE` with `TEXT` ``, `takes pushes`.
pub(crate) fn set(world: &mut MemoryWorld, setting: &str) -> Result<(), String> {
    let words: Vec<&str> = setting.split('`').map(str::trim).collect();
    match words.as_slice() {
        ["file", path, ""] => {
            world.files.insert((*path).into(), String::new());
        }
        ["env", name, "is", value, ""] => {
            world.env.insert((*name).to_owned(), (*value).to_owned());
        }
        ["command", command, "prints", output, ""] => {
            let stdout = format!("{output}\n");
            let output = CommandOutput { exit_code: 0, combined: stdout.clone(), stdout, stderr: String::new() };
            world.commands.insert((*command).to_owned(), output);
        }
        ["built", path, "is", text, ""] => {
            world.built.get_or_insert_default().insert((*path).to_owned(), format!("{text}\n"));
        }
        ["image", reference, ""] => {
            world.images.get_or_insert_default().insert((*reference).to_owned(), ImageConfig::default());
        }
        ["module", address, "has", file, "with", text, ""] => {
            let module = MemoryModule::new("c1").file(*file, format!("{text}\n"));
            world.modules.insert((*address).to_owned(), module);
        }
        ["takes pushes"] => world.pushed = Ok(format!("sha256:{}", "0".repeat(64))),
        _ => return Err(format!("`{setting}` says nothing of a world")),
    }
    Ok(())
}

#[test]
fn blocks_are_read_with_what_stands_above_them() {
    let page = "text\n<!-- world: file `a` -->\n```hlb error E0101\nx\n```\n\n```\ny\n```\n";
    let found = blocks(page).unwrap();
    let shown: Vec<_> =
        found.iter().map(|it| (it.line, &*it.language, &*it.info, &*it.text, it.settings.len())).collect();
    assert_eq!(shown, [(3, "hlb", "error E0101", "x\n", 1), (7, "", "", "y\n", 0)]);
    assert!(blocks("```hlb\n").is_err());
}

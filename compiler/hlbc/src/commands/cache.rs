//! `hlbc cache`.
//!
//! Owns the words for what became of cache mounts that were brought from one place to another.

use hlb_llb::draw::printable;
use hlb_registry::Images;
use hlb_runtime::{CacheMount, MovedMounts, SolveError};

use crate::config::Places;
use crate::error::Failure;
use crate::report::Screen;
use crate::{cli, failure, interrupt, size, state};

pub(crate) fn cache(args: &cli::Cache, screen: Screen) -> Result<(), Failure> {
    let root = match &args.command {
        cli::CacheCommand::Save(args) => &args.state.root,
        cli::CacheCommand::Restore(args) => &args.state.root,
        cli::CacheCommand::List(args) => &args.state.root,
    };
    let (registries, limits) = (Places::here().registries()?, Places::here().limits()?);
    let state = state::open(root.as_deref(), screen)?;
    let images = Images::new(registries);
    let (tokio, cancel) = interrupt::start()?;
    let done = tokio.block_on(async {
        let work = async {
            Ok(match &args.command {
                cli::CacheCommand::Save(args) => {
                    told(&state.save_cache_mounts(&images, &args.ids, &args.to).await?, "saved")
                }
                cli::CacheCommand::Restore(args) => {
                    let how = (args.if_empty, limits);
                    let restored = state.restore_cache_mounts(&images, &args.ids, &args.from, how).await?;
                    told(&restored, "restored")
                }
                cli::CacheCommand::List(args) => match &args.from {
                    Some(from) => kept(&state.kept_cache_mounts(&images, from).await?),
                    None => state.cache_mounts()?.iter().map(|mount| format!("{}\n", name(mount))).collect(),
                },
            })
        };
        tokio::select! {
            done = work => done.map_err(|error: SolveError| failure::plain(&error)),
            () = cancel.cancelled() => Err(interrupt::interrupted()),
        }
    });
    super::print(done?.as_bytes())
}

fn name(mount: &CacheMount) -> String {
    printable(&mount.id).to_string()
}

fn kept(mounts: &[(CacheMount, u64)]) -> String {
    mounts.iter().map(|(mount, bytes)| format!("{}  {}\n", name(mount), size::show(*bytes))).collect()
}

fn told(moved: &MovedMounts, what: &str) -> String {
    let mut text: String =
        moved.passed_over.iter().map(|reason| format!("passed over: {}\n", printable(reason))).collect();
    for path in &moved.left_out {
        text.push_str(&format!("left out: {}\n", printable(&path.display().to_string())));
    }
    for (mount, bytes) in &moved.mounts {
        text.push_str(&format!("{what} {}, {}\n", name(mount), size::show(*bytes)));
    }
    match moved.mounts.len() {
        0 => text.push_str(&format!("{what} nothing\n")),
        _ => text.push_str(&format!("{}\n", moved.digest)),
    }
    text
}

#[cfg(test)]
mod tests {
    use hlb_llb::Digest;

    use super::*;

    #[test]
    fn what_happened_is_told_line_by_line() {
        let mount = |id: &str| CacheMount { id: id.to_owned(), key: String::new() };
        let mut moved = MovedMounts {
            digest: Digest::of("x"),
            mounts: vec![(mount("go"), 1_500_000), (mount("a\nb"), 3)],
            left_out: vec!["run/socket".into()],
            passed_over: vec!["`a` cannot be read".to_owned()],
        };
        insta::assert_snapshot!(told(&moved, "saved"), @r"
        passed over: `a` cannot be read
        left out: run/socket
        saved go, 1.50 MB
        saved a\nb, 3 B
        sha256:2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881
        ");
        moved.mounts.clear();
        assert!(told(&moved, "restored").ends_with("restored nothing\n"));
    }
}

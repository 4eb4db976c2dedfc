//! Tells Zed how the language server is started.

use zed_extension_api::{self as zed, Command, LanguageServerId, Result, Worktree};

struct Hlb;

impl zed::Extension for Hlb {
    fn new() -> Self {
        Self
    }

    fn language_server_command(&mut self, _: &LanguageServerId, worktree: &Worktree) -> Result<Command> {
        let (command, args) = match (worktree.which("hlb-lsp"), worktree.which("hlbc")) {
            (Some(server), _) => (server, Vec::new()),
            (None, Some(hlbc)) => (hlbc, vec!["lsp".to_owned()]),
            (None, None) => return Err("neither hlb-lsp nor hlbc is in the PATH".to_owned()),
        };
        Ok(Command { command, args, env: worktree.shell_env() })
    }
}

zed::register_extension!(Hlb);

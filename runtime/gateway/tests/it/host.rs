//! A solver without a machine: its results are what the first op of a graph says.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use hlb_gateway::client::{Gateway, Image};
use hlb_gateway::server::{Fault, Host, Returned, Tree, serve};
use hlb_llb::pb;
use hlb_runtime::Entry;
use tokio_util::sync::CancellationToken;

/// Files by path.
#[derive(Clone, Default)]
pub(crate) struct Files(pub(crate) BTreeMap<String, Vec<u8>>);

/// What was asked of the host, in order.
pub(crate) type Asked = Arc<Mutex<Vec<String>>>;

pub(crate) struct Memory {
    pub(crate) files: Files,
    pub(crate) asked: Asked,
}

impl Host for Memory {
    type Tree = Files;

    async fn solve(&self, definition: pb::Definition) -> Result<Files, Fault> {
        let what = String::from_utf8_lossy(&definition.def[0]).into_owned();
        self.asked.lock().unwrap().push(format!("solve {what}"));
        if what == "fails" { Err(Fault::new("step failed: exit code: 3")) } else { Ok(self.files.clone()) }
    }

    async fn image(&self, reference: &str, platform: Option<pb::Platform>) -> Result<Image, Fault> {
        let platform = platform.map(|platform| platform.architecture).unwrap_or_default();
        self.asked.lock().unwrap().push(format!("image {reference} {platform}"));
        if reference == "docker.io/library/none:latest" {
            return Err(Fault::new("cannot get `none`: not found"));
        }
        Ok(Image { digest: "sha256:1".to_owned(), config: b"{}".to_vec() })
    }

    fn platform(&self) -> pb::Platform {
        pb::Platform {
            os: "linux".to_owned(),
            architecture: "arm".to_owned(),
            variant: "v7".to_owned(),
            ..Default::default()
        }
    }

    fn capabilities(&self) -> &[&str] {
        &["file.base", "mergeop"]
    }

    fn warn(&self, short: &str, detail: &[String]) {
        self.asked.lock().unwrap().push(format!("warn {short} {detail:?}"));
    }
}

impl Tree for Files {
    fn read_file(&self, path: &str, offset: u64, length: Option<u64>, _: u64) -> std::io::Result<Vec<u8>> {
        let bytes = self.0.get(path).ok_or(std::io::ErrorKind::NotFound)?;
        let length = length.unwrap_or(u64::MAX) as usize;
        Ok(bytes.iter().skip(offset as usize).take(length).copied().collect())
    }

    fn read_dir(&self, path: &str, pattern: &str) -> std::io::Result<Vec<Entry>> {
        let inside = self.0.iter().filter_map(|(file, bytes)| Some((file.strip_prefix(path)?, bytes)));
        let selected = inside.filter(|(name, _)| pattern.is_empty() || *name == pattern);
        Ok(selected.map(|(name, bytes)| entry(name, bytes.len())).collect())
    }

    fn stat(&self, path: &str) -> std::io::Result<Entry> {
        let bytes = self.0.get(path).ok_or(std::io::ErrorKind::NotFound)?;
        Ok(entry(path.rsplit('/').next().unwrap(), bytes.len()))
    }
}

fn entry(name: &str, size: usize) -> Entry {
    Entry {
        name: name.into(),
        mode: 0o100_644,
        uid: 0,
        gid: 0,
        size: size as u64,
        modified: 0,
        target: None,
        device: None,
        attributes: Vec::new(),
    }
}

/// A frontend, and what the solver knows at the end.
pub(crate) struct Bench {
    pub(crate) gateway: Gateway,
    pub(crate) asked: Asked,
    pub(crate) answered: CancellationToken,
    end: CancellationToken,
    serving: tokio::task::JoinHandle<Option<Returned>>,
}

impl Bench {
    pub(crate) async fn start(files: &[(&str, &str)], inputs: BTreeMap<String, pb::Definition>) -> Self {
        let files = files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect();
        let asked = Asked::default();
        let host = Memory { files: Files(files), asked: Arc::clone(&asked) };
        let (ours, theirs) = tokio::io::duplex(1 << 10);
        let (answered, end) = (CancellationToken::new(), CancellationToken::new());
        let serving = serve(host, inputs, ours, answered.clone(), end.clone());
        let serving = tokio::spawn(async move { serving.await.unwrap() });
        let gateway = Gateway::connect(theirs).await.unwrap();
        Self { gateway, asked, answered, end, serving }
    }

    /// What the frontend gave back, and what it had asked for.
    pub(crate) async fn end(self) -> (Option<Returned>, Vec<String>) {
        drop(self.gateway);
        self.end.cancel();
        let returned = self.serving.await.unwrap();
        let asked = self.asked.lock().unwrap().clone();
        (returned, asked)
    }
}

/// A graph that the host knows by this name.
pub(crate) fn graph(name: &str) -> pb::Definition {
    pb::Definition { def: vec![name.to_owned().into(), pb::Bytes::new()], ..Default::default() }
}

//! Solves a definition in a BuildKit daemon, to try the client by hand: `solve ADDRESS DEFINITION EXPORT [LENT]…`.
//! EXPORT is `none`, `dir:PATH`, `tar:PATH`, `oci:PATH`, `docker:PATH` or `image:NAME`. DEFINITION is a file with a
//! marshalled definition (an empty one is the empty file system) or `frontend=NAME`. LENT is `local:NAME=DIRECTORY`,
//! `secret:ID=FILE`, `agent:ID=SOCKET`, `keys:ID=FILE`, `tcp:ID=HOST:PORT`, `allow:ENTITLEMENT` or, to a frontend,
//! `attr:NAME=VALUE`.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it is a command")]

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::sync::Arc;

use hlb_agent::Lent;
use hlb_buildkit::{Address, Client, Export, Frontend, SolveRequest};
use hlb_llb::pb::Definition;
use prost::Message;
use tokio_util::sync::CancellationToken;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, definition, export, lent @ ..] = arguments.as_slice() else {
        return Err("usage: solve ADDRESS DEFINITION EXPORT [LENT]…".into());
    };
    let export = match export.split_once(':') {
        None => None,
        Some(("dir", path)) => Some(Export::Directory(path.into())),
        Some(("tar", path)) => Some(Export::Tar(path.into())),
        Some(("oci", path)) => Some(Export::Oci(path.into(), BTreeMap::new())),
        Some(("docker", path)) => Some(Export::Docker(path.into(), BTreeMap::new())),
        Some(("image", name)) => Some(Export::Image(BTreeMap::from([("name".to_owned(), name.to_owned())]))),
        Some((kind, _)) => return Err(format!("no export `{kind}`").into()),
    };
    let client = Client::connect(&Address::parse(address)?).await?;
    for worker in client.workers().await? {
        eprintln!("{worker:?}");
    }
    eprintln!("{} capabilities", client.capabilities().await?.len());
    let mut request = SolveRequest {
        definition: None,
        frontend: None,
        locals: BTreeMap::new(),
        secrets: BTreeMap::new(),
        sockets: BTreeMap::new(),
        entitlements: BTreeSet::new(),
        export,
        cache_from: Vec::new(),
        cache_to: Vec::new(),
    };
    let mut attrs = BTreeMap::new();
    for lent in lent {
        let (kind, rest) = lent.split_once(':').ok_or("something lent without a kind")?;
        let (id, place) = rest.split_once('=').unwrap_or((rest, ""));
        let id = id.to_owned();
        match kind {
            "local" => drop(request.locals.insert(id, place.into())),
            "secret" => drop(request.secrets.insert(id, place.into())),
            "agent" => drop(request.sockets.insert(id, Lent::Agent(place.into()))),
            "keys" => drop(request.sockets.insert(id, Lent::Keys(vec![place.into()]))),
            "tcp" => drop(request.sockets.insert(id, Lent::Tcp(place.to_owned()))),
            "attr" => drop(attrs.insert(id, place.to_owned())),
            "allow" => drop(request.entitlements.insert(id)),
            kind => return Err(format!("nothing is lent as `{kind}`").into()),
        }
    }
    match definition.strip_prefix("frontend=") {
        Some(name) => request.frontend = Some(Frontend { name: name.to_owned(), attrs, inputs: BTreeMap::new() }),
        None => request.definition = Some(Definition::decode(std::fs::read(definition)?.as_slice())?),
    }
    let cancel = CancellationToken::new();
    let interrupt = cancel.clone();
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            interrupt.cancel();
        }
    });
    let solved = client.solve(request, Arc::new(|status| eprintln!("{status:?}")), &cancel).await?;
    println!("{solved:#?}");
    Ok(())
}

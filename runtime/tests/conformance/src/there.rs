//! BuildKit, asked in the words of `engines`.
//!
//! Owns how an export is said to it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use hlb_buildkit::{Address, Client, Export, SolveRequest};
use tokio_util::sync::CancellationToken;

use crate::daemon::Daemon;
use crate::engines::{Form, Product, Work, limited, said};

/// The BuildKit of a Docker engine.
pub struct There {
    client: Client,
}

impl There {
    /// Connects to it.
    ///
    /// # Panics
    /// If it does not answer.
    pub async fn connect(daemon: &Daemon) -> Self {
        let address = Address::parse(&format!("docker://{}", daemon.socket.display())).unwrap();
        Self { client: Client::connect(&address).await.unwrap() }
    }

    /// Solves a graph and writes the result.
    ///
    /// # Errors
    /// What it says.
    pub async fn make(&self, work: Work, product: &Product, to: &Path) -> Result<(), String> {
        limited(async {
            let request = SolveRequest {
                definition: Some(work.definition),
                frontend: None,
                locals: work.locals,
                secrets: work.secrets,
                sockets: work.sockets,
                entitlements: BTreeSet::from(["network.host".to_owned(), "security.insecure".to_owned()]),
                export: Some(export(product, to)),
                cache_from: Vec::new(),
                cache_to: Vec::new(),
            };
            let cancel = CancellationToken::new();
            let status = Arc::new(|_: hlb_llb::status::Status| ());
            self.client.solve(request, status, &cancel).await.map(drop).map_err(|error| said(&error))
        })
        .await
    }
}

fn export(product: &Product, to: &Path) -> Export {
    let (form, config) = match product {
        Product::Tree => return Export::Tar(to.to_owned()),
        Product::Directory => return Export::Directory(to.to_owned()),
        Product::Image(form, config) => (form, config),
    };
    let config = String::from_utf8_lossy(config).into_owned();
    let mut attributes = BTreeMap::from([("containerimage.config".to_owned(), config)]);
    let mut set = |key: &str, value: &str| attributes.insert(key.to_owned(), value.to_owned());
    match form {
        Form::Oci => {}
        Form::Docker(name) | Form::Loaded(name) => {
            set("name", name);
        }
        Form::Pushed(name, stargz) => {
            set("name", name);
            set("push", "true");
            if *stargz {
                set("compression", "estargz");
                set("force-compression", "true");
                set("oci-mediatypes", "true");
            }
        }
    }
    match form {
        Form::Oci => Export::Oci(to.to_owned(), attributes),
        // Loading is for the client to do.
        Form::Docker(_) | Form::Loaded(_) => Export::Docker(to.to_owned(), attributes),
        Form::Pushed(..) => Export::Image(attributes),
    }
}

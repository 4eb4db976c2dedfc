//! Whom a registry is taken for.
//!
//! Owns certificates: those of authorities beside the machine's, our own towards a registry, and what a refused one means.

use std::error::Error;
use std::path::{Path, PathBuf};

use reqwest::{Certificate, ClientBuilder, Identity};

/// How the two sides of a connection show who they are.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(crate) struct Trust {
    /// Files with certificates of authorities, beside those that the machine knows.
    pub(crate) ca: Vec<PathBuf>,
    /// Files with our certificate and its key.
    pub(crate) client: Option<(PathBuf, PathBuf)>,
    /// Whether anybody may answer.
    pub(crate) insecure: bool,
}

impl Trust {
    /// Reads relative paths from `base` on.
    pub(crate) fn relative_to(&mut self, base: &Path) {
        let client = self.client.iter_mut().flat_map(|(cert, key)| [cert, key]);
        for path in self.ca.iter_mut().chain(client) {
            *path = base.join(&*path);
        }
    }
}

/// Gives a client what it trusts and shows.
pub(crate) fn apply(trust: &Trust, mut builder: ClientBuilder) -> Result<ClientBuilder, String> {
    let read = |path: &Path| std::fs::read(path).map_err(|error| format!("cannot read `{}`: {error}", path.display()));
    for path in &trust.ca {
        let bytes = read(path)?;
        let certificates = Certificate::from_pem_bundle(&bytes)
            .map_err(|error| format!("`{}` is no file of certificates in PEM form: {error}", path.display()))?;
        if certificates.is_empty() {
            return Err(format!("`{}` has no certificate", path.display()));
        }
        builder = builder.tls_certs_merge(certificates);
    }
    if let Some((certificate, key)) = &trust.client {
        let mut bytes = read(certificate)?;
        bytes.push(b'\n');
        bytes.extend_from_slice(&read(key)?);
        let identity = Identity::from_pem(&bytes).map_err(|_| {
            let (certificate, key) = (certificate.display(), key.display());
            format!("`{certificate}` and `{key}` are not a certificate and its key in PEM form")
        })?;
        builder = builder.identity(identity);
    }
    Ok(if trust.insecure { builder.tls_danger_accept_invalid_certs(true) } else { builder })
}

/// Why a connection was refused, if it was because of a certificate.
pub(crate) fn refused(error: &(dyn Error + 'static)) -> Option<String> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(tls) = error.downcast_ref::<rustls::Error>() {
            return is_about_trust(tls).then(|| tls.to_string());
        }
        // An error in such an error is not its source.
        let inner = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        next = match inner {
            Some(inner) => Some(inner as &(dyn Error + 'static)),
            None => error.source(),
        };
    }
    None
}

fn is_about_trust(error: &rustls::Error) -> bool {
    use rustls::AlertDescription as Alert;
    match error {
        rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented => true,
        rustls::Error::AlertReceived(alert) => matches!(
            alert,
            Alert::CertificateRequired
                | Alert::BadCertificate
                | Alert::UnknownCA
                | Alert::CertificateUnknown
                | Alert::CertificateExpired
                | Alert::CertificateRevoked
                | Alert::UnsupportedCertificate
                | Alert::AccessDenied
                | Alert::HandshakeFailure
        ),
        _ => false,
    }
}

//! The configuration of TLS.

use std::fmt;
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use crate::build_error::BuildError;

/// The root certificates to trust.
#[derive(Clone)]
pub(crate) struct RootCertificates {
    defaults: bool,
    pems: Vec<Vec<u8>>,
}

impl RootCertificates {
    pub(crate) fn add_pem(&mut self, pem: &[u8]) {
        self.pems.push(pem.to_vec());
    }

    pub(crate) fn drop_defaults(&mut self) {
        self.defaults = false;
    }

    /// A configuration that trusts these roots. It uses *ring* and not the process's default provider, which another
    /// HTTP library in the same program may have set.
    pub(crate) fn into_config(self) -> Result<Arc<ClientConfig>, BuildError> {
        let provider = Arc::new(ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring has cipher suites for TLS 1.2 and 1.3")
            .with_root_certificates(self.into_store()?)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }

    fn into_store(self) -> Result<RootCertStore, BuildError> {
        let mut store = RootCertStore::empty();
        if self.defaults {
            store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        }
        for pem in &self.pems {
            let before = store.len();
            for certificate in CertificateDer::pem_slice_iter(pem) {
                let certificate = certificate
                    .map_err(|e| BuildError::because("a root certificate is not valid PEM", e))?;
                store
                    .add(certificate)
                    .map_err(|e| BuildError::because("a root certificate can't be used", e))?;
            }
            if store.len() == before {
                return Err(BuildError::new("there is no root certificate in the PEM"));
            }
        }
        if store.is_empty() {
            return Err(BuildError::new("there is no root certificate to trust"));
        }
        Ok(store)
    }
}

impl Default for RootCertificates {
    fn default() -> Self {
        Self {
            defaults: true,
            pems: Vec::new(),
        }
    }
}

impl fmt::Debug for RootCertificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RootCertificates")
            .field("defaults", &self.defaults)
            .field("pems", &self.pems.len())
            .finish()
    }
}

//! Each backend, made to trust a given root certificate.

use std::sync::Arc;

use b2kit::HttpClient;
use b2kit::backend::hyper::HyperClient;
use b2kit::backend::isahc::IsahcClient;
use b2kit::backend::reqwest::ReqwestClient;
use isahc::config::Configurable as _;
use isahc::tls::{TlsConfig, TrustStore};

pub(crate) type MakeBackend = fn(Option<&str>) -> Arc<dyn HttpClient>;

pub(crate) const BACKENDS: &[(&str, MakeBackend)] = &[
    ("hyper, current runtime", |_| {
        Arc::new(HyperClient::new().unwrap())
    }),
    ("hyper, dedicated runtime", hyper),
    ("isahc", isahc),
    ("reqwest", reqwest),
    #[cfg(feature = "surf")]
    ("surf", surf),
];

pub(crate) fn hyper(root: Option<&str>) -> Arc<dyn HttpClient> {
    let mut builder = HyperClient::builder().dedicated_runtime();
    if let Some(pem) = root {
        builder = builder.root_certificates_pem(pem);
    }
    Arc::new(builder.build().unwrap())
}

pub(crate) fn isahc(root: Option<&str>) -> Arc<dyn HttpClient> {
    let root = root.map(str::to_owned);
    Arc::new(IsahcClient::with_factory(move || {
        let mut builder = IsahcClient::defaults();
        if let Some(pem) = &root {
            let store = TrustStore::builder().certificate_from_pem(pem).build();
            builder = builder.tls_config(TlsConfig::builder().trust_store(store).build());
        }
        builder.build()
    }))
}

pub(crate) fn reqwest(root: Option<&str>) -> Arc<dyn HttpClient> {
    let builder = match root {
        Some(pem) => ReqwestClient::with_roots(pem).unwrap(),
        None => ReqwestClient::defaults(),
    };
    Arc::new(ReqwestClient::from_client(builder.build().unwrap()).unwrap())
}

#[cfg(feature = "surf")]
pub(crate) fn surf(root: Option<&str>) -> Arc<dyn HttpClient> {
    use b2kit::backend::surf::SurfClient;
    use b2kit::backend::surf::isahc::config::{CaCertificate, Configurable as _};
    let file = root.map(|pem| {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&file, pem).unwrap();
        file.into_temp_path()
    });
    Arc::new(SurfClient::over_isahc(move || {
        let mut builder = SurfClient::defaults();
        if let Some(file) = &file {
            builder = builder.ssl_ca_certificate(CaCertificate::file(file));
        }
        builder.build()
    }))
}

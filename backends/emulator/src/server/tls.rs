//! A certificate made on the spot, and the root that vouches for it.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

/// What a server shows, and what a client needs to believe it.
pub(super) struct Identity {
    pub(super) config: Arc<ServerConfig>,
    pub(super) root: Root,
}

/// The certificate that a client must trust.
#[derive(Debug, Clone)]
pub(super) struct Root {
    pub(super) pem: String,
    pub(super) der: Vec<u8>,
}

impl Identity {
    /// A new root, and a certificate by it for loopback and this address. The root's key is forgotten at once: nobody can
    /// make another certificate that a client who trusts the root would believe.
    pub(super) fn make(address: IpAddr) -> io::Result<Self> {
        let root_key = KeyPair::generate().map_err(io::Error::other)?;
        let root = root_params();
        let root_cert = root.self_signed(&root_key).map_err(io::Error::other)?;
        let issuer = Issuer::new(root, root_key);
        let key = KeyPair::generate().map_err(io::Error::other)?;
        let cert = server_params(address)?
            .signed_by(&key, &issuer)
            .map_err(io::Error::other)?;
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        // *ring*, whatever the process's default is: another library in the same program may have set that
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone(), root_cert.der().clone()], key)
            .map_err(io::Error::other)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self {
            config: Arc::new(config),
            root: Root {
                pem: root_cert.pem(),
                der: root_cert.der().to_vec(),
            },
        })
    }
}

fn root_params() -> CertificateParams {
    let mut params = CertificateParams::default();
    let name = "b2kit-emulator, for tests only";
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn server_params(address: IpAddr) -> io::Result<CertificateParams> {
    let mut names = vec!["localhost".to_owned(), "127.0.0.1".into(), "::1".into()];
    let own = address.to_string();
    if !address.is_unspecified() && !names.contains(&own) {
        names.push(own);
    }
    let mut params = CertificateParams::new(names).map_err(io::Error::other)?;
    let name = "b2kit-emulator";
    params.distinguished_name.push(DnType::CommonName, name);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    // Python 3.13 and later refuse a certificate that doesn't name its issuer's key
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}

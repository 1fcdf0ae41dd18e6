//! Certificates made at start, and the root that signs them.

use std::fmt;
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

/// The common name of every authority.
const NAME: &str = "b2kit-emulator, for tests only";

/// A server's certificate, and the root that clients need to trust.
pub(super) struct Identity {
    pub(super) config: Arc<ServerConfig>,
    pub(super) root: Root,
}

/// The certificate for clients to trust.
#[derive(Debug, Clone)]
pub(super) struct Root {
    pub(super) pem: String,
    pub(super) der: Vec<u8>,
}

/// A persistent certificate authority for servers: [`ServerBuilder::tls_authority`].
///
/// Anyone with its key can impersonate any host to those who trust it. Trust it only where an
/// emulator is used.
///
/// [`ServerBuilder::tls_authority`]: crate::ServerBuilder::tls_authority
#[derive(Clone)]
pub struct TlsAuthority {
    certificate_pem: String,
    certificate: CertificateDer<'static>,
    key_pem: String,
}

impl TlsAuthority {
    /// Creates an authority.
    ///
    /// # Errors
    /// If the system has no random numbers.
    pub fn new() -> io::Result<Self> {
        let key = KeyPair::generate().map_err(io::Error::other)?;
        let certificate = root_params().self_signed(&key).map_err(io::Error::other)?;
        Ok(Self {
            certificate_pem: certificate.pem(),
            certificate: certificate.der().clone(),
            key_pem: key.serialize_pem(),
        })
    }

    /// Loads an authority from its certificate at `path`, for clients to trust, and its key beside
    /// it with `.key` appended, readable by the owner only. If neither file exists, creates an
    /// authority and writes both.
    ///
    /// # Errors
    /// If a file can't be read or written, only one of them exists, or they don't belong together.
    pub fn open(path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref();
        let mut key_path = path.as_os_str().to_owned();
        key_path.push(".key");
        let key_path = Path::new(&key_path);
        if !path.try_exists()? && !key_path.try_exists()? {
            let this = Self::new()?;
            write_new(key_path, &this.key_pem, true)?;
            write_new(path, &this.certificate_pem, false)?;
            return Ok(this);
        }
        let of = |path: &Path| {
            let name = path.display().to_string();
            move |error: io::Error| io::Error::new(error.kind(), format!("{name}: {error}"))
        };
        let certificate_pem = read_small(path).map_err(of(path))?;
        let key_pem = read_small(key_path).map_err(of(key_path))?;
        Self::from_pem(certificate_pem, key_pem).map_err(of(path))
    }

    /// Loads an authority from PEM: see [`certificate_pem`](Self::certificate_pem) and
    /// [`key_pem`](Self::key_pem).
    ///
    /// # Errors
    /// If certificate and key don't belong together.
    pub fn from_pem(
        certificate_pem: impl Into<String>,
        key_pem: impl Into<String>,
    ) -> io::Result<Self> {
        let (certificate_pem, key_pem) = (certificate_pem.into(), key_pem.into());
        let invalid = |message| io::Error::new(io::ErrorKind::InvalidData, message);
        let certificate = CertificateDer::from_pem_slice(certificate_pem.as_bytes())
            .map_err(|_| invalid("it is not a certificate in PEM"))?;
        let key = KeyPair::from_pem(&key_pem).map_err(|_| invalid("its key is not in PEM"))?;
        let holds = |bytes: &[u8]| certificate.windows(bytes.len()).any(|it| it == bytes);
        if !holds(NAME.as_bytes()) || !holds(key.public_key_raw()) {
            let message = "it is not an emulator's CA certificate with this key";
            return Err(invalid(message));
        }
        Ok(Self {
            certificate_pem,
            certificate,
            key_pem,
        })
    }

    /// The certificate for clients to trust, in PEM.
    #[must_use]
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// The key in PEM: a secret.
    #[must_use]
    pub fn key_pem(&self) -> &str {
        &self.key_pem
    }
}

impl fmt::Debug for TlsAuthority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TlsAuthority([redacted])")
    }
}

/// Writes a file that must not exist yet.
fn write_new(path: &Path, text: &str, is_secret: bool) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if is_secret {
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    }
    #[cfg(not(unix))]
    let _ = is_secret;
    let written = options
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| {
        let path = path.display();
        io::Error::new(error.kind(), format!("{path}: {error}"))
    })
}

/// Reads a file of limited size, as certificates and keys are small.
fn read_small(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    fs::File::open(path)?
        .take(1 << 20)
        .read_to_string(&mut text)?;
    Ok(text)
}

impl Identity {
    /// A certificate for loopback, this address and these names, signed by the authority or by a
    /// new one. A new one's key is discarded at once, so that nobody can sign other certificates
    /// with it.
    pub(super) fn make(
        address: IpAddr,
        names: impl IntoIterator<Item = String>,
        authority: Option<TlsAuthority>,
    ) -> io::Result<Self> {
        let authority = match authority {
            Some(authority) => authority,
            None => TlsAuthority::new()?,
        };
        let (root_pem, root_cert) = (authority.certificate_pem, authority.certificate);
        // a certificate contains only the issuer's name and key
        let root_key = KeyPair::from_pem(&authority.key_pem).map_err(io::Error::other)?;
        let issuer = Issuer::new(root_params(), root_key);
        let key = KeyPair::generate().map_err(io::Error::other)?;
        let cert = server_params(address, names)?
            .signed_by(&key, &issuer)
            .map_err(io::Error::other)?;
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        // ring, whatever the default of the process: another library may have set that
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone(), root_cert.clone()], key)
            .map_err(io::Error::other)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self {
            config: Arc::new(config),
            root: Root {
                pem: root_pem,
                der: root_cert.to_vec(),
            },
        })
    }
}

fn root_params() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, NAME);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn server_params(
    address: IpAddr,
    others: impl IntoIterator<Item = String>,
) -> io::Result<CertificateParams> {
    let mut names = vec!["localhost".to_owned(), "127.0.0.1".into(), "::1".into()];
    let own = address.to_string();
    if !address.is_unspecified() && !names.contains(&own) {
        names.push(own);
    }
    for other in others {
        if !names.iter().any(|name| name.eq_ignore_ascii_case(&other)) {
            names.push(other);
        }
    }
    let mut params = CertificateParams::new(names).map_err(io::Error::other)?;
    let name = "b2kit-emulator";
    params.distinguished_name.push(DnType::CommonName, name);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    // required by Python 3.13 and later
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}

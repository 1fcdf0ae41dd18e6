//! A certificate made on the spot, and the root that vouches for it.

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

/// Of every authority.
const NAME: &str = "b2kit-emulator, for tests only";

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

/// A certificate authority of an emulator's own, for servers one after the other: [`ServerBuilder::tls_authority`].
///
/// Who has its key can pretend to be anybody to those who trust it. So trust it where an emulator is used, and nowhere else.
///
/// [`ServerBuilder::tls_authority`]: crate::ServerBuilder::tls_authority
#[derive(Clone)]
pub struct TlsAuthority {
    certificate_pem: String,
    certificate: CertificateDer<'static>,
    key_pem: String,
}

impl TlsAuthority {
    /// A new one.
    ///
    /// # Errors
    /// If the system gives no random numbers.
    pub fn new() -> io::Result<Self> {
        let key = KeyPair::generate().map_err(io::Error::other)?;
        let certificate = root_params().self_signed(&key).map_err(io::Error::other)?;
        Ok(Self {
            certificate_pem: certificate.pem(),
            certificate: certificate.der().clone(),
            key_pem: key.serialize_pem(),
        })
    }

    /// The one in these files: the certificate, for clients to trust, at `path`, and its key, for the owner only, beside it,
    /// with `.key` after the name. If neither is there, a new one is written to them.
    ///
    /// # Errors
    /// If the files can't be read or written, only one of them is there, or they aren't of one such authority.
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

    /// One that was kept elsewhere: see [`certificate_pem`](Self::certificate_pem) and [`key_pem`](Self::key_pem).
    ///
    /// # Errors
    /// If they aren't of one such authority.
    pub fn from_pem(
        certificate_pem: impl Into<String>,
        key_pem: impl Into<String>,
    ) -> io::Result<Self> {
        let (certificate_pem, key_pem) = (certificate_pem.into(), key_pem.into());
        let invalid = |message| io::Error::new(io::ErrorKind::InvalidData, message);
        let certificate = CertificateDer::from_pem_slice(certificate_pem.as_bytes())
            .map_err(|_| invalid("not a certificate in PEM"))?;
        let key = KeyPair::from_pem(&key_pem).map_err(|_| invalid("its key is not one in PEM"))?;
        let holds = |bytes: &[u8]| certificate.windows(bytes.len()).any(|it| it == bytes);
        if !holds(NAME.as_bytes()) || !holds(key.public_key_raw()) {
            let message = "not the certificate of an emulator's authority with this key";
            return Err(invalid(message));
        }
        Ok(Self {
            certificate_pem,
            certificate,
            key_pem,
        })
    }

    /// What clients must trust, in PEM.
    #[must_use]
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// Its key, in PEM: a secret of whoever trusts it.
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

/// A file that isn't there yet.
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

/// Certificates and keys are small; what isn't is something else.
fn read_small(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    fs::File::open(path)?
        .take(1 << 20)
        .read_to_string(&mut text)?;
    Ok(text)
}

impl Identity {
    /// A certificate for loopback, this address and these names, by the authority or by a new one. The key of a new one is
    /// forgotten at once: nobody can make another certificate that a client who trusts it would believe.
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
        // the issuer's name and key are all that a certificate takes from it
        let root_key = KeyPair::from_pem(&authority.key_pem).map_err(io::Error::other)?;
        let issuer = Issuer::new(root_params(), root_key);
        let key = KeyPair::generate().map_err(io::Error::other)?;
        let cert = server_params(address, names)?
            .signed_by(&key, &issuer)
            .map_err(io::Error::other)?;
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        // *ring*, whatever the process's default is: another library in the same program may have set that
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
    // Python 3.13 and later refuse a certificate that doesn't name its issuer's key
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}

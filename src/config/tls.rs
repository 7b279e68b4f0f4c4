//! The files of TLS. Whether they can be read is found out where they are.

use std::path::PathBuf;

use super::Error;
use super::setting as s;
use super::source::Sources;

/// The files of TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// Our certificate and those between it and its root.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
    /// Who vouches for certificates of clients; `None`: none is asked for.
    pub client_ca: Option<PathBuf>,
}

impl Tls {
    /// `None` when no certificate is set.
    ///
    /// # Errors
    /// One of the settings without the other.
    pub fn read(sources: &Sources) -> Result<Option<Self>, Error> {
        let (certificate, key) = (sources.find(&s::TLS_CERTIFICATE), sources.find(&s::TLS_KEY));
        let client_ca = sources.find(&s::TLS_CLIENT_CA);
        match (certificate, key, client_ca) {
            (Some(certificate), Some(key), client_ca) => Ok(Some(Self {
                certificate: certificate.value.into(),
                key: key.value.into(),
                client_ca: client_ca.map(|found| found.value.into()),
            })),
            (None, None, None) => Ok(None),
            (None, Some(found), _) | (None, None, Some(found)) => Err(Error::value(
                &found,
                "--tls-cert is not set: TLS needs a certificate and its key",
            )),
            (Some(found), None, _) => Err(Error::value(
                &found,
                "--tls-key is not set: TLS needs a certificate and its key",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_and_its_key_go_together_and_clients_need_both() {
        let read = |flags: &[&'static str]| {
            let flags = flags.iter().map(|flag| (*flag, format!("{flag}.pem")));
            Tls::read(&Sources::new(flags, [], [])).map_err(|error| error.to_string())
        };
        assert_eq!(read(&[]), Ok(None));
        assert!(
            read(&["--tls-cert", "--tls-key"])
                .unwrap()
                .unwrap()
                .client_ca
                .is_none()
        );
        let whole = read(&["--tls-cert", "--tls-key", "--tls-client-ca"])
            .unwrap()
            .unwrap();
        assert_eq!(whole.client_ca, Some("--tls-client-ca.pem".into()));
        for (half, expected) in [
            (vec!["--tls-cert"], "--tls-key is not set"),
            (vec!["--tls-key"], "--tls-cert is not set"),
            (vec!["--tls-client-ca"], "--tls-cert is not set"),
            (vec!["--tls-cert", "--tls-client-ca"], "--tls-key is not set"),
        ] {
            assert!(read(&half).unwrap_err().contains(expected), "{half:?}");
        }
    }
}

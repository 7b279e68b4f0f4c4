//! TLS between a socket and the server's buffers: what the server sees are plain bytes, as of every other socket.
//!
//! Impure on purpose, and here so that nothing behind it need be: rustls draws randomness and asks for the time. It never
//! waits; where it lacks bytes it says `WouldBlock`, as a socket does.
//!
//! - A handshake costs the one thread that serves all: some 0.2 ms, with an RSA key of 2,048 bits 1 ms. So no more of them
//!   begin in one turn than the reader is allowed, and a connection must be through after `tls_handshake_timeout`.
//! - Bytes are reported as written when their ciphertext has been, so a connection that is closed once all is written
//!   leaves nothing behind in here.
//! - Whoever speaks plain HTTP to the port is told so, in HTTP.

mod handshakes;

pub(super) use handshakes::Handshakes;

use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::Shutdown;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use mio::net::TcpStream;
use rustls::crypto::CryptoProvider;
use rustls::crypto::ring as provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ServerConfig, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConnection, SignatureAlgorithm};

use crate::access::certificate;

/// The files that TLS needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Files {
    /// Our certificate and those between it and its root (PEM).
    pub certificate: PathBuf,
    /// Its key (PEM).
    pub key: PathBuf,
    /// Who vouches for certificates of clients; `None`: none is asked for.
    pub client_ca: Option<PathBuf>,
}

/// Begins sessions. Copies share the certificate, so that it can be exchanged while the program runs.
#[derive(Debug, Clone)]
pub struct Acceptor {
    files: Files,
    current: Arc<Mutex<Current>>,
}

#[derive(Debug, Clone)]
struct Current {
    config: Arc<ServerConfig>,
    /// Its key is an RSA one, whose signatures cost ten times as much.
    is_slow: bool,
}

/// The TLS of one connection.
#[derive(Debug)]
pub(super) struct Session {
    connection: ServerConnection,
    stage: Stage,
    /// Bytes that are encrypted and partly written: what was taken and not reported yet.
    owed: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Not a byte has come.
    Fresh,
    /// The first message is here, or a part of it, and was not answered yet.
    Greeted,
    /// The rest of the handshake is awaited.
    Handshaking,
    /// Bytes go both ways.
    Open,
    /// It was plain HTTP and is told so; what still comes is thrown away.
    Plain,
}

/// What a read found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Bytes, or with 0 the end.
    Bytes(usize),
    /// Nothing now.
    Nothing,
    /// The handshake is over: both directions are worth a try.
    Opened,
    /// The handshake goes on in another turn, though nothing new comes.
    Postponed,
}

impl Acceptor {
    /// Reads the files.
    ///
    /// # Errors
    /// Which file cannot be used, and why.
    pub fn new(files: Files) -> Result<Self, String> {
        let current = Arc::new(Mutex::new(read(&files)?));
        Ok(Self { files, current })
    }

    /// Reads the files again. Sessions that are open keep what they began with.
    ///
    /// # Errors
    /// As [`Acceptor::new`]; then nothing changes.
    pub fn reload(&self) -> Result<(), String> {
        *self.lock() = read(&self.files)?;
        Ok(())
    }

    /// The session of a connection, and whether its handshake is a slow one.
    pub(super) fn begin(&self) -> io::Result<(Session, bool)> {
        let Current { config, is_slow } = self.lock().clone();
        let mut connection = ServerConnection::new(config).map_err(io::Error::other)?;
        // Nothing is encrypted that cannot be written at once, but for what is on its way.
        connection.set_buffer_limit(Some(CIPHERTEXT_BYTES_MAX));
        let session = Session {
            connection,
            stage: Stage::Fresh,
            owed: 0,
        };
        Ok((session, is_slow))
    }

    /// The lock is held for an assignment or a copy of two words.
    fn lock(&self) -> std::sync::MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Session {
    /// Whether it is not known yet what will go over it.
    pub(super) fn is_shaking_hands(&self) -> bool {
        self.stage != Stage::Open
    }

    /// Goes on with the handshake, or reads. `may_answer` says whether a handshake may begin in this turn, and is cleared
    /// by one that does.
    ///
    /// # Errors
    /// The connection is gone, or what came is no TLS.
    pub(super) fn read(
        &mut self,
        socket: &mut TcpStream,
        into: &mut [u8],
        may_answer: &mut usize,
    ) -> io::Result<Found> {
        match self.stage {
            Stage::Open => self.read_open(socket, into),
            Stage::Plain => discard(socket),
            Stage::Fresh | Stage::Greeted | Stage::Handshaking => self.shake_hands(socket, may_answer),
        }
    }

    fn shake_hands(&mut self, socket: &mut TcpStream, may_answer: &mut usize) -> io::Result<Found> {
        if self.stage == Stage::Fresh {
            let mut first = [0];
            match socket.peek(&mut first) {
                Ok(0) => return Ok(Found::Bytes(0)),
                // Records of a handshake begin with 22, every method of HTTP with a letter.
                Ok(_) if first[0].is_ascii_alphabetic() => return self.answer_plain(socket),
                Ok(_) => self.stage = Stage::Greeted,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Found::Nothing),
                Err(error) => return Err(error),
            }
        }
        loop {
            if self.stage == Stage::Greeted {
                if *may_answer == 0 {
                    return Ok(Found::Postponed);
                }
                *may_answer -= 1;
                self.stage = Stage::Handshaking;
            }
            match self.connection.read_tls(socket) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Found::Nothing),
                Err(error) => return Err(error),
            }
            self.process(socket)?;
            if !self.connection.is_handshaking() {
                self.stage = Stage::Open;
                return Ok(Found::Opened);
            }
        }
    }

    fn read_open(&mut self, socket: &mut TcpStream, into: &mut [u8]) -> io::Result<Found> {
        loop {
            match self.connection.reader().read(into) {
                Ok(count) => return Ok(Found::Bytes(count)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                // An end without a farewell. Messages say themselves where they end, so a cut one is noticed behind.
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(Found::Bytes(0)),
                Err(error) => return Err(error),
            }
            match self.connection.read_tls(socket) {
                Ok(_) => self.process(socket)?,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Found::Nothing),
                Err(error) => return Err(error),
            }
        }
    }

    /// Decrypts what came, and answers what is about the session itself.
    fn process(&mut self, socket: &mut TcpStream) -> io::Result<()> {
        let processed = self.connection.process_new_packets();
        // Also when it failed: then an alert says why.
        let flushed = self.flush(socket);
        processed.map_err(|error| {
            log::debug!("a TLS connection ends: {error}");
            io::Error::new(ErrorKind::InvalidData, error)
        })?;
        flushed.map(|_| ())
    }

    /// Writes ciphertext that waits. Says whether none is left.
    pub(super) fn flush(&mut self, socket: &mut TcpStream) -> io::Result<bool> {
        while self.connection.wants_write() {
            match self.connection.write_tls(socket) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    /// Writes from the slices, as many bytes as are taken now.
    ///
    /// # Errors
    /// As those of a socket. After `WouldBlock` the same bytes must be given again.
    pub(super) fn write(&mut self, socket: &mut TcpStream, from: &[IoSlice<'_>]) -> io::Result<usize> {
        if self.stage != Stage::Open {
            return Err(ErrorKind::WouldBlock.into());
        }
        if !self.flush(socket)? {
            return Err(ErrorKind::WouldBlock.into());
        }
        if self.owed == 0 {
            let mut room = RECORD_BYTES;
            let mut parts = [IoSlice::new(&[]); PARTS_MAX];
            let mut count = 0;
            for (part, slice) in parts.iter_mut().zip(from) {
                *part = IoSlice::new(&slice[..slice.len().min(room)]);
                room -= part.len();
                count += 1;
                if room == 0 {
                    break;
                }
            }
            self.owed = self.connection.writer().write_vectored(&parts[..count])?;
            if !self.flush(socket)? {
                return Err(ErrorKind::WouldBlock.into());
            }
        }
        Ok(std::mem::take(&mut self.owed))
    }

    /// Says that nothing more will be written.
    pub(super) fn shut_down_write(&mut self, socket: &mut TcpStream) -> io::Result<()> {
        self.say_farewell(socket);
        socket.shutdown(Shutdown::Write)
    }

    /// Tells the peer that the end is meant. What the socket does not take at once is not worth waiting for.
    pub(super) fn say_farewell(&mut self, socket: &mut TcpStream) {
        if self.stage == Stage::Open {
            self.connection.send_close_notify();
            let _ = self.flush(socket);
        }
    }

    /// The name in the client's certificate, which somebody vouched for.
    pub(super) fn peer_name(&self) -> Option<Box<str>> {
        let certificate = self.connection.peer_certificates()?.first()?;
        Some(certificate::name(certificate))
    }

    fn answer_plain(&mut self, socket: &mut TcpStream) -> io::Result<Found> {
        self.stage = Stage::Plain;
        // A fresh socket takes so little at once.
        socket.write_all(PLAIN_ANSWER)?;
        socket.shutdown(Shutdown::Write)?;
        discard(socket)
    }
}

/// Reads until there is nothing more, so that closing does not reset what was just said.
fn discard(socket: &mut TcpStream) -> io::Result<Found> {
    let mut scrap = [0; 1024];
    for _ in 0..DISCARDED_PER_READ_MAX {
        match socket.read(&mut scrap) {
            Ok(0) => return Err(ErrorKind::ConnectionAborted.into()),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Found::Nothing),
            Err(error) => return Err(error),
        }
    }
    Err(ErrorKind::ConnectionAborted.into())
}

fn read(files: &Files) -> Result<Current, String> {
    let told = |path: &PathBuf| {
        let path = path.display().to_string();
        move |why: String| format!("{path}: {why}")
    };
    let provider = Arc::new(provider::default_provider());
    let chain = certificates(&files.certificate).map_err(told(&files.certificate))?;
    let key = PrivateKeyDer::from_pem_file(&files.key)
        .map_err(|error| format!("no private key in PEM can be read: {error}"))
        .map_err(told(&files.key))?;
    let signer = provider
        .key_provider
        .load_private_key(key.clone_key())
        .map_err(|error| format!("the key cannot be used: {error}"))
        .map_err(told(&files.key))?;
    let is_slow = signer.algorithm() == SignatureAlgorithm::RSA;
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let builder = match &files.client_ca {
        None => builder.with_no_client_auth(),
        Some(path) => builder.with_client_cert_verifier(verifier(path, provider).map_err(told(path))?),
    };
    let mut config = builder
        .with_single_cert(chain, key)
        .map_err(|error| format!("certificate and key do not go together: {error}"))
        .map_err(told(&files.certificate))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    // One is enough for a client that comes back, and each is a record more in every handshake.
    config.send_tls13_tickets = 1;
    if let Ok(ticketer) = provider::Ticketer::new() {
        config.ticketer = ticketer;
    }
    Ok(Current {
        config: Arc::new(config),
        is_slow,
    })
}

fn certificates(path: &PathBuf) -> Result<Vec<CertificateDer<'static>>, String> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    let certificates: Vec<_> = read.map_err(|error| format!("no certificate in PEM can be read: {error}"))?;
    if certificates.is_empty() {
        return Err("no certificate in PEM is in it".to_owned());
    }
    Ok(certificates)
}

/// Asks every client for a certificate and takes those without: which route is for them is not decided here.
fn verifier(
    path: &PathBuf,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<dyn rustls::server::danger::ClientCertVerifier>, String> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        roots
            .add(certificate)
            .map_err(|error| format!("a certificate in it cannot be used: {error}"))?;
    }
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
        .allow_unauthenticated()
        .build()
        .map_err(|error| error.to_string())
}

/// The most plaintext of one record (RFC 8446 section 5.1): what is encrypted in one go.
const RECORD_BYTES: usize = 16 << 10;
/// A record and its overhead, twice.
const CIPHERTEXT_BYTES_MAX: usize = 40 << 10;
const PARTS_MAX: usize = 16;
/// More than a request and its body of that kind; who sends more is cut off.
const DISCARDED_PER_READ_MAX: usize = 64;
const PLAIN_ANSWER: &[u8] = b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: 64\r\nCache-Control: no-store\r\nConnection: close\r\n\r\nthis port speaks TLS: use https:// instead of http:// (or wss:).";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_to_plain_http_is_as_long_as_it_says() {
        let text = str::from_utf8(PLAIN_ANSWER).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(
            head.contains(&format!("Content-Length: {}\r\n", body.len())),
            "{}",
            body.len()
        );
    }

    #[test]
    fn files_that_are_not_there_or_hold_nothing_are_told_by_name() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/end_to_end/certificates/");
        let files = |certificate: &str, key: &str| Files {
            certificate: format!("{folder}{certificate}").into(),
            key: format!("{folder}{key}").into(),
            client_ca: None,
        };
        for (certificate, key, expected) in [
            ("server.pem", "server.key", None),
            ("rsa.pem", "rsa.key", None),
            ("nowhere.pem", "server.key", Some("nowhere.pem: no certificate")),
            ("server.key", "server.key", Some("server.key: no certificate")),
            ("server.pem", "server.pem", Some("server.pem: no private key")),
            (
                "server.pem",
                "rsa.key",
                Some("server.pem: certificate and key do not go together"),
            ),
        ] {
            let read = Acceptor::new(files(certificate, key)).map(|_| ());
            match expected {
                None => assert_eq!(read, Ok(())),
                Some(expected) => assert!(read.clone().unwrap_err().contains(expected), "{read:?}"),
            }
        }
    }
}

//! Opening the ports that the configuration names, before anything else is made: a port that is taken ends the
//! start while nothing else has happened.

use std::fmt;
use std::io;
use std::net::SocketAddr;

use mio::net::TcpListener;
use snowflake_mcp::config::Listen;

/// A port could not be opened.
#[derive(Debug)]
pub(crate) struct Error {
    address: SocketAddr,
    cause: io::Error,
}

/// With port 0, the port that the system chose for IPv4 may be taken for IPv6; then another one is tried.
const ATTEMPTS_MAX: usize = 16;

/// Opens every address of `listen`. Of `localhost`, IPv6 is left out where the machine has none.
///
/// # Errors
/// The first address that cannot be opened.
pub(crate) fn open(listen: Listen) -> Result<Vec<TcpListener>, Error> {
    let port = match listen {
        Listen::Address(address) => return Ok(vec![open_one(address)?]),
        Listen::Localhost { port } => port,
    };
    for _ in 1..ATTEMPTS_MAX {
        match open_both(port) {
            Err(error) if port == 0 && error.cause.kind() == io::ErrorKind::AddrInUse => {}
            result => return result,
        }
    }
    open_both(port)
}

fn open_both(port: u16) -> Result<Vec<TcpListener>, Error> {
    let first = open_one(SocketAddr::from(([127, 0, 0, 1], port)))?;
    let port = first.local_addr().map_or(port, |address| address.port());
    let second = SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], port));
    match open_one(second) {
        Ok(listener) => Ok(vec![first, listener]),
        Err(error) if is_absent(&error.cause) => Ok(vec![first]),
        Err(error) => Err(error),
    }
}

fn open_one(address: SocketAddr) -> Result<TcpListener, Error> {
    TcpListener::bind(address).map_err(|cause| Error { address, cause })
}

/// Whether the machine has no such address at all: IPv6 is switched off, or compiled out of the kernel.
fn is_absent(cause: &io::Error) -> bool {
    const NO_ADDRESS_FAMILY: [i32; 2] = [97, 47]; // EAFNOSUPPORT of Linux and of macOS
    cause.kind() == io::ErrorKind::AddrNotAvailable
        || cause
            .raw_os_error()
            .is_some_and(|code| NO_ADDRESS_FAMILY.contains(&code))
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { address, cause } = self;
        match cause.kind() {
            io::ErrorKind::AddrInUse => write!(
                formatter,
                "cannot listen on {address}: it is in use; stop what listens there or choose another with --port"
            ),
            io::ErrorKind::AddrNotAvailable => write!(
                formatter,
                "cannot listen on {address}: this machine has no such address; choose another with --host"
            ),
            io::ErrorKind::PermissionDenied => write!(
                formatter,
                "cannot listen on {address}: not permitted; ports below 1024 need a privilege, choose another with --port"
            ),
            _ => write!(formatter, "cannot listen on {address}: {cause}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_addresses_of_localhost_share_the_port_that_the_system_chose() {
        let listeners = open(Listen::Localhost { port: 0 }).unwrap();
        let ports: Vec<_> = listeners
            .iter()
            .map(|listener| listener.local_addr().unwrap().port())
            .collect();
        assert!(
            !ports.is_empty() && ports.iter().all(|port| *port == ports[0] && *port != 0),
            "{ports:?}"
        );
    }

    #[test]
    fn a_port_that_is_taken_is_told_with_what_to_do() {
        let first = open(Listen::Address(SocketAddr::from(([127, 0, 0, 1], 0)))).unwrap();
        let address = first[0].local_addr().unwrap();
        let error = open(Listen::Address(address)).unwrap_err().to_string();
        assert_eq!(
            error,
            format!(
                "cannot listen on {address}: it is in use; stop what listens there or choose another with --port"
            )
        );
    }

    #[test]
    fn an_address_of_another_machine_is_told_so() {
        let elsewhere = SocketAddr::from(([192, 0, 2, 1], 0));
        let error = open(Listen::Address(elsewhere)).unwrap_err().to_string();
        assert!(
            error.contains("no such address") && error.contains("--host"),
            "{error}"
        );
    }
}

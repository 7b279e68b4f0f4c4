//! Opening the ports that the configuration names, before anything else is made: a port that is taken ends the
//! start while nothing else has happened.

use std::io::{self, ErrorKind};

use crate::config::Listen;
use crate::reactor;
use mio::net::TcpListener;

/// Opens every address of `listen`.
///
/// # Errors
/// The address that cannot be opened, why, and what to do.
pub(super) fn open(listen: Listen) -> Result<Vec<TcpListener>, String> {
    reactor::bind(&listen.addresses()).map_err(|error| advised(&error))
}

fn advised(error: &io::Error) -> String {
    let advice = match error.kind() {
        ErrorKind::AddrInUse => "stop what listens there, or choose another with --port",
        ErrorKind::AddrNotAvailable => "choose an address of this machine with --host",
        ErrorKind::PermissionDenied => "ports below 1024 need a privilege, choose another with --port",
        _ => return error.to_string(),
    };
    format!("{error}; {advice}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::SocketAddr;

    #[test]
    fn a_port_that_is_taken_is_told_with_what_to_do() {
        let first = open(Listen::Address(SocketAddr::from(([127, 0, 0, 1], 0)))).unwrap();
        let address = first[0].local_addr().unwrap();
        let error = open(Listen::Address(address)).unwrap_err();
        assert!(
            error.starts_with(&format!("cannot listen on {address}: ")),
            "{error}"
        );
        assert!(error.ends_with("choose another with --port"), "{error}");
    }

    #[test]
    fn an_address_of_another_machine_is_told_so() {
        let elsewhere = SocketAddr::from(([192, 0, 2, 1], 0));
        let error = open(Listen::Address(elsewhere)).unwrap_err();
        assert!(
            error.ends_with("choose an address of this machine with --host"),
            "{error}"
        );
    }
}

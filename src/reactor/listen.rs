//! Opening listeners.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use mio::net::TcpListener;

/// Listeners on every address of `addresses`, all on one port.
///
/// Port 0 is chosen by the machine for the first address and then wanted for the others too, so that `localhost:PORT`
/// means the same server in both families; a port that is taken in one of them is given back and another one tried.
/// An address whose family this machine lacks is left out, as long as one is left.
///
/// # Errors
/// The first address that cannot be bound, with the address in the text.
pub fn bind(addresses: &[SocketAddr]) -> io::Result<Vec<TcpListener>> {
    let mut attempts_left = PORT_ATTEMPTS_MAX;
    loop {
        attempts_left -= 1;
        match bind_once(addresses) {
            Err(error)
                if error.kind() == ErrorKind::AddrInUse && attempts_left > 0 && is_any_port(addresses) => {}
            ended => return ended,
        }
    }
}

/// Tries for a port that is free in both families. Two in a row that are not are rare; twenty mean something else.
const PORT_ATTEMPTS_MAX: u32 = 20;

/// Connections that may wait to be accepted, if the machine allows as many (`net.core.somaxconn`; 4,096 on Linux since
/// 5.4). mio asks for 128, which a burst fills between two turns: whoever comes then is not refused, its handshake is
/// dropped and tried again after a whole second.
const BACKLOG: i32 = 4_096;

/// A second `listen` on a listener only changes the length of its queue. One that refuses keeps the length it has.
fn lengthen_backlog(listener: &TcpListener) {
    if let Err(error) = rustix::net::listen(listener, BACKLOG) {
        log::debug!("the backlog could not be lengthened: {error}");
    }
}

/// Whether accepted connections have the options of their listener, so that they need not be set for each. A reply is
/// written in one piece; waiting for more (Nagle, `TCP_NODELAY`) would only delay it.
pub(super) const OPTIONS_ARE_INHERITED: bool = cfg!(any(target_os = "linux", target_os = "android"));

fn is_any_port(addresses: &[SocketAddr]) -> bool {
    addresses.iter().all(|address| address.port() == 0)
}

fn bind_once(addresses: &[SocketAddr]) -> io::Result<Vec<TcpListener>> {
    let mut listeners = Vec::with_capacity(addresses.len());
    let mut chosen_port = 0;
    let mut lacking = None;
    for address in addresses {
        let mut address = *address;
        if address.port() == 0 {
            address.set_port(chosen_port);
        }
        match TcpListener::bind(address) {
            Ok(listener) => {
                lengthen_backlog(&listener);
                rustix::net::sockopt::set_tcp_nodelay(&listener, true)?;
                chosen_port = listener.local_addr()?.port();
                listeners.push(listener);
            }
            Err(error) => {
                let error = io::Error::new(error.kind(), format!("cannot listen on {address}: {error}"));
                match error.kind() {
                    // EADDRNOTAVAIL: the family exists and has no such address. EAFNOSUPPORT has no kind of its own
                    // and comes as `Unsupported` or uncategorised; with IPv6 switched off it is the former.
                    ErrorKind::AddrNotAvailable | ErrorKind::Unsupported => lacking = Some(error),
                    _ => return Err(error),
                }
            }
        }
    }
    match lacking {
        Some(error) if listeners.is_empty() => Err(error),
        _ => Ok(listeners),
    }
}

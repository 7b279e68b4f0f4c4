//! Who a connection comes from, and how many come from one address.
//!
//! Counted is whose connection it is: the peer, or whom a trusted proxy announced (PROXY protocol). Connections that are a
//! trusted proxy's own count nowhere, since many clients share them; whom their requests name (`X-Forwarded-For`,
//! `Forwarded`) is a client for queues and quotas only. Without trusted proxies a request pays one comparison.

use std::collections::BTreeMap;
use std::fmt;

use super::access::{self, Caller};
use super::connection::{Codec, Entry, Talk};
use super::core::Core;
use super::event::{Introduction, Peer};
use super::metrics::Metric;
use super::ready::Principal;
use super::settings::Settings;
use super::{Server, find};
use crate::address::{IpAddr, Network};
use crate::ident::ConnectionId;
use crate::limits::Limits;
use crate::time::Now;
use crate::wire::http::forwarded::Told;
use crate::wire::http::{self, HttpConnection, Request};
use crate::wire::lines::LineConnection;
use crate::wire::{CloseReason, Serving};

/// Connections open from each address. As many entries at most as there are connections.
#[derive(Debug, Default)]
pub(super) struct Addresses {
    open: BTreeMap<Network, usize>,
}

/// Where a connection comes from. Every idle one has it, so it is small: what only proxies have stands elsewhere.
#[derive(Debug, Default)]
pub(super) struct Origin {
    /// Whose connection it is, IPv4 as IPv6 writes it; all zeros: no address is known.
    peer: [u8; 16],
    behind: Option<Box<Behind>>,
}

/// What is known of who is behind a proxy.
#[derive(Debug)]
struct Behind {
    /// The connection is a trusted proxy's own, whose word on each request counts.
    is_proxy: bool,
    /// Whom a proxy announced before everything else.
    announced: Option<IpAddr>,
    /// Whose request it is, as a proxy told.
    told: Option<IpAddr>,
}

impl Origin {
    /// The address of who asks.
    pub(super) fn address(&self) -> Option<IpAddr> {
        self.told().or_else(|| self.peer())
    }

    /// Whether it is a trusted proxy's own connection.
    pub(super) fn is_proxy(&self) -> bool {
        self.behind.as_ref().is_some_and(|behind| behind.is_proxy)
    }

    fn told(&self) -> Option<IpAddr> {
        self.behind.as_ref().and_then(|behind| behind.told)
    }

    fn peer(&self) -> Option<IpAddr> {
        let is_known = self.peer != [0; 16];
        is_known.then(|| IpAddr::from(self.peer).to_canonical())
    }

    /// Where it is counted, unless it is turned away.
    fn client(&self) -> Option<Network> {
        self.peer().filter(|_| !self.is_proxy()).map(Network::of_client)
    }
}

/// As many connections of an address are open as may be.
#[derive(Debug, Clone, Copy)]
struct Full {
    limit: usize,
}

/// A connection and who is behind it, as the log names them.
pub(super) struct Name<'a>(&'a Talk);

impl fmt::Display for Name<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.id.fmt(formatter)?;
        match self.0.origin.address() {
            Some(address) => write!(formatter, " from {address}"),
            None => Ok(()),
        }
    }
}

impl Talk {
    pub(super) fn name(&self) -> Name<'_> {
        Name(self)
    }

    /// On whose account the calls of `caller` run here: its own; without one that of the address which a proxy told, else
    /// the connection's.
    pub(super) fn principal_of(&self, caller: &Caller) -> Principal {
        match (access::known(caller), self.origin.told()) {
            (Some(mark), _) => Principal::Known(mark),
            (None, Some(address)) => Principal::Address(Network::of_client(address)),
            (None, None) => Principal::Connection(self.id),
        }
    }

    /// Learns from a request that a trusted proxy passes on whose it is.
    pub(super) fn note_forwarded(&mut self, settings: &Settings, request: Request<'_>) {
        let (Some(peer), Some(behind)) = (self.origin.peer(), &mut self.origin.behind) else {
            return;
        };
        let by_list: Vec<_> = request.field_lines("x-forwarded-for").collect();
        let by_pairs: Vec<_> = request.field_lines("forwarded").collect();
        let told = Told {
            by_list: &by_list,
            by_pairs: &by_pairs,
        };
        let client = told.client(peer, &settings.trusted_proxies);
        behind.told = client.or(behind.announced);
    }
}

impl Addresses {
    /// Counts one more.
    ///
    /// # Errors
    /// There are as many as may be, so it is not counted.
    fn enter(&mut self, client: Network, limits: &Limits) -> Result<(), Full> {
        let limit = if client.is_loopback() {
            limits.connections_per_loopback_max
        } else {
            limits.connections_per_address_max
        };
        let open = self.open.entry(client).or_insert(0);
        if *open >= limit {
            return Err(Full { limit });
        }
        *open += 1;
        Ok(())
    }

    fn leave(&mut self, client: Network) {
        if let Some(open) = self.open.get_mut(&client) {
            *open -= 1;
            if *open == 0 {
                self.open.remove(&client);
            }
        }
    }

    /// Addresses from which connections are open: none without connections.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.open.len()
    }
}

impl Core {
    /// Notes that a connection is that of `address`.
    ///
    /// # Errors
    /// It is one too many of them.
    fn enter_from(&mut self, origin: &mut Origin, address: IpAddr) -> Result<(), Full> {
        origin.peer = match address {
            IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
            IpAddr::V6(address) => address.octets(),
        };
        let is_proxy = self.settings.trusted_proxies.holds(address);
        if let Some(behind) = &mut origin.behind {
            behind.is_proxy = is_proxy;
        } else if is_proxy {
            origin.behind = Some(Box::new(Behind {
                is_proxy,
                announced: None,
                told: None,
            }));
        }
        match origin.client() {
            Some(client) => self.addresses.enter(client, &self.settings.limits),
            None => Ok(()),
        }
    }

    /// A connection is closed that was not turned away, or is turned away although its address had room.
    pub(super) fn leave_from(&mut self, origin: &Origin) {
        if let Some(client) = origin.client() {
            self.addresses.leave(client);
        }
    }

    fn turn_connection_away(&mut self, now: Now, entry: &mut Entry, error: http::Error) {
        entry.is_turned_away = true;
        let common = self.common.at(now.wall);
        let serving = Serving {
            limits: &self.settings.limits,
            now: now.monotonic,
            common_headers: &common,
        };
        if let Codec::Http(http) = &mut entry.codec {
            http.turn_away(error, &serving);
        }
    }
}

impl Server {
    /// Takes a new stream in; `None` when the server is ending, or when there are so many that not even that can be said:
    /// close it. One more than may be open, or than may be open from its address, is taken in too, but is answered 503 at
    /// once and ends.
    pub fn accept(&mut self, now: Now, peer: Peer) -> Option<ConnectionId> {
        if !self.core.accepts() {
            return None;
        }
        let (codec, address) = match peer {
            Peer::Tcp => (Codec::Http(HttpConnection::new(now.monotonic)), None),
            Peer::TcpFrom(address) => (Codec::Http(HttpConnection::new(now.monotonic)), Some(address)),
            Peer::Stdio => (Codec::Lines(LineConnection::new()), None),
        };
        let mut origin = Origin::default();
        let entered = address.map_or(Ok(()), |address| self.core.enter_from(&mut origin, address));
        let excess = self.excess(entered);
        if excess.is_some() {
            if entered.is_ok() {
                self.core.leave_from(&origin);
            }
            if self.turned_away >= self.core.settings.limits.connections_refused_max {
                return None;
            }
        }
        self.generations = self.generations.wrapping_add(1);
        let vacant = self.entries.vacant_entry();
        let index = u32::try_from(vacant.key()).ok()?;
        let id = ConnectionId {
            index,
            generation: self.generations,
        };
        let entry = vacant.insert(Entry::new(id, codec, now.monotonic));
        entry.talk.origin = origin;
        if let Some(error) = excess {
            self.turned_away += 1;
            self.core.turn_connection_away(now, entry, error);
        } else {
            self.core.metrics.count(Metric::ConnectionsAccepted);
        }
        self.core.connections = self.entries.len() - self.turned_away;
        self.settle(now, id);
        Some(id)
    }

    /// Why one more connection cannot stay, if so; counted.
    fn excess(&mut self, entered: Result<(), Full>) -> Option<http::Error> {
        let limits = &self.core.settings.limits;
        let (error, metric) = if self.entries.len() - self.turned_away >= limits.connections_max {
            let limit = limits.connections_max;
            (http::Error::TableFull { limit }, Metric::ConnectionsRefused)
        } else if let Err(Full { limit }) = entered {
            let metric = Metric::ConnectionsRefusedByAddress;
            (http::Error::AddressFull { limit }, metric)
        } else {
            return None;
        };
        self.core.metrics.count(metric);
        Some(error)
    }

    /// A trusted proxy said whose connection it passes on, or did not. Comes before the first byte.
    pub(super) fn on_introduced(&mut self, now: Now, connection: ConnectionId, introduction: Introduction) {
        let Some(entry) = find(&mut self.entries, connection) else {
            return;
        };
        let address = match introduction {
            Introduction::Client(address) => address,
            Introduction::Itself => return,
            Introduction::Refused => {
                return self.drop_connection(now, connection, CloseReason::ProxyHeader);
            }
        };
        if entry.is_turned_away {
            return;
        }
        let is_unspeakable = self.turned_away >= self.core.settings.limits.connections_refused_max;
        let announced = Some(address.to_canonical());
        entry.talk.origin.behind = Some(Box::new(Behind {
            is_proxy: true,
            announced,
            told: announced,
        }));
        let entered = self.core.enter_from(&mut entry.talk.origin, address);
        log::debug!("{}", entry.talk.name());
        if let Err(Full { limit }) = entered {
            self.core.metrics.count(Metric::ConnectionsRefusedByAddress);
            self.turned_away += 1;
            let error = http::Error::AddressFull { limit };
            self.core.turn_connection_away(now, entry, error);
            self.core.connections = self.entries.len() - self.turned_away;
            if is_unspeakable {
                return self.drop_connection(now, connection, CloseReason::AddressFull);
            }
        }
        self.settle(now, connection);
    }
}

//! Serving over HTTP and WebSocket, from the ports to the end: the order of steps that every program around a
//! [`Server`] goes through. Knows neither the command line nor what the server offers.

mod descriptors;
pub mod fetcher;
mod listen;

use std::net::SocketAddr;
use std::sync::Arc;

use mio::net::TcpListener;

use crate::address::Networks;
use crate::backend::Backend;
use crate::config::{Listen, Proxies};
use crate::limits::Limits;
use crate::observe::audit::Audit;
use crate::reactor::signals::Signals;
use crate::reactor::tls::Acceptor;
use crate::reactor::world::World;
use crate::reactor::{Driver, MioWorld};
use crate::server::{Exit, Server};
use crate::time::SystemClock;

use fetcher::Callers;

/// Open ports, before anything answers on them: a port that is taken ends the start while nothing else has happened.
#[derive(Debug)]
pub struct Ports {
    listeners: Vec<TcpListener>,
    limits: Limits,
    callers: Option<Callers>,
    tls: Option<Acceptor>,
    audit: Option<Audit>,
    introducers: Option<Networks>,
}

impl Ports {
    /// Opens every address of `listen`, after making room for the connections.
    ///
    /// # Errors
    /// The address that cannot be opened, why, and what to do.
    pub fn open(listen: Listen, limits: &Limits) -> Result<Self, String> {
        descriptors::make_room(limits);
        Ok(Self {
            listeners: listen::open(listen)?,
            limits: limits.clone(),
            callers: None,
            tls: None,
            audit: None,
            introducers: None,
        })
    }

    /// The same ports, with what is fetched to know callers.
    #[must_use]
    pub fn with_callers(self, callers: Callers) -> Self {
        Self {
            callers: Some(callers),
            ..self
        }
    }

    /// The same, with TLS on every connection.
    #[must_use]
    pub fn with_tls(self, tls: Option<Acceptor>) -> Self {
        Self { tls, ..self }
    }

    /// The same, on which proxies say whose connections they pass on, where they speak the protocol for it.
    #[must_use]
    pub fn with_proxies(mut self, proxies: &Proxies) -> Self {
        self.introducers = proxies.has_protocol.then(|| proxies.trusted.clone());
        self
    }

    /// The same, with an audit log.
    #[must_use]
    pub fn with_audit(mut self, audit: Option<Audit>) -> Self {
        self.audit = audit;
        self
    }

    /// Serves until SIGTERM or SIGINT and the calls in flight have ended. `greet` hears the real addresses once they
    /// answer.
    ///
    /// # Errors
    /// What the machine did not give, in words.
    pub fn serve(
        self,
        server: Server,
        backend: Arc<dyn Backend>,
        clock: SystemClock,
        greet: impl FnOnce(&[SocketAddr]),
    ) -> Result<Exit, String> {
        let mut world = MioWorld::new(self.listeners, backend, &self.limits, clock)
            .map_err(told)?
            .with_audit(self.audit);
        if let Some(callers) = self.callers {
            world = world.with_fetcher(Arc::new(callers)).map_err(told)?;
        }
        if let Some(tls) = &self.tls {
            world = world.with_tls(tls.clone(), &self.limits);
        }
        if let Some(proxies) = self.introducers {
            world = world.with_introductions(proxies, &self.limits);
        }
        let (shutdown, reload) = (world.shutdown_handle(), world.shutdown_handle());
        let _signals = Signals::watch(move || shutdown.shut_down()).map_err(told)?;
        let _hangups = Signals::watch_hangups(move || {
            // On the thread of the signals, which may wait for a disk.
            match self.tls.as_ref().map(Acceptor::reload) {
                None => {}
                Some(Ok(())) => log::info!("the certificate is used from now on as it is read again"),
                Some(Err(why)) => log::error!("the certificate stays as it was: {why}"),
            }
            reload.reload();
        })
        .map_err(told)?;
        greet(&world.local_addresses().map_err(told)?);
        drive(world, server, &self.limits)
    }
}

/// Runs `server` in `world` until it has ended.
///
/// # Errors
/// What the world cannot do any more, in words.
pub fn drive(world: impl World, server: Server, limits: &Limits) -> Result<Exit, String> {
    let mut driver = Driver::new(world, server, limits);
    driver.run().map_err(|error| format!("cannot go on: {error}"))
}

fn told(error: impl ToString) -> String {
    error.to_string()
}

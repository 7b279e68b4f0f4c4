//! The thread that fetches what the server needs to know its callers: key files and the like.
//!
//! Not one of the workers, which may all be inside of slow statements: who may come in must not depend on them.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{self, SyncSender};
use std::thread;

use crate::access::fetch::{Fetched, Fetcher, Wanted};

/// A running thread called `fetch`. Dropped, it ends after what it fetches; nobody waits for that.
pub struct Fetching {
    wanted: SyncSender<Wanted>,
}

impl Fetching {
    /// Starts the thread. `deliver` is called on it with what was fetched; it must not block.
    ///
    /// # Errors
    /// The machine gives no more threads.
    pub fn start(fetcher: Arc<dyn Fetcher>, deliver: impl Fn(Fetched) + Send + 'static) -> io::Result<Self> {
        let (wanted, heard) = mpsc::sync_channel(WANTED_MAX);
        thread::Builder::new().name("fetch".to_owned()).spawn(move || {
            while let Ok(wanted) = heard.recv() {
                deliver(fetcher.fetch(wanted));
            }
        })?;
        Ok(Self { wanted })
    }

    /// Fetches `wanted` when what was wanted before is fetched.
    pub fn fetch(&self, wanted: Wanted) {
        // The server never wants the same thing twice at once, so a full queue is our bug; what is lost is asked for again.
        if self.wanted.try_send(wanted).is_err() {
            log::error!("the thread that fetches does not keep up: {wanted:?} is left out");
        }
    }
}

impl fmt::Debug for Fetching {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Fetching")
    }
}

/// One of each kind, and one that came while it was fetched.
const WANTED_MAX: usize = 16;

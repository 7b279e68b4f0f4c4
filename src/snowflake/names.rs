//! Names of hosts, looked up now and then rather than for every request.
//!
//! ureq looks a name up before each request, in a thread made for it, also when a connection is open already. Beside 300
//! running statements that are a hundred threads and questions to the name server in a second, and one of them that is
//! not answered fails a poll that needed no address. So an answer is good for a while, and a bit longer where no newer
//! one is to be had.

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use ureq::Error;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

use crate::time::{Clock, Instant};

/// A resolver that remembers what another one found.
pub(super) struct Remembering<R, C> {
    resolver: R,
    clock: C,
    known: Mutex<Vec<Known>>,
}

struct Known {
    /// Host and port.
    name: String,
    found: Instant,
    addresses: Vec<SocketAddr>,
}

impl<R, C> Remembering<R, C> {
    pub(super) fn new(resolver: R, clock: C) -> Self {
        Self {
            resolver,
            clock,
            known: Mutex::default(),
        }
    }
}

impl<R: Resolver, C: Clock + Send + Sync + 'static> Resolver for Remembering<R, C> {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, Error> {
        let name = uri.authority().map(|authority| authority.as_str().to_owned());
        let name = name.unwrap_or_default();
        let now = self.clock.now().monotonic;
        let remembered = self.find(&name);
        if let Some((age, addresses)) = remembered
            .as_ref()
            .map(|(found, known)| (now.since(*found), known))
            && age < GOOD_FOR
        {
            return Ok(self.list(addresses));
        }
        match (self.resolver.resolve(uri, config, timeout), remembered) {
            (Ok(found), _) => {
                self.remember(name, now, found.to_vec());
                Ok(found)
            }
            (Err(error), Some((found, addresses))) if now.since(found) < KEPT_FOR => {
                log::debug!("{name} is not found now ({error}); what was found before is used");
                Ok(self.list(&addresses))
            }
            (Err(error), _) => Err(error),
        }
    }
}

impl<R: Resolver, C: Clock + Send + Sync + 'static> Remembering<R, C> {
    fn find(&self, name: &str) -> Option<(Instant, Vec<SocketAddr>)> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let known = known.iter().find(|known| known.name == name)?;
        Some((known.found, known.addresses.clone()))
    }

    fn remember(&self, name: String, found: Instant, addresses: Vec<SocketAddr>) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|known| known.name != name);
        if known.len() >= NAMES_MAX {
            known.remove(0);
        }
        known.push(Known {
            name,
            found,
            addresses,
        });
    }

    fn list(&self, addresses: &[SocketAddr]) -> ResolvedSocketAddrs {
        let mut list = self.empty();
        // As many as there were in such a list before.
        addresses.iter().for_each(|address| list.push(*address));
        list
    }
}

impl<R, C> fmt::Debug for Remembering<R, C> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Remembering")
    }
}

/// As long as Snowflake's own name servers let an answer live.
const GOOD_FOR: Duration = Duration::from_secs(30);
/// How long an answer is used while no newer one is to be had.
const KEPT_FOR: Duration = Duration::from_secs(300);
/// An agent asks for its host, and for that of a proxy.
const NAMES_MAX: usize = 4;

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

    use super::*;
    use crate::time::{Now, WallTime};

    #[derive(Debug, Clone, Default)]
    struct Scripted {
        asked: Arc<AtomicU32>,
        is_away: Arc<AtomicBool>,
        micros: Arc<AtomicU64>,
    }

    impl Resolver for Scripted {
        fn resolve(&self, _: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
            let count = self.asked.fetch_add(1, Ordering::Relaxed);
            if self.is_away.load(Ordering::Relaxed) {
                return Err(Error::HostNotFound);
            }
            let mut list = self.empty();
            list.push(SocketAddr::from(([10, 0, 0, count as u8], 443)));
            Ok(list)
        }
    }

    impl Clock for Scripted {
        fn now(&self) -> Now {
            Now {
                monotonic: Instant::from_micros(self.micros.load(Ordering::Relaxed)),
                wall: WallTime::from_micros(0),
            }
        }
    }

    fn ask(names: &Remembering<Scripted, Scripted>, uri: &'static str) -> Option<Vec<SocketAddr>> {
        let timeout = NextTimeout::default();
        let found = names.resolve(&Uri::from_static(uri), &Config::default(), timeout);
        found.ok().map(|found| found.to_vec())
    }

    #[test]
    fn a_name_is_looked_up_once_in_a_while_and_an_old_answer_is_better_than_none() {
        let script = Scripted::default();
        let names = Remembering::new(script.clone(), script.clone());
        let pass = |time: Duration| {
            let micros = u64::try_from(time.as_micros()).unwrap();
            script.micros.fetch_add(micros, Ordering::Relaxed);
        };
        let first = ask(&names, "https://a.example/x");
        pass(GOOD_FOR / 2);
        assert_eq!(ask(&names, "https://a.example/y"), first);
        assert_eq!(script.asked.load(Ordering::Relaxed), 1);
        assert_ne!(
            ask(&names, "https://b.example/"),
            first,
            "another name is another question"
        );
        pass(GOOD_FOR);
        let second = ask(&names, "https://a.example/");
        assert!(second.is_some() && second != first);
        script.is_away.store(true, Ordering::Relaxed);
        pass(GOOD_FOR);
        assert_eq!(ask(&names, "https://a.example/"), second);
        pass(KEPT_FOR);
        assert_eq!(ask(&names, "https://a.example/"), None);
        assert_eq!(ask(&names, "https://c.example/"), None);
    }

    #[test]
    fn so_many_names_are_remembered_and_the_oldest_goes() {
        let script = Scripted::default();
        let names = Remembering::new(script.clone(), script.clone());
        let all = ["http://a", "http://b", "http://c", "http://d", "http://e"];
        let first: Vec<_> = all.iter().map(|name| ask(&names, name)).collect();
        assert_eq!(ask(&names, all[4]), first[4]);
        assert_ne!(ask(&names, all[0]), first[0]);
    }
}

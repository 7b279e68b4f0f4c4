//! Signals that end the program, turned into a call on an ordinary thread.
//!
//! SIGTERM and SIGINT write a byte into a pipe (all that a signal handler may do); a thread called `signals` reads it
//! and calls what it was given. A thread instead of one more descriptor in the selector, because stdio has no selector
//! and because what a signal means is then one closure for both. SIGPIPE is ignored by Rust's runtime already: a write
//! to a closed socket is an error of that write. SIGHUP
//! keeps its default where there is nothing to reload: a terminal that is closed ends a program on stdio.

use std::ffi::c_int;
use std::io::{self, Read};
use std::os::unix::net::UnixStream;
use std::thread::{self, JoinHandle};

use signal_hook::SigId;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::low_level::{pipe, unregister};

/// While it lives, signals are heard. Dropped, they are ignored.
#[derive(Debug)]
pub struct Signals {
    registrations: Vec<SigId>,
    thread: Option<JoinHandle<()>>,
}

impl Signals {
    /// Calls `on_signal` once for every SIGTERM and SIGINT, on a thread of its own.
    ///
    /// # Errors
    /// The machine gives no pipe, no handler or no thread.
    pub fn watch(on_signal: impl Fn() + Send + 'static) -> io::Result<Self> {
        Self::watch_each(&[SIGTERM, SIGINT], on_signal)
    }

    /// Calls `on_signal` once for every SIGHUP, on a thread of its own.
    ///
    /// # Errors
    /// As [`Signals::watch`].
    pub fn watch_hangups(on_signal: impl Fn() + Send + 'static) -> io::Result<Self> {
        Self::watch_each(&[SIGHUP], on_signal)
    }

    fn watch_each(watched: &[c_int], on_signal: impl Fn() + Send + 'static) -> io::Result<Self> {
        let (mut heard, told) = UnixStream::pair()?;
        let mut signals = Self {
            registrations: Vec::with_capacity(2),
            thread: None,
        };
        for signal in watched.iter().copied() {
            let registration = pipe::register(signal, told.try_clone()?)?;
            signals.registrations.push(registration);
        }
        // Only the handlers hold the writing end now, so the thread reads the end when they are gone.
        drop(told);
        let thread = thread::Builder::new().name("signals".to_owned()).spawn(move || {
            let mut byte = [0];
            while let Ok(()) = heard.read_exact(&mut byte) {
                on_signal();
            }
        })?;
        signals.thread = Some(thread);
        Ok(signals)
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        for registration in self.registrations.drain(..) {
            unregister(registration);
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use signal_hook::low_level::raise;
    use std::sync::mpsc;
    use std::time::Duration;

    #[test]
    fn every_signal_is_heard_once() {
        let (sender, heard) = mpsc::channel();
        let signals = Signals::watch(move || sender.send(()).unwrap()).unwrap();
        for signal in [SIGTERM, SIGINT, SIGTERM] {
            raise(signal).unwrap();
            heard
                .recv_timeout(Duration::from_secs(10))
                .expect("the signal is heard");
        }
        drop(signals);
        assert_eq!(heard.try_recv(), Err(mpsc::TryRecvError::Disconnected));
    }
}

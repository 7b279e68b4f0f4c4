//! Telling a step that runs in a worker to stop.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

type Hook = Box<dyn Fn() + Send>;

/// Shared between the server, which cancels, and the step, which looks or is interrupted.
#[derive(Clone, Default)]
pub struct CancelToken {
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    cancelled: AtomicBool,
    hook: Mutex<Option<Hook>>,
}

impl CancelToken {
    /// A token that nobody has cancelled.
    pub fn new() -> Self {
        Self::default()
    }

    /// Cancels. The hook of a running step, if there is one, is called on this thread, so it must be quick.
    pub fn cancel(&self) {
        self.inner.cancelled.store(true, Ordering::SeqCst);
        let hook = self.inner.hook.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(interrupt) = hook.as_ref() {
            interrupt();
        }
    }

    /// Whether [`CancelToken::cancel`] was called.
    pub fn is_cancelled(&self) -> bool {
        self.inner.cancelled.load(Ordering::SeqCst)
    }

    /// Calls `interrupt` when the token is cancelled while the returned guard lives; at once if it already is.
    pub fn on_cancel(&self, interrupt: impl Fn() + Send + 'static) -> Interruptible<'_> {
        let mut hook = self.inner.hook.lock().unwrap_or_else(PoisonError::into_inner);
        if self.is_cancelled() {
            interrupt();
        }
        *hook = Some(Box::new(interrupt));
        Interruptible { token: self }
    }
}

impl fmt::Debug for CancelToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("CancelToken")
            .field("cancelled", &self.is_cancelled())
            .finish()
    }
}

/// While it lives, cancelling the token interrupts the step.
#[derive(Debug)]
pub struct Interruptible<'a> {
    token: &'a CancelToken,
}

impl Drop for Interruptible<'_> {
    fn drop(&mut self) {
        *self
            .token
            .inner
            .hook
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;

    #[test]
    fn the_hook_runs_once_for_a_cancel_while_the_guard_lives() {
        let (token, count) = (CancelToken::new(), Arc::new(AtomicUsize::new(0)));
        let counted = Arc::clone(&count);
        let guard = token.on_cancel(move || {
            counted.fetch_add(1, Ordering::SeqCst);
        });
        token.clone().cancel();
        drop(guard);
        token.cancel();
        assert!(token.is_cancelled());
        assert_eq!(count.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn a_hook_set_after_the_cancel_runs_at_once() {
        let (token, called) = (CancelToken::new(), Arc::new(AtomicBool::new(false)));
        token.cancel();
        let seen = Arc::clone(&called);
        let _guard = token.on_cancel(move || seen.store(true, Ordering::SeqCst));
        assert!(called.load(Ordering::SeqCst));
    }
}

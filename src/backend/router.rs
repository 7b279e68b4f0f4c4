//! Several engines behind one: each job goes to the one that its context names, in every step of its life.
//!
//! It knows names and nothing of what stands behind them; each engine has its own credentials, limits and faults.

use std::sync::Arc;

use super::{Backend, CancelToken, Error, Job, Kind, Step};

/// Engines by name.
pub struct Router {
    engines: Vec<(Arc<str>, Arc<dyn Backend>)>,
}

impl Router {
    /// A router to these engines. The first one is for jobs that name none.
    ///
    /// # Panics
    /// Without an engine.
    pub fn new(engines: Vec<(Arc<str>, Arc<dyn Backend>)>) -> Self {
        assert!(!engines.is_empty(), "a router leads somewhere");
        Self { engines }
    }

    fn engine(&self, name: Option<&str>) -> Option<&dyn Backend> {
        let Some(name) = name else {
            return Some(&*self.engines[0].1);
        };
        let found = self.engines.iter().find(|(known, _)| **known == *name);
        found.map(|(_, engine)| &**engine)
    }
}

impl Backend for Router {
    fn step(&self, job: Job, cancel: &CancelToken) -> Step {
        match self.engine(job.work.context.connection.as_deref()) {
            Some(engine) => engine.step(job, cancel),
            // Callers choose from a list that is checked before.
            None => Step::Done(
                Box::new(job),
                Err(Error::new(
                    Kind::Internal,
                    "a job names a connection that is not there",
                )),
            ),
        }
    }
}

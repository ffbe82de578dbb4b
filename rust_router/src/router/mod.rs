//! `Router` and what it gives, for Python: one file a subject, each with its part of the methods.

mod agents;
mod arguments;
mod breaks;
mod callers;
mod configuration;
mod expect;
mod history;
mod look;
mod offers;
mod reasons;
mod timers;

use arguments::seed;
use callcenter_core::router as core;
use pyo3::prelude::*;

/// The routing core; documented in `py_callcenter/_router.pyi`.
///
/// What changes it must go through the `Recorder`: a new call has its line in `core/src/router/log/calls.rs`.
#[pyclass(module = "py_callcenter._router")]
struct Router(core::Recorder);

#[pymethods]
impl Router {
    #[new]
    #[pyo3(signature = (*, seed = 0))]
    fn new(#[pyo3(from_py_with = seed)] seed: u64) -> Self {
        Self(core::Router::new(seed).into())
    }
}

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<offers::Proposal>()?;
    module.add_class::<agents::AgentView>()?;
    module.add_class::<breaks::AgentBreak>()?;
    module.add_class::<breaks::BreakNews>()?;
    module.add_class::<look::QueueView>()?;
    module.add_class::<reasons::Candidate>()?;
    module.add_class::<reasons::Explanation>()?;
    module.add_class::<history::Replay>()?;
    module.add_class::<Router>()
}

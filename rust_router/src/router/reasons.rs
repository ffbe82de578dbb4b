//! Why an agent gets a caller or doesn't.

use super::Router;
use super::arguments::{id, number, refused};
use callcenter_core::router as core;
use pyo3::prelude::*;

/// One agent, as one caller sees them; documented in `py_callcenter/_router.pyi`.
#[pyclass(frozen, module = "py_callcenter._router")]
pub(super) struct Candidate(core::Candidate);

#[pymethods]
impl Candidate {
    #[getter]
    fn agent(&self) -> u64 {
        self.0.agent
    }

    #[getter]
    fn reason(&self) -> Option<&'static str> {
        self.0.reason.map(core::Reason::word)
    }

    #[getter]
    fn until_us(&self) -> Option<i64> {
        self.0.until_us
    }

    #[getter]
    fn other(&self) -> Option<u64> {
        self.0.other
    }

    #[getter]
    fn refused(&self) -> bool {
        self.0.refused
    }
}

/// Where a caller stands with each agent; documented in `py_callcenter/_router.pyi`.
#[pyclass(frozen, module = "py_callcenter._router")]
pub(super) struct Explanation(pub(super) core::Explanation);

#[pymethods]
impl Explanation {
    #[getter]
    fn now_us(&self) -> i64 {
        self.0.now_us
    }

    #[getter]
    fn caller(&self) -> u64 {
        self.0.caller
    }

    #[getter]
    fn queue(&self) -> u64 {
        self.0.queue
    }

    #[getter]
    fn closed(&self) -> Option<&'static str> {
        self.0.closed.map(core::Closed::word)
    }

    #[getter]
    fn wanted(&self) -> usize {
        self.0.wanted
    }

    #[getter]
    fn candidates(&self) -> Vec<Candidate> {
        self.0.candidates.iter().copied().map(Candidate).collect()
    }
}

#[pymethods]
impl Router {
    fn explain(&self, #[pyo3(from_py_with = id)] caller: u64) -> PyResult<Explanation> {
        self.0.explain(caller).map(Explanation).map_err(refused)
    }

    fn keep_decisions(&mut self, #[pyo3(from_py_with = number)] length: i64) -> PyResult<()> {
        self.0.keep_decisions(length).map_err(refused)
    }

    fn explain_offer(&self, #[pyo3(from_py_with = id)] offer: u64) -> PyResult<Explanation> {
        self.0
            .explain_offer(offer)
            .map(Explanation)
            .map_err(refused)
    }
}

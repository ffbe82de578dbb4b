//! Decisions, and what becomes of the offers that they make.

use super::Router;
use super::arguments::{id, number, refused, text};
use callcenter_core::router::{self as core, Fault, Status};
use pyo3::prelude::*;

/// A reservation just made; documented in `py_callcenter/_router.pyi`.
#[pyclass(frozen, module = "py_callcenter._router")]
pub(super) struct Proposal(pub(super) core::Proposal);

#[pymethods]
impl Proposal {
    #[getter]
    fn offer(&self) -> u64 {
        self.0.offer
    }

    #[getter]
    fn caller(&self) -> u64 {
        self.0.caller
    }

    #[getter]
    fn agent(&self) -> u64 {
        self.0.agent
    }

    #[getter]
    fn queue(&self) -> u64 {
        self.0.queue
    }

    fn __repr__(&self) -> String {
        let core::Proposal {
            offer,
            caller,
            agent,
            queue,
        } = self.0;
        format!("Proposal(offer={offer}, caller={caller}, agent={agent}, queue={queue})")
    }
}

#[pymethods]
impl Router {
    fn decide(&mut self, #[pyo3(from_py_with = number)] now_us: i64) -> PyResult<Vec<Proposal>> {
        Ok(self
            .0
            .decide(now_us)
            .map_err(refused)?
            .into_iter()
            .map(Proposal)
            .collect())
    }

    fn ringing(
        &mut self,
        #[pyo3(from_py_with = number)] now_us: i64,
        #[pyo3(from_py_with = id)] offer: u64,
    ) -> PyResult<()> {
        self.0.ringing(now_us, offer).map_err(refused)
    }

    fn claim(
        &mut self,
        #[pyo3(from_py_with = number)] now_us: i64,
        #[pyo3(from_py_with = id)] offer: u64,
    ) -> PyResult<Option<Vec<u64>>> {
        self.0.claim(now_us, offer).map_err(refused)
    }

    fn bridged(
        &mut self,
        #[pyo3(from_py_with = number)] now_us: i64,
        #[pyo3(from_py_with = id)] offer: u64,
    ) -> PyResult<()> {
        self.0.bridged(now_us, offer).map_err(refused)
    }

    fn fail(
        &mut self,
        #[pyo3(from_py_with = number)] now_us: i64,
        #[pyo3(from_py_with = id)] offer: u64,
        #[pyo3(from_py_with = text)] fault: String,
    ) -> PyResult<Option<&'static str>> {
        let fault = Fault::parse(&fault).map_err(refused)?;
        Ok(self
            .0
            .fail(now_us, offer, fault)
            .map_err(refused)?
            .map(Status::word))
    }

    fn finish(
        &mut self,
        #[pyo3(from_py_with = number)] now_us: i64,
        #[pyo3(from_py_with = id)] offer: u64,
    ) -> PyResult<()> {
        self.0.finish(now_us, offer).map_err(refused)
    }

    fn adopt_offer(
        &mut self,
        #[pyo3(from_py_with = number)] now_us: i64,
        #[pyo3(from_py_with = id)] caller: u64,
        #[pyo3(from_py_with = id)] agent: u64,
    ) -> PyResult<u64> {
        self.0.adopt_offer(now_us, caller, agent).map_err(refused)
    }
}

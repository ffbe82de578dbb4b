//! Snapshots, the decision log, and its replay.

use super::Router;
use super::arguments::{id, refused};
use super::offers::Proposal;
use super::reasons::Explanation;
use crate::error::Raise;
use callcenter_core::router as core;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

#[pymethods]
impl Router {
    fn snapshot(&self, py: Python<'_>) -> PyResult<Py<PyBytes>> {
        let bytes = self.0.snapshot().map_err(refused)?;
        Ok(PyBytes::new(py, &bytes).unbind())
    }

    #[staticmethod]
    #[pyo3(signature = (data, /))]
    fn restore(data: &[u8]) -> PyResult<Self> {
        core::Router::restore(data)
            .map(|router| Self(router.into()))
            .map_err(Raise::raise)
    }

    fn start_log(&mut self, py: Python<'_>) -> PyResult<Py<PyBytes>> {
        let rest = self.0.start_log().map_err(refused)?;
        Ok(PyBytes::new(py, &rest).unbind())
    }

    fn fetch_log(&mut self, py: Python<'_>) -> PyResult<Py<PyBytes>> {
        let bytes = self.0.fetch_log().map_err(refused)?;
        Ok(PyBytes::new(py, &bytes).unbind())
    }

    fn stop_log(&mut self, py: Python<'_>) -> Py<PyBytes> {
        PyBytes::new(py, &self.0.stop_log()).unbind()
    }

    #[getter]
    fn log_length(&self) -> Option<usize> {
        self.0.log_len()
    }
}

/// The decisions of a log again; documented in `py_callcenter/_router.pyi`.
#[pyclass(module = "py_callcenter._router")]
pub(super) struct Replay(core::Replay);

#[pymethods]
impl Replay {
    #[new]
    #[pyo3(signature = (log, /))]
    fn new(log: &[u8]) -> PyResult<Self> {
        core::Replay::new(log.to_vec())
            .map(Self)
            .map_err(Raise::raise)
    }

    #[pyo3(signature = (entries = None))]
    fn run(&mut self, entries: Option<Bound<'_, PyAny>>) -> PyResult<u64> {
        let entries = entries.map(|entries| id(&entries)).transpose()?;
        self.0.run(entries).map_err(Raise::raise)
    }

    fn offers(&self) -> PyResult<Vec<(i64, Proposal)>> {
        let found = self.0.offers().map_err(Raise::raise)?;
        Ok(found
            .into_iter()
            .map(|(now_us, proposal)| (now_us, Proposal(proposal)))
            .collect())
    }

    fn explain_offer(
        &mut self,
        #[pyo3(from_py_with = id)] offer: u64,
    ) -> PyResult<Option<Explanation>> {
        let found = self.0.explain_offer(offer).map_err(Raise::raise)?;
        Ok(found.map(Explanation))
    }

    #[getter]
    fn entry(&self) -> u64 {
        self.0.entry()
    }

    #[getter]
    fn now_us(&self) -> i64 {
        self.0.router().now_us()
    }

    fn snapshot(&self, py: Python<'_>) -> PyResult<Py<PyBytes>> {
        let bytes = self.0.router().snapshot().map_err(refused)?;
        Ok(PyBytes::new(py, &bytes).unbind())
    }
}

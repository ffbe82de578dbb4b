//! What others look at: who changed, and queues as they are now.

use super::Router;
use super::arguments::{id, number, refused};
use crate::estimate::{Estimate, Score};
use callcenter_core::router as core;
use pyo3::prelude::*;

/// A copy of what the core knows of one queue; documented in `py_callcenter/_router.pyi`.
#[pyclass(frozen, module = "py_callcenter._router")]
pub(super) struct QueueView(core::QueueView);

#[pymethods]
impl QueueView {
    #[getter]
    fn waiting(&self) -> usize {
        self.0.waiting
    }

    #[getter]
    fn staffed(&self) -> usize {
        self.0.staffed
    }

    #[getter]
    fn can_serve(&self) -> usize {
        self.0.can_serve
    }

    fn expected_wait(
        &self,
        #[pyo3(from_py_with = number)] now_us: i64,
    ) -> PyResult<Option<Estimate>> {
        let answer = self.0.expected_wait(now_us).map_err(refused)?;
        Ok(answer.map(Estimate))
    }

    fn expected_wait_behind(
        &self,
        #[pyo3(from_py_with = number)] now_us: i64,
        #[pyo3(from_py_with = number)] ahead: i64,
    ) -> PyResult<Option<Estimate>> {
        // Nobody has less than none ahead.
        let ahead = usize::try_from(ahead).unwrap_or_default();
        let answer = self.0.expected_wait_behind(now_us, ahead);
        Ok(answer.map_err(refused)?.map(Estimate))
    }

    #[getter]
    fn score(&self) -> Score {
        Score(self.0.score())
    }
}

#[pymethods]
impl Router {
    fn queue(&self, #[pyo3(from_py_with = id)] queue: u64) -> PyResult<QueueView> {
        self.0.queue(queue).map(QueueView).map_err(refused)
    }

    fn changed_agents(&mut self) -> Vec<u64> {
        self.0.changed_agents()
    }
}

//! The expected wait.

use super::Router;
use super::arguments::{id, number, refused};
use crate::estimate::{Estimate, Rates, Score};
use pyo3::prelude::*;

#[pymethods]
impl Router {
    fn expected_wait(
        &self,
        #[pyo3(from_py_with = number)] now_us: i64,
        #[pyo3(from_py_with = id)] queue: u64,
    ) -> PyResult<Option<Estimate>> {
        let answer = self.0.expected_wait(now_us, queue).map_err(refused)?;
        Ok(answer.map(Estimate))
    }

    fn expected_wait_of(
        &self,
        #[pyo3(from_py_with = number)] now_us: i64,
        #[pyo3(from_py_with = id)] caller: u64,
    ) -> PyResult<Option<Estimate>> {
        let answer = self.0.expected_wait_of(now_us, caller).map_err(refused)?;
        Ok(answer.map(Estimate))
    }

    fn wait_score(&self, #[pyo3(from_py_with = id)] queue: u64) -> PyResult<Score> {
        self.0.wait_score(queue).map(Score).map_err(refused)
    }

    fn wait_rates(&self, #[pyo3(from_py_with = id)] queue: u64) -> PyResult<Rates> {
        self.0.wait_rates(queue).map(Rates).map_err(refused)
    }
}

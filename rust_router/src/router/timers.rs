//! The one clockwork: the core's deadlines and the engine's tokens.

use super::Router;
use super::arguments::{number, refused};
use pyo3::prelude::*;

#[pymethods]
impl Router {
    fn set_timer(
        &mut self,
        #[pyo3(from_py_with = number)] deadline_us: i64,
        #[pyo3(from_py_with = number)] token: i64,
    ) -> PyResult<()> {
        self.0.set_timer(deadline_us, token).map_err(refused)
    }

    fn cancel_timer(&mut self, #[pyo3(from_py_with = number)] token: i64) {
        self.0.cancel_timer(token);
    }

    fn next_deadline_us(&self) -> Option<i64> {
        self.0.next_deadline_us()
    }

    fn advance(&mut self, #[pyo3(from_py_with = number)] now_us: i64) -> PyResult<Vec<i64>> {
        self.0.advance(now_us).map_err(refused)
    }
}

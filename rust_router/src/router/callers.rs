//! Callers: how they come, change and go, and where they stand.

use super::Router;
use super::arguments::{Steps, id, number, refused};
use callcenter_core::router::Arrival;
use pyo3::prelude::*;

#[pymethods]
impl Router {
    #[pyo3(signature = (now_us, queue, *, entered_us, priority = 0, base_score_us = 0,
                        preferred_agent = None, preferred_for_us = 0, skills = None))]
    #[expect(clippy::too_many_arguments, reason = "as much as is known of a caller")]
    fn enqueue(
        &mut self,
        #[pyo3(from_py_with = number)] now_us: i64,
        #[pyo3(from_py_with = id)] queue: u64,
        #[pyo3(from_py_with = number)] entered_us: i64,
        #[pyo3(from_py_with = number)] priority: i64,
        #[pyo3(from_py_with = number)] base_score_us: i64,
        preferred_agent: Option<Bound<'_, PyAny>>,
        #[pyo3(from_py_with = number)] preferred_for_us: i64,
        skills: Option<Bound<'_, PyAny>>,
    ) -> PyResult<u64> {
        let preferred = match preferred_agent {
            Some(agent) => Some((id(&agent)?, preferred_for_us)),
            None => None,
        };
        let arrival = Arrival {
            entered_us,
            priority,
            base_score_us,
            preferred,
        };
        let Some(skills) = skills else {
            return self.0.enqueue(now_us, queue, arrival).map_err(refused);
        };
        let steps = Some(Steps::read(&skills)?);
        let steps = steps.as_ref().map(Steps::borrowed);
        self.0
            .enqueue_demanding(now_us, queue, arrival, steps.as_deref())
            .map_err(refused)
    }

    fn set_skills(
        &mut self,
        #[pyo3(from_py_with = number)] now_us: i64,
        #[pyo3(from_py_with = id)] caller: u64,
        skills: Option<Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let steps = skills.as_ref().map(Steps::read).transpose()?;
        let steps = steps.as_ref().map(Steps::borrowed);
        self.0
            .set_skills(now_us, caller, steps.as_deref())
            .map_err(refused)
    }

    fn demand(&self, #[pyo3(from_py_with = id)] caller: u64) -> PyResult<&str> {
        self.0.demand(caller).map_err(refused)
    }

    fn set_priority(
        &mut self,
        #[pyo3(from_py_with = number)] now_us: i64,
        #[pyo3(from_py_with = id)] caller: u64,
        #[pyo3(from_py_with = number)] priority: i64,
    ) -> PyResult<()> {
        self.0
            .set_priority(now_us, caller, priority)
            .map_err(refused)
    }

    fn set_base_score(
        &mut self,
        #[pyo3(from_py_with = number)] now_us: i64,
        #[pyo3(from_py_with = id)] caller: u64,
        #[pyo3(from_py_with = number)] base_score_us: i64,
    ) -> PyResult<()> {
        self.0
            .set_base_score(now_us, caller, base_score_us)
            .map_err(refused)
    }

    #[pyo3(name = "move", signature = (now_us, caller, queue, *, keep_entered = true))]
    fn move_caller(
        &mut self,
        #[pyo3(from_py_with = number)] now_us: i64,
        #[pyo3(from_py_with = id)] caller: u64,
        #[pyo3(from_py_with = id)] queue: u64,
        keep_entered: bool,
    ) -> PyResult<Vec<u64>> {
        self.0
            .move_caller(now_us, caller, queue, keep_entered)
            .map_err(refused)
    }

    #[pyo3(signature = (now_us, caller, *, abandoned = false))]
    fn leave(
        &mut self,
        #[pyo3(from_py_with = number)] now_us: i64,
        #[pyo3(from_py_with = id)] caller: u64,
        abandoned: bool,
    ) -> PyResult<Vec<u64>> {
        self.0.leave(now_us, caller, abandoned).map_err(refused)
    }

    fn hold_caller(
        &mut self,
        #[pyo3(from_py_with = number)] now_us: i64,
        #[pyo3(from_py_with = id)] caller: u64,
        held: bool,
    ) -> PyResult<()> {
        self.0.hold_caller(now_us, caller, held).map_err(refused)
    }

    fn position(&self, #[pyo3(from_py_with = id)] caller: u64) -> PyResult<usize> {
        self.0.position(caller).map_err(refused)
    }

    fn ahead(&self, #[pyo3(from_py_with = id)] caller: u64) -> PyResult<Option<u64>> {
        self.0.ahead(caller).map_err(refused)
    }

    fn callers(&self, #[pyo3(from_py_with = id)] queue: u64) -> PyResult<Vec<u64>> {
        self.0.callers(queue).map_err(refused)
    }

    fn calls_waiting(&self, #[pyo3(from_py_with = id)] queue: u64) -> PyResult<usize> {
        self.0.calls_waiting(queue).map_err(refused)
    }
}

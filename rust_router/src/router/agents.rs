//! Agents: what they do, what is known of them, and how they come back after a restart.

use super::Router;
use super::arguments::{id, number, refused, text};
use callcenter_core::router::{self as core, Misses, Remembered, Status};
use pyo3::prelude::*;

/// A copy of what the core knows of one agent; documented in `py_callcenter/_router.pyi`.
#[pyclass(frozen, module = "py_callcenter._router")]
pub(super) struct AgentView(core::AgentView);

#[pymethods]
impl AgentView {
    #[getter]
    fn name(&self) -> &str {
        &self.0.name
    }

    #[getter]
    fn status(&self) -> &'static str {
        self.0.status.word()
    }

    #[getter]
    fn state(&self) -> &'static str {
        self.0.state.word()
    }

    #[getter]
    fn state_since_us(&self) -> i64 {
        self.0.state_since_us
    }

    #[getter]
    fn idle_since_us(&self) -> i64 {
        self.0.idle_since_us
    }

    #[getter]
    fn ready_at_us(&self) -> i64 {
        self.0.ready_at_us
    }

    #[getter]
    fn no_answer_count(&self) -> i64 {
        self.0.missed.no_answer
    }

    #[getter]
    fn busy_count(&self) -> i64 {
        self.0.missed.busy
    }

    #[getter]
    fn reject_count(&self) -> i64 {
        self.0.missed.reject
    }

    #[getter]
    fn unregistered_count(&self) -> i64 {
        self.0.missed.unregistered
    }

    #[getter]
    fn calls_answered(&self) -> u64 {
        self.0.calls_answered
    }

    #[getter]
    fn talk_us(&self) -> i64 {
        self.0.talk_us
    }

    #[getter]
    fn external_calls(&self) -> i64 {
        self.0.external_calls
    }
}

#[pymethods]
impl Router {
    fn set_status(
        &mut self,
        #[pyo3(from_py_with = number)] now_us: i64,
        #[pyo3(from_py_with = id)] agent: u64,
        #[pyo3(from_py_with = text)] status: String,
    ) -> PyResult<Vec<u64>> {
        let status = Status::parse(&status).map_err(refused)?;
        let offer = self.0.set_status(now_us, agent, status).map_err(refused)?;
        Ok(offer.into_iter().collect())
    }

    fn set_wrap_up_end(
        &mut self,
        #[pyo3(from_py_with = number)] now_us: i64,
        #[pyo3(from_py_with = id)] agent: u64,
        #[pyo3(from_py_with = number)] end_us: i64,
    ) -> PyResult<()> {
        self.0
            .set_wrap_up_end(now_us, agent, end_us)
            .map_err(refused)
    }

    fn set_ready_at(
        &mut self,
        #[pyo3(from_py_with = number)] now_us: i64,
        #[pyo3(from_py_with = id)] agent: u64,
        #[pyo3(from_py_with = number)] ready_at_us: i64,
    ) -> PyResult<()> {
        self.0
            .set_ready_at(now_us, agent, ready_at_us)
            .map_err(refused)
    }

    fn set_external_calls(
        &mut self,
        #[pyo3(from_py_with = number)] now_us: i64,
        #[pyo3(from_py_with = id)] agent: u64,
        #[pyo3(from_py_with = number)] count: i64,
    ) -> PyResult<()> {
        self.0
            .set_external_calls(now_us, agent, count)
            .map_err(refused)
    }

    #[pyo3(signature = (now_us, agent, *, idle_since_us, state_since_us, no_answer_count = 0, busy_count = 0,
                        reject_count = 0, unregistered_count = 0, calls_answered = 0, talk_us = 0,
                        served = false, rest_until_us = 0, wrap_up = false))]
    #[expect(
        clippy::too_many_arguments,
        reason = "as much as the books know of an agent"
    )]
    fn restore_agent(
        &mut self,
        #[pyo3(from_py_with = number)] now_us: i64,
        #[pyo3(from_py_with = id)] agent: u64,
        #[pyo3(from_py_with = number)] idle_since_us: i64,
        #[pyo3(from_py_with = number)] state_since_us: i64,
        #[pyo3(from_py_with = number)] no_answer_count: i64,
        #[pyo3(from_py_with = number)] busy_count: i64,
        #[pyo3(from_py_with = number)] reject_count: i64,
        #[pyo3(from_py_with = number)] unregistered_count: i64,
        #[pyo3(from_py_with = number)] calls_answered: i64,
        #[pyo3(from_py_with = number)] talk_us: i64,
        served: bool,
        #[pyo3(from_py_with = number)] rest_until_us: i64,
        wrap_up: bool,
    ) -> PyResult<()> {
        let was = Remembered {
            idle_since_us,
            state_since_us,
            missed: Misses {
                no_answer: no_answer_count,
                busy: busy_count,
                reject: reject_count,
                unregistered: unregistered_count,
            },
            calls_answered,
            talk_us,
            served,
            rest_until_us,
            wrap_up,
        };
        self.0.restore_agent(now_us, agent, was).map_err(refused)
    }

    #[pyo3(signature = (now_us, agent, *, since_us, counted))]
    fn adopt_conversation(
        &mut self,
        #[pyo3(from_py_with = number)] now_us: i64,
        #[pyo3(from_py_with = id)] agent: u64,
        #[pyo3(from_py_with = number)] since_us: i64,
        counted: bool,
    ) -> PyResult<u64> {
        self.0
            .adopt_conversation(now_us, agent, since_us, counted)
            .map_err(refused)
    }

    fn agent(&self, #[pyo3(from_py_with = id)] agent: u64) -> PyResult<AgentView> {
        self.0.agent(agent).map(AgentView).map_err(refused)
    }

    fn agents_by_state(&self) -> Vec<(&'static str, usize)> {
        self.0
            .agents_by_state()
            .into_iter()
            .map(|(state, count)| (state.word(), count))
            .collect()
    }

    fn staffed(&self, #[pyo3(from_py_with = id)] queue: u64) -> PyResult<usize> {
        self.0.staffed(queue).map_err(refused)
    }

    fn can_serve(&self, #[pyo3(from_py_with = id)] queue: u64) -> PyResult<usize> {
        self.0.can_serve(queue).map_err(refused)
    }
}

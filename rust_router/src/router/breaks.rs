//! Breaks with a reason: reasons, quotas, requests, and what became of them.

use super::Router;
use super::arguments::{id, number, refused, text};
use callcenter_core::router::{self as core, BreakSettings, Status};
use pyo3::prelude::*;

/// A break and a request of one agent; documented in `py_callcenter/_router.pyi`.
#[pyclass(frozen, module = "py_callcenter._router")]
pub(super) struct AgentBreak(core::BreakView);

#[pymethods]
impl AgentBreak {
    #[getter]
    fn reason(&self) -> Option<u64> {
        self.0.reason
    }

    #[getter]
    fn since_us(&self) -> i64 {
        self.0.since_us
    }

    #[getter]
    fn limit_us(&self) -> i64 {
        self.0.limit_us
    }

    #[getter]
    fn overdue(&self) -> bool {
        self.0.overdue
    }

    #[getter]
    fn asked(&self) -> Option<u64> {
        self.0.asked
    }

    #[getter]
    fn asked_us(&self) -> i64 {
        self.0.asked_us
    }

    #[getter]
    fn place(&self) -> usize {
        self.0.place
    }
}

/// What happened to a break; documented in `py_callcenter/_router.pyi`.
#[pyclass(frozen, module = "py_callcenter._router")]
pub(super) struct BreakNews(core::BreakNews);

#[pymethods]
impl BreakNews {
    #[getter]
    fn step(&self) -> &'static str {
        self.0.step.word()
    }

    #[getter]
    fn agent(&self) -> u64 {
        self.0.agent
    }

    #[getter]
    fn reason(&self) -> u64 {
        self.0.reason
    }

    #[getter]
    fn status(&self) -> Option<&'static str> {
        self.0.status.map(Status::word)
    }
}

#[pymethods]
impl Router {
    #[pyo3(signature = (now_us, name, *, time_limit_us = 0, quota = 0, when_over = None))]
    fn put_break_reason(
        &mut self,
        #[pyo3(from_py_with = number)] now_us: i64,
        #[pyo3(from_py_with = text)] name: String,
        #[pyo3(from_py_with = number)] time_limit_us: i64,
        #[pyo3(from_py_with = number)] quota: i64,
        when_over: Option<Bound<'_, PyAny>>,
    ) -> PyResult<u64> {
        let when_over = match when_over {
            Some(word) => Some(Status::parse(&text(&word)?).map_err(refused)?),
            None => None,
        };
        let settings = BreakSettings {
            time_limit_us,
            quota,
            when_over,
        };
        self.0
            .put_break_reason(now_us, &name, settings)
            .map_err(refused)
    }

    fn remove_break_reason(
        &mut self,
        #[pyo3(from_py_with = number)] now_us: i64,
        #[pyo3(from_py_with = id)] reason: u64,
    ) -> PyResult<()> {
        self.0.remove_break_reason(now_us, reason).map_err(refused)
    }

    fn set_break_quota(
        &mut self,
        #[pyo3(from_py_with = number)] now_us: i64,
        #[pyo3(from_py_with = number)] quota: i64,
    ) -> PyResult<()> {
        self.0.set_break_quota(now_us, quota).map_err(refused)
    }

    #[pyo3(signature = (now_us, agent, reason, *, force = false, asked_us = None))]
    fn request_break(
        &mut self,
        #[pyo3(from_py_with = number)] now_us: i64,
        #[pyo3(from_py_with = id)] agent: u64,
        #[pyo3(from_py_with = id)] reason: u64,
        force: bool,
        asked_us: Option<Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let asked_us = match asked_us {
            Some(asked_us) => number(&asked_us)?,
            None => now_us,
        };
        self.0
            .request_break(now_us, agent, reason, force, asked_us)
            .map_err(refused)
    }

    fn withdraw_break(
        &mut self,
        #[pyo3(from_py_with = number)] now_us: i64,
        #[pyo3(from_py_with = id)] agent: u64,
    ) -> PyResult<()> {
        self.0.withdraw_break(now_us, agent).map_err(refused)
    }

    #[pyo3(signature = (now_us, agent, reason, *, since_us, overdue))]
    fn restore_break(
        &mut self,
        #[pyo3(from_py_with = number)] now_us: i64,
        #[pyo3(from_py_with = id)] agent: u64,
        #[pyo3(from_py_with = id)] reason: u64,
        #[pyo3(from_py_with = number)] since_us: i64,
        overdue: bool,
    ) -> PyResult<()> {
        self.0
            .restore_break(now_us, agent, reason, since_us, overdue)
            .map_err(refused)
    }

    fn agent_break(&self, #[pyo3(from_py_with = id)] agent: u64) -> PyResult<Option<AgentBreak>> {
        let found = self.0.agent_break(agent).map_err(refused)?;
        Ok(found.map(AgentBreak))
    }

    fn break_counts(&self) -> PyResult<Vec<(u64, usize, usize, usize)>> {
        self.0.break_counts().map_err(refused)
    }

    fn break_news(&mut self) -> Vec<BreakNews> {
        self.0.break_news().into_iter().map(BreakNews).collect()
    }
}

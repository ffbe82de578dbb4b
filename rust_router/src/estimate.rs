//! `Erlang`, `Estimator` and what they give, for Python.

use std::borrow::Cow;

use callcenter_core::estimate as core;
use pyo3::create_exception;
use pyo3::exceptions::{PyOverflowError, PyValueError};
use pyo3::prelude::*;

create_exception!(
    py_callcenter._router,
    EstimateError,
    PyValueError,
    "A fact or question of Estimator or Erlang that can't be; nothing was changed."
);

fn refused(error: core::EstimateError) -> PyErr {
    EstimateError::new_err(error.to_string())
}

/// Any integer; one that no machine word holds is out of every range.
fn number(value: &Bound<'_, PyAny>) -> PyResult<i64> {
    value.extract().map_err(|error: PyErr| {
        if error.is_instance_of::<PyOverflowError>(value.py()) {
            EstimateError::new_err("number out of range")
        } else {
            error
        }
    })
}

/// A number of people.
fn count(value: &Bound<'_, PyAny>) -> PyResult<u32> {
    u32::try_from(number(value)?)
        .map_err(|_| EstimateError::new_err("a count must be 0…4294967295"))
}

/// Any number; an integer that no float holds is out of every range.
fn real(value: &Bound<'_, PyAny>) -> PyResult<f64> {
    value.extract().map_err(|error: PyErr| {
        if error.is_instance_of::<PyOverflowError>(value.py()) {
            EstimateError::new_err("number out of range")
        } else {
            error
        }
    })
}

/// Share of calls lost when nobody can wait; documented in `py_callcenter/_router.pyi`.
#[pyfunction]
fn erlang_b(
    #[pyo3(from_py_with = count)] agents: u32,
    #[pyo3(from_py_with = real)] load: f64,
) -> PyResult<f64> {
    core::erlang_b(agents, load).map_err(refused)
}

/// Steady state by theory; documented in `py_callcenter/_router.pyi`.
#[pyclass(frozen, module = "py_callcenter._router")]
struct Erlang(core::Erlang);

#[pymethods]
impl Erlang {
    #[new]
    #[pyo3(signature = (agents, *, arrivals_per_s, service_per_s, abandonment_per_s = 0.0))]
    fn new(
        #[pyo3(from_py_with = count)] agents: u32,
        #[pyo3(from_py_with = real)] arrivals_per_s: f64,
        #[pyo3(from_py_with = real)] service_per_s: f64,
        #[pyo3(from_py_with = real)] abandonment_per_s: f64,
    ) -> PyResult<Self> {
        core::Erlang::new(agents, arrivals_per_s, service_per_s, abandonment_per_s)
            .map(Self)
            .map_err(refused)
    }

    #[getter]
    fn wait_share(&self) -> f64 {
        self.0.wait_share()
    }

    #[getter]
    fn abandon_share(&self) -> f64 {
        self.0.abandon_share()
    }

    #[getter]
    fn mean_wait_s(&self) -> f64 {
        self.0.mean_wait_s()
    }

    #[getter]
    fn mean_wait_served_s(&self) -> f64 {
        self.0.mean_wait_served_s()
    }

    #[getter]
    fn mean_waiting(&self) -> f64 {
        self.0.mean_waiting()
    }

    #[getter]
    fn occupancy(&self) -> f64 {
        self.0.occupancy()
    }

    fn served_within(&self, #[pyo3(from_py_with = real)] seconds: f64) -> PyResult<f64> {
        self.0.served_within(seconds).map_err(refused)
    }
}

/// What a waiting caller holds; documented in `py_callcenter/_router.pyi`.
#[pyclass(frozen, module = "py_callcenter._router")]
struct Ticket(core::Ticket);

/// The range of a wait; documented in `py_callcenter/_router.pyi`.
#[pyclass(frozen, module = "py_callcenter._router")]
pub(crate) struct Estimate(pub(crate) core::Estimate);

#[pymethods]
impl Estimate {
    #[getter]
    fn mean_us(&self) -> i64 {
        self.0.mean_us
    }

    #[getter]
    fn p10_us(&self) -> i64 {
        self.0.p10_us
    }

    #[getter]
    fn p50_us(&self) -> i64 {
        self.0.p50_us
    }

    #[getter]
    fn p80_us(&self) -> i64 {
        self.0.p80_us
    }

    #[getter]
    fn p90_us(&self) -> i64 {
        self.0.p90_us
    }

    fn __repr__(&self) -> String {
        let core::Estimate {
            mean_us,
            p10_us,
            p50_us,
            p80_us,
            p90_us,
        } = self.0;
        format!(
            "Estimate(mean_us={mean_us}, p10_us={p10_us}, p50_us={p50_us}, p80_us={p80_us}, p90_us={p90_us})"
        )
    }
}

/// How good past answers were; documented in `py_callcenter/_router.pyi`.
#[pyclass(frozen, module = "py_callcenter._router")]
pub(crate) struct Score(pub(crate) core::Score);

#[pymethods]
impl Score {
    #[getter]
    fn answers(&self) -> u64 {
        self.0.answers
    }

    #[getter]
    fn bias(&self) -> f64 {
        self.0.bias
    }

    #[getter]
    fn relative_error(&self) -> f64 {
        self.0.relative_error
    }

    #[getter]
    fn coverage(&self) -> f64 {
        self.0.coverage
    }

    #[getter]
    fn error_ratio(&self) -> f64 {
        self.0.error_ratio
    }
}

/// What was measured; documented in `py_callcenter/_router.pyi`.
#[pyclass(frozen, module = "py_callcenter._router")]
pub(crate) struct Rates(pub(crate) core::Rates);

#[pymethods]
impl Rates {
    #[getter]
    fn entries_per_agent_s(&self) -> f64 {
        self.0.entries_per_agent
    }

    #[getter]
    fn service_per_s(&self) -> f64 {
        self.0.service
    }

    #[getter]
    fn abandonment_per_s(&self) -> f64 {
        self.0.abandonment
    }

    #[getter]
    fn effective_agents(&self) -> f64 {
        self.0.effective_agents
    }
}

/// The expected wait in one queue; documented in `py_callcenter/_router.pyi`.
#[pyclass(module = "py_callcenter._router")]
struct Estimator(core::Estimator);

#[pymethods]
impl Estimator {
    #[new]
    fn new() -> Self {
        Self(core::Estimator::new())
    }

    fn agents(
        &mut self,
        #[pyo3(from_py_with = number)] now_us: i64,
        #[pyo3(from_py_with = count)] staffed: u32,
        #[pyo3(from_py_with = count)] free: u32,
    ) -> PyResult<()> {
        self.0.agents(now_us, staffed, free).map_err(refused)
    }

    fn joined(
        &mut self,
        #[pyo3(from_py_with = number)] now_us: i64,
        #[pyo3(from_py_with = count)] ahead: u32,
    ) -> PyResult<Ticket> {
        self.0.joined(now_us, ahead).map(Ticket).map_err(refused)
    }

    fn started(
        &mut self,
        #[pyo3(from_py_with = number)] now_us: i64,
        ticket: &Ticket,
    ) -> PyResult<()> {
        self.0.started(now_us, &ticket.0).map_err(refused)
    }

    fn abandoned(
        &mut self,
        #[pyo3(from_py_with = number)] now_us: i64,
        ticket: &Ticket,
    ) -> PyResult<()> {
        self.0.abandoned(now_us, &ticket.0).map_err(refused)
    }

    fn left(
        &mut self,
        #[pyo3(from_py_with = number)] now_us: i64,
        ticket: &Ticket,
    ) -> PyResult<()> {
        self.0.left(now_us, &ticket.0).map_err(refused)
    }

    fn ended(&mut self, #[pyo3(from_py_with = number)] held_us: i64) -> PyResult<()> {
        self.0.ended(held_us).map_err(refused)
    }

    fn estimate(
        &self,
        #[pyo3(from_py_with = number)] now_us: i64,
        #[pyo3(from_py_with = count)] ahead: u32,
    ) -> PyResult<Option<Estimate>> {
        Ok(self
            .0
            .estimate(now_us, ahead)
            .map_err(refused)?
            .map(Estimate))
    }

    fn to_bytes(&self) -> Cow<'_, [u8]> {
        self.0.to_bytes().into()
    }

    #[staticmethod]
    fn from_bytes(data: &[u8]) -> PyResult<Self> {
        core::Estimator::from_bytes(data).map(Self).map_err(refused)
    }

    fn score(&self) -> Score {
        Score(self.0.score())
    }

    fn rates(&self) -> Rates {
        Rates(self.0.rates())
    }
}

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("EstimateError", module.py().get_type::<EstimateError>())?;
    module.add_function(wrap_pyfunction!(erlang_b, module)?)?;
    module.add_class::<Erlang>()?;
    module.add_class::<Ticket>()?;
    module.add_class::<Estimate>()?;
    module.add_class::<Score>()?;
    module.add_class::<Rates>()?;
    module.add_class::<Estimator>()
}

//! `parse_demand` and `Skills` for Python.

use crate::error::Raise;
use callcenter_core::skills::{self as core, DemandId, LadderId, ProfileId};
use pyo3::create_exception;
use pyo3::exceptions::{PyOverflowError, PyUnicodeEncodeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

create_exception!(
    py_callcenter._router,
    SkillError,
    PyValueError,
    "A call about skills that can't be carried out; nothing was changed."
);
create_exception!(
    py_callcenter._router,
    DemandError,
    SkillError,
    "A text that is no demand; `column` says where, `reason` why."
);

impl Raise for core::DemandError {
    fn raise(self) -> PyErr {
        let error = DemandError::new_err(self.to_string());
        let named = Python::attach(|py| {
            let value = error.value(py);
            value.setattr("column", self.column)?;
            value.setattr("reason", self.problem.to_string())
        });
        named.err().unwrap_or(error)
    }
}

impl Raise for core::SkillError {
    fn raise(self) -> PyErr {
        match self {
            Self::Demand(error) => error.raise(),
            other => SkillError::new_err(other.to_string()),
        }
    }
}

fn refused(error: core::SkillError) -> PyErr {
    error.raise()
}

/// Any integer; one that no machine word holds is out of every range.
pub(crate) fn number(value: &Bound<'_, PyAny>) -> PyResult<i64> {
    value.extract().or_else(|error: PyErr| {
        if error.is_instance_of::<PyOverflowError>(value.py()) {
            Ok(if value.lt(0)? { i64::MIN } else { i64::MAX })
        } else {
            Err(error)
        }
    })
}

/// An id; what doesn't fit was never handed out.
fn id(value: &Bound<'_, PyAny>) -> PyResult<u32> {
    Ok(u32::try_from(number(value)?).unwrap_or(u32::MAX))
}

/// Any text. A lone surrogate becomes U+FFFD, which is one character too and has no place in a demand either.
pub(crate) fn text(value: &Bound<'_, PyAny>) -> PyResult<String> {
    let value = value.cast::<PyString>()?;
    match value.to_str() {
        Ok(text) => Ok(text.to_owned()),
        Err(error) if error.is_instance_of::<PyUnicodeEncodeError>(value.py()) => {
            let bytes = value.call_method1("encode", ("utf-32-le", "surrogatepass"))?;
            let bytes: Vec<u8> = bytes.extract()?;
            Ok(bytes
                .chunks_exact(4)
                .filter_map(|unit| unit.try_into().ok())
                .map(|unit| char::from_u32(u32::from_le_bytes(unit)).unwrap_or('\u{FFFD}'))
                .collect())
        }
        Err(error) => Err(error),
    }
}

fn demand(value: &Bound<'_, PyAny>) -> PyResult<core::Demand> {
    core::Demand::parse(&text(value)?).map_err(Raise::raise)
}

#[pyfunction]
#[pyo3(signature = (text, /))]
fn parse_demand(text: &Bound<'_, PyAny>) -> PyResult<String> {
    Ok(demand(text)?.to_string())
}

/// Skills by name, each with its level.
pub(crate) fn levels(skills: &Bound<'_, PyDict>) -> PyResult<Vec<(String, i64)>> {
    skills
        .iter()
        .map(|(name, level)| Ok((text(&name)?, number(&level)?)))
        .collect()
}

/// The same, as the core takes it.
pub(crate) fn borrowed(levels: &[(String, i64)]) -> Vec<(&str, i64)> {
    let pairs = levels.iter();
    pairs.map(|(name, level)| (name.as_str(), *level)).collect()
}

/// Skill sets and demands in use; documented in `py_callcenter/_router.pyi`.
#[pyclass(module = "py_callcenter._router")]
struct Skills(core::Skills);

#[pymethods]
impl Skills {
    #[new]
    fn new() -> Self {
        Self(core::Skills::new())
    }

    fn put_profile(&mut self, skills: &Bound<'_, PyDict>) -> PyResult<u32> {
        let levels = levels(skills)?;
        let profile = self.0.put_profile(&borrowed(&levels)).map_err(refused)?;
        Ok(profile.0)
    }

    fn drop_profile(&mut self, #[pyo3(from_py_with = id)] profile: u32) -> PyResult<()> {
        self.0.drop_profile(ProfileId(profile)).map_err(refused)
    }

    fn profile(&self, #[pyo3(from_py_with = id)] profile: u32) -> PyResult<Vec<(&str, u8)>> {
        self.0.profile(ProfileId(profile)).map_err(refused)
    }

    fn put_demand(&mut self, #[pyo3(from_py_with = text)] demand: String) -> PyResult<u32> {
        let demand = self.0.put_demand(&demand).map_err(refused)?;
        Ok(demand.0)
    }

    fn drop_demand(&mut self, #[pyo3(from_py_with = id)] demand: u32) -> PyResult<()> {
        self.0.drop_demand(DemandId(demand)).map_err(refused)
    }

    fn demand(&self, #[pyo3(from_py_with = id)] demand: u32) -> PyResult<&str> {
        let demand = self.0.demand(DemandId(demand)).map_err(refused)?;
        Ok(demand.as_str())
    }

    fn put_ladder(&mut self, steps: Vec<(Bound<'_, PyAny>, Bound<'_, PyAny>)>) -> PyResult<u32> {
        let mut read = Vec::with_capacity(steps.len());
        for (after_us, text) in &steps {
            read.push((number(after_us)?, demand(text)?));
        }
        let steps: Vec<(i64, &core::Demand)> = read
            .iter()
            .map(|(after_us, demand)| (*after_us, demand))
            .collect();
        let ladder = self.0.put_ladder(&steps).map_err(refused)?;
        Ok(ladder.0)
    }

    fn drop_ladder(&mut self, #[pyo3(from_py_with = id)] ladder: u32) -> PyResult<()> {
        self.0.drop_ladder(LadderId(ladder)).map_err(refused)
    }

    fn current(
        &self,
        #[pyo3(from_py_with = id)] ladder: u32,
        #[pyo3(from_py_with = number)] waited_us: i64,
    ) -> PyResult<u32> {
        let ladder = self.0.ladder(LadderId(ladder)).map_err(refused)?;
        Ok(ladder.current(waited_us).0)
    }

    fn next_step_us(
        &self,
        #[pyo3(from_py_with = id)] ladder: u32,
        #[pyo3(from_py_with = number)] waited_us: i64,
    ) -> PyResult<Option<i64>> {
        let ladder = self.0.ladder(LadderId(ladder)).map_err(refused)?;
        Ok(ladder.next_step_us(waited_us))
    }

    fn matches(
        &self,
        #[pyo3(from_py_with = id)] profile: u32,
        #[pyo3(from_py_with = id)] demand: u32,
    ) -> PyResult<bool> {
        let (profile, demand) = (ProfileId(profile), DemandId(demand));
        self.0.check(profile, demand).map_err(refused)?;
        Ok(self.0.matches(profile, demand))
    }

    fn matching_profiles(&self, #[pyo3(from_py_with = id)] demand: u32) -> PyResult<Vec<u32>> {
        let found = self.0.matching_profiles(DemandId(demand));
        Ok(found.map_err(refused)?.into_iter().map(|id| id.0).collect())
    }

    fn matching_demands(&self, #[pyo3(from_py_with = id)] profile: u32) -> PyResult<Vec<u32>> {
        let found = self.0.matching_demands(ProfileId(profile));
        Ok(found.map_err(refused)?.into_iter().map(|id| id.0).collect())
    }

    fn explain(
        &self,
        #[pyo3(from_py_with = id)] profile: u32,
        #[pyo3(from_py_with = id)] demand: u32,
    ) -> PyResult<Option<(String, Option<u8>)>> {
        let failing = self.0.explain(ProfileId(profile), DemandId(demand));
        Ok(failing
            .map_err(refused)?
            .map(|failing| (failing.term, failing.level)))
    }
}

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    module.add("SkillError", py.get_type::<SkillError>())?;
    module.add("DemandError", py.get_type::<DemandError>())?;
    module.add_function(wrap_pyfunction!(parse_demand, module)?)?;
    module.add_class::<Skills>()
}

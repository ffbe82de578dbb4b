//! What Python hands over, as the core takes it; bad values become `RouterError`.

use crate::error::{Raise, RouterError};
use crate::skills;
use callcenter_core::router as core;
use pyo3::exceptions::{PyOverflowError, PyUnicodeEncodeError};
use pyo3::prelude::*;
use pyo3::types::PyString;

/// What Python gets for an error of the core.
pub(super) fn refused(error: core::RouterError) -> PyErr {
    error.raise()
}

/// Any integer; one that no machine word holds is out of every range.
pub(super) fn number(value: &Bound<'_, PyAny>) -> PyResult<i64> {
    value.extract().map_err(|error: PyErr| {
        if error.is_instance_of::<PyOverflowError>(value.py()) {
            RouterError::new_err("number out of range")
        } else {
            error
        }
    })
}

/// An id; a negative one was never handed out, and neither was 0.
pub(super) fn id(value: &Bound<'_, PyAny>) -> PyResult<u64> {
    Ok(u64::try_from(number(value)?).unwrap_or(0))
}

/// A number of 64 bits without a sign.
pub(super) fn seed(value: &Bound<'_, PyAny>) -> PyResult<u64> {
    value.extract().map_err(|error: PyErr| {
        if error.is_instance_of::<PyOverflowError>(value.py()) {
            RouterError::new_err("seed must be 0…18446744073709551615")
        } else {
            error
        }
    })
}

/// Any text that is valid Unicode.
pub(super) fn text(value: &Bound<'_, PyAny>) -> PyResult<String> {
    value
        .cast::<PyString>()?
        .to_str()
        .map(str::to_owned)
        .map_err(|error: PyErr| {
            if error.is_instance_of::<PyUnicodeEncodeError>(value.py()) {
                RouterError::new_err("the text is not valid Unicode")
            } else {
                error
            }
        })
}

/// Demands by waited time: one text for all of the wait, or a list of steps.
pub(super) struct Steps(Vec<(i64, String)>);

impl Default for Steps {
    fn default() -> Self {
        Self(vec![(0, "any".to_owned())])
    }
}

impl Steps {
    pub(super) fn read(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        if value.is_instance_of::<PyString>() {
            return Ok(Self(vec![(0, skills::text(value)?)]));
        }
        let steps: Vec<(Bound<'_, PyAny>, Bound<'_, PyAny>)> = value.extract()?;
        steps
            .iter()
            .map(|(after_us, demand)| Ok((skills::number(after_us)?, skills::text(demand)?)))
            .collect::<PyResult<_>>()
            .map(Self)
    }

    pub(super) fn borrowed(&self) -> Vec<(i64, &str)> {
        let steps = self.0.iter();
        steps
            .map(|(after_us, demand)| (*after_us, demand.as_str()))
            .collect()
    }
}

//! The exceptions of this module, and the one place where the core's errors become them.

use callcenter_core::router::{
    LogError as CoreLogError, RouterError as CoreRouterError, SnapshotError as CoreSnapshotError,
};
use callcenter_core::wire::{EventError as CoreEventError, FrameError as CoreFrameError};
use pyo3::create_exception;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

create_exception!(
    py_callcenter._router,
    FrameError,
    PyValueError,
    "The byte stream broke the event-socket framing; the connection must be closed."
);
create_exception!(
    py_callcenter._router,
    EventError,
    PyValueError,
    "A frame's body is not a well-formed event."
);
create_exception!(
    py_callcenter._router,
    RouterError,
    PyValueError,
    "A call to Router that can't be carried out; nothing was changed."
);
create_exception!(
    py_callcenter._router,
    SnapshotError,
    PyValueError,
    "Bytes from which no Router can be restored."
);
create_exception!(
    py_callcenter._router,
    DecisionLogError,
    PyValueError,
    "A decision log that gives no decisions, or others than it holds."
);

/// An error of the core that has its own Python exception.
pub(crate) trait Raise {
    /// The exception, with the error's text as its message.
    fn raise(self) -> PyErr;
}

impl Raise for CoreFrameError {
    fn raise(self) -> PyErr {
        FrameError::new_err(self.to_string())
    }
}

impl Raise for CoreEventError {
    fn raise(self) -> PyErr {
        EventError::new_err(self.to_string())
    }
}

impl Raise for CoreRouterError {
    fn raise(self) -> PyErr {
        match self {
            Self::Skill(error) => error.raise(),
            other => RouterError::new_err(other.to_string()),
        }
    }
}

impl Raise for CoreSnapshotError {
    fn raise(self) -> PyErr {
        SnapshotError::new_err(self.to_string())
    }
}

impl Raise for CoreLogError {
    fn raise(self) -> PyErr {
        let error = DecisionLogError::new_err(self.to_string());
        Python::attach(|py| match error.value(py).setattr("entry", self.entry()) {
            Ok(()) => error.clone_ref(py),
            Err(other) => other,
        })
    }
}

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    module.add("FrameError", py.get_type::<FrameError>())?;
    module.add("EventError", py.get_type::<EventError>())?;
    module.add("RouterError", py.get_type::<RouterError>())?;
    module.add("SnapshotError", py.get_type::<SnapshotError>())?;
    module.add("DecisionLogError", py.get_type::<DecisionLogError>())
}

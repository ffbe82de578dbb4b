//! `FrameParser`, `Frame` and `Event` for Python.

use std::borrow::Cow;
use std::sync::{Mutex, MutexGuard, PoisonError};

use callcenter_core::wire;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyString};

use crate::error::Raise;

// The lock is there because the class is shared between threads by type; it is held for the length of one
// call, which never runs Python code.
#[pyclass(frozen, module = "py_callcenter._router")]
struct FrameParser(Mutex<wire::FrameParser>);

impl FrameParser {
    fn lock(&self) -> MutexGuard<'_, wire::FrameParser> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl FrameParser {
    #[new]
    #[pyo3(signature = (*, max_header_bytes=262_144, max_body_bytes=16_777_216, max_headers=4096))]
    fn new(max_header_bytes: usize, max_body_bytes: usize, max_headers: usize) -> Self {
        Self(Mutex::new(wire::FrameParser::new(wire::Limits {
            header_bytes: max_header_bytes,
            body_bytes: max_body_bytes,
            headers: max_headers,
        })))
    }

    fn feed<'py>(&self, py: Python<'py>, data: &[u8]) -> PyResult<Bound<'py, PyList>> {
        let frames = self.lock().feed(data).map_err(Raise::raise)?;
        PyList::new(py, frames.into_iter().map(Frame))
    }

    #[getter]
    fn pending_bytes(&self) -> usize {
        self.lock().pending_bytes()
    }
}

#[pyclass(frozen, module = "py_callcenter._router")]
struct Frame(wire::Frame);

#[pymethods]
impl Frame {
    #[getter]
    fn content_type(&self) -> Cow<'_, str> {
        self.0.content_type()
    }

    #[getter]
    fn body<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.0.body())
    }

    fn header(&self, name: &Bound<'_, PyString>) -> Option<Cow<'_, str>> {
        self.0.header(utf8(name)?).map(String::from_utf8_lossy)
    }

    fn event(&self) -> PyResult<Event> {
        self.0.event().map(Event).map_err(Raise::raise)
    }

    fn __repr__(&self) -> String {
        format!(
            "<Frame {:?}, {} bytes of body>",
            self.0.content_type(),
            self.0.body().len()
        )
    }
}

#[pyclass(frozen, module = "py_callcenter._router")]
struct Event(wire::Event);

impl Event {
    fn text(&self, name: &str) -> Cow<'_, str> {
        self.0.get(name).unwrap_or_default()
    }
}

#[pymethods]
impl Event {
    #[staticmethod]
    fn from_plain(data: &[u8]) -> PyResult<Self> {
        wire::Event::from_plain(data)
            .map(Self)
            .map_err(Raise::raise)
    }

    #[staticmethod]
    fn from_json(data: &[u8]) -> PyResult<Self> {
        wire::Event::from_json(data).map(Self).map_err(Raise::raise)
    }

    #[getter]
    fn name(&self) -> Cow<'_, str> {
        self.text("Event-Name")
    }

    #[getter]
    fn subclass(&self) -> Cow<'_, str> {
        self.text("Event-Subclass")
    }

    #[getter]
    fn unique_id(&self) -> Cow<'_, str> {
        self.text("Unique-ID")
    }

    #[getter]
    fn timestamp_us(&self) -> i64 {
        self.0.timestamp_us()
    }

    #[getter]
    fn body<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.0.body())
    }

    fn get(&self, name: &Bound<'_, PyString>) -> Option<Cow<'_, str>> {
        self.0.get(utf8(name)?)
    }

    fn raw<'py>(&self, py: Python<'py>, name: &Bound<'_, PyString>) -> Option<Bound<'py, PyBytes>> {
        self.0
            .raw(utf8(name)?)
            .map(|value| PyBytes::new(py, &value))
    }

    fn items(&self) -> Vec<(Cow<'_, str>, Cow<'_, str>)> {
        self.0.items().collect()
    }

    fn __contains__(&self, name: &Bound<'_, PyString>) -> bool {
        utf8(name).is_some_and(|name| self.0.contains(name))
    }

    fn __len__(&self) -> usize {
        self.0.len()
    }

    /// Name and size only: values are callers' data and have no place in a log.
    fn __repr__(&self) -> String {
        format!(
            "<Event {:?}, {} headers>",
            self.text("Event-Name"),
            self.0.len()
        )
    }
}

/// None for a name with a lone surrogate, which no header has.
fn utf8<'a>(name: &'a Bound<'_, PyString>) -> Option<&'a str> {
    name.to_str().ok()
}

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<FrameParser>()?;
    module.add_class::<Frame>()?;
    module.add_class::<Event>()
}

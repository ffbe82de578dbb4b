//! `py_callcenter._router`: conversion between Python and `callcenter_core`, and nothing else.

mod error;
mod estimate;
mod exposition;
mod poke;
mod router;
mod skills;
mod wire;

use pyo3::prelude::*;

/// The compiled half of `py_callcenter`; documented in `py_callcenter/_router.pyi`.
#[pymodule(gil_used = true)]
mod _router {
    use super::{
        Bound, PyAnyMethods, PyModule, PyModuleMethods, PyResult, error, estimate, exposition,
        poke, router, skills, wire,
    };

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))?;
        let profile = if cfg!(debug_assertions) {
            "debug"
        } else {
            "release"
        };
        module.add("BUILD_PROFILE", profile)?;
        error::register(module)?;
        wire::register(module)?;
        router::register(module)?;
        estimate::register(module)?;
        skills::register(module)?;
        poke::register(module)?;
        exposition::register(module)?;
        // PyO3 adds it name by name; the stub, which stubtest compares, shouldn't have to repeat them.
        module.as_any().delattr("__all__")
    }
}

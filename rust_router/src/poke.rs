//! `Poker`: newlines on an idle event connection, from a thread that never touches the interpreter.
//!
//! The one piece of I/O in this crate. FreeSWITCH looks at the events of an idle connection every 20 ms, and at once
//! when a byte arrives (`mod_event_socket.c`). Doing that a thousand times a second from Python costs 3 % of
//! a core and waits for the interpreter; here it costs a tenth and waits for nobody.

use std::io::{ErrorKind, Write};
use std::net::TcpStream;
use std::os::fd::{AsFd, BorrowedFd, RawFd};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Wish {
    Rest,
    Poke,
    End,
}

struct State {
    wish: Wish,
    hurried: u32,
    sent: u64,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Numbers only: a panic elsewhere can't have left them half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Documented in `py_callcenter/_router.pyi`.
#[pyclass(frozen, module = "py_callcenter._router")]
struct Poker {
    shared: Arc<Shared>,
}

#[pymethods]
impl Poker {
    #[new]
    #[pyo3(signature = (fd, *, interval_us = 500, hurry_us = 150))]
    fn new(fd: RawFd, interval_us: u64, hurry_us: u64) -> PyResult<Self> {
        if fd < 0
            || !(50..=1_000_000).contains(&interval_us)
            || !(50..=1_000_000).contains(&hurry_us)
        {
            return Err(PyValueError::new_err(
                "fd must be open, and intervals lie between 50 and 1000000 µs",
            ));
        }
        // SAFETY: borrowed for this line only, to make a descriptor of our own; the caller's socket object keeps `fd`
        // open meanwhile, and a number that is no open descriptor makes `try_clone_to_owned` fail.
        let own = unsafe { BorrowedFd::borrow_raw(fd) }
            .as_fd()
            .try_clone_to_owned()
            .map_err(|error| PyOSError::new_err(error.to_string()))?;
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                wish: Wish::Rest,
                hurried: 0,
                sent: 0,
            }),
            changed: Condvar::new(),
        });
        let theirs = Arc::clone(&shared);
        let rhythm = Rhythm {
            usual: Duration::from_micros(interval_us),
            hurry: Duration::from_micros(hurry_us),
        };
        thread::Builder::new()
            .name("poker".into())
            .stack_size(64 * 1024)
            .spawn(move || work(&theirs, TcpStream::from(own), rhythm))
            .map_err(|error| PyOSError::new_err(error.to_string()))?;
        Ok(Self { shared })
    }

    fn want(&self, wanted: bool) {
        let mut state = self.shared.lock();
        if state.wish != Wish::End {
            state.wish = if wanted { Wish::Poke } else { Wish::Rest };
            self.shared.changed.notify_one();
        }
    }

    #[pyo3(signature = (count = 16))]
    fn hurry(&self, count: u32) {
        let mut state = self.shared.lock();
        state.hurried = count.min(1000);
        self.shared.changed.notify_one();
    }

    fn stop(&self) {
        self.shared.lock().wish = Wish::End;
        self.shared.changed.notify_one();
    }

    #[getter]
    fn sent(&self) -> u64 {
        self.shared.lock().sent
    }
}

impl Drop for Poker {
    fn drop(&mut self) {
        self.stop();
    }
}

#[derive(Clone, Copy)]
struct Rhythm {
    usual: Duration,
    hurry: Duration,
}

fn work(shared: &Shared, mut stream: TcpStream, rhythm: Rhythm) {
    loop {
        let pause = {
            let mut state = shared.lock();
            while state.wish == Wish::Rest && state.hurried == 0 {
                state = shared
                    .changed
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner);
            }
            if state.wish == Wish::End {
                return;
            }
            state.sent += 1;
            if state.hurried > 0 {
                state.hurried -= 1;
                rhythm.hurry
            } else {
                rhythm.usual
            }
        };
        match stream.write(b"\n") {
            Ok(_) => {}
            // Full buffers mean that the switch doesn't read: one newline more would say nothing new.
            Err(error)
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(_) => return,
        }
        let state = shared.lock();
        // Ends early when somebody is in a hurry; the usual case is that the time passes.
        drop(shared.changed.wait_timeout(state, pause));
    }
}

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Poker>()
}

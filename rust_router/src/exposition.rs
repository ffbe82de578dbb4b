//! `SeriesText` for Python.

use callcenter_core::exposition::{Buckets, Samples, Value};
use pyo3::exceptions::PyValueError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyInt, PyList};

/// Lines of one piece: the interpreter is held for a few tenths of a millisecond for each.
const LINES_AT_ONCE: usize = 4096;
const LINES_OF_A_HISTOGRAM: usize = 20;

/// Documented in `py_callcenter/_router.pyi`. Immutable, so that no lock is needed while Python objects are read.
#[pyclass(frozen, module = "py_callcenter._router")]
struct SeriesText {
    rows: Vec<String>,
}

type Columns<'py> = Vec<(String, Bound<'py, PyList>)>;

#[pymethods]
impl SeriesText {
    #[new]
    #[pyo3(signature = (rows, /))]
    fn new(rows: Vec<String>) -> Self {
        Self { rows }
    }

    #[pyo3(signature = (name, columns, /))]
    fn samples<'py>(
        &self,
        py: Python<'py>,
        name: &str,
        columns: Columns<'py>,
    ) -> PyResult<Bound<'py, PyList>> {
        let (more, columns) = self.checked(columns)?;
        let samples = Samples::new(name, &more);
        let pieces = PyList::empty(py);
        let width = columns.len();
        let mut values = Vec::new();
        for (first, rows) in self.batches(width) {
            values.clear();
            for place in first..first + rows.len() {
                for column in &columns {
                    values.push(value(&column.get_item(place)?)?);
                }
            }
            let text = py.detach(|| {
                let mut out = String::new();
                for (row, values) in rows.iter().zip(values.chunks_exact(width)) {
                    samples.write(&mut out, row, values);
                }
                out
            });
            pieces.append(PyBytes::new(py, text.as_bytes()))?;
        }
        Ok(pieces)
    }

    #[pyo3(signature = (name, columns, /))]
    fn histograms<'py>(
        &self,
        py: Python<'py>,
        name: &str,
        columns: Columns<'py>,
    ) -> PyResult<Bound<'py, PyList>> {
        let (more, columns) = self.checked(columns)?;
        let mut forms: Vec<Forms<'py>> = more.iter().map(|_| Forms::default()).collect();
        let pieces = PyList::empty(py);
        let mut found = Vec::new();
        let mut counts = Vec::new();
        for (first, rows) in self.batches(columns.len() * LINES_OF_A_HISTOGRAM) {
            found.clear();
            counts.clear();
            for place in first..first + rows.len() {
                for ((column, more), forms) in columns.iter().zip(&more).zip(&mut forms) {
                    let histogram = column.get_item(place)?;
                    let form = forms.of(&histogram, name, more)?;
                    let begin = counts.len();
                    take_counts(&histogram, &mut counts)?;
                    if counts.len() - begin != forms.known[form].1.len() {
                        return Err(PyValueError::new_err(
                            "a histogram has one count more than bounds",
                        ));
                    }
                    let sum_us: i64 = histogram.getattr(intern!(py, "sum_us"))?.extract()?;
                    found.push((form, begin, sum_us));
                }
            }
            let known: Vec<&[(Vec<i64>, Buckets)]> =
                forms.iter().map(|forms| forms.known.as_slice()).collect();
            let text = py.detach(|| {
                let mut out = String::new();
                for (row, found) in rows.iter().zip(found.chunks_exact(known.len())) {
                    for (known, &(form, begin, sum_us)) in known.iter().zip(found) {
                        let buckets = &known[form].1;
                        let counts = &counts[begin..begin + buckets.len()];
                        buckets.write(&mut out, row, counts, sum_us);
                    }
                }
                out
            });
            pieces.append(PyBytes::new(py, text.as_bytes()))?;
        }
        Ok(pieces)
    }
}

impl SeriesText {
    /// Labels and lists of columns, which have a value for each row.
    fn checked<'py>(
        &self,
        columns: Columns<'py>,
    ) -> PyResult<(Vec<String>, Vec<Bound<'py, PyList>>)> {
        if columns.is_empty() {
            return Err(PyValueError::new_err("there must be a column"));
        }
        if columns
            .iter()
            .any(|(_, column)| column.len() != self.rows.len())
        {
            return Err(PyValueError::new_err("a column has a value for each row"));
        }
        Ok(columns.into_iter().unzip())
    }

    /// Rows in pieces of some thousand lines, each with the place of its first.
    fn batches(&self, lines_of_a_row: usize) -> impl Iterator<Item = (usize, &[String])> {
        let size = (LINES_AT_ONCE / lines_of_a_row).max(1);
        self.rows
            .chunks(size)
            .enumerate()
            .map(move |(number, rows)| (number * size, rows))
    }
}

/// Histograms of a column, by their bounds: mostly all have the same.
#[derive(Default)]
struct Forms<'py> {
    known: Vec<(Vec<i64>, Buckets)>,
    last: Option<(Bound<'py, PyAny>, usize)>,
}

impl<'py> Forms<'py> {
    fn of(&mut self, histogram: &Bound<'py, PyAny>, name: &str, more: &str) -> PyResult<usize> {
        let bounds = histogram.getattr(intern!(histogram.py(), "bounds_us"))?;
        if let Some((last, form)) = &self.last
            && last.is(&bounds)
        {
            return Ok(*form);
        }
        let bounds_us: Vec<i64> = bounds.extract()?;
        let same = self.known.iter().position(|known| known.0 == bounds_us);
        let form = same.unwrap_or_else(|| {
            let buckets = Buckets::new(name, more, &bounds_us);
            self.known.push((bounds_us, buckets));
            self.known.len() - 1
        });
        self.last = Some((bounds, form));
        Ok(form)
    }
}

fn take_counts(histogram: &Bound<'_, PyAny>, counts: &mut Vec<u64>) -> PyResult<()> {
    let found = histogram.getattr(intern!(histogram.py(), "counts"))?;
    for count in found.cast::<PyList>()?.iter() {
        counts.push(count.extract()?);
    }
    Ok(())
}

fn value(object: &Bound<'_, PyAny>) -> PyResult<Value> {
    if object.is_none() {
        Ok(Value::Absent)
    } else if object.is_instance_of::<PyInt>() {
        object.extract().map(Value::Whole)
    } else {
        object.extract().map(Value::Real)
    }
}

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<SeriesText>()
}

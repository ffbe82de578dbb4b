//! Lines of Prometheus's text format, for metrics that have many series: those of one row, which is a queue.
//!
//! Numbers are written as Python's `repr` does, so that whoever writes the rest of the page need not care.

use std::fmt::Write;

const MICROSECONDS: f64 = 1e6;

/// A sample's value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    /// No line.
    Absent,
    /// A whole number.
    Whole(i64),
    /// Any other.
    Real(f64),
}

/// Counters or gauges of one name, which may differ by one more label.
#[derive(Debug)]
pub struct Samples {
    opening: String,
    closings: Vec<String>,
}

impl Samples {
    /// `more`: what stands behind a row's labels, `phase="short"`, once for each line of a row; empty for none.
    #[must_use]
    pub fn new(name: &str, more: &[String]) -> Self {
        Self {
            opening: format!("{name}{{"),
            closings: more
                .iter()
                .map(|more| format!("{}}} ", after(more)))
                .collect(),
        }
    }

    /// The lines of one row. `labels`: its own, `queue="support"`; `values`: one for each of `more`.
    pub fn write(&self, out: &mut String, labels: &str, values: &[Value]) {
        for (closing, value) in self.closings.iter().zip(values) {
            if *value == Value::Absent {
                continue;
            }
            out.push_str(&self.opening);
            out.push_str(labels);
            out.push_str(closing);
            match *value {
                Value::Absent => {}
                Value::Whole(number) => out.push_str(itoa::Buffer::new().format(number)),
                Value::Real(number) => write_real(out, number),
            }
            out.push('\n');
        }
    }
}

/// Histograms of one name, one more label and the same bounds.
#[derive(Debug)]
pub struct Buckets {
    bucket: String,
    count: String,
    sum: String,
    bounds: Vec<String>,
    closing: String,
}

impl Buckets {
    /// `more` as in [`Samples::new`]. A last bucket without a bound is added.
    #[must_use]
    pub fn new(name: &str, more: &str, bounds_us: &[i64]) -> Self {
        let more = after(more);
        let mut bounds = Vec::with_capacity(bounds_us.len() + 1);
        for &bound_us in bounds_us {
            let mut closing = format!("{more},le=\"");
            write_seconds(&mut closing, bound_us);
            closing.push_str("\"} ");
            bounds.push(closing);
        }
        bounds.push(format!("{more},le=\"+Inf\"}} "));
        Self {
            bucket: format!("{name}_bucket{{"),
            count: format!("{name}_count{{"),
            sum: format!("{name}_sum{{"),
            bounds,
            closing: format!("{more}}} "),
        }
    }

    /// How many counts a row has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bounds.len()
    }

    /// Never: there is the bucket without a bound.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bounds.is_empty()
    }

    /// The lines of one row: buckets, which count what lies below too, number and sum.
    pub fn write(&self, out: &mut String, labels: &str, counts: &[u64], sum_us: i64) {
        let mut digits = itoa::Buffer::new();
        let mut within = 0_u64;
        for (closing, count) in self.bounds.iter().zip(counts) {
            within = within.saturating_add(*count);
            out.push_str(&self.bucket);
            out.push_str(labels);
            out.push_str(closing);
            out.push_str(digits.format(within));
            out.push('\n');
        }
        out.push_str(&self.count);
        out.push_str(labels);
        out.push_str(&self.closing);
        out.push_str(digits.format(within));
        out.push('\n');
        out.push_str(&self.sum);
        out.push_str(labels);
        out.push_str(&self.closing);
        write_seconds(out, sum_us);
        out.push('\n');
    }
}

fn after(more: &str) -> String {
    if more.is_empty() {
        String::new()
    } else {
        format!(",{more}")
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "2^53 µs are 285 years; beyond, the nearest number is what Python gives too"
)]
fn write_seconds(out: &mut String, us: i64) {
    write_real(out, us as f64 / MICROSECONDS);
}

/// The fewest digits that read back as the same number; with an exponent below 1e-4 and from 1e16 on.
fn write_real(out: &mut String, number: f64) {
    let size = number.abs();
    // Writing into a String can't fail.
    let _ = if number.is_nan() {
        out.write_str("nan")
    } else if size == 0.0 || (1e-4..1e16).contains(&size) {
        let begin = out.len();
        let written = write!(out, "{number:?}");
        if let Some(decimals) = doubtful(out.get(begin..).unwrap_or_default()) {
            let even = format!("{number:.decimals$}");
            if reads_as(&even, number) {
                out.truncate(begin);
                out.push_str(&even);
            }
        }
        written
    } else if number.is_infinite() {
        write!(out, "{number}")
    } else {
        let mut text = format!("{number:e}");
        let digits = text.split_once('e').map_or("", |parts| parts.0);
        if let Some(decimals) = doubtful(digits) {
            let even = format!("{number:.decimals$e}");
            if reads_as(&even, number) {
                text = even;
            }
        }
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let (sign, exponent) = exponent
            .strip_prefix('-')
            .map_or(('+', exponent), |rest| ('-', rest));
        write!(out, "{digits}e{sign}{exponent:0>2}")
    };
}

/// Digits behind the point of a number with so many in all that two may be equally near. The shortest form then
/// ends in the larger one, as many digits given ends in the even one, and so does Python, unless only the larger
/// one reads back as the number (at powers of two, which have nearer neighbours below).
fn doubtful(text: &str) -> Option<usize> {
    let decimals = text.split_once('.')?.1.len();
    (text.len() > 15).then_some(decimals)
}

fn reads_as(text: &str, number: f64) -> bool {
    text.parse::<f64>()
        .is_ok_and(|read| read.to_bits() == number.to_bits())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn real(number: f64) -> String {
        let mut out = String::new();
        write_real(&mut out, number);
        out
    }

    #[test]
    fn numbers_look_as_python_writes_them() {
        let known = [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (20.0, "20.0"),
            (0.1, "0.1"),
            (0.0001, "0.0001"),
            (0.000_099_999, "9.9999e-05"),
            (0.000_05, "5e-05"),
            (1e-7, "1e-07"),
            (-2.5e-123, "-2.5e-123"),
            (9_999_999_999_999_998.0, "9999999999999998.0"),
            (562_949_953_421_312.3, "562949953421312.2"),
            (-562_949_953_421_312.8, "-562949953421312.8"),
            (1_790_000_000.003_906_3, "1790000000.0039062"),
            (5.960_464_477_539_063e-8, "5.960464477539063e-08"), // 2^-24
            (1e16, "1e+16"),
            (1.5e300, "1.5e+300"),
            (f64::NAN, "nan"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
        ];
        for (number, text) in known {
            assert_eq!(real(number), text);
        }
    }

    #[test]
    fn a_row_without_a_value_has_no_line() {
        let samples = Samples::new(
            "x_total",
            &[String::new(), "why=\"a\"".into(), "why=\"b\"".into()],
        );
        let mut out = String::new();
        let values = [Value::Whole(-7), Value::Absent, Value::Real(0.5)];
        samples.write(&mut out, "queue=\"q\"", &values);
        assert_eq!(
            out,
            "x_total{queue=\"q\"} -7\nx_total{queue=\"q\",why=\"b\"} 0.5\n"
        );
    }

    #[test]
    fn buckets_count_what_lies_below_too() {
        let buckets = Buckets::new("x_seconds", "way=\"in\"", &[10_000, 1_500_000]);
        assert_eq!(buckets.len(), 3);
        let mut out = String::new();
        buckets.write(&mut out, "queue=\"q\"", &[2, 0, 3], 50);
        assert_eq!(
            out,
            "x_seconds_bucket{queue=\"q\",way=\"in\",le=\"0.01\"} 2\n\
             x_seconds_bucket{queue=\"q\",way=\"in\",le=\"1.5\"} 2\n\
             x_seconds_bucket{queue=\"q\",way=\"in\",le=\"+Inf\"} 5\n\
             x_seconds_count{queue=\"q\",way=\"in\"} 5\n\
             x_seconds_sum{queue=\"q\",way=\"in\"} 5e-05\n"
        );
    }
}

//! The wait of a caller with so many ahead: mean, variance, percentiles.
//!
//! With `k` callers ahead the next step forward comes at rate `a + kθ`: an agent takes somebody (`a` a second
//! for the whole queue) or one of those ahead gives up. The wait is the sum of these independent exponential
//! times, which a gamma distribution with the same mean and variance describes well.

use std::sync::LazyLock;

/// From this shape on percentiles come from Wilson and Hilferty's cube root, which is then within 0.1 % of them.
const CUBE_ROOT_FROM: f64 = 24.0;
/// Below it they come from a table over the shape's logarithm, down to this shape; the few that are still
/// smaller are computed.
const TABLE_FROM: f64 = 1.0 / 64.0;
const STEPS_PER_E: f64 = 16.0;
const ENTRIES: u32 = 120;
/// Terms of a sum that are added one by one before the rest is an integral.
const ADDED: u32 = 16;

/// What is told of a wait: shares of such waits that are shorter, with the standard normal percentile of each.
const TOLD: [(f64, f64); 4] = [
    (0.1, -1.281_551_565_544_600_4),
    (0.5, 0.0),
    (0.8, 0.841_621_233_572_914_3),
    (0.9, 1.281_551_565_544_600_4),
];

/// Logarithms of percentiles over the mean, one row a shape.
static TABLE: LazyLock<Vec<[f64; 4]>> = LazyLock::new(|| {
    (0..ENTRIES)
        .map(|entry| {
            let shape = TABLE_FROM * (f64::from(entry) / STEPS_PER_E).exp();
            TOLD.map(|(below, _)| ln_percentile(shape, below))
        })
        .collect()
});

/// Mean and variance of a wait, in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Moments {
    pub mean: f64,
    pub variance: f64,
}

/// Moments of the sum of exponential times with the rates `entries + k·abandonment`, `k` from `first` to
/// `last`. O(1): Euler and Maclaurin's formula behind the first terms.
pub(crate) fn moments(entries: f64, abandonment: f64, first: u32, last: u32) -> Moments {
    let mut sum = Moments {
        mean: 0.0,
        variance: 0.0,
    };
    let count = last.saturating_sub(first).saturating_add(1);
    let added = if count <= 2 * ADDED { count } else { ADDED };
    for step in 0..added {
        let time = 1.0 / (entries + f64::from(first.saturating_add(step)) * abandonment);
        sum.mean += time;
        sum.variance += time * time;
    }
    if added < count {
        // Sum of f(k) from low to high: integral + (f(low) + f(high)) / 2 + (f'(high) - f'(low)) / 12.
        let low = entries + f64::from(first.saturating_add(added)) * abandonment;
        let high = entries + f64::from(last) * abandonment;
        let steps = f64::from(count - added - 1);
        let growth = steps * abandonment / low;
        // ln(1 + x) / x, which is 1 without abandonment.
        let bend = if growth > 1e-12 {
            growth.ln_1p() / growth
        } else {
            1.0
        };
        sum.mean += steps / low * bend
            + f64::midpoint(1.0 / low, 1.0 / high)
            + abandonment * (1.0 / (low * low) - 1.0 / (high * high)) / 12.0;
        sum.variance += steps / (low * high)
            + f64::midpoint(1.0 / (low * low), 1.0 / (high * high))
            + abandonment * (1.0 / low.powi(3) - 1.0 / high.powi(3)) / 6.0;
    }
    sum
}

impl Moments {
    fn shape(self) -> f64 {
        self.mean * self.mean / self.variance
    }

    /// The 10th, 50th, 80th and 90th percentile of the gamma distribution with these moments.
    pub(crate) fn percentiles(self) -> [f64; 4] {
        let shape = self.shape();
        if shape >= CUBE_ROOT_FROM {
            let ninth = 1.0 / (9.0 * shape);
            return TOLD.map(|(_, z)| self.mean * (1.0 - ninth + z * ninth.sqrt()).powi(3));
        }
        let rows =
            interpolated(shape).unwrap_or_else(|| TOLD.map(|(p, _)| ln_percentile(shape, p)));
        rows.map(|logarithm| self.mean * logarithm.exp())
    }

    /// Is the wait between the 10th and the 90th percentile?
    pub(crate) fn middle_80_holds(self, wait: f64) -> bool {
        let [low, _, _, high] = self.percentiles();
        (low..=high).contains(&wait)
    }
}

/// The table's row of a shape, by the cubic through four neighbours; None outside the table.
fn interpolated(shape: f64) -> Option<[f64; 4]> {
    let at = (shape / TABLE_FROM).ln() * STEPS_PER_E;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the cast saturates; outside the table there are no neighbours"
    )]
    let first = (at.floor() as usize).checked_sub(1)?;
    let [before, low, high, after] = *TABLE.get(first..)?.first_chunk()?;
    let x = at - at.floor();
    let weights = [
        -x * (x - 1.0) * (x - 2.0) / 6.0,
        (x + 1.0) * (x - 1.0) * (x - 2.0) / 2.0,
        -(x + 1.0) * x * (x - 2.0) / 2.0,
        (x + 1.0) * x * (x - 1.0) / 6.0,
    ];
    let mut row = [0.0; 4];
    for (neighbour, weight) in [before, low, high, after].iter().zip(weights) {
        for (sum, value) in row.iter_mut().zip(neighbour) {
            *sum += weight * value;
        }
    }
    Some(row)
}

/// Logarithm of a percentile over the mean. Bisection: sure, and done once.
fn ln_percentile(shape: f64, below: f64) -> f64 {
    let (mut low, mut high) = (-200.0_f64, 6.0_f64);
    for _ in 0..52 {
        let middle = f64::midpoint(low, high);
        if gamma_share(shape, middle.exp() * shape) < below {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}

/// Probability that a gamma variable of this shape and scale 1 is `value` at most.
fn gamma_share(shape: f64, value: f64) -> f64 {
    if value <= 0.0 {
        return 0.0;
    }
    let front = (shape * value.ln() - value - ln_gamma(shape)).exp();
    if value < shape + 1.0 {
        let (mut term, mut sum, mut next) = (1.0 / shape, 1.0 / shape, shape);
        for _ in 0..300 {
            next += 1.0;
            term *= value / next;
            sum += term;
            if term < sum * 1e-13 {
                break;
            }
        }
        return sum * front;
    }
    // Lentz's way through the continued fraction of the upper tail.
    let mut base = value + 1.0 - shape;
    let mut c = 1e300;
    let mut d = 1.0 / base;
    let mut fraction = d;
    for step in 1..300 {
        let step = f64::from(step);
        let part = -step * (step - shape);
        base += 2.0;
        d = 1.0 / part.mul_add(d, base);
        c = base + part / c;
        fraction *= d * c;
        if (d * c - 1.0).abs() < 1e-13 {
            break;
        }
    }
    1.0 - front * fraction
}

/// Logarithm of the gamma function by Stirling's series, the argument raised to 8 first.
fn ln_gamma(value: f64) -> f64 {
    let (mut raised, mut product) = (value, 1.0);
    while raised < 8.0 {
        product *= raised;
        raised += 1.0;
    }
    let inverse = 1.0 / raised;
    let square = inverse * inverse;
    let series = inverse
        * (1.0 / 12.0
            - square
                * (1.0 / 360.0
                    - square * (1.0 / 1260.0 - square * (1.0 / 1680.0 - square / 1188.0))));
    (raised - 0.5) * raised.ln() - raised + 0.5 * std::f64::consts::TAU.ln() + series - product.ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    const P10: usize = 0;
    const P50: usize = 1;
    const P90: usize = 3;

    fn added(entries: f64, abandonment: f64, first: u32, last: u32) -> Moments {
        let times = (first..=last).map(|ahead| 1.0 / (entries + f64::from(ahead) * abandonment));
        Moments {
            mean: times.clone().sum(),
            variance: times.map(|time| time * time).sum(),
        }
    }

    #[test]
    fn the_short_cut_gives_the_sum() {
        for (entries, abandonment) in [
            (1.0, 0.0),
            (1.0, 0.3),
            (0.01, 5.0),
            (100.0, 0.5),
            (3.0, 1e-9),
        ] {
            for (first, last) in [(0, 0), (0, 31), (0, 32), (1, 40), (0, 500), (1, 20_000)] {
                let short = moments(entries, abandonment, first, last);
                let long = added(entries, abandonment, first, last);
                assert!(
                    (short.mean / long.mean - 1.0).abs() < 1e-6,
                    "{entries} {abandonment} {last}"
                );
                assert!(
                    (short.variance / long.variance - 1.0).abs() < 1e-5,
                    "{entries} {abandonment} {last}"
                );
            }
        }
    }

    #[test]
    fn percentiles_are_those_of_known_distributions() {
        let one = moments(1.0, 0.0, 0, 0); // exponential
        assert!((one.percentiles()[P10] - 0.105_360_516).abs() < 1e-6);
        assert!((one.percentiles()[P50] - std::f64::consts::LN_2).abs() < 1e-6);
        assert!((one.percentiles()[P90] - std::f64::consts::LN_10).abs() < 1e-6);
        // Half of chi-square: 20 degrees of freedom, 90th percentile 28.411981; 100 degrees, 10th 82.358136.
        let ten = moments(1.0, 0.0, 0, 9);
        assert!((ten.percentiles()[P90] - 28.411_981 / 2.0).abs() < 1e-5);
        let fifty = moments(1.0, 0.0, 0, 49);
        assert!((fifty.percentiles()[P10] - 82.358_136 / 2.0).abs() < 0.005);
    }

    #[test]
    fn the_table_gives_what_is_computed() {
        for shape in [0.016, 0.02, 0.1, 0.37, 1.0, 1.9, 5.5, 11.0, 23.99] {
            let told =
                interpolated(shape).unwrap_or_else(|| TOLD.map(|(p, _)| ln_percentile(shape, p)));
            for ((below, _), logarithm) in TOLD.into_iter().zip(told) {
                let share = gamma_share(shape, logarithm.exp() * shape);
                assert!((share - below).abs() < 1e-5, "{shape} {below} {share}");
            }
        }
        let wide = Moments {
            mean: 60.0,
            variance: 1e6,
        };
        assert!(interpolated(wide.shape()).is_none() && wide.percentiles()[P90].is_finite());
    }

    #[test]
    fn the_range_holds_what_lies_between_its_percentiles() {
        for last in [0, 1, 5, 22, 23, 24, 300] {
            let wait = moments(1.0, 0.0, 0, last);
            let (low, high) = (wait.percentiles()[P10], wait.percentiles()[P90]);
            assert!(wait.middle_80_holds(low * 1.0001) && wait.middle_80_holds(high * 0.9999));
            assert!(!wait.middle_80_holds(low * 0.9999) && !wait.middle_80_holds(high * 1.0001));
            assert!(!wait.middle_80_holds(0.0));
        }
    }
}

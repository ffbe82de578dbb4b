//! The wait of a caller with so many ahead: mean, variance, percentiles.
//!
//! With `k` callers ahead the next step forward comes at rate `a + kθ`: an agent takes somebody (`a` a second
//! for the whole queue) or one of those ahead gives up. The wait is the sum of these independent exponential
//! times, which a gamma distribution with the same mean and variance describes well.

/// Below this shape percentiles come from the incomplete gamma function, above from Wilson and Hilferty's cube
/// root, which is then within 0.1 % of them.
const CUBE_ROOT_FROM: f64 = 24.0;
/// Terms of a sum that are added one by one before the rest is an integral.
const ADDED: u32 = 16;

/// Standard normal percentiles.
pub(crate) const Z10: f64 = -1.281_551_565_544_600_4;
pub(crate) const Z80: f64 = 0.841_621_233_572_914_3;

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

    /// The percentile of the gamma distribution with these moments; `z` is that of the standard normal,
    /// `below` its probability.
    pub(crate) fn percentile(self, below: f64, z: f64) -> f64 {
        let shape = self.shape();
        if shape >= CUBE_ROOT_FROM {
            let ninth = 1.0 / (9.0 * shape);
            return self.mean * (1.0 - ninth + z * ninth.sqrt()).powi(3);
        }
        // Bisection of the logarithm: sure, and asked rarely.
        let (mut low, mut high) = (-60.0_f64, 6.0_f64);
        for _ in 0..48 {
            let middle = f64::midpoint(low, high);
            if gamma_share(shape, middle.exp() * shape) < below {
                low = middle;
            } else {
                high = middle;
            }
        }
        self.mean * high.exp()
    }

    /// Is the wait between the 10th and the 90th percentile?
    pub(crate) fn middle_80_holds(self, wait: f64) -> bool {
        let shape = self.shape();
        let ratio = (wait / self.mean).max(0.0);
        if shape >= CUBE_ROOT_FROM {
            let ninth = 1.0 / (9.0 * shape);
            return ((ratio.cbrt() - 1.0 + ninth) / ninth.sqrt()).abs() <= -Z10;
        }
        (0.1..=0.9).contains(&gamma_share(shape, ratio * shape))
    }
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
        assert!((one.percentile(0.1, Z10) - 0.105_360_516).abs() < 1e-8);
        assert!((one.percentile(0.5, 0.0) - std::f64::consts::LN_2).abs() < 1e-8);
        assert!((one.percentile(0.9, -Z10) - std::f64::consts::LN_10).abs() < 1e-8);
        // Half of chi-square: 20 degrees of freedom, 90th percentile 28.411981; 100 degrees, 10th 82.358136.
        let ten = moments(1.0, 0.0, 0, 9);
        assert!((ten.percentile(0.9, -Z10) - 28.411_981 / 2.0).abs() < 1e-5);
        let fifty = moments(1.0, 0.0, 0, 49);
        assert!((fifty.percentile(0.1, Z10) - 82.358_136 / 2.0).abs() < 0.005);
    }

    #[test]
    fn the_range_holds_what_lies_between_its_percentiles() {
        for last in [0, 1, 5, 22, 23, 24, 300] {
            let wait = moments(1.0, 0.0, 0, last);
            let (low, high) = (wait.percentile(0.1, Z10), wait.percentile(0.9, -Z10));
            assert!(wait.middle_80_holds(low * 1.0001) && wait.middle_80_holds(high * 0.9999));
            assert!(!wait.middle_80_holds(low * 0.9999) && !wait.middle_80_holds(high * 1.0001));
            assert!(!wait.middle_80_holds(0.0));
        }
    }
}

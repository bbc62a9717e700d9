use serde_json::{Value, json};

/// A quantity that may not grow, as it was seen at equal intervals.
#[derive(Debug)]
pub(super) struct Series {
    pub(super) name: &'static str,
    values: Vec<f64>,
    bound: Bound,
}

/// How much a quantity may grow from the first look to the last: a share of its median, or so much.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bound {
    pub(super) share: f64,
    pub(super) least: f64,
}

impl Series {
    /// A quantity without its first fifth, in which it comes to what it is going to be.
    pub(super) fn new(name: &'static str, bound: Bound, values: impl IntoIterator<Item = f64>) -> Self {
        let values: Vec<_> = values.into_iter().collect();
        let values = values[values.len() / 5..].to_vec();
        Self { name, values, bound }
    }

    pub(super) fn is_flat(&self) -> bool {
        self.growth() <= self.allowed()
    }

    /// How much it has grown: the median of the slopes between any two looks, which single outliers do not change
    /// (Theil and Sen), times the whole.
    fn growth(&self) -> f64 {
        let looks: Vec<_> = (0..).map(f64::from).zip(&self.values).collect();
        let slopes = looks.iter().enumerate().flat_map(|(at, (x, y))| {
            looks[at + 1..].iter().map(move |(later, value)| (*value - *y) / (later - x))
        });
        median(slopes.collect()) * self.values.len().saturating_sub(1) as f64
    }

    /// How much it has grown, as a share of its median.
    pub(super) fn growth_share(&self) -> f64 {
        self.growth() / median(self.values.clone()).max(1.0)
    }

    fn allowed(&self) -> f64 {
        self.bound.least.max(median(self.values.clone()) * self.bound.share)
    }

    pub(super) fn to_json(&self) -> Value {
        json!({
            "first": self.values.first(),
            "median": median(self.values.clone()),
            "last": self.values.last(),
            "growth": self.growth(),
            "allowed": self.allowed(),
            "flat": self.is_flat(),
        })
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(value: impl Fn(u32) -> f64) -> Series {
        Series::new("memory", Bound { share: 0.05, least: 10.0 }, (0..100).map(value))
    }

    #[test]
    fn noise_outliers_and_the_beginning_are_flat() {
        let noise = |at: u32| f64::from(at.wrapping_mul(2_654_435_761) >> 28);
        assert!(series(|at| 1000.0 + noise(at)).is_flat());
        assert!(series(|at| if at % 10 == 9 { 9000.0 } else { 1000.0 + noise(at) }).is_flat());
        assert!(series(|at| f64::from(at.min(20)) * 100.0).is_flat());
        assert!(series(|at| 1000.0 - f64::from(at)).is_flat());
    }

    #[test]
    fn a_leak_beneath_the_noise_is_seen() {
        let noise = |at: u32| f64::from(at.wrapping_mul(2_654_435_761) >> 26);
        let leak = series(|at| 1000.0 + noise(at) + f64::from(at));
        assert!(!leak.is_flat());
        let report = leak.to_json();
        assert!((70.0..90.0).contains(&report["growth"].as_f64().unwrap()), "{report}");
        assert!((0.06..0.08).contains(&leak.growth_share()), "{leak:?}");
    }

    #[test]
    fn little_may_grow_by_more_than_its_share() {
        assert!(series(|at| f64::from(at) / 10.0).is_flat());
        assert!(!series(|at| f64::from(at) / 5.0).is_flat());
    }

    #[test]
    fn nothing_is_flat() {
        assert!(Series::new("memory", Bound { share: 0.0, least: 0.0 }, []).is_flat());
    }
}

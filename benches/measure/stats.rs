//! Medians and other quantiles.

/// The value below which that share of the sorted values lies, between neighbours by the
/// nearest rank; 0 without values.
#[must_use]
pub fn quantile(sorted: &[f64], share: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else {
        return 0.0;
    };
    let rank = (share * last as f64).round() as usize;
    sorted[rank.min(last)]
}

/// The middle value; 0 without values.
#[must_use]
pub fn median(values: &[f64]) -> f64 {
    quantile(&sorted(values), 0.5)
}

/// The values in order.
#[must_use]
pub fn sorted(values: &[f64]) -> Vec<f64> {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values
}

#[cfg(test)]
mod tests {
    use super::{median, quantile, sorted};

    #[test]
    fn the_median_does_not_mind_the_order_nor_one_wild_value() {
        assert_eq!(median(&[3.0, 1000.0, 1.0, 2.0, 4.0]), 3.0);
    }

    #[test]
    fn quantiles_of_nothing_are_nothing() {
        assert_eq!(quantile(&[], 0.99), 0.0);
    }

    #[test]
    fn the_ends_are_the_least_and_the_greatest() {
        let values = sorted(&[5.0, 1.0, 3.0]);
        assert_eq!(quantile(&values, 0.0), 1.0);
        assert_eq!(quantile(&values, 1.0), 5.0);
    }
}

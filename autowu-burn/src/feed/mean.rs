//! The loss of an update from the losses of its batches.

/// The mean; the same, bit for bit, in whatever order devices deliver.
pub(crate) fn mean(losses: &mut [f64]) -> f64 {
    losses.sort_unstable_by(f64::total_cmp);
    losses.iter().sum::<f64>() / losses.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_delivery_does_not_matter() {
        let mut a = [1e16, 1.0, -1e16, 0.1];
        let mut b = [0.1, -1e16, 1e16, 1.0];
        assert_eq!(mean(&mut a).to_bits(), mean(&mut b).to_bits());
    }
}

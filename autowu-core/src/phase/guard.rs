//! [`Guard`]: has the decay lost what the run had gained?

use super::descent::{Descent, SHARE};
use crate::digest::digest_fields;
use crate::real::Real;

/// How probable it may be that a decay which has lost nothing goes back.
const FALSE_ALARM: f64 = 0.01;

/// Single blocks in a row that must have lost ground, unless most of their losses are above where
/// the run began: a loss that jumps may come down by itself.
const PATIENCE: u32 = 2;

/// Blocks of a decay, unless that makes them shorter than [`SHORTEST`].
const BLOCKS: u64 = 128;

/// Fewest losses of a block.
const SHORTEST: u64 = 8;

/// The number of mean lengths: 1, 2, 4, … 32 blocks.
const LENGTHS: usize = 6;

/// A loss counts for no more than this many deviations above what is certainly too high: one that
/// is far off is no reason to go back.
const FAR: f64 = 8.0;

/// What a complete block shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Finding {
    /// Nothing to do.
    Nothing,
    /// The loss is the lowest so far: the weights are worth a copy.
    Lowest,
    /// The loss is above that of the copy, by more than noise and more than a small share of the
    /// descent.
    Lost,
}

/// Compares means of the decay's losses with the loss of the weights that the trainer has a copy
/// of.
///
/// Losses are taken in blocks of `max(8, decay/128)`. Means are of 1, 2, 4, … 32 blocks: the longer
/// a mean, the smaller the loss of ground that it sees. With `n` losses in a mean, `m` in the
/// copy's, `σ` the deviation of one loss, the ground is lost where
///
/// `mean − copy > max(0.15 · descent, z σ √(1/n + 1/m)) + 2σ/√m`,
///
/// `2σ/√m` because the copy's is the lowest of many means. `z = √(2 ln(B/2α))` holds the
/// probability of a false alarm below `α` in all `B` means of a decay, by the bound `½ exp(−z²/2)`
/// of the normal tail.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
#[cfg_attr(feature = "serde", serde(bound(serialize = "T: Real", deserialize = "T: Real")))]
pub(crate) struct Guard<T> {
    /// Losses of a block.
    block: u64,
    /// Where the loss came from.
    #[cfg_attr(feature = "serde", serde(with = "crate::serde_real"))]
    first: T,
    /// The mean loss of the copy, over `span` losses.
    #[cfg_attr(feature = "serde", serde(with = "crate::serde_real"))]
    copy: T,
    span: u64,
    /// Standard deviation of one loss, as the warmup knew it.
    #[cfg_attr(feature = "serde", serde(with = "crate::serde_real"))]
    noise: T,
    /// The block under way: the mean of `count` losses.
    #[cfg_attr(feature = "serde", serde(with = "crate::serde_real"))]
    mean: T,
    count: u64,
    /// Those of them that are above where the loss came from.
    ruined: u64,
    /// Blocks since the weights were last restored.
    blocks: u64,
    /// The means of 1, 2, 4, … blocks that wait for their neighbours: those whose bit of `blocks`
    /// is set.
    #[cfg_attr(feature = "serde", serde(with = "crate::serde_real::array"))]
    waiting: [T; LENGTHS],
    /// The last block's mean.
    #[cfg_attr(feature = "serde", serde(with = "crate::serde_real"))]
    last: T,
    /// Mean of half the absolute differences of `pairs` neighbouring blocks.
    #[cfg_attr(feature = "serde", serde(with = "crate::serde_real"))]
    scatter: T,
    pairs: u64,
    /// Single blocks in a row that have lost ground.
    high: u32,
    /// Restores in a row that have gained nothing yet.
    in_vain: u32,
    /// Whether a loss of ground is known and nothing helps: not said again before it is made good.
    is_known: bool,
}

digest_fields!(Guard<T> {
    block, first, copy, span, noise, mean, count, ruined, blocks, waiting, last, scatter, pairs, high,
    in_vain, is_known,
});

impl<T: Real> Guard<T> {
    /// The guard of a decay of `steps` steps; `None` where the warmup has not seen the loss fall.
    pub fn of(descent: &Descent<T>, steps: u64) -> Option<Self> {
        let (noise, first, copy, span) = descent.known()?;
        Some(Self::watching((steps / BLOCKS).max(SHORTEST), first, copy, span, noise))
    }

    /// A guard that has seen nothing yet.
    fn watching(block: u64, first: T, copy: T, span: u64, noise: T) -> Self {
        let zero = T::zero();
        Guard {
            block,
            first,
            copy,
            span,
            noise,
            mean: zero,
            count: 0,
            ruined: 0,
            blocks: 0,
            waiting: [zero; LENGTHS],
            last: zero,
            scatter: zero,
            pairs: 0,
            high: 0,
            in_vain: 0,
            is_known: false,
        }
    }

    /// Losses until the block is complete, at least 1.
    pub fn ahead(&self) -> u64 {
        self.block.saturating_sub(self.count).max(1)
    }

    /// Takes a finite loss.
    #[inline]
    pub fn push(&mut self, loss: T) -> Finding {
        self.count = self.count.saturating_add(1);
        let count = T::of_u64(self.count);
        self.ruined += u64::from(loss > self.first);
        let loss = loss.min(self.ceiling());
        // Apart, so that no difference overflows.
        self.mean = self.mean + (loss / count - self.mean / count);
        if self.count < self.block {
            return Finding::Nothing;
        }
        self.complete()
    }

    /// The weights are put back: what was measured before is not theirs.
    pub fn restart(&mut self) {
        (self.mean, self.count, self.ruined, self.blocks) = (T::zero(), 0, 0, 0);
        (self.waiting, self.last) = ([T::zero(); LENGTHS], T::zero());
        (self.in_vain, self.high) = (self.in_vain.saturating_add(1), 0);
    }

    /// Restores in a row, up to now, that have gained nothing.
    pub fn in_vain(&self) -> u32 {
        self.in_vain
    }

    /// Nothing can be done about a loss of ground: silence, until it is made good.
    pub fn accept(&mut self) {
        self.is_known = true;
    }

    /// `0.15 · descent`.
    fn share(&self) -> T {
        self.first * T::of(SHARE) - self.copy * T::of(SHARE)
    }

    /// `copy + 0.3 · descent + 8σ`.
    fn ceiling(&self) -> T {
        self.copy + T::of(2.0) * self.share() + T::of(FAR) * self.noise
    }

    fn complete(&mut self) -> Finding {
        let mean = self.mean;
        let (before, is_ruined) = (self.last, self.ruined > self.block / 2);
        self.ruined = 0;
        (self.last, self.mean, self.count) = (mean, T::zero(), 0);
        let (mut sum, mut is_lost, mut is_lowest) = (mean, false, false);
        for length in 0..LENGTHS {
            let losses = self.block << length;
            let lost = self.is_lost(sum, losses);
            if length == 0 {
                self.high = if lost { self.high.saturating_add(1) } else { 0 };
            }
            is_lost |= lost && (length > 0 || is_ruined || self.high >= PATIENCE);
            if length == 1 && sum < self.copy {
                (self.copy, self.span, is_lowest) = (sum, losses, true);
            }
            if self.blocks >> length & 1 == 0 {
                self.waiting[length] = sum;
                break;
            }
            let half = T::of(0.5);
            sum = self.waiting[length] * half + sum * half;
            self.waiting[length] = T::zero();
        }
        if self.blocks > 0 {
            self.learn((mean * T::of(0.5) - before * T::of(0.5)).abs());
        }
        self.blocks = self.blocks.saturating_add(1);
        // A long mean remembers what has been made good since.
        self.found(is_lost && mean - self.copy > self.share(), is_lowest)
    }

    /// Half of the difference of neighbouring blocks is evidence of noise. A jump is not.
    fn learn(&mut self, half: T) {
        let known = self.noise / T::of_u64(self.block).sqrt();
        let half = half.min(T::of(3.0) * known.max(self.scatter));
        self.pairs = self.pairs.saturating_add(1);
        self.scatter = self.scatter + (half - self.scatter) / T::of_u64(self.pairs);
    }

    fn found(&mut self, is_lost: bool, is_lowest: bool) -> Finding {
        if is_lost {
            return if self.is_known { Finding::Nothing } else { Finding::Lost };
        }
        if self.high == 0 {
            (self.in_vain, self.is_known) = (0, false);
        }
        if is_lowest { Finding::Lowest } else { Finding::Nothing }
    }

    /// Whether a mean of `losses` losses has lost ground.
    fn is_lost(&self, mean: T, losses: u64) -> bool {
        let noise = self.noise_now();
        let [n, m] = [losses, self.span].map(|n| T::of_u64(n).recip());
        let means = 2.0 * BLOCKS as f64;
        let z = T::of(2.0 * libm::log(means / (2.0 * FALSE_ALARM))).sqrt();
        let least = self.share().max(z * noise * (n + m).sqrt()) + T::of(2.0) * noise * m.sqrt();
        mean - self.copy > least
    }

    /// The deviation of one loss: the warmup's, or what the scatter of blocks shows where that is
    /// more. Half a difference of two normal numbers of deviation `e` has a mean of `e/√π`.
    fn noise_now(&self) -> T {
        if self.pairs < 4 {
            return self.noise;
        }
        let deviation = T::of(core::f64::consts::PI).sqrt() * self.scatter;
        (deviation * T::of_u64(self.block).sqrt()).max(self.noise)
    }

    /// Whether a run can have come to this.
    #[cfg(feature = "serde")]
    pub fn is_valid(&self) -> bool {
        let numbers = [self.first, self.copy, self.mean, self.last, self.scatter];
        self.count < self.block
            && self.ruined <= self.count
            && self.span > 0
            && self.block < 1 << 58
            && self.noise >= T::zero()
            && self.noise.is_finite()
            && self.scatter >= T::zero()
            && numbers.iter().chain(&self.waiting).all(|x| x.is_finite())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec;

    /// A run fell from 2 to 1, in means of 16; blocks of 8.
    fn guard(noise: f64) -> Guard<f64> {
        Guard::watching(8, 2.0, 1.0, 16, noise)
    }

    /// The findings of equal losses.
    fn told(guard: &mut Guard<f64>, loss: f64, losses: usize) -> std::vec::Vec<Finding> {
        let findings = (0..losses).map(|_| guard.push(loss));
        findings.filter(|finding| *finding != Finding::Nothing).collect()
    }

    #[test]
    fn two_complete_blocks_are_believed() {
        let mut guard = guard(0.0);
        assert!(told(&mut guard, 1.2, 15).is_empty() && guard.ahead() == 1);
        assert_eq!((guard.push(1.2), guard.ahead()), (Finding::Lost, 8));
        let mut one = self::guard(0.0);
        for loss in [1.2, 1.0].repeat(20) {
            assert!(told(&mut one, loss, 8).is_empty(), "a jump that comes down by itself");
        }
        assert!(told(&mut self::guard(0.0), 1.149, 400).is_empty(), "a small share is no loss");
    }

    #[test]
    fn one_loss_that_is_far_off_is_no_loss_of_ground() {
        for noise in [0.0, 0.01, 0.3] {
            for far in [3.0, 1e4, f64::MAX] {
                let mut guard = guard(noise);
                let findings: std::vec::Vec<_> = (0..400)
                    .map(|i| guard.push(if i % 100 == 50 { far } else { 1.0 }))
                    .filter(|finding| *finding != Finding::Nothing)
                    .collect();
                assert!(findings.is_empty(), "noise {noise}, {far}: {findings:?}");
            }
        }
    }

    #[test]
    fn one_block_is_believed_where_all_is_lost() {
        assert_eq!(told(&mut guard(0.0), 2.1, 8), [Finding::Lost]);
        assert!(told(&mut guard(0.0), 1.9, 8).is_empty());
    }

    /// The greater the noise, the longer the mean that sees it.
    #[test]
    fn noise_asks_for_longer_means() {
        let seen = [0.0, 0.3, 0.5].map(|noise| {
            let mut guard = guard(noise);
            (1..=512).find(|_| guard.push(1.9) == Finding::Lost)
        });
        assert_eq!(seen[0], Some(16));
        assert!(seen[1] >= seen[0] && seen[2] > seen[1], "{seen:?}");
    }

    #[test]
    fn the_lowest_mean_of_two_blocks_is_worth_a_copy() {
        let mut guard = guard(0.0);
        assert_eq!(told(&mut guard, 0.5, 32), [Finding::Lowest]);
        assert_eq!(told(&mut guard, 0.4, 16), [Finding::Lowest]);
        assert_eq!(told(&mut guard, 0.9, 16), [Finding::Lost], "0.15 of 1.6 above");
    }

    #[test]
    fn restores_that_gain_nothing_are_counted() {
        let mut guard = guard(0.0);
        for in_vain in 0..3 {
            assert_eq!(
                (guard.in_vain(), told(&mut guard, 1.5, 16)),
                (in_vain, vec![Finding::Lost])
            );
            guard.restart();
        }
        assert!(told(&mut guard, 1.0, 8).is_empty() && guard.in_vain() == 0);
        guard.accept();
        assert!(told(&mut guard, 1.5, 80).is_empty(), "nothing can be done about it");
        assert!(told(&mut guard, 1.0, 512).is_empty());
        assert_eq!(told(&mut guard, 1.5, 16), [Finding::Lost], "it was made good in between");
    }
}

//! Which losses a vote sees: a pure function of (seed, test, subset).
//!
//! The i-th member of a subset is the image of `i` under a keyed permutation of 0..n: a six-round
//! Feistel network on an even number of bits that holds `n`, walked along its cycle until it falls
//! below `n` (Black, Rogaway 2002). Each member is computed independently, in no particular order:
//! no sort, no scratch, and the same on host and device.

/// A fixed bijective mixing of 64 bits (the finaliser of splitmix64: Steele, Lea, Flood 2014).
#[inline]
pub fn mix(mut z: u64) -> u64 {
    z = z.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

const ROUNDS: usize = 6;

/// Six rounds on halves of one or two bits prefer some orders by a few per cent; on three by less
/// than one.
const FEWEST_HALF_BITS: u32 = 3;

/// A permutation of `0..n` with key (seed, test, subset).
///
/// ```
/// use autowu_core::sampling::Permutation;
/// let p = Permutation::new(10, 42, 0, 0);
/// let mut image: Vec<u32> = (0..10).map(|i| p.index(i)).collect();
/// image.sort();
/// assert_eq!(image, (0..10).collect::<Vec<_>>());
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Permutation {
    n: u32,
    half_bits: u32,
    keys: [u32; ROUNDS],
}

impl Permutation {
    /// The permutation of `0..n` for subset number `subset` of test number `test`.
    pub fn new(n: u32, seed: u64, test: u64, subset: u32) -> Self {
        let bits = u32::BITS - n.saturating_sub(1).leading_zeros();
        let key = mix(mix(mix(seed) ^ test) ^ u64::from(subset));
        let mut keys = [0; ROUNDS];
        for (round, k) in keys.iter_mut().enumerate() {
            *k = (mix(key ^ round as u64) >> 32) as u32;
        }
        Permutation { n, half_bits: bits.div_ceil(2).max(FEWEST_HALF_BITS), keys }
    }

    /// The image of `i`; `i` itself if it is not below `n`.
    #[inline]
    pub fn index(&self, i: u32) -> u32 {
        if i >= self.n {
            return i;
        }
        let mut j = i;
        // The network permutes 0..2^(2·half_bits), which is below 4n or 64, so the walk is short;
        // it always returns, because i itself lies on the cycle.
        loop {
            j = self.feistel(j);
            if j < self.n {
                return j;
            }
        }
    }

    #[inline]
    fn feistel(&self, x: u32) -> u32 {
        let mask = (1_u32 << self.half_bits) - 1;
        let (mut left, mut right) = (x >> self.half_bits, x & mask);
        for key in self.keys {
            // 32-bit multiply-xorshift round function: cheap on a microcontroller and on a GPU.
            let mut f = (right ^ key).wrapping_mul(0x9e37_79b1);
            f = (f ^ (f >> 15)).wrapping_mul(0x85eb_ca77);
            f ^= f >> 13;
            (left, right) = (right, left ^ (f & mask));
        }
        (left << self.half_bits) | right
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg_attr(miri, ignore = "takes hours there")]
    fn every_small_size_is_permuted() {
        for n in 0..200_u32 {
            for key in 0..4 {
                let p = Permutation::new(n, key, 1, 2);
                let mut seen = [false; 200];
                for i in 0..n {
                    let j = p.index(i) as usize;
                    assert!(j < n as usize && !seen[j]);
                    seen[j] = true;
                }
                assert_eq!(p.index(n), n);
            }
        }
    }

    #[test]
    fn mixing_is_that_of_the_published_generator() {
        // The first outputs of splitmix64 from seed 0.
        let outputs = [0xe220_a839_7b1d_cdaf, 0x6e78_9e6a_a1b9_65f4, 0x06c4_5d18_8009_454f];
        for (i, output) in outputs.into_iter().enumerate() {
            assert_eq!(mix((i as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)), output);
        }
    }

    /// By a second program (in Python, from the description above): the same on every platform and
    /// on a device.
    #[test]
    fn permutations_are_what_they_were() {
        let small = Permutation::new(10, 42, 3, 1);
        assert_eq!(core::array::from_fn(|i| small.index(i as u32)), [6, 9, 8, 2, 1, 5, 3, 0, 4, 7]);
        let large = Permutation::new(100_000, 7, 1, 2);
        assert_eq!(
            core::array::from_fn(|i| large.index(i as u32)),
            [75_038, 10_417, 26_425, 2173, 30_004, 32_575]
        );
    }

    #[test]
    fn the_largest_size_stays_in_range() {
        let p = Permutation::new(u32::MAX, 1, 2, 3);
        assert!((0..1000).all(|i| p.index(i) < u32::MAX));
    }
}

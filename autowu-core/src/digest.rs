//! 64 bits of a state.

use crate::real::Real;
use crate::sampling::mix;

/// A hash of a sequence of words, equal on every platform.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Digest(u64);

impl Digest {
    pub fn new() -> Self {
        Digest(0)
    }

    pub fn word(&mut self, word: u64) {
        self.0 = mix(self.0 ^ word).rotate_left(23);
    }

    /// The bits of `x`; every NaN counts as the same.
    pub fn number<T: Real>(&mut self, x: T) {
        self.word(if x.is_nan() { u64::MAX } else { x.to_bits_u64() });
    }

    pub fn of<D: Digestible + ?Sized>(mut self, value: &D) -> Self {
        value.digest(&mut self);
        self
    }

    pub fn finish(self) -> u64 {
        self.0
    }
}

/// What a state is made of: it adds all that it holds to a digest.
pub(crate) trait Digestible {
    fn digest(&self, digest: &mut Digest);
}

impl<T: Real> Digestible for T {
    fn digest(&self, digest: &mut Digest) {
        digest.number(*self);
    }
}

macro_rules! digest_words {
    ($($word:ty),*) => {$(
        impl Digestible for $word {
            fn digest(&self, digest: &mut Digest) {
                digest.word(u64::from(*self));
            }
        }
    )*};
}

digest_words!(bool, u32, u64);

impl<D: Digestible> Digestible for Option<D> {
    fn digest(&self, digest: &mut Digest) {
        digest.word(u64::from(self.is_some()));
        if let Some(value) = self {
            value.digest(digest);
        }
    }
}

impl<D: Digestible, const N: usize> Digestible for [D; N] {
    fn digest(&self, digest: &mut Digest) {
        self.as_slice().digest(digest);
    }
}

impl<D: Digestible, const N: usize> Digestible for heapless::Vec<D, N> {
    fn digest(&self, digest: &mut Digest) {
        self.as_slice().digest(digest);
    }
}

impl<D: Digestible> Digestible for [D] {
    fn digest(&self, digest: &mut Digest) {
        digest.word(self.len() as u64);
        self.iter().for_each(|value| value.digest(digest));
    }
}

/// `Digestible` for a struct, field by field: one that is not listed does not compile.
macro_rules! digest_fields {
    ($name:ident $(<$t:ident $(, const $n:ident)?>)? { $($field:ident),* $(,)? }) => {
        impl $(<$t: $crate::real::Real $(, const $n: usize)?>)? $crate::digest::Digestible
            for $name $(<$t $(, $n)?>)?
        {
            fn digest(&self, digest: &mut $crate::digest::Digest) {
                let $name { $($field),* } = self;
                $($crate::digest::Digestible::digest($field, digest);)*
            }
        }
    };
}
pub(crate) use digest_fields;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_their_order_and_their_number_count() {
        let digest = |words: &[u64]| Digest::new().of(words).finish();
        let all = [digest(&[]), digest(&[0]), digest(&[0, 0]), digest(&[1, 2]), digest(&[2, 1])];
        for (i, a) in all.iter().enumerate() {
            assert!(all.iter().skip(i + 1).all(|b| a != b), "{all:?}");
        }
    }

    #[test]
    fn every_nan_is_the_same_and_every_other_number_is_its_bits() {
        let digest = |x: f64| Digest::new().of(&x).finish();
        assert_eq!(digest(f64::NAN), digest(-f64::NAN));
        assert_ne!(digest(0.0), digest(-0.0));
        let option = |x: Option<f64>| Digest::new().of(&x).finish();
        assert_ne!(option(None), option(Some(0.0)));
    }
}

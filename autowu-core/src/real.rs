//! The two number types, `f32` and `f64`, and the normal distribution.

use core::fmt::{Debug, Display};
use num_traits::{Float, FromPrimitive};

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
}

/// A real number: `f32` or `f64`, and no other: the trait is sealed, and may gain methods.
///
/// `exp`, `ln`, `sin` and `erfc` come from the `libm` crate under every feature, so a run has the
/// same bits on every platform. `sqrt`, `floor` and the like, from `num_traits::Float`, are
/// correctly rounded everywhere.
pub trait Real:
    Float + FromPrimitive + Debug + Display + Default + Send + Sync + sealed::Sealed + 'static
{
    /// `eˣ`, correct to 1 unit in the last place.
    fn exp_(self) -> Self;
    /// `ln x`, correct to 1 unit in the last place.
    fn ln_(self) -> Self;
    /// `sin x`.
    fn sin_(self) -> Self;
    /// `erfc x = 1 − erf x`, without cancellation in the upper tail.
    fn erfc_(self) -> Self;
    /// The nearest number of this type to a double.
    fn of(x: f64) -> Self;
    /// The same number as a double.
    fn wide(self) -> f64;
    /// The nearest number of this type to a count.
    fn of_u64(n: u64) -> Self;
    /// The bits, widened to 64: for [`digest`](crate::AutoWu::digest).
    fn to_bits_u64(self) -> u64;
    /// The number with these bits; `None` if they belong to a wider type.
    fn from_bits_u64(bits: u64) -> Option<Self>;
    /// The number of a decimal text, correctly rounded.
    fn parse(text: &str) -> Option<Self>;
}

macro_rules! real {
    ($t:ty, $bits:ty, $exp:path, $ln:path, $sin:path, $erfc:path) => {
        impl Real for $t {
            #[inline]
            fn exp_(self) -> Self {
                $exp(self)
            }
            #[inline]
            fn ln_(self) -> Self {
                $ln(self)
            }
            #[inline]
            fn sin_(self) -> Self {
                $sin(self)
            }
            #[inline]
            fn erfc_(self) -> Self {
                $erfc(self)
            }
            #[inline]
            fn of(x: f64) -> Self {
                x as $t
            }
            #[inline]
            fn wide(self) -> f64 {
                f64::from(self)
            }
            #[inline]
            fn of_u64(n: u64) -> Self {
                n as $t
            }
            #[inline]
            fn to_bits_u64(self) -> u64 {
                u64::from(self.to_bits())
            }
            #[inline]
            fn from_bits_u64(bits: u64) -> Option<Self> {
                <$bits>::try_from(bits).ok().map(<$t>::from_bits)
            }
            #[inline]
            fn parse(text: &str) -> Option<Self> {
                text.trim().parse().ok()
            }
        }
    };
}
real!(f32, u32, libm::expf, libm::logf, libm::sinf, libm::erfcf);
real!(f64, u64, libm::exp, libm::log, libm::sin, libm::erfc);

/// `Φ(z) = ½ erfc(−z/√2)`: the standard normal's distribution function, accurate in both tails.
///
/// Relative error below 1e-14·(1 + z²) in `f64`: the argument's rounding is amplified by z² in the
/// lower tail.
///
/// ```
/// use autowu_core::real::normal_cdf;
/// assert_eq!(normal_cdf(0.0_f64), 0.5);
/// assert!((normal_cdf(-10.0_f64) / 7.619853024160526e-24 - 1.0).abs() < 1e-12);
/// ```
#[inline]
pub fn normal_cdf<T: Real>(z: T) -> T {
    T::of(0.5) * (-z * T::of(core::f64::consts::FRAC_1_SQRT_2)).erfc_()
}

/// `softplus(x) = ln(1 + eˣ)` and its derivative `1/(1 + e⁻ˣ)`, without overflow, from one
/// exponential.
#[inline]
pub(crate) fn softplus<T: Real>(x: T) -> (T, T) {
    let tail = (-x.abs()).exp_();
    // ln(1 + t): the plain form loses digits only for small t, where the two-term series takes
    // over.
    let log1p = if tail < T::of(1e-4) {
        tail * (T::one() - tail * T::of(0.5))
    } else {
        (T::one() + tail).ln_()
    };
    let upper = (T::one() + tail).recip();
    (x.max(T::zero()) + log1p, if x >= T::zero() { upper } else { tail * upper })
}

/// The `x` with `softplus(x) = y`, for `y > 0`: `y + ln(1 − e⁻ʸ)`.
#[inline]
pub(crate) fn softplus_inverse<T: Real>(y: T) -> T {
    y + (T::one() - (-y).exp_()).ln_()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn softplus_is_finite_and_monotone_over_the_whole_range() {
        let mut last = 0.0_f64;
        for i in -80..=80 {
            let (y, _) = softplus(f64::from(i) * 10.0);
            assert!(y.is_finite() && y >= last, "{i}: {y}");
            last = y;
        }
        assert_eq!(softplus(0.0_f64), (core::f64::consts::LN_2, 0.5));
    }

    #[test]
    fn softplus_keeps_its_digits_where_it_is_small() {
        for i in -200..=50 {
            let x = f64::from(i) / 5.0;
            // The series leaves tail²/3 from 1e-4 on.
            assert!((softplus(x).0 / libm::log1p(libm::exp(x)) - 1.0).abs() < 4e-9, "{x}");
        }
    }

    #[test]
    fn the_normal_distribution_is_that_of_the_tables() {
        for (z, p) in [
            (0.0, 0.5),
            (1.0, 0.841_344_746_068_543),
            (-1.0, 0.158_655_253_931_457),
            (-5.0, 2.866_515_719e-7),
        ] {
            assert!((normal_cdf::<f64>(z) / p - 1.0).abs() < 1e-9, "{z}");
        }
    }

    #[test]
    fn softplus_inverse_inverts() {
        for y in [1e-6_f64, 1e-3, 0.5, 1.0, 30.0] {
            assert!((softplus(softplus_inverse(y)).0 / y - 1.0).abs() < 1e-9, "{y}");
        }
    }

    #[test]
    fn the_derivative_of_softplus_is_its_slope() {
        for x in [-20.0_f64, -3.0, 0.0, 2.0, 15.0] {
            let h = 1e-6;
            let slope = (softplus(x + h).0 - softplus(x - h).0) / (2.0 * h);
            assert!((slope - softplus(x).1).abs() < 1e-8, "{x}");
        }
    }
}

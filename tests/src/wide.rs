//! Arithmetic with `P` bits: the oracle behind the oracles.

use astro_float::{BigFloat, Consts, RoundingMode};
use std::cell::RefCell;
use std::cmp::Ordering;
use std::ops::{Add, Div, Mul, Neg, Sub};

const NEAREST: RoundingMode = RoundingMode::ToEven;

thread_local! {
    static CONSTANTS: RefCell<Option<Consts>> = RefCell::new(Consts::new().ok());
}

/// A binary floating-point number with `P` bits of mantissa (a multiple of 64) and a 32-bit
/// exponent.
#[derive(Clone, Debug, PartialEq)]
pub struct Wide<const P: usize = 256>(BigFloat);

impl<const P: usize> Wide<P> {
    /// The number itself, exactly.
    pub fn of(x: f64) -> Self {
        Wide(BigFloat::from_f64(x, P))
    }

    /// The whole number itself, exactly.
    pub fn whole(n: u64) -> Self {
        Wide(BigFloat::from_u64(n, P))
    }

    /// π
    pub fn pi() -> Self {
        Self::with_constants(|c| c.pi(P, NEAREST))
    }

    /// √x
    #[must_use]
    pub fn sqrt(&self) -> Self {
        Wide(self.0.sqrt(P, NEAREST))
    }

    /// eˣ
    #[must_use]
    pub fn exp(&self) -> Self {
        Self::with_constants(|c| self.0.exp(P, NEAREST, c))
    }

    /// ln x
    #[must_use]
    pub fn ln(&self) -> Self {
        Self::with_constants(|c| self.0.ln(P, NEAREST, c))
    }

    /// cos x
    #[must_use]
    pub fn cos(&self) -> Self {
        Self::with_constants(|c| self.0.cos(P, NEAREST, c))
    }

    /// ⌈x⌉
    #[must_use]
    pub fn ceil(&self) -> Self {
        Wide(self.0.ceil())
    }

    /// |x|
    #[must_use]
    pub fn abs(&self) -> Self {
        Wide(self.0.abs())
    }

    /// x as a double, to within its last place (0 below the normal doubles).
    pub fn to_f64(&self) -> f64 {
        let Some((words, _, sign, exponent, _)) = self.0.as_raw_parts() else {
            return f64::NAN;
        };
        let top = words.last().copied().unwrap_or(0) as f64 * 2f64.powi(-64);
        // Two factors, because 2^exponent alone may overflow where the number does not.
        let half = exponent / 2;
        let size = top * 2f64.powi(half) * 2f64.powi(exponent - half);
        if sign == astro_float::Sign::Neg { -size } else { size }
    }

    /// |x − self|
    pub fn error_of(&self, x: f64) -> f64 {
        (Self::of(x) - self.clone()).abs().to_f64()
    }

    /// |x − self|/|self|
    pub fn relative_error_of(&self, x: f64) -> f64 {
        ((Self::of(x) - self.clone()) / self.clone()).abs().to_f64()
    }

    fn with_constants(f: impl FnOnce(&mut Consts) -> BigFloat) -> Self {
        CONSTANTS.with_borrow_mut(|c| Wide(c.as_mut().map_or_else(|| BigFloat::nan(None), f)))
    }
}

macro_rules! operator {
    ($trait:ident, $name:ident) => {
        impl<const P: usize> $trait for Wide<P> {
            type Output = Self;
            fn $name(self, other: Self) -> Self {
                Wide(self.0.$name(&other.0, P, NEAREST))
            }
        }
        impl<const P: usize> $trait for &Wide<P> {
            type Output = Wide<P>;
            fn $name(self, other: Self) -> Wide<P> {
                Wide(self.0.$name(&other.0, P, NEAREST))
            }
        }
    };
}
operator!(Add, add);
operator!(Sub, sub);
operator!(Mul, mul);
operator!(Div, div);

impl<const P: usize> Neg for Wide<P> {
    type Output = Self;
    fn neg(self) -> Self {
        Wide(self.0.neg())
    }
}

impl<const P: usize> PartialOrd for Wide<P> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        self.0.partial_cmp(&other.0)
    }
}

#[cfg(test)]
mod tests {
    use super::Wide;

    #[test]
    fn doubles_go_in_and_out() {
        for x in [0.0, 1.0, -1.5, 1e300, -3e-300, f64::MIN_POSITIVE, f64::MAX] {
            assert_eq!(Wide::<256>::of(x).to_f64(), x);
        }
    }

    #[test]
    fn functions_are_those_of_the_library() {
        let x = Wide::<256>::of(0.7);
        for (wide, double) in [
            (x.exp(), 0.7_f64.exp()),
            (x.ln(), 0.7_f64.ln()),
            (x.sqrt(), 0.7_f64.sqrt()),
            (x.cos(), 0.7_f64.cos()),
            (Wide::pi(), std::f64::consts::PI),
        ] {
            assert!(wide.relative_error_of(double) < 3e-16, "{double}");
        }
    }

    #[test]
    fn a_third_has_as_many_digits_as_promised() {
        let third = Wide::<256>::of(1.0) / Wide::of(3.0);
        let off = third * Wide::of(3.0) - Wide::of(1.0);
        assert!(off.abs().to_f64() < 2f64.powi(-254));
    }
}

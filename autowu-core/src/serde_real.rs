//! Numbers that survive every format bit for bit, NaN and infinities included: as their shortest
//! decimal text in text formats (JSON has no NaN, and not every reader rounds correctly), as their
//! bits in binary ones.

use crate::real::Real;
use core::fmt;
use core::marker::PhantomData;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

struct Exact<T>(T);

impl<T: Real> Serialize for Exact<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(&format_args!("{:?}", self.0))
        } else {
            serializer.serialize_u64(self.0.to_bits_u64())
        }
    }
}

impl<'de, T: Real> Deserialize<'de> for Exact<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text<T>(PhantomData<T>);
        impl<T: Real> de::Visitor<'_> for Text<T> {
            type Value = T;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number, or its decimal text")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
                T::parse(text).ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
            }
            fn visit_f64<E: de::Error>(self, x: f64) -> Result<T, E> {
                Ok(T::of(x))
            }
            fn visit_u64<E: de::Error>(self, n: u64) -> Result<T, E> {
                Ok(T::of_u64(n))
            }
            fn visit_i64<E: de::Error>(self, n: i64) -> Result<T, E> {
                Ok(T::of(n as f64))
            }
        }
        if deserializer.is_human_readable() {
            deserializer.deserialize_any(Text(PhantomData)).map(Exact)
        } else {
            let bits = u64::deserialize(deserializer)?;
            T::from_bits_u64(bits)
                .map(Exact)
                .ok_or_else(|| de::Error::custom("the bits of a wider number"))
        }
    }
}

pub(crate) fn serialize<T: Real, S: Serializer>(x: &T, serializer: S) -> Result<S::Ok, S::Error> {
    Exact(*x).serialize(serializer)
}

pub(crate) fn deserialize<'de, T: Real, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Exact::deserialize(deserializer).map(|Exact(x)| x)
}

/// `Option<f64>`.
pub(crate) mod option {
    use super::{Deserialize, Deserializer, Exact, Real, Serialize, Serializer};

    pub(crate) fn serialize<T: Real, S: Serializer>(
        x: &Option<T>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        x.map(Exact).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, T: Real, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<T>, D::Error> {
        Ok(Option::<Exact<T>>::deserialize(deserializer)?.map(|Exact(x)| x))
    }

    /// Any other option. Without this one that is missing would be taken for `None`.
    pub(crate) fn required<'de, V: Deserialize<'de>, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<V>, D::Error> {
        Option::deserialize(deserializer)
    }
}

/// `[T; K]`.
pub(crate) mod array {
    use super::{Deserialize, Deserializer, Exact, Real, Serialize, Serializer, de};
    use heapless::Vec;

    pub(crate) fn serialize<T: Real, const K: usize, S: Serializer>(
        x: &[T; K],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        x.map(Exact).iter().collect::<Vec<_, K>>().serialize(serializer)
    }

    pub(crate) fn deserialize<'de, T: Real, const K: usize, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<[T; K], D::Error> {
        let list = Vec::<Exact<T>, K>::deserialize(deserializer)?;
        let mut out = [T::zero(); K];
        if list.len() != K {
            return Err(de::Error::invalid_length(list.len(), &"every entry of the array"));
        }
        for (o, Exact(x)) in out.iter_mut().zip(list) {
            *o = x;
        }
        Ok(out)
    }
}

/// `Vec<T, N>`.
pub(crate) mod list {
    use super::{Deserialize, Deserializer, Exact, Real, Serializer};
    use heapless::Vec;
    use serde::ser::SerializeSeq;

    pub(crate) fn serialize<T: Real, const N: usize, S: Serializer>(
        x: &Vec<T, N>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let mut seq = serializer.serialize_seq(Some(x.len()))?;
        for &x in x {
            seq.serialize_element(&Exact(x))?;
        }
        seq.end()
    }

    pub(crate) fn deserialize<'de, T: Real, const N: usize, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<T, N>, D::Error> {
        let list = Vec::<Exact<T>, N>::deserialize(deserializer)?;
        Ok(list.into_iter().map(|Exact(x)| x).collect())
    }
}

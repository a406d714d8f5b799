//! The Gaussian process by the textbook: the `n × n` covariance matrix and its Cholesky factor, in
//! doubles.
//!
//! `A = s² K + σ² I`, `K_ij = exp(−(x_i − x_j)²/2ℓ²)`; nothing here knows of features.

use nalgebra::{Cholesky, DMatrix, DVector, Dyn};

/// `exp(−(x − z)²/2ℓ²)`
pub fn kernel(x: f64, z: f64, length_scale: f64) -> f64 {
    let u = (x - z) / length_scale;
    (-0.5 * u * u).exp()
}

/// A GP conditioned on samples `(x_i, y_i)`.
pub struct Dense {
    x: Vec<f64>,
    residual: DVector<f64>,
    cholesky: Cholesky<f64, Dyn>,
    /// `A⁻¹ (y − μ)`
    alpha: DVector<f64>,
    hyper: [f64; 3],
    length_scale: f64,
}

impl Dense {
    /// Conditions on the samples with hyper-parameters (μ, s², σ²); `None` where doubles do not
    /// make the matrix positive definite.
    pub fn condition(samples: &[(f64, f64)], hyper: [f64; 3], length_scale: f64) -> Option<Self> {
        let [mean, scale, noise] = hyper;
        let x: Vec<f64> = samples.iter().map(|s| s.0).collect();
        let a = DMatrix::from_fn(x.len(), x.len(), |i, j| {
            scale * kernel(x[i], x[j], length_scale) + if i == j { noise } else { 0.0 }
        });
        let residual = DVector::from_iterator(x.len(), samples.iter().map(|s| s.1 - mean));
        let cholesky = Cholesky::new(a)?;
        let alpha = cholesky.solve(&residual);
        Some(Dense { x, residual, cholesky, alpha, hyper, length_scale })
    }

    /// `E f(z) = μ + s² k(z)ᵀ A⁻¹ (y − μ)`
    pub fn mean_at(&self, z: f64) -> f64 {
        self.hyper[0] + self.covariances(z).dot(&self.alpha)
    }

    /// `Var f(z) = s² − s⁴ k(z)ᵀ A⁻¹ k(z)`
    pub fn variance_at(&self, z: f64) -> f64 {
        let k = self.covariances(z);
        self.hyper[1] - k.dot(&self.cholesky.solve(&k))
    }

    /// `Var[f(x) − f(z)] = 2s² (1 − k(x, z)) − dᵀ A⁻¹ d`, `d = s² (k(x) − k(z))`
    pub fn variance_of_difference(&self, x: f64, z: f64) -> f64 {
        let d = self.covariances(x) - self.covariances(z);
        let prior = 2.0 * self.hyper[1] * (1.0 - kernel(x, z, self.length_scale));
        prior - d.dot(&self.cholesky.solve(&d))
    }

    /// `[(y − μ)ᵀ A⁻¹ (y − μ) + ln |A|]/2n`
    pub fn negative_log_evidence(&self) -> f64 {
        let determinant: f64 =
            self.cholesky.l_dirty().diagonal().iter().map(|d| 2.0 * d.ln()).sum();
        0.5 * (self.residual.dot(&self.alpha) + determinant) / self.x.len() as f64
    }

    /// Its gradient by (μ, s², σ²): `[−1ᵀα, ½ tr(A⁻¹K) − ½ αᵀKα, ½ tr A⁻¹ − ½ αᵀα]/n`
    pub fn gradient(&self) -> [f64; 3] {
        let inverse = self.cholesky.inverse();
        let (n, l) = (self.x.len(), self.length_scale);
        let k = DMatrix::from_fn(n, n, |i, j| kernel(self.x[i], self.x[j], l));
        let by_scale = 0.5 * (inverse.dot(&k) - self.alpha.dot(&(&k * &self.alpha)));
        let by_noise = 0.5 * (inverse.trace() - self.alpha.dot(&self.alpha));
        [-self.alpha.sum(), by_scale, by_noise].map(|g| g / n as f64)
    }

    fn covariances(&self, z: f64) -> DVector<f64> {
        let s = self.hyper[1];
        DVector::from_iterator(
            self.x.len(),
            self.x.iter().map(|&x| s * kernel(x, z, self.length_scale)),
        )
    }
}

//! The same Gaussian process as in `autowu_lab::dense`, in 256 bits and with a Cholesky factor
//! of its own.

use crate::wide::Wide;

/// A GP conditioned on samples `(x_i, y_i)`.
pub struct WideGp {
    x: Vec<Wide>,
    residual: Vec<Wide>,
    /// Rows of the lower triangular `L` with `L Lᵀ = s² K + σ² I`.
    factor: Vec<Vec<Wide>>,
    /// `A⁻¹ (y − μ)`
    alpha: Vec<Wide>,
    mean: Wide,
    scale: Wide,
    length_scale: Wide,
}

impl WideGp {
    /// Conditions on the samples with hyper-parameters (μ, s², σ²). Inputs are exact doubles.
    pub fn condition(samples: &[(f64, f64)], hyper: [f64; 3], length_scale: f64) -> Self {
        let [mean, scale, noise] = hyper.map(Wide::of);
        let length_scale = Wide::of(length_scale);
        let x: Vec<Wide> = samples.iter().map(|s| Wide::of(s.0)).collect();
        let residual: Vec<Wide> = samples.iter().map(|s| Wide::of(s.1) - mean.clone()).collect();
        let mut factor: Vec<Vec<Wide>> = Vec::new();
        for i in 0..x.len() {
            let mut row: Vec<Wide> = Vec::new();
            for j in 0..=i {
                let mut a = &scale * &kernel(&x[i], &x[j], &length_scale);
                if i == j {
                    a = a + noise.clone();
                }
                let other = if i == j { &row } else { &factor[j] };
                let a = row.iter().zip(other).take(j).fold(a, |a, (p, q)| &a - &(p * q));
                row.push(if i == j { a.sqrt() } else { &a / &factor[j][j] });
            }
            factor.push(row);
        }
        let mut gp = WideGp { x, residual, factor, alpha: Vec::new(), mean, scale, length_scale };
        gp.alpha = gp.backward(gp.forward(&gp.residual));
        gp
    }

    /// `E f(z)`
    pub fn mean_at(&self, z: f64) -> Wide {
        self.mean.clone() + dot(&self.covariances(z), &self.alpha)
    }

    /// `Var[f(x) − f(z)]`
    pub fn variance_of_difference(&self, x: f64, z: f64) -> Wide {
        let d: Vec<Wide> =
            self.covariances(x).iter().zip(&self.covariances(z)).map(|(a, b)| a - b).collect();
        let k = kernel(&Wide::of(x), &Wide::of(z), &self.length_scale);
        let prior = Wide::of(2.0) * self.scale.clone() * (Wide::of(1.0) - k);
        let v = self.forward(&d);
        prior - dot(&v, &v)
    }

    /// `[(y − μ)ᵀ A⁻¹ (y − μ) + ln |A|]/2n`
    pub fn negative_log_evidence(&self) -> Wide {
        let v = self.forward(&self.residual);
        let determinant = self
            .factor
            .iter()
            .flat_map(|row| row.last())
            .fold(Wide::of(0.0), |sum, d| sum + d.ln());
        (dot(&v, &v) * Wide::of(0.5) + determinant) / self.count()
    }

    /// Its gradient by (μ, s², σ²).
    pub fn gradient(&self) -> [Wide; 3] {
        let (zero, half, n) = (Wide::of(0.0), Wide::of(0.5), self.x.len());
        let (mut trace_inverse, mut trace_product) = (zero.clone(), zero.clone());
        for j in 0..n {
            let unit: Vec<Wide> = (0..n).map(|i| Wide::of(f64::from(u8::from(i == j)))).collect();
            let column = self.backward(self.forward(&unit));
            trace_inverse = trace_inverse + column[j].clone();
            trace_product = trace_product + dot(&column, &self.kernels(&self.x[j]));
        }
        let quadratic = (0..n).fold(zero.clone(), |sum, j| {
            sum + self.alpha[j].clone() * dot(&self.alpha, &self.kernels(&self.x[j]))
        });
        let sum = self.alpha.iter().fold(zero, |sum, a| &sum + a);
        let by_noise = trace_inverse - dot(&self.alpha, &self.alpha);
        [-sum, half.clone() * (trace_product - quadratic), half * by_noise]
            .map(|g| g / self.count())
    }

    fn count(&self) -> Wide {
        Wide::whole(self.x.len() as u64)
    }

    fn kernels(&self, z: &Wide) -> Vec<Wide> {
        self.x.iter().map(|x| kernel(x, z, &self.length_scale)).collect()
    }

    fn covariances(&self, z: f64) -> Vec<Wide> {
        self.kernels(&Wide::of(z)).iter().map(|k| k * &self.scale).collect()
    }

    /// `L⁻¹ b`
    fn forward(&self, b: &[Wide]) -> Vec<Wide> {
        let mut v: Vec<Wide> = Vec::new();
        for (row, b) in self.factor.iter().zip(b) {
            let rest = v.iter().zip(row).fold(b.clone(), |rest, (v, l)| &rest - &(l * v));
            v.push(&rest / &row[v.len()]);
        }
        v
    }

    /// `L⁻ᵀ b`
    fn backward(&self, mut b: Vec<Wide>) -> Vec<Wide> {
        for i in (0..b.len()).rev() {
            b[i] = &b[i] / &self.factor[i][i];
            for j in 0..i {
                b[j] = &b[j] - &(&self.factor[i][j] * &b[i]);
            }
        }
        b
    }
}

fn kernel(x: &Wide, z: &Wide, length_scale: &Wide) -> Wide {
    let u = &(x - z) / length_scale;
    (-(&(&u * &u) * &Wide::of(0.5))).exp()
}

fn dot(a: &[Wide], b: &[Wide]) -> Wide {
    a.iter().zip(b).fold(Wide::of(0.0), |sum, (a, b)| &sum + &(a * b))
}

//! Many small networks on synthetic data, side by side: the same architecture, and its own scale of
//! the data for each.

use autowu_core::sampling::mix;
use rayon::prelude::*;

const INPUTS: usize = 8;
const HIDDEN: usize = 16;
const BATCH: usize = 16;
/// Points that all problems draw from.
const POINTS: usize = 4096;
/// The last of these, which are only tested on.
const HELD_OUT: usize = 512;
/// Labels that are wrong.
const FLIPPED: f64 = 0.05;
/// The data's scale lies between the inverse of this and this.
const WIDEST: f64 = 10.0;

/// `ŷ = σ(v · relu(Wx + c) + b)`
#[derive(Clone, Default)]
struct Network {
    w: [[f32; HIDDEN]; INPUTS],
    c: [f32; HIDDEN],
    v: [f32; HIDDEN],
    b: f32,
}

/// One problem: classify points, enlarged `scale` times, by its own quadratic rule.
struct Problem {
    scale: f32,
    rule: [[f32; INPUTS]; 2],
    network: Network,
    gradient: Network,
    copy: Network,
}

/// All problems, and the points.
pub struct Problems {
    points: Vec<[f32; INPUTS]>,
    problems: Vec<Problem>,
}

impl Problems {
    /// `n` untrained networks.
    pub fn new(n: usize, seed: u64) -> Self {
        let mut random = Random(mix(seed));
        let points = (0..POINTS).map(|_| std::array::from_fn(|_| random.normal())).collect();
        let problem = |i: usize| {
            let mut random = Random(mix(seed ^ mix(i as u64 + 1)));
            let scale = WIDEST.powf(2.0 * random.uniform() - 1.0) as f32;
            let rule = std::array::from_fn(|_| std::array::from_fn(|_| random.normal()));
            // He et al. 2015, as if the data had scale 1; the learning rate has to make up for its
            // real scale.
            let mut network = Network::default();
            network
                .w
                .as_flattened_mut()
                .fill_with(|| random.normal() * (2.0 / INPUTS as f32).sqrt());
            network.v.fill_with(|| random.normal() * (2.0 / HIDDEN as f32).sqrt());
            Problem { scale, rule, copy: network.clone(), gradient: Network::default(), network }
        };
        Problems { points, problems: (0..n).into_par_iter().map(problem).collect() }
    }

    /// The scale of each problem's data.
    pub fn scales(&self) -> impl Iterator<Item = f64> + '_ {
        self.problems.iter().map(|p| f64::from(p.scale))
    }

    /// The mean loss of each problem's next batch; the gradients stay here until
    /// [`update`](Self::update).
    pub fn losses(&mut self, step: u64) -> Vec<f32> {
        let points = &self.points[..POINTS - HELD_OUT];
        let losses =
            self.problems.par_iter_mut().enumerate().with_min_len(32).map(|(i, problem)| {
                problem.gradient = Network::default();
                let mut random = Random(mix(step ^ mix(!(i as u64))));
                let mut total = 0.0;
                for _ in 0..BATCH {
                    let x = &points[(random.next() % points.len() as u64) as usize];
                    let positive = problem.rule(x) ^ (random.uniform() < FLIPPED);
                    total += problem.learn(x, positive);
                }
                total / BATCH as f32
            });
        losses.collect()
    }

    /// Keeps a copy of these networks.
    pub fn copy(&mut self, i: usize) {
        self.problems[i].copy = self.problems[i].network.clone();
    }

    /// Puts the copy back, and drops the gradient of the discarded weights.
    pub fn restore(&mut self, i: usize) {
        self.problems[i].network = self.problems[i].copy.clone();
        self.problems[i].gradient = Network::default();
    }

    /// Gradient descent.
    pub fn update(&mut self, lrs: &[f32]) {
        let step = |(problem, &lr): (&mut Problem, &f32)| {
            let Problem { network, gradient, .. } = problem;
            let lr = lr / BATCH as f32;
            for (w, g) in network.w.as_flattened_mut().iter_mut().zip(gradient.w.as_flattened()) {
                *w -= lr * g;
            }
            for j in 0..HIDDEN {
                network.c[j] -= lr * gradient.c[j];
                network.v[j] -= lr * gradient.v[j];
            }
            network.b -= lr * gradient.b;
        };
        self.problems.par_iter_mut().with_min_len(256).zip(lrs).for_each(step);
    }

    /// Share of the points not trained on that each network classifies rightly.
    pub fn accuracies(&self) -> Vec<f64> {
        let points = &self.points[POINTS - HELD_OUT..];
        let right =
            |p: &Problem| points.iter().filter(|x| (p.logit(x).1 > 0.0) == p.rule(x)).count();
        self.problems.par_iter().map(|p| right(p) as f64 / HELD_OUT as f64).collect()
    }
}

impl Problem {
    /// Whether `x` is of the first class.
    fn rule(&self, x: &[f32; INPUTS]) -> bool {
        let along = |a: &[f32; INPUTS]| a.iter().zip(x).map(|(a, x)| a * x).sum::<f32>();
        let (a, b) = (along(&self.rule[0]), along(&self.rule[1]));
        a + 0.3 * b * b > 1.0
    }

    /// The hidden units, and the logit.
    fn logit(&self, x: &[f32; INPUTS]) -> ([f32; HIDDEN], f32) {
        let Network { w, c, v, b } = &self.network;
        let mut hidden = *c;
        for (w, x) in w.iter().zip(x) {
            let x = x * self.scale;
            for (h, w) in hidden.iter_mut().zip(w) {
                *h += w * x;
            }
        }
        let hidden = hidden.map(|h| h.max(0.0));
        (hidden, b + hidden.iter().zip(v).map(|(h, v)| h * v).sum::<f32>())
    }

    /// Adds the gradient of `ln(1 + exp(∓logit))`, and returns it.
    fn learn(&mut self, x: &[f32; INPUTS], positive: bool) -> f32 {
        let (hidden, logit) = self.logit(x);
        let sign = if positive { -1.0 } else { 1.0 };
        let tail = (-logit.abs()).exp();
        let loss = (sign * logit).max(0.0) + tail.ln_1p();
        let slope = sign * if sign * logit > 0.0 { 1.0 } else { tail } / (1.0 + tail);
        let g = &mut self.gradient;
        g.b += slope;
        let mut back = [0.0; HIDDEN];
        for j in 0..HIDDEN {
            g.v[j] += slope * hidden[j];
            back[j] = if hidden[j] > 0.0 { slope * self.network.v[j] } else { 0.0 };
            g.c[j] += back[j];
        }
        for (g, x) in g.w.iter_mut().zip(x) {
            let x = x * self.scale;
            for (g, b) in g.iter_mut().zip(&back) {
                *g += b * x;
            }
        }
        loss
    }
}

/// Random numbers from a seed: splitmix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(1);
        mix(self.0)
    }

    /// In [0, 1).
    fn uniform(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Box and Muller.
    fn normal(&mut self) -> f32 {
        let (radius, angle) =
            ((-2.0 * (1.0 - self.uniform()).ln()).sqrt(), std::f64::consts::TAU * self.uniform());
        (radius * angle.cos()) as f32
    }
}

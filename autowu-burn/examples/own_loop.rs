//! AutoWU in a loop of your own: classifies the two arms of a spiral, and restores the weights when
//! the learning rate was too large.
//!
//! ```text
//! cargo run --release -p autowu-burn --example own_loop
//! ```

use autowu_burn::{AutoWu, Config, Event};
use burn::module::Module;
use burn::nn::loss::BinaryCrossEntropyLossConfig;
use burn::nn::{Linear, LinearConfig, Tanh};
use burn::optim::{AdamWConfig, GradientsParams};
use burn::tensor::{Device, Int, Tensor};

const STEPS: u64 = 1000;

#[derive(Module, Debug)]
struct Net {
    layers: Vec<Linear>,
    tanh: Tanh,
}

impl Net {
    fn forward(&self, x: Tensor<2>) -> Tensor<1> {
        let [first, second, last] = [0, 1, 2].map(|i| &self.layers[i]);
        let x = self.tanh.forward(first.forward(x));
        last.forward(self.tanh.forward(second.forward(x))).squeeze_dim(1)
    }
}

/// Points `[n, 2]` of two arms of a spiral, and the arm of each.
fn spiral(n: usize, device: &Device) -> (Tensor<2>, Tensor<1, Int>) {
    let point = |i: usize| {
        let (arm, t) = (i % 2, 3.5 * (i as f32 + 1.0) / n as f32);
        let angle = 2.0 * t + std::f32::consts::PI * arm as f32;
        ([t * angle.cos(), t * angle.sin()], arm as i32)
    };
    let (points, arms): (Vec<[f32; 2]>, Vec<i32>) = (0..n).map(point).unzip();
    let points: Tensor<1> = Tensor::from_floats(points.concat().as_slice(), device);
    (points.reshape([n, 2]), Tensor::from_ints(arms.as_slice(), device))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let device = Device::flex().autodiff();
    device.seed(0);
    let (points, arms) = spiral(256, &device);
    let layers = [[2, 32], [32, 32], [32, 1]].map(|[a, b]| LinearConfig::new(a, b).init(&device));
    let mut model = Net { layers: layers.into(), tanh: Tanh::new() };
    let mut optim = AdamWConfig::new().init();
    let loss_of = BinaryCrossEntropyLossConfig::new().with_logits(true).init(&device);

    let autowu = AutoWu::new(Config::new(STEPS))?;
    // A clone shares the running statistics of normalisations with the model; `train` makes them
    // its own.
    let mut copy = (model.clone().train(), optim.clone());
    for step in 0..STEPS {
        let loss = loss_of.forward(model.forward(points.clone()), arms.clone());
        let lr = autowu.lr();
        if step % 100 == 0 {
            println!("step {step:4}  lr {lr:.1e}  loss {:.4}", loss.clone().into_scalar::<f32>());
        }
        let event = autowu.observe(&loss)?;
        match event {
            Some(Event::Snapshot { .. }) => copy = (model.clone().train(), optim.clone()),
            Some(event @ Event::Restore { .. }) => {
                println!("{event}");
                (model, optim) = (copy.0.clone().train(), copy.1.clone());
            }
            Some(event) => println!("{event}"),
            None => {}
        }
        if event.is_some_and(|event| event.skips_update()) {
            continue; // the gradient belongs to weights that are gone, or to a loss that is NaN
        }
        let gradients = GradientsParams::from_grads(loss.backward(), &model);
        model = optim.step(lr, model, gradients);
    }

    let right = model
        .forward(points)
        .greater_scalar(0.0)
        .int()
        .equal(arms)
        .int()
        .sum()
        .into_scalar::<i64>();
    println!("accuracy {:.4}", right as f64 / 256.0);
    Ok(())
}

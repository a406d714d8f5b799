//! A line through noisy points, with an untuned learning rate.
//!
//! ```text
//! cargo run --example line
//! ```

use autowu_candle::{AdamW, Config, Event, ParamsAdamW, Scheduled};
use candle_core::{DType, Device, Result, Tensor};
use candle_nn::{Module, VarBuilder, VarMap, linear, loss::mse};

const STEPS: u64 = 600;
const BATCH: usize = 32;

fn main() -> Result<()> {
    let map = VarMap::new();
    let model = linear(1, 1, VarBuilder::from_varmap(&map, DType::F32, &Device::Cpu))?;
    let optimizer = AdamW::from_varmap(&map, ParamsAdamW::default())?; // its lr is not used
    let mut optimizer = Scheduled::new(optimizer, Config::new(STEPS))?;
    for _ in 0..STEPS {
        let x = Tensor::rand(-1f32, 1., (BATCH, 1), &Device::Cpu)?;
        let y = (x.affine(2., 1.)? + Tensor::randn(0f32, 0.1, (BATCH, 1), &Device::Cpu)?)?;
        // Reads the loss when a test is due, and restores weights and moments by itself.
        let event = optimizer.backward_step(&mse(&model.forward(&x)?, &y)?)?;
        if let Some(event) = event.filter(|e| !matches!(e, Event::Snapshot { .. })) {
            println!("{event}");
        }
    }
    let slope = model.weight().flatten_all()?.to_vec1::<f32>()?[0];
    let at_zero = model.forward(&Tensor::new(&[[0f32]], &Device::Cpu)?)?;
    let offset = at_zero.flatten_all()?.to_vec1::<f32>()?[0];
    println!("y = {slope:.3} x + {offset:.3}; without noise y = 2 x + 1");
    assert!((slope - 2.).abs() < 0.1 && (offset - 1.).abs() < 0.1, "the line is found");
    Ok(())
}

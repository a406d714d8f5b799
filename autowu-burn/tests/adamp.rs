//! AdamP over 20 steps is the authors' own: the numbers are those that candle's AdamP is tested
//! with too, made by `autowu-candle/tests/optimizers/reference.py` with PyTorch and the authors'
//! package.

// A failed expectation ends the test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use autowu_burn::{AdamP, AdamPConfig, AdamPState};
use burn::module::{Module, Param};
use burn::optim::{GradientsParams, Optimizer, OptimizerRecord};
use burn::tensor::{Device, Tensor, TensorData};

/// Steps after which the reference kept the weights.
const KEPT: [usize; 5] = [1, 2, 5, 10, 20];

/// Allowed difference, relative to the largest weight of the parameter or the learning rate,
/// whichever is more: 20 steps of some ten roundings each in single precision.
const TOLERANCE: f64 = 2e-6;

/// Parameters of the reference with one dimension to four, by rank.
const PARAMETERS: [&str; 8] = [
    "matrix",
    "matrix_channel",
    "conv_layer",
    "conv_mixed",
    "conv_free",
    "bias",
    "zero_weights",
    "zero_gradients",
];

/// A safetensors file: eight bytes of header length, the header as JSON, the data.
struct Reference {
    header: serde_json::Value,
    data: Vec<u8>,
}

impl Reference {
    fn read() -> Self {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../autowu-candle/tests/optimizers/reference.safetensors"
        );
        let bytes = std::fs::read(path).unwrap_or_else(|e| panic!("{path}: {e}"));
        let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
        let header = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
        Reference { header, data: bytes[8 + length..].to_vec() }
    }

    /// Shape and numbers of a tensor.
    fn get(&self, name: &str) -> (Vec<usize>, Vec<f64>) {
        let entry = &self.header[name];
        let number =
            |value: &serde_json::Value| value.as_u64().unwrap_or_else(|| panic!("{name}")) as usize;
        let shape = entry["shape"]
            .as_array()
            .unwrap_or_else(|| panic!("{name}"))
            .iter()
            .map(number)
            .collect();
        let bytes =
            &self.data[number(&entry["data_offsets"][0])..number(&entry["data_offsets"][1])];
        let numbers = match entry["dtype"].as_str() {
            Some("F64") => {
                bytes.chunks(8).map(|b| f64::from_le_bytes(b.try_into().unwrap())).collect()
            }
            Some("F32") => bytes
                .chunks(4)
                .map(|b| f64::from(f32::from_le_bytes(b.try_into().unwrap())))
                .collect(),
            other => panic!("{name}: {other:?}"),
        };
        (shape, numbers)
    }
}

fn tensor<const D: usize>(shape: &[usize], numbers: &[f64]) -> Tensor<D> {
    let numbers: Vec<f32> = numbers.iter().map(|&x| x as f32).collect();
    Tensor::from_data(TensorData::new(numbers, shape.to_vec()), &Device::flex())
}

fn follows<const D: usize>(
    reference: &Reference,
    case: &str,
    name: &str,
    optimizer: &AdamP,
) -> f64 {
    let of = |what: &str| reference.get(&format!("{case}/{name}/{what}"));
    let (shape, start) = of("start");
    let (_, gradients) = of("gradients");
    let (_, expected) = of("f32");
    let (_, lrs) = reference.get(&format!("{case}/lr"));
    let size = start.len();
    let mut w = tensor::<D>(&shape, &start);
    let mut state: Option<AdamPState<D>> = None;
    let mut worst = 0.0_f64;
    for (t, &lr) in lrs.iter().enumerate() {
        let gradient = tensor::<D>(&shape, &gradients[t * size..(t + 1) * size]);
        (w, state) = optimizer.step(lr, w, gradient, state);
        let Some(kept) = KEPT.iter().position(|&step| step == t + 1) else { continue };
        let expected = &expected[kept * size..(kept + 1) * size];
        let got: Vec<f64> = w.clone().try_into_vec_as().unwrap();
        let scale = expected.iter().fold(lr, |scale, x| scale.max(x.abs()));
        for (got, expected) in got.iter().zip(expected) {
            let error = (got - expected).abs() / scale;
            assert!(
                error <= TOLERANCE,
                "{case}, {name}, step {}: {got}, the reference has {expected}",
                t + 1
            );
            worst = worst.max(error);
        }
    }
    worst
}

fn agrees(case: &str, config: AdamPConfig) {
    let (reference, optimizer) = (Reference::read(), config.build());
    for name in PARAMETERS {
        let (shape, _) = reference.get(&format!("{case}/{name}/start"));
        let worst = match shape.len() {
            1 => follows::<1>(&reference, case, name, &optimizer),
            2 => follows::<2>(&reference, case, name, &optimizer),
            _ => follows::<4>(&reference, case, name, &optimizer),
        };
        println!("{case}, {name}: largest difference {worst:.1e}");
    }
}

#[test]
fn adamp_is_the_authors() {
    agrees("adamp", AdamPConfig::new());
}

#[test]
fn with_weight_decay_and_other_thresholds() {
    let config = AdamPConfig::new().with_weight_decay(0.5).with_delta(0.3).with_wd_ratio(0.25);
    agrees("adamp_decay", config.with_beta_1(0.8).with_beta_2(0.99));
}

#[test]
fn with_nesterovs_look_ahead() {
    agrees(
        "adamp_nesterov",
        AdamPConfig::new().with_nesterov(true).with_weight_decay(0.1).with_epsilon(1e-3),
    );
}

#[derive(Module, Debug)]
struct Model {
    kernel: Param<Tensor<4>>,
    bias: Param<Tensor<1>>,
}

/// A loss that moves every parameter, differently in every step.
fn gradients(model: &Model, step: usize) -> GradientsParams {
    let x = (step as f64).sin() + 1.5;
    let loss =
        (model.kernel.val() * x - 1.0).square().sum() + (model.bias.val() - x).square().sum();
    GradientsParams::from_grads(loss.backward(), model)
}

#[test]
fn its_state_goes_through_burns_record() {
    let device = Device::flex().autodiff();
    let start = Model {
        kernel: Param::from_tensor(Tensor::ones([2, 3, 2, 2], &device)),
        bias: Param::from_tensor(Tensor::zeros([3], &device)),
    };
    let config = AdamPConfig::new().with_weight_decay(0.1);
    let run = |interrupt: bool| {
        let (mut model, mut optimizer) = (start.clone(), config.init());
        for step in 0..8 {
            if interrupt && step == 4 {
                let bytes = optimizer.to_record().into_bytes().unwrap();
                optimizer = config.init().load_record(OptimizerRecord::from_bytes(bytes).unwrap());
            }
            let grads = gradients(&model, step);
            model = optimizer.step(0.01, model, grads);
        }
        let kernel: Vec<f32> = model.kernel.val().try_into_vec_as().unwrap();
        let bias: Vec<f32> = model.bias.val().try_into_vec_as().unwrap();
        (kernel, bias)
    };
    assert_eq!(run(false), run(true));
}

#[test]
fn an_empty_parameter_is_no_trouble() {
    let empty = || Tensor::<2>::zeros([0, 3], &Device::flex());
    let (w, _) = AdamPConfig::new().build().step(0.1, empty(), empty(), None);
    assert_eq!(w.dims(), [0, 3]);
}

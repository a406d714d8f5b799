//! Images with a class each, and what is made of them: wrong labels, some classes only, targets for
//! an autoencoder.

use crate::problem::{Problem, Rows};
use autowu_core::sampling::mix;
use autowu_lab::images::{self, Images};
use candle_core::{Device, Result, Tensor};
use std::ops::Range;
use std::path::Path;

/// MNIST's pixels to mean 0 and deviation 1.
pub fn mnist_units(pixel: f32) -> f32 {
    (pixel - 0.1307) / 0.3081
}

/// optdigits' 0 to 1 becomes −1 to 1.
pub fn digits_units(pixel: f32) -> f32 {
    pixel * 2.0 - 1.0
}

/// The first training and test images, of `side × side` pixels, as many as asked for.
///
/// # Errors
/// A missing, cut or foreign file.
pub fn load(
    folder: &Path,
    side: usize,
    [train, test]: [usize; 2],
    unit: fn(f32) -> f32,
) -> std::result::Result<Problem, String> {
    let data = images::load(folder)?;
    if (data.train.rows, data.train.columns) != (side, side) {
        let (rows, columns) = (data.train.rows, data.train.columns);
        return Err(format!(
            "{}: images of {rows}×{columns} pixels; {side}×{side} were expected",
            folder.display()
        ));
    }
    let rows = |images: &Images, most: usize| {
        let (n, width) = (images.len().min(most), images.rows * images.columns);
        let inputs = images.pixels.iter().take(n * width).map(|&p| unit(p)).collect();
        Ok::<_, candle_core::Error>(Rows {
            inputs: Tensor::from_vec(inputs, (n, width), &Device::Cpu)?,
            targets: Tensor::from_slice(&images.labels[..n], n, &Device::Cpu)?,
        })
    };
    let rows = |images, most| rows(images, most).map_err(|e| format!("{}: {e}", folder.display()));
    Ok(Problem::new(rows(&data.train, train)?, rows(&data.test, test)?, data.classes))
}

impl Problem {
    /// Every fifth training label, by lot, becomes another class; the test labels stay right.
    pub fn with_wrong_labels(mut self) -> Result<Self> {
        let classes = self.classes as u32;
        let mut labels = self.train.targets.to_vec1::<u32>()?;
        for (row, label) in (0..).zip(&mut labels) {
            let lot = mix(mix(row));
            if lot.is_multiple_of(5) {
                *label = (*label + 1 + (lot / 5) as u32 % (classes - 1)) % classes;
            }
        }
        self.train.targets = Tensor::new(labels, &Device::Cpu)?;
        Ok(self)
    }

    /// The images of these classes, counted from 0.
    pub fn with_classes(&self, classes: Range<u32>) -> Result<Self> {
        let of = |rows: &Rows| {
            let labels = rows.targets.to_vec1::<u32>()?;
            let members: Vec<u32> =
                (0..).zip(&labels).filter(|(_, l)| classes.contains(l)).map(|(i, _)| i).collect();
            let members = Tensor::new(members, &Device::Cpu)?;
            let first = Tensor::new(classes.start, &Device::Cpu)?;
            Ok::<_, candle_core::Error>(Rows {
                inputs: rows.inputs.index_select(&members, 0)?,
                targets: rows.targets.index_select(&members, 0)?.broadcast_sub(&first)?,
            })
        };
        Ok(Problem::new(of(&self.train)?, of(&self.test)?, classes.len()))
    }

    /// The targets are the inputs.
    pub fn with_inputs_as_targets(mut self) -> Self {
        for rows in [&mut self.train, &mut self.test] {
            rows.targets = rows.inputs.clone();
        }
        self
    }
}

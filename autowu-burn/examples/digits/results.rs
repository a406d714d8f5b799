//! The results of a run: its files and its accuracy.

use crate::batches;
use crate::model::Model;
use autowu_burn::{CAPACITY, Config};
use autowu_lab::images::Images;
use autowu_replay::plot;
use autowu_replay::record::Record;
use burn::tensor::{Int, Tensor};
use std::error::Error;
use std::path::Path;

/// Writes run.csv, run.json and run.svg from the logs of burn's metrics in `out`.
pub fn write(out: &Path, epochs: u32, config: Option<Config>) -> Result<(), Box<dyn Error>> {
    let (mut lrs, mut losses) = (Vec::new(), Vec::new());
    for epoch in 1..=epochs {
        let folder = out.join(format!("train/epoch-{epoch}"));
        lrs.extend(numbers(&folder.join("Learning_Rate.log"))?);
        losses.extend(numbers(&folder.join("Loss.log"))?);
    }
    let path = out.join("run.csv");
    let mut csv = csv::Writer::from_path(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    csv.write_record(["step", "lr", "loss"])?;
    for (step, (lr, loss)) in lrs.iter().zip(&losses).enumerate() {
        csv.serialize((step, lr, loss))?;
    }
    csv.flush()?;

    lrs.push(0.0);
    let record = match config {
        // The same losses give the same run: tests, events and the picture's band come from a
        // replay.
        Some(config) => {
            let mut record = Record::replay::<f64, CAPACITY>(config, &losses, |_| ())?;
            record.lrs = lrs;
            record
        }
        None => Record::untested(lrs),
    };
    record.write_json(&out.join("run.json"))?;
    plot::draw(&out.join("run.svg"), &losses, &record)?;
    println!("wrote run.csv, run.json and run.svg to {}", out.display());
    Ok(())
}

/// The values in a log of burn's, without the epoch's summary at its end.
fn numbers(path: &Path) -> Result<Vec<f64>, Box<dyn Error>> {
    let text = std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
    let value = |line: &str| line.split(',').next().unwrap_or("").parse::<f64>();
    text.lines().filter(|line| !line.ends_with(",final")).map(|line| Ok(value(line)?)).collect()
}

/// Share of images whose largest logit is that of their class.
pub fn accuracy(model: &Model, images: &Images) -> Result<f64, Box<dyn Error>> {
    let mut right = 0;
    for batch in batches::in_order(images, 512).iter() {
        let batch = batch?;
        let found: Tensor<1, Int> = model.forward(batch.images).argmax(1).squeeze_dim(1);
        right += found.equal(batch.labels).int().sum().into_scalar::<i64>();
    }
    Ok(right as f64 / images.len() as f64)
}

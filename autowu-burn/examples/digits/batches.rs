//! The images as batches, in an order that a resumed run repeats.

use autowu_lab::images::Images;
use burn::data::dataloader::batcher::Batcher;
use burn::data::dataloader::{DataLoader, DataLoaderBuilder, DataLoaderIterator};
use burn::data::dataset::transform::ShuffledDataset;
use burn::data::dataset::{Dataset, InMemDataset};
use burn::tensor::{Device, Int, Tensor, TensorData};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Images `[batch, 1, rows, columns]` in [0, 1], labels `[batch]`.
#[derive(Clone, Debug)]
pub struct Batch {
    pub images: Tensor<4>,
    pub labels: Tensor<1, Int>,
}

#[derive(Clone, Debug)]
struct Image {
    pixels: Vec<f32>,
    label: i64,
}

#[derive(Clone, Copy)]
struct Stack {
    rows: usize,
    columns: usize,
}

impl Batcher<Image, Batch> for Stack {
    fn batch(&self, images: Vec<Image>, device: &Device) -> Batch {
        let n = images.len();
        let labels: Vec<i64> = images.iter().map(|image| image.label).collect();
        let pixels: Vec<f32> = images.into_iter().flat_map(|image| image.pixels).collect();
        Batch {
            images: Tensor::from_data(
                TensorData::new(pixels, [n, 1, self.rows, self.columns]),
                device,
            ),
            labels: Tensor::from_data(TensorData::new(labels, [n]), device),
        }
    }
}

fn dataset(images: &Images) -> InMemDataset<Image> {
    let pixels = images.pixels.chunks_exact(images.rows * images.columns);
    let image = |(pixels, &label): (&[f32], &u32)| Image {
        pixels: pixels.to_vec(),
        label: i64::from(label),
    };
    InMemDataset::new(pixels.zip(&images.labels).map(image).collect())
}

fn loader(
    data: impl Dataset<Image> + 'static,
    images: &Images,
    batch: usize,
) -> Arc<dyn DataLoader<Batch>> {
    let stack = Stack { rows: images.rows, columns: images.columns };
    DataLoaderBuilder::new(stack).batch_size(batch).build(data)
}

/// The images in the order of their file.
pub fn in_order(images: &Images, batch: usize) -> Arc<dyn DataLoader<Batch>> {
    loader(dataset(images), images, batch)
}

/// Every epoch in its own order, a function of seed and epoch, so that a resumed training sees the
/// batches of an uninterrupted one: burn's `shuffle(seed)` starts again at its first order.
pub struct Epochs {
    orders: Vec<Arc<dyn DataLoader<Batch>>>,
    next: AtomicUsize,
}

impl Epochs {
    pub fn shuffled(images: &Images, batch: usize, seed: u64, epochs: Range<u32>) -> Arc<Self> {
        let images_once: Arc<dyn Dataset<Image>> = Arc::new(dataset(images));
        let order = |epoch| {
            let shuffled = ShuffledDataset::new(images_once.clone(), seed << 32 | u64::from(epoch));
            loader(shuffled, images, batch)
        };
        Arc::new(Epochs { orders: epochs.map(order).collect(), next: AtomicUsize::new(0) })
    }

    fn map(
        &self,
        change: impl Fn(&Arc<dyn DataLoader<Batch>>) -> Arc<dyn DataLoader<Batch>>,
    ) -> Arc<Self> {
        let next = AtomicUsize::new(self.next.load(Ordering::Relaxed));
        Arc::new(Epochs { orders: self.orders.iter().map(change).collect(), next })
    }
}

impl DataLoader<Batch> for Epochs {
    fn iter<'a>(&'a self) -> Box<dyn DataLoaderIterator<Batch> + 'a> {
        let next = self.next.fetch_add(1, Ordering::Relaxed);
        self.orders[next % self.orders.len()].iter()
    }

    fn num_items(&self) -> usize {
        self.orders.first().map_or(0, |order| order.num_items())
    }

    fn to_device(&self, device: &Device) -> Arc<dyn DataLoader<Batch>> {
        self.map(|order| order.to_device(device))
    }

    fn slice(&self, start: usize, end: usize) -> Arc<dyn DataLoader<Batch>> {
        self.map(|order| order.slice(start, end))
    }
}

//! Labelled images from optdigits CSVs or from IDX files, as MNIST and Fashion-MNIST ship them.

use flate2::read::GzDecoder;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Grey images with a class each.
#[derive(Debug)]
pub struct Images {
    /// `len × rows × columns`, row by row, 0 (background) to 1.
    pub pixels: Vec<f32>,
    /// One class per image.
    pub labels: Vec<u32>,
    /// Height of an image.
    pub rows: usize,
    /// Width of an image.
    pub columns: usize,
}

impl Images {
    /// Images.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// No image.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }
}

/// Training and test images.
#[derive(Debug)]
pub struct Dataset {
    /// Training images.
    pub train: Images,
    /// Test images, of other writers.
    pub test: Images,
    /// All labels are below this.
    pub classes: usize,
}

/// Reads `train.csv` and `test.csv` (optdigits), or the four IDX files, plain or gzipped, whichever
/// the directory has.
///
/// # Errors
/// A missing, cut or foreign file: its name, and what was expected.
pub fn load(directory: &Path) -> Result<Dataset, String> {
    let csv = directory.join("train.csv");
    let (train, test) = if csv.exists() {
        (optdigits(&csv)?, optdigits(&directory.join("test.csv"))?)
    } else {
        (idx_pair(directory, "train")?, idx_pair(directory, "t10k")?)
    };
    if (train.rows, train.columns) != (test.rows, test.columns) {
        return Err(format!(
            "{}: training images are {}×{}, test images {}×{}: they must agree",
            directory.display(),
            train.rows,
            train.columns,
            test.rows,
            test.columns
        ));
    }
    let classes = train.labels.iter().max().map_or(0, |&c| c as usize + 1);
    if let Some(stray) = test.labels.iter().find(|&&c| c as usize >= classes) {
        return Err(format!(
            "{}: class {stray} of the test set is not in the training set",
            directory.display()
        ));
    }
    Ok(Dataset { train, test, classes })
}

/// 64 pixels from 0 to 16 and the class per line.
fn optdigits(path: &Path) -> Result<Images, String> {
    let wrong = |line: u64, what: String| {
        format!(
            "{}, line {line}: {what}; optdigits has 64 pixels from 0 to 16 and a class from 0 to 9",
            path.display()
        )
    };
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(csv::Trim::All)
        .from_path(path)
        .map_err(|e| {
            format!("{}: {e}; optdigits' train.csv and test.csv were expected", path.display())
        })?;
    let mut images = Images { pixels: Vec::new(), labels: Vec::new(), rows: 8, columns: 8 };
    for (line, record) in (1..).zip(reader.records()) {
        let record = record.map_err(|e| wrong(line, e.to_string()))?;
        if record.len() != 65 {
            return Err(wrong(line, format!("{} numbers, 65 expected", record.len())));
        }
        for (i, cell) in record.iter().enumerate() {
            let limit = if i < 64 { 16 } else { 9 };
            let value = cell.parse::<u8>().ok().filter(|&v| v <= limit);
            let value = value.ok_or_else(|| wrong(line, format!("{cell:?} in place {}", i + 1)))?;
            if i < 64 {
                images.pixels.push(f32::from(value) / 16.0);
            } else {
                images.labels.push(u32::from(value));
            }
        }
    }
    if images.labels.is_empty() {
        return Err(format!(
            "{}: the file is empty; optdigits CSV lines were expected",
            path.display()
        ));
    }
    Ok(images)
}

fn idx_pair(directory: &Path, split: &str) -> Result<Images, String> {
    let (path, pixels) = idx_file(directory, &format!("{split}-images"), 3)?;
    let ([len, rows, columns], pixels) = idx_parse::<3>(&path, &pixels)?;
    let (path, labels) = idx_file(directory, &format!("{split}-labels"), 1)?;
    let ([labels_len], labels) = idx_parse::<1>(&path, &labels)?;
    if len != labels_len {
        return Err(format!("{}: {labels_len} labels for {len} images", path.display()));
    }
    Ok(Images {
        pixels: pixels.iter().map(|&p| f32::from(p) / 255.0).collect(),
        labels: labels.iter().map(|&l| u32::from(l)).collect(),
        rows,
        columns,
    })
}

/// The bytes of `NAME-idxD-ubyte` or `NAME.idxD-ubyte`, plain or `.gz`.
fn idx_file(directory: &Path, name: &str, dimensions: u8) -> Result<(PathBuf, Vec<u8>), String> {
    let names = ["-", "."].map(|dot| format!("{name}{dot}idx{dimensions}-ubyte"));
    let candidates =
        names.iter().flat_map(|n| [directory.join(n), directory.join(format!("{n}.gz"))]);
    let Some(path) = candidates.into_iter().find(|p| p.exists()) else {
        return Err(format!(
            "{}: neither optdigits' train.csv and test.csv nor {}[.gz] is there",
            directory.display(),
            names[0]
        ));
    };
    let at = |e: std::io::Error| {
        format!("{}: {e}; a whole IDX file, plain or gzipped, was expected", path.display())
    };
    let mut file = File::open(&path).map_err(at)?;
    let mut bytes = Vec::new();
    if path.extension().is_some_and(|e| e == "gz") {
        GzDecoder::new(file).read_to_end(&mut bytes).map_err(at)?;
    } else {
        file.read_to_end(&mut bytes).map_err(at)?;
    }
    Ok((path, bytes))
}

/// The sizes and the bytes of an IDX file: two zero bytes, 8 (unsigned bytes), `D`, then `D`
/// big-endian sizes, then the bytes.
fn idx_parse<'a, const D: usize>(
    path: &Path,
    bytes: &'a [u8],
) -> Result<([usize; D], &'a [u8]), String> {
    let wrong = |what: String| format!("{}: {what}", path.display());
    let foreign = || {
        wrong(format!(
            "no IDX file of unsigned bytes in {D} dimensions (magic number 0x0000080{D})"
        ))
    };
    let (head, rest) = bytes.split_at_checked(4).ok_or_else(foreign)?;
    if head != [0, 0, 8, D as u8] {
        return Err(foreign());
    }
    let (sizes, pixels) =
        rest.split_at_checked(4 * D).ok_or_else(|| wrong("cut within its header".into()))?;
    let mut shape = [0; D];
    for (size, bytes) in shape.iter_mut().zip(sizes.chunks_exact(4)) {
        *size = bytes.iter().fold(0, |n, &b| n << 8 | usize::from(b));
    }
    let expected = shape.iter().try_fold(1_usize, |n, &s| n.checked_mul(s));
    if expected != Some(pixels.len()) || pixels.is_empty() {
        return Err(wrong(format!(
            "{} bytes after the header, which says {shape:?}: cut or damaged",
            pixels.len()
        )));
    }
    Ok((shape, pixels))
}

//! Two tables, of the same work on the host and on the GPU.

use std::path::Path;

/// Compares them line by line; passes if at most `share` of the rows differ.
pub fn run(share: &str, host: &str, gpu: &str) -> bool {
    match compare(Path::new(host), Path::new(gpu)) {
        Ok((rows, apart)) => {
            println!("- host and GPU: {apart} of {rows} rows differ; at most {share} of them may");
            rows > 0 && apart as f64 <= share.parse().unwrap_or(0.0) * rows as f64
        }
        Err(e) => {
            println!("- {e}");
            false
        }
    }
}

/// Rows, and how many of them differ.
fn compare(host: &Path, gpu: &Path) -> Result<(usize, usize), String> {
    let read =
        |path: &Path| std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()));
    let (host, gpu) = (read(host)?, read(gpu)?);
    let (host, gpu): (Vec<&str>, Vec<&str>) = (host.lines().collect(), gpu.lines().collect());
    if host.len() != gpu.len() || host.first() != gpu.first() {
        return Err(format!("{} lines from the host, {} from the GPU", host.len(), gpu.len()));
    }
    let apart = host.iter().zip(&gpu).filter(|(a, b)| a != b).count();
    Ok((host.len().saturating_sub(1), apart))
}

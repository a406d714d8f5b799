//! The memory map: RAM of `RAM_BYTES`, 16 KiB unless told otherwise.

use std::{env, fs, path::PathBuf};

fn main() {
    let ram: u32 = env::var("RAM_BYTES")
        .map_or(16 << 10, |bytes| bytes.parse().expect("RAM_BYTES: a number of bytes"));
    let out = PathBuf::from(env::var("OUT_DIR").expect("cargo sets OUT_DIR"));
    let map = format!(
        "MEMORY {{ FLASH : ORIGIN = 0x00000000, LENGTH = 1M\n \
         RAM : ORIGIN = 0x20000000, LENGTH = {ram} }}\n"
    );
    fs::write(out.join("memory.x"), map).expect("OUT_DIR can be written");
    println!("cargo:rustc-link-search={}", out.display());
    println!("cargo:rerun-if-env-changed=RAM_BYTES");
}

//! Build tool: takes a library that was compiled to wasm with wasm-bindgen and writes the package that pages and Node
//! import: the wasm, its JavaScript and its TypeScript types. `scripts/wasm.sh` calls it. It is wasm-bindgen's own
//! generator, built from this workspace's lock file, so that it always has the version of the library.

use std::path::PathBuf;

use clap::Parser;
use eyre::{Result, eyre};
use wasm_bindgen_cli_support::Bindgen;

/// Writes the JavaScript package of a wasm library
#[derive(Debug, Parser)]
struct Args {
    /// The compiled library
    #[arg(value_name = "WASM")]
    input: PathBuf,
    /// Where the package goes
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
    /// Name of its files
    #[arg(long, value_name = "NAME")]
    name: String,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let mut bindgen = Bindgen::new();
    bindgen.input_path(&args.input).out_name(&args.name).typescript(true);
    let failed = |error| eyre!("making the package of {}: {error:?}", args.input.display());
    bindgen.web(true).map_err(failed)?.generate(&args.out).map_err(failed)
}

//! `cwe work open`: the file in a package, for who has its key.

use std::{fs::File, io::BufWriter, path::PathBuf};

use cwe_manifest::{
    Checks,
    package::{ContentKey, Package},
};
use eyre::{Result, WrapErr};

/// Decrypt a published package
#[derive(Debug, clap::Args)]
pub(crate) struct OpenArgs {
    /// The package's folder
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
    /// File with its content key
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// File to write; an existing one is not overwritten
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Print the result as one line of JSON
    #[arg(long)]
    json: bool,
}

/// Runs `cwe work open`.
pub(crate) fn run(args: &OpenArgs) -> Result<()> {
    let package = Package::read(&args.folder)?;
    let manifest = package.manifest();
    // A delegate's signature counts where the chain says so; whoever has the key got it from somebody who asked.
    let checks = Checks {
        may_publish: &|_, _| true,
        ..Checks::default()
    };
    manifest.validate(&checks)?;
    let key = ContentKey::read(&args.key, manifest.body().content_id)?;
    let writing = || format!("writing {}", args.out.display());
    let file = File::create_new(&args.out).wrap_err_with(writing)?;
    let mut out = BufWriter::new(file);
    let opened = package.decrypt(&key, &mut out);
    if opened.is_err() {
        // What is there is not the file, and was not there before.
        let _ = std::fs::remove_file(&args.out);
    }
    let bytes = opened?;
    out.get_ref().sync_all().wrap_err_with(writing)?;
    let title = &manifest.body().title;
    if args.json {
        println!("{}", serde_json::json!({ "title": title, "bytes": bytes }));
    } else {
        println!("opened “{title}”: {bytes} bytes into {}", args.out.display());
    }
    Ok(())
}

//! Folders of indices, each with a stamp: of what and by which format it was made.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::Path,
};

use eyre::{Result, WrapErr};

/// Name of the file with the stamp.
const STAMP: &str = "STAMP";

/// Whether the folder was finished with this stamp.
pub(super) fn has_stamp(folder: &Path, stamp: &str) -> bool {
    fs::read_to_string(folder.join(STAMP)).is_ok_and(|found| found == stamp)
}

/// Empties the folder, or makes it.
pub(super) fn renew(folder: &Path) -> Result<()> {
    let removed = match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    };
    removed
        .and_then(|()| fs::create_dir_all(folder))
        .wrap_err_with(|| format!("making {} anew", folder.display()))
}

/// Says that the folder is finished.
pub(super) fn stamp(folder: &Path, stamp: &str) -> Result<()> {
    let write = || {
        let mut file = File::create(folder.join(STAMP))?;
        file.write_all(stamp.as_bytes())?;
        file.sync_all()?;
        File::open(folder)?.sync_all()
    };
    write().wrap_err_with(|| format!("finishing {}", folder.display()))
}

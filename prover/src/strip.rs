//! ELFs without what the machine doesn't load.

use object::{
    LittleEndian,
    elf::{FileHeader32, PT_LOAD},
    read::elf::{FileHeader, ProgramHeader},
};

use crate::error::ProverError;

/// Offset and width of the header's fields that tell of sections: `e_shoff`, then `e_shnum` and `e_shstrndx`.
const SECTION_FIELDS: [(usize, usize); 2] = [(32, 4), (48, 4)];

/// Cuts an ELF after its last loaded segment: symbols and section headers go, what is executed stays byte for byte.
///
/// # Errors
/// [`ProverError::Load`] if it is no ELF of a 32-bit machine, or loads nothing.
pub fn strip(elf: &[u8]) -> Result<Vec<u8>, ProverError> {
    let load = |error: object::Error| ProverError::Load(error.to_string());
    let header = FileHeader32::<LittleEndian>::parse(elf).map_err(load)?;
    let endian = header.endian().map_err(load)?;
    let end = header
        .program_headers(endian, elf)
        .map_err(load)?
        .iter()
        .filter(|segment| segment.p_type(endian) == PT_LOAD)
        .map(|segment| segment.p_offset(endian) as usize + segment.p_filesz(endian) as usize)
        .max()
        .ok_or_else(|| ProverError::Load("the ELF loads nothing".into()))?;
    let mut stripped = elf
        .get(..end)
        .ok_or_else(|| ProverError::Load("the ELF is cut short".into()))?
        .to_vec();
    for (start, width) in SECTION_FIELDS {
        stripped[start..start + width].fill(0);
    }
    Ok(stripped)
}

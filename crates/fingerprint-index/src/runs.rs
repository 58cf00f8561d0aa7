//! Sorting more records than fit in memory: sorted runs in unnamed files, merged.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    fs::File,
    io::{self, BufReader, BufWriter, Read, Seek, Write},
    path::{Path, PathBuf},
};

use crate::IndexError;

/// Records of `N` bytes, in any order.
#[derive(Debug)]
pub(crate) struct Runs<const N: usize> {
    folder: PathBuf,
    buffer: Vec<[u8; N]>,
    buffered: usize,
    files: Vec<File>,
    records: u64,
}

impl<const N: usize> Runs<N> {
    /// Keeps at most `memory_bytes` in memory, and files in `folder`; they vanish with the process.
    pub(crate) fn new(folder: &Path, memory_bytes: usize) -> Self {
        Self {
            folder: folder.to_path_buf(),
            buffer: Vec::new(),
            buffered: (memory_bytes / N).max(1),
            files: Vec::new(),
            records: 0,
        }
    }

    /// How many records were added.
    pub(crate) const fn records(&self) -> u64 {
        self.records
    }

    /// Adds a record.
    pub(crate) fn push(&mut self, record: [u8; N]) -> Result<(), IndexError> {
        self.buffer.push(record);
        self.records += 1;
        if self.buffer.len() >= self.buffered {
            self.spill()
                .map_err(|source| IndexError::io("sort in", &self.folder, source))?;
        }
        Ok(())
    }

    fn spill(&mut self) -> io::Result<()> {
        self.buffer.sort_unstable();
        let mut file = BufWriter::new(tempfile::tempfile_in(&self.folder)?);
        file.write_all(self.buffer.as_flattened())?;
        let mut file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.rewind()?;
        self.files.push(file);
        self.buffer.clear();
        Ok(())
    }

    /// Calls `each` with all records, ascending.
    pub(crate) fn merge(mut self, mut each: impl FnMut(&[u8; N]) -> Result<(), IndexError>) -> Result<(), IndexError> {
        self.buffer.sort_unstable();
        let failed = |source| IndexError::io("sort in", &self.folder, source);
        let mut rest = self.buffer.iter();
        let mut files: Vec<_> = self.files.into_iter().map(BufReader::new).collect();
        // The least record of each run, with the run it is from; records in memory are the last run.
        let mut heads = BinaryHeap::new();
        for (run, file) in files.iter_mut().enumerate() {
            heads.extend(read::<N>(file).map_err(failed)?.map(|record| Reverse((record, run))));
        }
        heads.extend(rest.next().map(|record| Reverse((*record, files.len()))));
        while let Some(Reverse((record, run))) = heads.pop() {
            each(&record)?;
            let next = match files.get_mut(run) {
                Some(file) => read::<N>(file).map_err(failed)?,
                None => rest.next().copied(),
            };
            heads.extend(next.map(|record| Reverse((record, run))));
        }
        Ok(())
    }
}

/// The next record of a run.
fn read<const N: usize>(file: &mut BufReader<File>) -> io::Result<Option<[u8; N]>> {
    let mut record = [0; N];
    match file.read_exact(&mut record) {
        Ok(()) => Ok(Some(record)),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn records_come_out_sorted_however_little_memory_there_is(
            records in prop::collection::vec(any::<[u8; 3]>(), 0..60),
            memory_bytes in 0..200_usize,
        ) {
            let folder = tempfile::tempdir().unwrap();
            let mut runs = Runs::new(folder.path(), memory_bytes);
            for record in &records {
                runs.push(*record).unwrap();
            }
            prop_assert_eq!(runs.records(), records.len() as u64);
            let mut sorted = Vec::new();
            runs.merge(|record| {
                sorted.push(*record);
                Ok(())
            })
            .unwrap();
            let mut expected = records;
            expected.sort_unstable();
            prop_assert_eq!(sorted, expected);
        }
    }

    #[test]
    fn a_failure_of_the_caller_ends_the_merge() {
        let folder = tempfile::tempdir().unwrap();
        let mut runs = Runs::new(folder.path(), 2);
        for record in [[3], [1], [2]] {
            runs.push(record).unwrap();
        }
        let mut seen = 0;
        let refused = runs.merge(|_| {
            seen += 1;
            Err(IndexError::NoShards)
        });
        assert!(matches!(refused, Err(IndexError::NoShards)));
        assert_eq!(seen, 1);
    }
}

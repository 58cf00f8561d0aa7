//! How much memory there is, and who may have it: a stage that can't fit is not started. The stage program refuses by
//! itself too, but it can't know what the stages beside it are about to take.

use std::{collections::BTreeMap, fmt, sync::Arc};

use cwe_prover_stages::{Need, Stage, Supply, gibibytes, of_process, supply};
use parking_lot::Mutex;

/// What every stage needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Needs(BTreeMap<Stage, Need>);

impl Needs {
    /// Reads the answer to `needs --json`; all stages must be in it.
    pub(crate) fn parse(json: &[u8]) -> Result<Self, String> {
        let rows: Vec<Need> = serde_json::from_slice(json).map_err(|error| error.to_string())?;
        let needs = Self(rows.into_iter().map(|need| (need.stage, need)).collect());
        match Stage::ALL.iter().find(|stage| !needs.0.contains_key(stage)) {
            Some(stage) => Err(format!("it does not name the stage {stage}")),
            None => Ok(needs),
        }
    }

    /// What a stage needs.
    pub fn of(&self, stage: Stage) -> Need {
        self.0.get(&stage).copied().unwrap_or(Need {
            stage,
            memory_bytes: 0,
            seconds: 0,
        })
    }
}

/// A stage that doesn't fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DoesNotFit {
    /// The stage.
    pub stage: Stage,
    /// What it needs, bytes.
    pub needed: u64,
    /// What is left for it, bytes.
    pub left: u64,
    /// What the machine has in all, bytes.
    pub total: u64,
}

impl DoesNotFit {
    /// Whether it would fit into no free moment of this machine either.
    pub const fn is_hopeless(&self) -> bool {
        self.needed > self.total
    }
}

impl fmt::Display for DoesNotFit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            stage,
            needed,
            left,
            total,
        } = self;
        let [needed, left, total] = [needed, left, total].map(|bytes| gibibytes(*bytes));
        write!(f, "stage {stage} needs {needed}, {left} of {total} are free")?;
        if self.is_hopeless() {
            f.write_str(": it can't run on this machine; try stages.profile = \"low-memory\"")?;
        }
        Ok(())
    }
}

/// Gives memory to the stages of this program. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Memory(Arc<Mutex<Ledger>>);

#[derive(Debug, Default)]
struct Ledger {
    next: u64,
    /// What was promised, and the process it was promised to once that runs.
    promised: BTreeMap<u64, (u64, Option<u32>)>,
}

impl Ledger {
    /// Promised and not yet taken: still counted as free by the system.
    fn outstanding(&self, resident: impl Fn(u32) -> u64) -> u64 {
        let open = |(bytes, pid): &(u64, Option<u32>)| bytes.saturating_sub(pid.map_or(0, &resident));
        self.promised.values().map(open).fold(0, u64::saturating_add)
    }
}

/// Memory promised to a stage until it is dropped.
#[derive(Debug)]
pub struct Reservation {
    memory: Memory,
    number: u64,
}

impl Reservation {
    /// The stage has started as this process.
    pub(crate) fn runs_as(&self, pid: Option<u32>) {
        if let Some(promise) = self.memory.0.lock().promised.get_mut(&self.number) {
            promise.1 = pid;
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.memory.0.lock().promised.remove(&self.number);
    }
}

impl Memory {
    /// Promises a stage what it needs, if that is there. Where the system doesn't say, it is.
    ///
    /// # Errors
    /// [`DoesNotFit`], with the figures.
    pub fn reserve(&self, need: Need) -> Result<Reservation, DoesNotFit> {
        self.reserve_of(need.stage, need.memory_bytes, supply(), |pid| {
            of_process(pid).map_or(0, |memory| memory.resident_bytes)
        })
    }

    fn reserve_of(
        &self,
        stage: Stage,
        needed: u64,
        supply: Option<Supply>,
        resident: impl Fn(u32) -> u64,
    ) -> Result<Reservation, DoesNotFit> {
        let mut ledger = self.0.lock();
        if let Some(Supply { available, total }) = supply {
            let left = available.saturating_sub(ledger.outstanding(resident));
            if left < needed {
                return Err(DoesNotFit {
                    stage,
                    needed,
                    left,
                    total,
                });
            }
        }
        let number = ledger.next;
        ledger.next += 1;
        ledger.promised.insert(number, (needed, None));
        Ok(Reservation {
            memory: self.clone(),
            number,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    #[test]
    fn what_running_stages_have_not_taken_yet_is_not_given_twice() {
        let memory = Memory::default();
        let supply = |available| {
            Some(Supply {
                available: available * GIB,
                total: 24 * GIB,
            })
        };
        let resident = |_| 3 * GIB;
        let first = memory
            .reserve_of(Stage::Segments, 8 * GIB, supply(20), resident)
            .unwrap();
        let second = memory
            .reserve_of(Stage::Root, 13 * GIB, supply(20), resident)
            .unwrap_err();
        assert_eq!((second.left, second.is_hopeless()), (12 * GIB, false));
        // It has taken three of its eight: 17 are free, 5 of them its own.
        first.runs_as(Some(1));
        let second = memory
            .reserve_of(Stage::Root, 13 * GIB, supply(17), resident)
            .unwrap_err();
        assert_eq!(second.left, 12 * GIB);
        drop(first);
        memory.reserve_of(Stage::Root, 13 * GIB, supply(20), resident).unwrap();
    }

    #[test]
    fn a_stage_that_never_fits_is_told_from_one_that_must_wait() {
        let supply = Some(Supply {
            available: 5 * GIB,
            total: 8 * GIB,
        });
        let refused = |needed| {
            Memory::default()
                .reserve_of(Stage::Halo2, needed, supply, |_| 0)
                .unwrap_err()
        };
        assert!(!refused(6 * GIB).is_hopeless());
        let text = refused(12 * GIB).to_string();
        assert!(
            text.contains("12.0 GiB") && text.contains("5.0 GiB of 8.0 GiB"),
            "{text}"
        );
        assert!(text.contains("low-memory"), "{text}");
        assert!(
            Memory::default()
                .reserve_of(Stage::Halo2, u64::MAX, None, |_| 0)
                .is_ok()
        );
    }

    #[test]
    fn needs_must_name_every_stage() {
        let row = |stage: &Stage| format!(r#"{{"stage":"{stage}","memoryBytes":5,"seconds":7}}"#);
        let rows: Vec<String> = Stage::ALL.iter().map(row).collect();
        let needs = Needs::parse(format!("[{}]", rows.join(",")).as_bytes()).unwrap();
        assert_eq!(
            needs.of(Stage::Wrap),
            Need {
                stage: Stage::Wrap,
                memory_bytes: 5,
                seconds: 7
            }
        );
        let error = Needs::parse(format!("[{}]", rows[1..].join(",")).as_bytes()).unwrap_err();
        assert!(error.contains("execute"), "{error}");
        assert!(Needs::parse(b"{}").is_err());
    }
}

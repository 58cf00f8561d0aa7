//! Which batches go under one proof: pure rules.

use std::ops::RangeInclusive;

use cwe_jobs::JobState;

use crate::{config::FinalizeSection, job::DROPPED};

/// Most blobs under one proof. L1 checks each for about 65 000 gas, and one transaction may use 2^24.
pub(crate) const MAX_BLOBS: usize = 128;

/// A committed batch that no job proves yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) index: u64,
    /// Time of its last block, seconds since 1970.
    pub(crate) last_timestamp: u64,
    pub(crate) blobs: usize,
}

/// The next run to prove among consecutive candidates, if one is due at `now`: as many as fit once they fill a proof,
/// those that are there once the oldest has waited long enough.
pub(crate) fn due(candidates: &[Candidate], rule: &FinalizeSection, now: u64) -> Option<RangeInclusive<u64>> {
    let fitting = fitting(candidates, rule);
    let (first, last) = (fitting.first()?, fitting.last()?);
    let full = fitting.len() as u64 >= rule.batches || fitting.len() < candidates.len();
    let old = now.saturating_sub(first.last_timestamp) >= rule.secs;
    (full || old).then_some(first.index..=last.index)
}

/// The longest beginning that fits under one proof; at least one.
fn fitting<'a>(candidates: &'a [Candidate], rule: &FinalizeSection) -> &'a [Candidate] {
    let most = usize::try_from(rule.batches.max(1)).unwrap_or(usize::MAX);
    let mut blobs = 0usize;
    let count = candidates
        .iter()
        .take(most)
        .take_while(|candidate| {
            blobs = blobs.saturating_add(candidate.blobs);
            blobs <= MAX_BLOBS
        })
        .count();
    &candidates[..count.max(1).min(candidates.len())]
}

/// How many of `count` batches to try when all together are too large for one answer of the node.
pub(crate) const fn shorter(count: usize) -> usize {
    if count > 1 { count / 2 } else { 1 }
}

/// A job of the queue as planning sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Planned {
    pub(crate) id: i64,
    pub(crate) first: u64,
    pub(crate) last: u64,
    pub(crate) state: JobState,
    /// Whether L1 has its batches as the job has them.
    pub(crate) stands: bool,
    pub(crate) error: Option<String>,
}

impl Planned {
    fn is_dropped(&self) -> bool {
        self.state == JobState::Failed && self.error.as_ref().is_some_and(|error| error.starts_with(DROPPED))
    }
}

/// Where planning goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Next {
    /// At this batch.
    From(u64),
    /// Nowhere: a job failed for good, and nothing behind it can be finalized without it.
    Blocked { job: i64, first: u64, error: String },
}

/// The first batch after the last final one that no job proves.
pub(crate) fn next(finalized: u64, jobs: &[Planned]) -> Next {
    let mut next = finalized.saturating_add(1);
    loop {
        let covering = jobs
            .iter()
            .filter(|job| job.stands && !job.is_dropped() && (job.first..=job.last).contains(&next));
        // One that works makes up for one that failed.
        let best = covering.min_by_key(|job| (job.state == JobState::Failed, job.id));
        match best {
            None => return Next::From(next),
            Some(job) if job.state == JobState::Failed => {
                return Next::Blocked {
                    job: job.id,
                    first: job.first,
                    error: job.error.clone().unwrap_or_default(),
                };
            }
            Some(job) => next = job.last.saturating_add(1),
        }
    }
}

/// The finished job whose proof is to be posted next: L1 takes one that begins at most behind its last final batch and
/// ends after it. The longest step first.
pub(crate) fn postable(finalized: u64, jobs: &[Planned]) -> Option<&Planned> {
    jobs.iter()
        .filter(|job| job.state == JobState::Done && job.stands)
        .filter(|job| job.first <= finalized.saturating_add(1) && job.last > finalized)
        .max_by_key(|job| job.last)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RULE: FinalizeSection = FinalizeSection { batches: 4, secs: 100 };

    fn candidates(count: u64, blobs: usize) -> Vec<Candidate> {
        (0..count)
            .map(|number| Candidate {
                index: 7 + number,
                last_timestamp: 1_000 + number,
                blobs,
            })
            .collect()
    }

    fn job(id: i64, first: u64, last: u64, state: JobState) -> Planned {
        Planned {
            id,
            first,
            last,
            state,
            stands: true,
            error: None,
        }
    }

    #[test]
    fn a_run_is_due_when_it_is_full_or_old() {
        assert_eq!(due(&[], &RULE, 5_000), None);
        assert_eq!(due(&candidates(3, 1), &RULE, 1_099), None);
        assert_eq!(
            due(&candidates(3, 1), &RULE, 1_100),
            Some(7..=9),
            "the oldest waited 100 s"
        );
        assert_eq!(due(&candidates(4, 1), &RULE, 1_000), Some(7..=10));
        assert_eq!(
            due(&candidates(9, 1), &RULE, 1_000),
            Some(7..=10),
            "the others are a run of their own"
        );
        let eager = FinalizeSection { batches: 4, secs: 0 };
        assert_eq!(
            due(&candidates(1, 1), &eager, 0),
            Some(7..=7),
            "a clock behind the chain's is no obstacle"
        );
    }

    #[test]
    fn a_run_ends_where_its_blobs_would_be_too_many() {
        let rule = FinalizeSection {
            batches: 1_000,
            secs: 100,
        };
        assert_eq!(
            due(&candidates(22, 6), &rule, 0),
            Some(7..=27),
            "21 batches have 126 blobs"
        );
        assert_eq!(due(&candidates(21, 6), &rule, 0), None);
    }

    #[test]
    fn a_run_that_is_too_large_is_halved_down_to_one_batch() {
        assert_eq!([7, 3, 2, 1].map(shorter), [3, 1, 1, 1]);
    }

    #[test]
    fn planning_goes_on_behind_the_jobs_that_are_there() {
        assert_eq!(next(4, &[]), Next::From(5));
        let jobs = [
            job(1, 3, 6, JobState::Done),
            job(2, 7, 7, JobState::Queued),
            job(3, 8, 9, JobState::Leased),
            job(4, 11, 12, JobState::Queued),
        ];
        assert_eq!(next(4, &jobs), Next::From(10));
    }

    #[test]
    fn a_job_whose_batches_were_reverted_is_planned_anew() {
        let mut jobs = [job(1, 1, 2, JobState::Done), job(2, 3, 4, JobState::Leased)];
        jobs[1].stands = false;
        assert_eq!(next(0, &jobs), Next::From(3));
        jobs[1].stands = true;
        jobs[1].state = JobState::Failed;
        jobs[1].error = Some(format!("{DROPPED}batch 3 was replaced"));
        assert_eq!(next(0, &jobs), Next::From(3), "its batches are back");
    }

    #[test]
    fn a_job_that_failed_for_good_stops_planning_until_somebody_looks() {
        let mut jobs = vec![job(1, 1, 2, JobState::Failed)];
        jobs[0].error = Some("guest refused".into());
        let Next::Blocked { job: id, first, error } = next(0, &jobs) else {
            panic!("not blocked");
        };
        assert_eq!((id, first, error.as_str()), (1, 1, "guest refused"));
        jobs.push(job(2, 1, 3, JobState::Queued));
        assert_eq!(
            next(0, &jobs),
            Next::From(4),
            "another proof of the same batches will do"
        );
    }

    #[test]
    fn a_proof_is_posted_in_its_turn_and_never_twice() {
        let jobs = [
            job(1, 1, 2, JobState::Done),
            job(2, 3, 4, JobState::Done),
            job(3, 5, 6, JobState::Leased),
        ];
        let posted = |finalized| postable(finalized, &jobs).map(|job| job.id);
        assert_eq!(posted(0), Some(1));
        assert_eq!(posted(1), Some(1), "somebody finalized a part of it");
        assert_eq!(posted(2), Some(2));
        assert_eq!(posted(4), None, "the next is not done");
        assert_eq!(posted(9), None);
    }

    proptest! {
        #[test]
        fn runs_cover_all_batches_once_and_in_order(blobs in prop::collection::vec(0usize..=6, 1..300), batches in 1u64..40) {
            let rule = FinalizeSection { batches, secs: 0 };
            let all: Vec<Candidate> = (1u64..).zip(&blobs)
                .map(|(index, blobs)| Candidate { index, last_timestamp: 0, blobs: *blobs })
                .collect();
            let mut rest = &all[..];
            while let Some(run) = due(rest, &rule, 0) {
                let count = usize::try_from(run.end() - run.start() + 1).unwrap();
                prop_assert_eq!(*run.start(), rest[0].index);
                prop_assert!(count as u64 <= batches);
                prop_assert!(rest[..count].iter().map(|batch| batch.blobs).sum::<usize>() <= MAX_BLOBS);
                rest = &rest[count..];
            }
            prop_assert!(rest.is_empty());
        }
    }
}

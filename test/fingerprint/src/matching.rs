//! Asks both sides about all excerpts and counts, for each kind of change, what was found and what was claimed wrongly.

use std::collections::HashMap;

use cwe_fingerprint::{Alignment, Descriptor, Match, OFFSET_TOLERANCE, Query, offset, verify};
use eyre::Result;
use indicatif::ProgressBar;
use rayon::prelude::*;

use crate::{
    cells::CELLS,
    chromaprint,
    corpus::Plan,
    extract::{self, Extract, Question},
};

/// Answers to the excerpts of one kind of change.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    /// Excerpts of works that the index knows.
    pub(crate) known: u32,
    /// Of these, those whose work was named.
    pub(crate) found: u32,
    /// All excerpts.
    pub(crate) asked: u32,
    /// Answers that name another work than the excerpt's.
    pub(crate) wrong: u32,
}

impl Tally {
    pub(crate) fn recall(&self) -> f64 {
        f64::from(self.found) / f64::from(self.known.max(1))
    }

    pub(crate) fn false_positive_rate(&self) -> f64 {
        f64::from(self.wrong) / f64::from(self.asked.max(1))
    }

    pub(crate) fn count(&mut self, truth: Option<u32>, answer: Option<u32>) {
        self.asked += 1;
        self.known += u32::from(truth.is_some());
        match answer {
            Some(answer) if Some(answer) == truth => self.found += 1,
            Some(_) => self.wrong += 1,
            None => {}
        }
    }
}

impl std::iter::Sum for Tally {
    fn sum<I: Iterator<Item = Self>>(tallies: I) -> Self {
        tallies.fold(Self::default(), |sum, tally| Self {
            known: sum.known + tally.known,
            found: sum.found + tally.found,
            asked: sum.asked + tally.asked,
            wrong: sum.wrong + tally.wrong,
        })
    }
}

/// Both sides' tallies, one for each of [`CELLS`].
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) ours: Vec<Tally>,
    pub(crate) chromaprint: Vec<Tally>,
    /// The score from which Chromaprint's guesses count: the lowest one with no more wrong answers than ours.
    pub(crate) chromaprint_threshold: f64,
    /// Chromaprint's tallies when unknown look-alikes are not asked about, with its threshold chosen without them.
    pub(crate) chromaprint_easy: Tally,
    /// Median of the milliseconds that an answer took.
    pub(crate) answer_p50_ms: f64,
}

struct Answer {
    cell: usize,
    /// The excerpt's work, if the index knows it.
    truth: Option<u32>,
    look_alike: bool,
    ours: Option<u32>,
    chromaprint: Option<chromaprint::Guess>,
    ms: f64,
}

pub(crate) fn run(works: &[(Plan, Extract)], bar: &ProgressBar) -> Result<Outcome> {
    let mut index = Index::default();
    let mut other = chromaprint::Catalogue::default();
    for (plan, extract) in works.iter().filter(|(plan, _)| plan.indexed) {
        index.insert(plan.number, extract::descriptor(extract)?);
        other.insert(plan.number, extract.chromaprint.clone());
    }
    let questions: Vec<(&Plan, &Question)> = works
        .iter()
        .flat_map(|(plan, extract)| extract.questions.iter().map(move |question| (plan, question)))
        .collect();
    bar.set_length(questions.len() as u64);
    let answers: Result<Vec<Answer>> = questions
        .par_iter()
        .map(|(plan, question)| {
            let asked = std::time::Instant::now();
            let ours = extract::query(question)?.and_then(|query| index.answer(&query));
            let ms = asked.elapsed().as_secs_f64() * 1e3;
            if let (Some(work), true) = (ours, std::env::var_os("CWE_BENCH_TRACE").is_some())
                && (!plan.indexed || work != plan.number)
            {
                bar.suspend(|| {
                    eprintln!(
                        "{} of work {} at {:.1} s: {work}",
                        CELLS[question.cell].label(),
                        plan.number,
                        question.start_s
                    )
                });
            }
            bar.inc(1);
            Ok(Answer {
                cell: question.cell,
                truth: plan.indexed.then_some(plan.number),
                look_alike: plan.is_look_alike(),
                ours,
                chromaprint: other.guess(&question.chromaprint),
                ms,
            })
        })
        .collect();
    Ok(tally(&answers?))
}

fn tally(answers: &[Answer]) -> Outcome {
    let mut ours = vec![Tally::default(); CELLS.len()];
    for answer in answers {
        ours[answer.cell].count(answer.truth, answer.ours);
    }
    let wrong = ours.iter().copied().sum::<Tally>().wrong;
    let all: Vec<&Answer> = answers.iter().collect();
    let easy: Vec<&Answer> = answers
        .iter()
        .filter(|answer| answer.truth.is_some() || !answer.look_alike)
        .collect();
    let chromaprint_threshold = threshold(&all, wrong);
    let easy_threshold = threshold(&easy, wrong);
    let mut ms: Vec<f64> = answers.iter().map(|answer| answer.ms).collect();
    ms.sort_by(f64::total_cmp);
    Outcome {
        ours,
        chromaprint: chromaprint_tallies(&all, chromaprint_threshold),
        chromaprint_easy: chromaprint_tallies(&easy, easy_threshold).into_iter().sum(),
        chromaprint_threshold,
        answer_p50_ms: ms.get(ms.len() / 2).copied().unwrap_or_default(),
    }
}

fn chromaprint_tallies(answers: &[&Answer], threshold: f64) -> Vec<Tally> {
    let mut tallies = vec![Tally::default(); CELLS.len()];
    for answer in answers {
        let guess = answer.chromaprint.filter(|guess| guess.score > threshold);
        tallies[answer.cell].count(answer.truth, guess.map(|guess| guess.work));
    }
    tallies
}

/// The score that at most `wrong` wrong guesses exceed.
fn threshold(answers: &[&Answer], wrong: u32) -> f64 {
    let is_wrong = |answer: &&&Answer| answer.chromaprint.is_some_and(|guess| Some(guess.work) != answer.truth);
    let mut scores: Vec<f64> = answers
        .iter()
        .filter(is_wrong)
        .filter_map(|answer| answer.chromaprint.map(|guess| guess.score))
        .collect();
    scores.sort_by(|a, b| b.total_cmp(a));
    scores.get(wrong as usize).copied().unwrap_or(0.0)
}

/// An index in memory.
#[derive(Default)]
pub(crate) struct Index {
    works: HashMap<u32, Descriptor>,
    postings: HashMap<u32, Vec<(u32, u32)>>,
}

const CANDIDATES: usize = 20;

impl Index {
    pub(crate) fn insert(&mut self, work: u32, descriptor: Descriptor) {
        for anchor in descriptor.anchors() {
            self.postings.entry(anchor.key).or_default().push((work, anchor.at));
        }
        self.works.insert(work, descriptor);
    }

    pub(crate) fn answer(&self, query: &Query) -> Option<u32> {
        (0..query.variants()).find_map(|variant| {
            let accepted = self
                .candidates(query, variant)
                .into_iter()
                .filter_map(|(work, offset)| {
                    let verdict = verify(query, self.works.get(&work)?, Alignment { offset, variant });
                    verdict.accepted.then_some((verdict, work))
                });
            let best = accepted.max_by_key(|(Match { score_ppm, .. }, work)| (*score_ppm, u32::MAX - work));
            best.map(|(_, work)| work)
        })
    }

    fn candidates(&self, query: &Query, variant: u8) -> Vec<(u32, i64)> {
        let mut votes: HashMap<(u32, i64), u32> = HashMap::new();
        for probe in query.probes_of(variant) {
            for &(work, at) in self.postings.get(&probe.key).into_iter().flatten() {
                let anchor = cwe_fingerprint::Anchor { key: probe.key, at };
                let slot = offset(&probe, &anchor).div_euclid(OFFSET_TOLERANCE);
                *votes.entry((work, slot)).or_default() += 1;
                *votes.entry((work, slot + 1)).or_default() += 1;
            }
        }
        let mut candidates: Vec<(u32, u32, i64)> = votes
            .into_iter()
            .filter(|(_, count)| *count >= 2)
            .map(|((work, slot), count)| (count, work, slot))
            .collect();
        candidates.sort_unstable_by(|a, b| b.cmp(a));
        candidates.truncate(CANDIDATES);
        candidates
            .into_iter()
            .map(|(_, work, slot)| (work, slot * OFFSET_TOLERANCE))
            .collect()
    }
}

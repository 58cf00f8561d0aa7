//! Names of the constraints, as the module documentation numbers them and the tests cite them.

/// A constraint of a circuit: an equation, a range or a hash, and the copies that lead to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Rule {
    /// A value that no equation is about.
    Free,
    /// The constant 0.
    Zero,
    /// `tier ‖ epoch`.
    TierEpoch,

    /// A path's bit is 0 or 1.
    PathBit,
    /// Sibling less node.
    PathDifference,
    /// The left child.
    PathLeft,
    /// The right child.
    PathRight,
    /// The parent.
    PathNode,

    /// S1: `identityCommitment`.
    Identity,
    /// S1: leaf of the subscription.
    Leaf,
    /// S2: `nf_user`.
    Nullifier,

    /// S3: a slot is used or not.
    Used,
    /// S3: how far a work id is above the last one, less 1.
    Gap,
    /// S3: the largest id so far.
    LastWork,
    /// S3: the slot's id.
    Work,
    /// S3: sum of the gaps' top parts.
    GapTops,
    /// S3: which is small, so that ids do not wrap.
    GapTopsRange,
    /// S3: the largest id ends below 2²⁵².
    LargestWork,
    /// S3: its top part, times 16.
    LargestWorkTop,
    /// S3: and below 2²⁴⁸.
    LargestWorkTopRange,
    /// S3: an unused slot has no seconds.
    UnusedSeconds,
    /// S3: no price.
    UnusedPrice,
    /// S3: no region.
    UnusedRegion,

    /// S4: seconds are below 2²⁴.
    Seconds,
    /// S4: price is below 2⁶⁶.
    Price,
    /// S4: its top part, times 4.
    PriceTop,
    /// S4: and below 2⁶⁴.
    PriceTopRange,
    /// S4: region is below 2²⁴.
    Region,
    /// S4: credibility is below 2²⁴.
    Credibility,
    /// S4: sum of the seconds.
    SecondsSum,
    /// S4: allowance less that.
    Slack,
    /// S4: which is not negative.
    SlackRange,

    /// S5: a term of diminishing returns.
    Reciprocal,
    /// S5: remainder of its division.
    ReciprocalRemainder,
    /// S5: which is not negative.
    ReciprocalRemainderRange,
    /// S5: divisor less remainder, less 1.
    ReciprocalBound,
    /// S5: which is not negative.
    ReciprocalBoundRange,
    /// S5: sum of the terms.
    ReciprocalSum,
    /// S5: plays beyond the counted ones.
    ExtraPlays,
    /// S5: there are some only if all 256 count; and the sum of the counted ones.
    CountedPlays,
    /// S5: all plays.
    Plays,
    /// S5: mean of the terms.
    Factor,
    /// S5: remainder of its division.
    FactorRemainder,
    /// S5: quotient times divisor plus remainder.
    FactorSum,
    /// S5: divisor less remainder, less 1.
    FactorBound,
    /// S5: which is not negative.
    FactorBoundRange,
    /// S5: seconds times price.
    SecondsPrice,
    /// S5: region times credibility.
    RegionCredibility,
    /// S5: both products.
    Weighted,
    /// S5: running sum of U times the weights, from the offset on.
    Cumulated,
    /// S5: the sum of weights, W.
    Total,

    /// S6: low bits of the nullifier.
    OffsetLow,
    /// S6: its other bits.
    OffsetHigh,
    /// S6: together the nullifier.
    OffsetParts,
    /// S6: the highest allowed less the other bits.
    OffsetCanonical,
    /// S6: which is not negative.
    OffsetCanonicalRange,
    /// S6: the offset.
    Offset,
    /// S6: remainder of its division.
    OffsetRemainder,
    /// S6: which is in its range.
    OffsetRemainderRange,
    /// S6: units of a slot.
    Units,
    /// S6: units so far.
    UnitsSum,
    /// S6: remainder of the rounding.
    Rounding,
    /// S6: which is not negative.
    RoundingRange,
    /// S6: W less remainder, less 1.
    RoundingBound,
    /// S6: which is not negative.
    RoundingBoundRange,

    /// S7, R1: `units ‖ price ‖ region`.
    Packed,
    /// S7, R1: hash of work and packed.
    Content,
    /// S7, R1: hash of `r` and `tier ‖ epoch`.
    Blinding,
    /// S7, R1: commitment.
    Commitment,
    /// S7: nodes of the notes' tree.
    NotesNode,

    /// R2: `nf_note`.
    NoteNullifier,
}

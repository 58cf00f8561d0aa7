//! Pictures and moving pictures: perceptual hashes of frames.

use crate::{Alignment, Anchor, FpId, ImageDescriptor, ImageQuery, Match, Probe, VideoDescriptor, VideoQuery, audio};

pub(crate) const fn variants(query: &VideoQuery) -> u8 {
    match query.audio {
        Some(_) => audio::VARIANTS,
        None => 1,
    }
}

pub(crate) fn anchors(video: &VideoDescriptor) -> Vec<Anchor> {
    video.audio.as_ref().map_or_else(Vec::new, audio::anchors)
}

pub(crate) const fn image_anchors(_image: &ImageDescriptor) -> Vec<Anchor> {
    Vec::new()
}

pub(crate) fn slice(video: &VideoDescriptor, around_at: u32) -> VideoDescriptor {
    let audio = video.audio.as_ref().map(|audio| audio::slice(audio, around_at));
    VideoDescriptor {
        duration_ms: video.duration_ms,
        frames: Vec::new(),
        audio,
    }
}

pub(crate) fn probes(query: &VideoQuery, variant: u8) -> Vec<Probe> {
    query
        .audio
        .as_ref()
        .map_or_else(Vec::new, |audio| audio::probes(audio, variant))
}

pub(crate) const fn image_probes(_image: &ImageQuery) -> Vec<Probe> {
    Vec::new()
}

pub(crate) fn verify(query: &VideoQuery, candidate: &VideoDescriptor, alignment: Alignment) -> Match {
    match (&query.audio, &candidate.audio) {
        (Some(query), Some(candidate)) => audio::verify(query, candidate, alignment),
        _ => Match::NONE,
    }
}

pub(crate) const fn verify_image(_query: &ImageDescriptor, _candidate: &ImageDescriptor) -> Match {
    Match::NONE
}

pub(crate) fn fp_id(video: &VideoDescriptor) -> FpId {
    video.audio.as_ref().map_or(FpId([0; 32]), audio::fp_id)
}

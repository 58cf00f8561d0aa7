use crate::{AudioDescriptor, FpId, fp_id::simhash};

pub(crate) fn fp_id(audio: &AudioDescriptor) -> FpId {
    let features: Vec<_> = audio.chroma.iter().map(|item| item.to_le_bytes()).collect();
    simhash(features.iter().map(|feature| (feature.as_slice(), 1)))
}

//! The factor matrices of a release, as safetensors.

use crate::attributes::Prior;
use crate::ials::{Ials, Projection};
use crate::spectral::{Spectral, SpectralProjection};
use crate::{Error, Result};
use ndarray::Array2;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::de::DeserializeOwned;
use std::collections::HashMap;

pub(super) const ITEM_FACTORS: &str = "item_factors.safetensors";
pub(super) const SPECTRAL: &str = "spectral.safetensors";
pub(super) const CUSTOMER_PRIOR: &str = "customer_prior.safetensors";
pub(super) const ITEM_PRIOR: &str = "item_prior.safetensors";
pub(super) const CUSTOMER_FACTORS: &str = "customer_factors.safetensors";

pub(super) const CUSTOMER_VECTORS: &str = "customer_vectors.safetensors";

const ITEM_TENSOR: &str = "item_factors";
const SPECTRAL_TENSOR: &str = "spectral_vectors";
const SCALE_TENSOR: &str = "input_scale";
const INTERCEPT_TENSOR: &str = "intercept";
const PRIOR_TENSOR: &str = "feature_weights";
const CUSTOMER_TENSOR: &str = "customer_factors";
const VECTOR_TENSOR: &str = "customer_vectors";
/// The key of the file's metadata under which stands, as JSON, how a history becomes a vector.
const PROJECTION: &str = "projection";
/// The same for what each row of a prior's weights stands for.
const FEATURES: &str = "features";

pub(super) fn encode_ials(ials: &Ials) -> Result<Vec<u8>> {
    let projection =
        serde_json::to_string(ials.projection()).map_err(|e| unreadable(ITEM_FACTORS, e.to_string()))?;
    // One key only: the order of several in a hash map would change the bytes from run to run.
    let metadata = HashMap::from([(PROJECTION.into(), projection)]);
    encode(ITEM_FACTORS, &[(ITEM_TENSOR, ials.item_factors())], Some(metadata))
}

pub(super) fn encode_spectral(spectral: &Spectral) -> Result<Vec<u8>> {
    let projection =
        serde_json::to_string(spectral.projection()).map_err(|e| unreadable(SPECTRAL, e.to_string()))?;
    let scale = spectral.input_scale().to_vec();
    let scale =
        Array2::from_shape_vec((scale.len(), 1), scale).map_err(|e| unreadable(SPECTRAL, e.to_string()))?;
    let matrices = [(SPECTRAL_TENSOR, spectral.vectors()), (SCALE_TENSOR, &scale)];
    encode(SPECTRAL, &matrices, Some(HashMap::from([(PROJECTION.into(), projection)])))
}

pub(super) fn decode_spectral(bytes: &[u8]) -> Result<Spectral> {
    let projection: SpectralProjection = metadata(SPECTRAL, bytes, PROJECTION)?;
    let scale = decode(SPECTRAL, SCALE_TENSOR, bytes)?.into_raw_vec_and_offset().0;
    Spectral::from_parts(decode(SPECTRAL, SPECTRAL_TENSOR, bytes)?, scale, projection)
}

pub(super) fn encode_prior(part: &str, prior: &Prior) -> Result<Vec<u8>> {
    let features = serde_json::to_string(prior.features()).map_err(|e| unreadable(part, e.to_string()))?;
    let (intercept, weights) = prior.parts();
    let intercept = Array2::from_shape_vec((1, intercept.len()), intercept.to_vec())
        .map_err(|e| unreadable(part, e.to_string()))?;
    let matrices = [(INTERCEPT_TENSOR, &intercept), (PRIOR_TENSOR, weights)];
    encode(part, &matrices, Some(HashMap::from([(FEATURES.into(), features)])))
}

pub(super) fn decode_prior(part: &str, bytes: &[u8]) -> Result<Prior> {
    let features = metadata(part, bytes, FEATURES)?;
    let intercept = decode(part, INTERCEPT_TENSOR, bytes)?.into_raw_vec_and_offset().0;
    Prior::from_parts(features, intercept, decode(part, PRIOR_TENSOR, bytes)?)
}

pub(super) fn encode_customer_factors(factors: &Array2<f32>) -> Result<Vec<u8>> {
    encode(CUSTOMER_FACTORS, &[(CUSTOMER_TENSOR, factors)], None)
}

pub(super) fn encode_customer_vectors(vectors: &Array2<f32>) -> Result<Vec<u8>> {
    encode(CUSTOMER_VECTORS, &[(VECTOR_TENSOR, vectors)], None)
}

pub(super) fn decode_customer_vectors(bytes: &[u8]) -> Result<Array2<f32>> {
    let vectors = decode(CUSTOMER_VECTORS, VECTOR_TENSOR, bytes)?;
    match vectors.iter().position(|number| !number.is_finite()) {
        Some(at) => Err(unreadable(CUSTOMER_VECTORS, format!("number {at} is not finite"))),
        None => Ok(vectors),
    }
}

pub(super) fn decode_ials(bytes: &[u8]) -> Result<Ials> {
    let projection: Projection = metadata(ITEM_FACTORS, bytes, PROJECTION)?;
    Ials::from_parts(decode(ITEM_FACTORS, ITEM_TENSOR, bytes)?, projection)
}

/// What stands as JSON under a key of a file's metadata.
fn metadata<T: DeserializeOwned>(part: &str, bytes: &[u8], key: &str) -> Result<T> {
    let failed = |reason: String| unreadable(part, reason);
    let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(|e| failed(e.to_string()))?;
    let value = metadata.metadata().as_ref().and_then(|map| map.get(key));
    let value = value.ok_or_else(|| failed(format!("its metadata has no {key:?}")))?;
    serde_json::from_str(value).map_err(|e| failed(format!("metadata {key:?}: {e}")))
}

fn encode(
    part: &str,
    matrices: &[(&str, &Array2<f32>)],
    metadata: Option<HashMap<String, String>>,
) -> Result<Vec<u8>> {
    let bytes: Vec<Vec<u8>> = matrices
        .iter()
        .map(|(_, matrix)| matrix.iter().flat_map(|number| number.to_le_bytes()).collect())
        .collect();
    let views = matrices.iter().zip(&bytes).map(|((name, matrix), bytes)| {
        TensorView::new(Dtype::F32, matrix.shape().to_vec(), bytes).map(|view| (*name, view))
    });
    let views: Vec<_> =
        views.collect::<std::result::Result<_, _>>().map_err(|e| unreadable(part, e.to_string()))?;
    safetensors::serialize(views, metadata).map_err(|e| unreadable(part, e.to_string()))
}

fn decode(part: &str, name: &str, bytes: &[u8]) -> Result<Array2<f32>> {
    let failed = |reason: String| unreadable(part, reason);
    let tensors = SafeTensors::deserialize(bytes).map_err(|e| failed(e.to_string()))?;
    let tensor = tensors.tensor(name).map_err(|e| failed(e.to_string()))?;
    let (Dtype::F32, &[rows, columns]) = (tensor.dtype(), tensor.shape()) else {
        return Err(failed(format!(
            "tensor {name:?} should be a matrix of F32, but is {:?} of shape {:?}",
            tensor.dtype(),
            tensor.shape()
        )));
    };
    let (numbers, _) = tensor.data().as_chunks::<4>();
    let numbers: Vec<f32> = numbers.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    Array2::from_shape_vec((rows, columns), numbers).map_err(|e| failed(e.to_string()))
}

pub(super) fn unreadable(part: &str, reason: String) -> Error {
    Error::Unreadable { part: part.into(), reason }
}

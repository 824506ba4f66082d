//! The factor matrices of a release, as safetensors.

use crate::ials::{Ials, Projection};
use crate::{Error, Result};
use ndarray::Array2;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use std::collections::HashMap;

pub(super) const ITEM_FACTORS: &str = "item_factors.safetensors";
pub(super) const CUSTOMER_FACTORS: &str = "customer_factors.safetensors";

const ITEM_TENSOR: &str = "item_factors";
const CUSTOMER_TENSOR: &str = "customer_factors";
/// The key of the file's metadata under which stands, as JSON, how a history becomes a vector.
const PROJECTION: &str = "projection";

pub(super) fn encode_ials(ials: &Ials) -> Result<Vec<u8>> {
    let projection =
        serde_json::to_string(ials.projection()).map_err(|e| unreadable(ITEM_FACTORS, e.to_string()))?;
    // One key only: the order of several in a hash map would change the bytes from run to run.
    let metadata = HashMap::from([(PROJECTION.into(), projection)]);
    encode(ITEM_FACTORS, ITEM_TENSOR, ials.item_factors(), Some(metadata))
}

pub(super) fn encode_customer_factors(factors: &Array2<f32>) -> Result<Vec<u8>> {
    encode(CUSTOMER_FACTORS, CUSTOMER_TENSOR, factors, None)
}

pub(super) fn decode_ials(bytes: &[u8]) -> Result<Ials> {
    let failed = |reason: String| unreadable(ITEM_FACTORS, reason);
    let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(|e| failed(e.to_string()))?;
    let projection = metadata.metadata().as_ref().and_then(|map| map.get(PROJECTION));
    let projection = projection.ok_or_else(|| failed(format!("its metadata has no {PROJECTION:?}")))?;
    let projection: Projection =
        serde_json::from_str(projection).map_err(|e| failed(format!("metadata {PROJECTION:?}: {e}")))?;
    Ials::from_parts(decode(ITEM_FACTORS, ITEM_TENSOR, bytes)?, projection)
}

fn encode(
    part: &str,
    name: &str,
    matrix: &Array2<f32>,
    metadata: Option<HashMap<String, String>>,
) -> Result<Vec<u8>> {
    let bytes: Vec<u8> = matrix.iter().flat_map(|number| number.to_le_bytes()).collect();
    let view = TensorView::new(Dtype::F32, matrix.shape().to_vec(), &bytes);
    let view = view.map_err(|e| unreadable(part, e.to_string()))?;
    safetensors::serialize([(name, view)], metadata).map_err(|e| unreadable(part, e.to_string()))
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

fn unreadable(part: &str, reason: String) -> Error {
    Error::Unreadable { part: part.into(), reason }
}

//! Low-rank additions to matrices and kernels (Hu et al. 2021), put in while those are read.
//!
//! Names and shapes are PEFT's, as diffusers writes them: `unet.<layer>.lora_A.weight` takes a layer's
//! inputs to a few numbers (a kernel's keeps its last two sides), `lora_B` takes those to its outputs.
//! The addition is their product, unscaled.

use rayon::prelude::*;

use super::TensorFile;
use crate::cancel::CancelToken;
use crate::models::error::ModelError;

/// The factors for one component's tensors.
#[derive(Debug)]
pub(super) struct LowRank {
    factors: TensorFile,
    component: &'static str,
}

impl LowRank {
    /// Checks that each factor has its fellow, and that their product fits a tensor of `table`.
    ///
    /// # Errors
    /// [`ModelError`] that names the first one of which that is not so.
    pub(super) fn new(
        table: &TensorFile,
        factors: TensorFile,
        component: &'static str,
    ) -> Result<Self, ModelError> {
        let this = Self { factors, component };
        for name in this.factors.names() {
            let (layer, rank) = this.layer_of(name).ok_or_else(|| this.strange(name))?;
            let weight = format!("{layer}.weight");
            let shape = table.shape(&weight).ok_or_else(|| this.strange(name))?;
            let (down, up) = factor_shapes(shape, rank).ok_or_else(|| this.strange(name))?;
            let [a, b] = this.names(layer);
            this.factors.check_shape(&a, &down)?;
            this.factors.check_shape(&b, &up)?;
        }
        Ok(this)
    }

    /// Adds what there is for the tensor of this name and shape to its values.
    ///
    /// # Errors
    /// [`ModelError`] when the factors cannot be read, or the sum is not finite.
    pub(super) fn add(
        &self,
        name: &str,
        shape: &[usize],
        values: &mut [f32],
        cancel: &CancelToken,
    ) -> Result<(), ModelError> {
        let Some(layer) = name.strip_suffix(".weight") else { return Ok(()) };
        let [a, b] = self.names(layer);
        let rank = self.factors.shape(&a).and_then(|stored| stored.first()).copied();
        let Some((rank, (down, up))) =
            rank.and_then(|rank| Some((rank, factor_shapes(shape, rank)?)))
        else {
            return Ok(());
        };
        let inputs = down[1..].iter().product();
        let (mut to_few, mut to_outputs) = (Vec::new(), Vec::new());
        self.factors.read_into(&a, &down, &mut to_few, cancel)?;
        self.factors.read_into(&b, &up, &mut to_outputs, cancel)?;
        let rows = values.par_chunks_mut(inputs).zip(to_outputs.par_chunks(rank));
        let finite = rows.map(|(row, shares)| {
            for (share, few) in shares.iter().zip(to_few.chunks(inputs)) {
                for (value, input) in row.iter_mut().zip(few) {
                    *value += share * input;
                }
            }
            row.iter().all(|value| value.is_finite())
        });
        if finite.reduce(|| true, |one, other| one & other) {
            return Ok(());
        }
        Err(ModelError::NotFinite { name: name.to_owned(), path: self.factors.path().to_owned() })
    }

    /// The layer that a factor belongs to, and its rank.
    fn layer_of<'a>(&self, name: &'a str) -> Option<(&'a str, usize)> {
        let inner =
            name.strip_prefix(self.component)?.strip_prefix('.')?.strip_suffix(".weight")?;
        let shape = self.factors.shape(name)?;
        match inner.strip_suffix(".lora_A") {
            Some(layer) => Some((layer, *shape.first()?)),
            None => Some((inner.strip_suffix(".lora_B")?, *shape.get(1)?)),
        }
    }

    fn names(&self, layer: &str) -> [String; 2] {
        ["A", "B"].map(|factor| format!("{}.{layer}.lora_{factor}.weight", self.component))
    }

    fn strange(&self, name: &str) -> ModelError {
        ModelError::Unsupported {
            reason: format!(
                "'{name}' is not a low-rank addition to this model; download the model again"
            ),
            path: self.factors.path().to_owned(),
        }
    }
}

/// The shapes of both factors; none where a product of this rank is no less than the tensor.
fn factor_shapes(shape: &[usize], rank: usize) -> Option<(Vec<usize>, Vec<usize>)> {
    let [outputs, rest @ ..] = shape else { return None };
    let inputs: usize = rest.iter().product();
    if rest.is_empty() || rank == 0 || rank > inputs.min(*outputs) {
        return None;
    }
    let mut up = vec![*outputs, rank];
    up.resize(shape.len(), 1);
    Some(([&[rank], rest].concat(), up))
}

//! Takes tensors from a file into a backend's layers.

use std::cell::RefCell;
use std::rc::Rc;

use crate::cancel::CancelToken;
use crate::diffusion::error::Result;
use crate::models::TensorFile;
use crate::ops::{self, ConvWeights, LinearWeights, NormWeights, Ops};

/// What goes on while tensors are read.
#[derive(Clone, Copy)]
pub struct Loading<'a> {
    /// Looked at between tensors, and within large ones.
    pub cancel: &'a CancelToken,
    /// Hears how many bytes of a file were read, after each tensor.
    pub read: Option<&'a dyn Fn(u64)>,
}

impl<'a> From<&'a CancelToken> for Loading<'a> {
    /// Nobody hears of it.
    fn from(cancel: &'a CancelToken) -> Self {
        Self { cancel, read: None }
    }
}

/// Missing tensors that are gathered: more than any model has.
const MOST_MISSING: usize = 1 << 14;
/// Values of a missing tensor that may be counted: more than any model has.
const MOST_VALUES: usize = 1 << 36;

/// Reads the tensors under one prefix. Where only shapes count, what is missing is gathered, so
/// that [`Loader::finish`] can tell all of it at once.
pub struct Loader<'a, O> {
    /// Where the layers are made.
    pub ops: &'a O,
    file: &'a TensorFile,
    loading: Loading<'a>,
    prefix: String,
    may_round: bool,
    missing: Rc<RefCell<Vec<String>>>,
    /// Holds one large tensor after the other: fresh memory for each would take as long as reading.
    scratch: Rc<RefCell<Vec<f32>>>,
}

impl<'a, O: Ops> Loader<'a, O> {
    /// Starts at the root of a file.
    #[must_use]
    pub fn new(ops: &'a O, file: &'a TensorFile, loading: impl Into<Loading<'a>>) -> Self {
        let loading = loading.into();
        Self {
            ops,
            file,
            loading,
            prefix: String::new(),
            may_round: false,
            missing: Rc::default(),
            scratch: Rc::default(),
        }
    }

    /// The same reader; the backend may keep the weights of its linear layers in 8 bits.
    #[must_use]
    pub fn rounding(&self) -> Self {
        Self { may_round: true, ..self.again() }
    }

    fn again(&self) -> Self {
        Self {
            prefix: self.prefix.clone(),
            missing: Rc::clone(&self.missing),
            scratch: Rc::clone(&self.scratch),
            ..*self
        }
    }

    /// The same reader one name further down.
    #[must_use]
    pub fn at(&self, name: impl std::fmt::Display) -> Self {
        Self { prefix: format!("{}{name}.", self.prefix), ..self.again() }
    }

    /// Whether the file has this tensor.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.file.has(&format!("{}{name}", self.prefix))
    }

    /// A tensor's values, its shape checked; none where the backend needs none. Cancelling takes
    /// effect here.
    ///
    /// # Errors
    /// Cancelled, missing, unreadable, of another shape, or not finite.
    pub fn tensor(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let mut values = Vec::new();
        self.read(name, shape, &mut values)?;
        Ok(values)
    }

    /// The same, at the beginning of `into`, which grows where it must.
    fn read<'v>(&self, name: &str, shape: &[usize], into: &'v mut Vec<f32>) -> Result<&'v [f32]> {
        let Loading { cancel, read } = self.loading;
        cancel.check()?;
        let name = format!("{}{name}", self.prefix);
        let count = shape.iter().try_fold(1_usize, |all, side| all.checked_mul(*side));
        if !self.file.has(&name) {
            let mut missing = self.missing.borrow_mut();
            missing.push(name);
            // A configuration may promise any size and any number of layers. What is not there
            // takes no memory for that, and is no reason to go on for long.
            let sensible = count.is_some_and(|count| count <= MOST_VALUES);
            if O::VALUES || !sensible || missing.len() >= MOST_MISSING {
                return Err(self.file.not_there(&missing).into());
            }
            return Ok(&[]);
        }
        if !O::VALUES {
            self.file.check_shape(&name, shape)?;
            return Ok(&[]);
        }
        let outcome = self.file.read_into(&name, shape, into, cancel);
        cancel.check()?;
        if let Some(read) = read {
            read(self.file.bytes_of(&name));
        }
        outcome?;
        Ok(&into[..count.expect("what was read has as many values")])
    }

    /// A tensor that is looked into value by value and stays in f32.
    ///
    /// # Errors
    /// As [`Self::tensor`].
    pub fn table(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let values = self.tensor(name, shape)?;
        self.ops.keeps(shape.iter().product::<usize>() * size_of::<f32>());
        Ok(values)
    }

    /// A square convolution `[output, input, kernel, kernel]` with its bias.
    ///
    /// # Errors
    /// As [`Self::tensor`].
    pub fn conv(
        &self,
        name: &str,
        shape: [usize; 3],
        stride: usize,
        padding: [usize; 4],
    ) -> Result<O::Conv> {
        let [output, input, kernel] = shape;
        let bias = Some(self.tensor(&format!("{name}.bias"), &[output])?);
        let mut scratch = self.scratch.borrow_mut();
        let stored = [output, input, kernel, kernel];
        let weight = self.read(&format!("{name}.weight"), &stored, &mut scratch)?;
        Ok(self.ops.conv(ConvWeights { weight, bias, shape, stride, padding })?)
    }

    /// A 3×3 convolution that keeps the size.
    ///
    /// # Errors
    /// As [`Self::tensor`].
    pub fn conv3(&self, name: &str, output: usize, input: usize) -> Result<O::Conv> {
        self.conv(name, [output, input, 3], 1, [1; 4])
    }

    /// A linear layer with a bias; also where the file has it as a 1×1 convolution.
    ///
    /// # Errors
    /// As [`Self::tensor`].
    pub fn linear(&self, name: &str, output: usize, input: usize) -> Result<O::Linear> {
        let bias = self.tensor(&format!("{name}.bias"), &[output])?;
        self.linear_with(name, output, input, Some(bias), O::linear)
    }

    /// A linear layer with a bias to `output` values, the second half of which gates the first.
    ///
    /// # Errors
    /// As [`Self::tensor`].
    pub fn gated(&self, name: &str, output: usize, input: usize) -> Result<O::Gated> {
        let bias = self.tensor(&format!("{name}.bias"), &[output])?;
        self.linear_with(name, output, input, Some(bias), O::gated)
    }

    /// A linear layer without a bias.
    ///
    /// # Errors
    /// As [`Self::tensor`].
    pub fn linear_unbiased(&self, name: &str, output: usize, input: usize) -> Result<O::Linear> {
        self.linear_with(name, output, input, None, O::linear)
    }

    fn linear_with<L>(
        &self,
        name: &str,
        output: usize,
        input: usize,
        bias: Option<Vec<f32>>,
        make: impl FnOnce(&O, LinearWeights<'_>) -> ops::Result<L>,
    ) -> Result<L> {
        let name = format!("{name}.weight");
        let full = format!("{}{name}", self.prefix);
        let pointwise = self.file.shape(&full).is_some_and(|shape| shape.len() == 4);
        let stored: &[usize] = if pointwise { &[output, input, 1, 1] } else { &[output, input] };
        let mut scratch = self.scratch.borrow_mut();
        let weight = self.read(&name, stored, &mut scratch)?;
        let shape = [output, input];
        Ok(make(self.ops, LinearWeights { weight, bias, shape, may_round: self.may_round })?)
    }

    /// A group norm's (or with one group a layer norm's) weights.
    ///
    /// # Errors
    /// As [`Self::tensor`].
    pub fn norm(&self, name: &str, channels: usize, groups: usize, eps: f32) -> Result<O::Norm> {
        let weight = self.tensor(&format!("{name}.weight"), &[channels])?;
        let bias = self.tensor(&format!("{name}.bias"), &[channels])?;
        Ok(self.ops.norm(NormWeights { weight, bias, eps, groups })?)
    }

    /// Tells what was missing, all at once.
    ///
    /// # Errors
    /// Something was.
    pub fn finish(&self) -> Result<()> {
        let missing = self.missing.borrow();
        if missing.is_empty() { Ok(()) } else { Err(self.file.not_there(&missing).into()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diffusion::error::DiffusionError;
    use crate::models::ModelError;
    use crate::models::folder::Bytes;
    use crate::ops::cpu::{Cpu, DType, Isa};
    use crate::ops::shapes::Shapes;

    /// A file with `a.bias` of two values and `a.weight` of six.
    fn file() -> TensorFile {
        let header = br#"{"a.bias": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]},
            "a.weight": {"dtype": "F32", "shape": [2, 3], "data_offsets": [8, 32]}}"#;
        let length = (header.len() as u64).to_le_bytes();
        let bytes = [&length[..], header, &[0_u8; 32]].concat();
        TensorFile::open(&Bytes::Embedded(bytes.leak()), "w.safetensors".to_owned()).unwrap()
    }

    /// How many tensors are said to be missing.
    fn missing<T>(outcome: Result<T>) -> usize {
        match outcome.err() {
            Some(DiffusionError::Model(ModelError::MissingTensors { count, .. })) => count,
            other => panic!("{other:?}"),
        }
    }

    const HOSTILE: usize = 1 << 40;

    #[test]
    fn what_is_not_there_takes_no_memory_whatever_its_size() {
        let (file, go) = (file(), CancelToken::default());
        let (numbers, shapes) = (Cpu::default(), Shapes::new(Isa::best(), DType::F32));
        for shape in [&[HOSTILE][..], &[HOSTILE, HOSTILE]] {
            assert_eq!(missing(Loader::new(&numbers, &file, &go).tensor("b", shape)), 1);
            assert_eq!(missing(Loader::new(&shapes, &file, &go).tensor("b", shape)), 1);
        }
    }

    #[test]
    fn where_only_shapes_count_all_that_is_missing_is_told_at_once() {
        let (file, go) = (file(), CancelToken::default());
        let shapes = Shapes::new(Isa::best(), DType::F32);
        let dry = Loader::new(&shapes, &file, &go);
        assert!(dry.linear("a", 2, 3).is_ok());
        dry.linear("b", 2, 3).unwrap();
        dry.norm("c", 2, 1, 1e-5).unwrap();
        assert_eq!(missing(dry.finish()), 4);
        // Layers without end come to one.
        let endless = || (0..HOSTILE).try_for_each(|_layer| dry.norm("d", 2, 1, 1e-5));
        assert_eq!(missing(endless()), MOST_MISSING);
        let wrong = Loader::new(&shapes, &file, &go).linear("a", 2, HOSTILE);
        let shape = |error| matches!(error, DiffusionError::Model(ModelError::WrongShape { .. }));
        assert!(wrong.err().is_some_and(shape));
    }
}

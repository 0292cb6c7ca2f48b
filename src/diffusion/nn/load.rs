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

/// Reads the tensors under one prefix. What is missing is gathered, so that [`Loader::finish`] can
/// tell all of it at once; zeros stand in until then.
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
    /// Cancelled, unreadable, of another shape, or not finite.
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
        let count = shape.iter().product();
        if !self.file.has(&name) {
            self.missing.borrow_mut().push(name);
            *into = vec![0.0; count];
            return Ok(into);
        }
        if !O::VALUES {
            return Ok(&[]);
        }
        let outcome = self.file.read_into(&name, shape, into, cancel);
        cancel.check()?;
        if let Some(read) = read {
            read(self.file.bytes_of(&name));
        }
        outcome?;
        Ok(&into[..count])
    }

    /// A tensor that is looked into value by value and stays in f32.
    ///
    /// # Errors
    /// As [`Self::tensor`].
    pub fn table(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        self.ops.keeps(shape.iter().product::<usize>() * size_of::<f32>());
        self.tensor(name, shape)
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

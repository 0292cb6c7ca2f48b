//! How near everything in a picture is: Depth Anything V2 (Yang et al. 2024), a `DINOv2`
//! transformer (Oquab et al. 2023) under DPT's head (Ranftl et al. 2021), as transformers'
//! `modeling_dinov2.py` and `modeling_depth_anything.py` compute them.
//!
//! Called by the engine for depth models that are given a picture and no depth map.
//! candle-transformers has this network too, but for squares of 518 pixels only, enlarged by the
//! nearest pixel and with GELU's tanh form: its maps are not those of the published model.

pub mod resize;

use self::resize::{bicubic, bilinear};
use super::error::Result;
use super::nn::load::{Loader, Loading};
use crate::cancel::CancelToken;
use crate::models::TensorFile;
use crate::models::depth::{DepthConfig, STAGES};
use crate::ops::{Activation, ConvExtra, ConvWeights, ImageDims, LinearWeights, Ops};

/// Added to the variance in the transformer's norms.
const NORM_EPS: f32 = 1e-6;
/// Sides that pictures are brought near to, in pixels.
const SIDE: f64 = 518.0;
/// Mean and deviation of each colour in `ImageNet`, which the transformer was trained on.
const MEAN: [f32; 3] = [0.485, 0.456, 0.406];
const DEVIATION: [f32; 3] = [0.229, 0.224, 0.225];

/// The network on a backend.
pub struct DepthNetwork<O: Ops> {
    patches: O::Linear,
    class: Vec<f32>,
    positions: Vec<f32>,
    layers: Vec<Layer<O>>,
    norm: O::Norm,
    stages: Vec<Stage<O>>,
    fusions: Vec<Fusion<O>>,
    narrow: O::Conv,
    widen: O::Conv,
    finish: O::Conv,
    config: DepthConfig,
}

/// A layer of the transformer; its scales are multiplied into what comes before them.
struct Layer<O: Ops> {
    norm1: O::Norm,
    q: O::Linear,
    k: O::Linear,
    v: O::Linear,
    out: O::Linear,
    norm2: O::Norm,
    widen: O::Linear,
    narrow: O::Linear,
}

/// From tokens to an image of the stage's own size and the common width.
struct Stage<O: Ops> {
    project: O::Conv,
    resize: Resize<O>,
    fuse: O::Conv,
}

enum Resize<O: Ops> {
    /// A transposed convolution whose windows do not overlap: each pixel becomes `times` × `times`.
    Larger {
        times: usize,
        linear: O::Linear,
    },
    Same,
    Smaller(O::Conv),
}

/// Puts a finer stage to the coarser ones.
struct Fusion<O: Ops> {
    project: O::Conv,
    /// Refines the finer stage; the coarsest one has none beside it.
    beside: Refine<O>,
    both: Refine<O>,
}

struct Refine<O: Ops>([O::Conv; 2]);

/// A map of nearness: larger is nearer, from 0, in no unit.
#[derive(Clone, Debug, PartialEq)]
pub struct DepthMap {
    /// Height and width in pixels.
    pub size: (usize, usize),
    /// Row after row.
    pub values: Vec<f32>,
}

/// Width and height at which the network looks at a picture: whole patches, the sides in about the
/// picture's relation, the one that changes less 518 pixels. After transformers'
/// `get_resize_output_image_size` with `keep_aspect_ratio`.
#[must_use]
pub fn working_size((width, height): (u32, u32), patch: usize) -> (u32, u32) {
    let (across, down) = (SIDE / f64::from(width), SIDE / f64::from(height));
    let scale = if (1.0 - across).abs() < (1.0 - down).abs() { across } else { down };
    // Python rounds halves to the even number.
    let patches = |side: u32| {
        (scale * f64::from(side) / patch as f64).round_ties_even().clamp(1.0, 148.0) as u32
    };
    (patches(width) * patch as u32, patches(height) * patch as u32)
}

impl<O: Ops> DepthNetwork<O> {
    /// Reads the network's tensors.
    ///
    /// # Errors
    /// Tensors are missing, damaged or of another shape; cancelled.
    pub fn load<'a>(
        ops: &'a O,
        config: DepthConfig,
        file: &'a TensorFile,
        loading: impl Into<Loading<'a>>,
    ) -> Result<Self> {
        let root = Loader::new(ops, file, loading);
        let DepthConfig { patch, side, hidden, fused, last, .. } = config;
        let embeddings = root.at("backbone.embeddings");
        let projection = embeddings.at("patch_embeddings.projection");
        let patches = ops.linear(LinearWeights {
            weight: &projection.tensor("weight", &[hidden, 3, patch, patch])?,
            bias: Some(projection.tensor("bias", &[hidden])?),
            shape: [hidden, 3 * patch * patch],
            may_round: false,
        })?;
        let layer = |index| Layer::load(&root.at("backbone.encoder.layer").at(index), &config);
        let stage = |index| Stage::load(&root, &config, index);
        let fusion = |index| Fusion::load(&root.at("neck.fusion_stage.layers").at(index), fused);
        let head = root.at("head");
        let network = Self {
            patches,
            class: embeddings.table("cls_token", &[1, 1, hidden])?,
            positions: embeddings.table("position_embeddings", &[1, side * side + 1, hidden])?,
            layers: (0..config.layers).map(layer).collect::<Result<_>>()?,
            norm: root.norm("backbone.layernorm", hidden, 1, NORM_EPS)?,
            stages: (0..STAGES).map(stage).collect::<Result<_>>()?,
            fusions: (0..STAGES).map(fusion).collect::<Result<_>>()?,
            narrow: head.conv3("conv1", fused / 2, fused)?,
            widen: head.conv3("conv2", last, fused / 2)?,
            finish: head.conv("conv3", [1, last, 1], 1, [0; 4])?,
            config,
        };
        root.finish()?;
        Ok(network)
    }

    /// Estimates the depth of a picture: RGB bytes, row after row, `size` (height, width) of whole
    /// patches.
    ///
    /// # Errors
    /// Cancelled, or the backend fails.
    ///
    /// # Panics
    /// The size is not of whole patches.
    pub fn estimate(
        &self,
        ops: &O,
        rgb: &[u8],
        (height, width): (usize, usize),
        cancel: &CancelToken,
    ) -> Result<DepthMap> {
        let patch = self.config.patch;
        assert!(height.is_multiple_of(patch) && width.is_multiple_of(patch), "whole patches");
        let grid = (height / patch, width / patch);
        let mut tokens = self.embedded(ops, rgb, (height, width))?;
        let mut stages = Vec::new();
        for (index, layer) in self.layers.iter().enumerate() {
            cancel.check()?;
            tokens = layer.forward(ops, &tokens, self.config.heads)?;
            for _ in self.config.stages.iter().filter(|stage| **stage == index + 1) {
                let seen = ops.read_tokens(&ops.layer_norm(&tokens, &self.norm)?)?;
                // Without the class token.
                let shape = [1, grid.0 * grid.1, self.config.hidden];
                let seen = ops.tokens(shape, &seen[self.config.hidden..])?;
                let seen = ops.image_of_tokens(&seen, grid.0, grid.1)?;
                stages.push(self.stages[stages.len()].forward(ops, &seen)?);
            }
        }
        let mut coarse: Option<O::Tensor> = None;
        for (index, fusion) in self.fusions.iter().enumerate() {
            cancel.check()?;
            let fine = stages.pop().expect("as many stages as fusions");
            let dims = ops.image_dims(stages.last().unwrap_or(&fine));
            let size = if index + 1 == STAGES {
                (2 * dims.height, 2 * dims.width)
            } else {
                (dims.height, dims.width)
            };
            coarse = Some(fusion.forward(ops, coarse.as_ref(), &fine, size)?);
        }
        let x = coarse.expect("there are stages");
        let x = ops.convolve(&x, &self.narrow, ConvExtra::default())?;
        let x = resized(ops, &x, (height, width))?;
        cancel.check()?;
        let x = ops.convolve(&x, &self.widen, ConvExtra::default())?;
        let x = ops.activate(&x, Activation::Relu)?;
        let x = ops.convolve(&x, &self.finish, ConvExtra::default())?;
        let values = ops.read_image(&ops.activate(&x, Activation::Relu)?)?;
        Ok(DepthMap { size: (height, width), values })
    }

    /// Tokens of a picture's patches behind the class token, each with its place.
    fn embedded(&self, ops: &O, rgb: &[u8], (height, width): (usize, usize)) -> Result<O::Tensor> {
        let DepthConfig { patch, side, hidden, .. } = self.config;
        let grid = (height / patch, width / patch);
        let count = grid.0 * grid.1;
        let mut values = Vec::with_capacity(3 * height * width);
        for place in 0..count {
            let (top, left) = (place / grid.1 * patch, place % grid.1 * patch);
            for channel in 0..3 {
                for y in top..top + patch {
                    let row = &rgb[3 * (y * width + left)..][..3 * patch];
                    values.extend(row.iter().skip(channel).step_by(3).map(|byte| {
                        (f32::from(*byte) / 255.0 - MEAN[channel]) / DEVIATION[channel]
                    }));
                }
            }
        }
        let pixels = ops.tokens([1, count, 3 * patch * patch], &values)?;
        let pixels = ops.read_tokens(&ops.project(&pixels, &self.patches, None, None)?)?;
        let places = self.places(side, grid);
        let mut tokens: Vec<f32> =
            self.class.iter().zip(&self.positions).map(|(class, place)| class + place).collect();
        tokens.extend(pixels.iter().zip(&places).map(|(pixel, place)| pixel + place));
        Ok(ops.tokens([1, count + 1, hidden], &tokens)?)
    }

    /// What the places of a grid add to its tokens: learnt for one grid, between its points for
    /// others.
    fn places(&self, side: usize, grid: (usize, usize)) -> Vec<f32> {
        let hidden = self.config.hidden;
        // A backend that only counts has none.
        let Some(learnt) = self.positions.get(hidden..) else { return Vec::new() };
        if grid == (side, side) {
            return learnt.to_vec();
        }
        let count = grid.0 * grid.1;
        let mut places = vec![0.0; count * hidden];
        for channel in 0..hidden {
            let plane: Vec<f32> = learnt.iter().skip(channel).step_by(hidden).copied().collect();
            let plane = bicubic(&plane, (side, side), grid);
            for (place, value) in plane.into_iter().enumerate() {
                places[place * hidden + channel] = value;
            }
        }
        places
    }
}

/// An image at another height and width.
fn resized<O: Ops>(ops: &O, x: &O::Tensor, size: (usize, usize)) -> Result<O::Tensor> {
    let dims = ops.image_dims(x);
    let values = bilinear(&ops.read_image(x)?, (dims.height, dims.width), size);
    Ok(ops.image(ImageDims { height: size.0, width: size.1, ..dims }, &values)?)
}

impl<O: Ops> Layer<O> {
    fn load(from: &Loader<'_, O>, config: &DepthConfig) -> Result<Self> {
        let (hidden, wide) = (config.hidden, config.intermediate);
        let attention = from.at("attention.attention");
        // What a layer adds to its input is scaled channel by channel, after its last product.
        let scaled = |name: &str, scale: &str, input: usize| -> Result<O::Linear> {
            let scale = from.tensor(scale, &[hidden])?;
            let mut weight = from.tensor(&format!("{name}.weight"), &[hidden, input])?;
            let mut bias = from.tensor(&format!("{name}.bias"), &[hidden])?;
            for (row, scale) in weight.chunks_exact_mut(input).zip(&scale) {
                for value in row {
                    *value *= scale;
                }
            }
            for (value, scale) in bias.iter_mut().zip(&scale) {
                *value *= scale;
            }
            let shape = [hidden, input];
            Ok(from.ops.linear(LinearWeights {
                weight: &weight,
                bias: Some(bias),
                shape,
                may_round: false,
            })?)
        };
        Ok(Self {
            norm1: from.norm("norm1", hidden, 1, NORM_EPS)?,
            q: attention.linear("query", hidden, hidden)?,
            k: attention.linear("key", hidden, hidden)?,
            v: attention.linear("value", hidden, hidden)?,
            out: scaled("attention.output.dense", "layer_scale1.lambda1", hidden)?,
            norm2: from.norm("norm2", hidden, 1, NORM_EPS)?,
            widen: from.linear("mlp.fc1", wide, hidden)?,
            narrow: scaled("mlp.fc2", "layer_scale2.lambda1", wide)?,
        })
    }

    fn forward(&self, ops: &O, x: &O::Tensor, heads: usize) -> Result<O::Tensor> {
        let normed = ops.layer_norm(x, &self.norm1)?;
        let part = |linear| ops.project(&normed, linear, None, None);
        let keys = ops.keys(&part(&self.k)?, &part(&self.v)?, heads)?;
        let mixed = ops.attend(&part(&self.q)?, &keys, false)?;
        let x = ops.project(&mixed, &self.out, None, Some(x))?;
        let normed = ops.layer_norm(&x, &self.norm2)?;
        let wide = ops.project(&normed, &self.widen, Some(Activation::Gelu), None)?;
        Ok(ops.project(&wide, &self.narrow, None, Some(&x))?)
    }
}

impl<O: Ops> Stage<O> {
    fn load(root: &Loader<'_, O>, config: &DepthConfig, index: usize) -> Result<Self> {
        let width = config.widths[index];
        let from = root.at("neck.reassemble_stage.layers").at(index);
        let weight =
            root.tensor(&format!("neck.convs.{index}.weight"), &[config.fused, width, 3, 3])?;
        let shape = [config.fused, width, 3];
        let fuse = ConvWeights { weight: &weight, bias: None, shape, stride: 1, padding: [1; 4] };
        Ok(Self {
            project: from.conv("projection", [width, config.hidden, 1], 1, [0; 4])?,
            resize: match index {
                0 => Resize::larger(&from, width, 4)?,
                1 => Resize::larger(&from, width, 2)?,
                2 => Resize::Same,
                _ => Resize::Smaller(from.conv("resize", [width, width, 3], 2, [1; 4])?),
            },
            fuse: root.ops.conv(fuse)?,
        })
    }

    fn forward(&self, ops: &O, x: &O::Tensor) -> Result<O::Tensor> {
        let x = ops.convolve(x, &self.project, ConvExtra::default())?;
        let x = match &self.resize {
            Resize::Larger { times, linear } => enlarged(ops, &x, *times, linear)?,
            Resize::Same => x,
            Resize::Smaller(conv) => ops.convolve(&x, conv, ConvExtra::default())?,
        };
        Ok(ops.convolve(&x, &self.fuse, ConvExtra::default())?)
    }
}

impl<O: Ops> Resize<O> {
    /// A transposed convolution `[input, output, times, times]` as a linear layer to all the pixels
    /// that one becomes.
    fn larger(from: &Loader<'_, O>, width: usize, times: usize) -> Result<Self> {
        let stored = from.tensor("resize.weight", &[width, width, times, times])?;
        let bias = from.tensor("resize.bias", &[width])?;
        let pixels = times * times;
        let mut weight = Vec::with_capacity(stored.len());
        for pixel in 0..if O::VALUES { pixels } else { 0 } {
            for output in 0..width {
                let of = |input: usize| stored[(input * width + output) * pixels + pixel];
                weight.extend((0..width).map(of));
            }
        }
        let shape = [pixels * width, width];
        let weights = LinearWeights {
            weight: &weight,
            bias: Some(bias.repeat(pixels)),
            shape,
            may_round: false,
        };
        Ok(Self::Larger { times, linear: from.ops.linear(weights)? })
    }
}

/// Each pixel of one image as `times` × `times`.
fn enlarged<O: Ops>(ops: &O, x: &O::Tensor, times: usize, linear: &O::Linear) -> Result<O::Tensor> {
    let ImageDims { batch, channels, height, width } = ops.image_dims(x);
    let tokens = ops.project(&ops.tokens_of_image(x)?, linear, None, None)?;
    let values = ops.read_tokens(&tokens)?;
    let wide = width * times;
    let mut out = vec![0.0; values.len()];
    for (place, pixels) in values.chunks_exact(times * times * channels).enumerate() {
        let (y, x) = (place / width * times, place % width * times);
        for (pixel, values) in pixels.chunks_exact(channels).enumerate() {
            let (y, x) = (y + pixel / times, x + pixel % times);
            for (channel, value) in values.iter().enumerate() {
                out[(channel * height * times + y) * wide + x] = *value;
            }
        }
    }
    Ok(ops.image(ImageDims { batch, channels, height: height * times, width: wide }, &out)?)
}

impl<O: Ops> Fusion<O> {
    fn load(from: &Loader<'_, O>, width: usize) -> Result<Self> {
        let refine = |name: &str| -> Result<Refine<O>> {
            let from = from.at(name);
            let conv = |name: &str| from.conv3(name, width, width);
            Ok(Refine([conv("convolution1")?, conv("convolution2")?]))
        };
        Ok(Self {
            project: from.conv("projection", [width, width, 1], 1, [0; 4])?,
            beside: refine("residual_layer1")?,
            both: refine("residual_layer2")?,
        })
    }

    fn forward(
        &self,
        ops: &O,
        coarse: Option<&O::Tensor>,
        fine: &O::Tensor,
        size: (usize, usize),
    ) -> Result<O::Tensor> {
        let x = match coarse {
            Some(coarse) => ops.add(coarse, &self.beside.forward(ops, fine)?)?,
            None => fine.clone(),
        };
        let x = resized(ops, &self.both.forward(ops, &x)?, size)?;
        Ok(ops.convolve(&x, &self.project, ConvExtra::default())?)
    }
}

impl<O: Ops> Refine<O> {
    fn forward(&self, ops: &O, x: &O::Tensor) -> Result<O::Tensor> {
        let [first, second] = &self.0;
        let inner = ops.activate(x, Activation::Relu)?;
        let inner = ops.convolve(&inner, first, ConvExtra::default())?;
        let inner = ops.activate(&inner, Activation::Relu)?;
        Ok(ops.convolve(&inner, second, ConvExtra { residual: Some(x), ..ConvExtra::default() })?)
    }
}

#[cfg(test)]
mod tests {
    use super::working_size;

    #[test]
    fn sizes_are_those_of_the_published_preprocessing() {
        // What transformers' `get_resize_output_image_size` gives for 518, multiples of 14.
        let check = |size, wanted| assert_eq!(working_size(size, 14), wanted);
        check((640, 480), (686, 518));
        check((480, 640), (518, 686));
        check((512, 512), (518, 518));
        check((1024, 768), (686, 518));
        check((300, 200), (518, 350));
    }
}

//! Matrix products on `rten-gemm`: run-time dispatch to AVX-512, AVX2 or NEON.

use rten_gemm::{BiasVector, GemmExecutor, GemmInputA, GemmInputB, GemmOptions, PackedBMatrix};
use rten_tensor::{Matrix, NdTensorView};

/// Runs matrix products with the best kernel of this processor.
#[derive(Default)]
pub struct Gemm {
    executor: GemmExecutor<f32, f32, f32>,
}

/// A constant right-hand matrix `[depth, columns]`, laid out for the kernel.
pub struct PackedWeights {
    packed: PackedBMatrix<f32>,
}

impl PackedWeights {
    /// Columns of the matrix: the width of what is multiplied out.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.packed.cols()
    }

    /// Rows of the matrix: the width of what is multiplied in.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.packed.rows()
    }
}

/// A matrix seen in a slice: element (r, c) is `data[r * row_stride + c * column_stride]`.
/// Rows may overlap.
#[derive(Clone, Copy)]
pub struct View<'a> {
    /// The slice, at least as long as the last element needs.
    pub data: &'a [f32],
    /// Number of rows.
    pub rows: usize,
    /// Number of columns.
    pub columns: usize,
    /// Distance between rows.
    pub row_stride: usize,
    /// Distance between columns.
    pub column_stride: usize,
}

impl<'a> View<'a> {
    /// A dense row-major matrix.
    #[must_use]
    pub fn dense(data: &'a [f32], rows: usize, columns: usize) -> Self {
        Self { data, rows, columns, row_stride: columns, column_stride: 1 }
    }

    fn matrix(self) -> Matrix<'a, f32> {
        NdTensorView::from_slice_with_strides(
            [self.rows, self.columns],
            self.data,
            [self.row_stride, self.column_stride],
        )
        .expect("a view's slice reaches to its last element")
    }
}

/// What happens with the values that the output holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Into {
    /// They are overwritten.
    Replace,
    /// The product is added to them.
    Add,
}

impl Gemm {
    /// Packs a constant right-hand matrix.
    #[must_use]
    pub fn pack(&self, weights: View<'_>) -> PackedWeights {
        PackedWeights { packed: self.executor.prepack_b(weights.matrix()) }
    }

    /// `out = a · weights + bias`, or `out += …`; `out` is dense, `[a.rows, weights.columns()]`.
    pub fn multiply(
        &self,
        out: &mut [f32],
        a: View<'_>,
        weights: &PackedWeights,
        bias: Option<&[f32]>,
        into: Into,
    ) {
        self.run(out, a, GemmInputB::Packed(&weights.packed), 1.0, bias, into);
    }

    /// `out = scale · a · b`, both varying.
    pub fn multiply_views(&self, out: &mut [f32], a: View<'_>, b: View<'_>, scale: f32) {
        self.run(out, a, GemmInputB::Unpacked(b.matrix()), scale, None, Into::Replace);
    }

    fn run(
        &self,
        out: &mut [f32],
        a: View<'_>,
        b: GemmInputB<'_, f32>,
        scale: f32,
        bias: Option<&[f32]>,
        into: Into,
    ) {
        let options = GemmOptions {
            alpha: scale,
            beta: if into == Into::Add { 1.0 } else { 0.0 },
            bias: bias.map(BiasVector::Row),
            ..GemmOptions::default()
        };
        self.executor
            .gemm(out, GemmInputA::Unpacked(a.matrix()), b, options)
            .expect("callers pass matrices whose sizes agree");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlapping_rows_multiply_like_copied_ones() {
        let gemm = Gemm::default();
        let data: Vec<f32> = (0..12).map(|i| i as f32).collect();
        let weights: Vec<f32> = (0..8).map(|i| (i as f32).sin()).collect();
        let packed = gemm.pack(View::dense(&weights, 4, 2));
        // Rows of four, each two further on.
        let view = View { data: &data, rows: 5, columns: 4, row_stride: 2, column_stride: 1 };
        let mut out = vec![0.0; 10];
        gemm.multiply(&mut out, view, &packed, Some(&[1.0, -1.0]), Into::Replace);
        for row in 0..5 {
            for column in 0..2 {
                let expected: f32 =
                    (0..4).map(|k| data[row * 2 + k] * weights[k * 2 + column]).sum();
                let expected = expected + [1.0, -1.0][column];
                assert!((out[row * 2 + column] - expected).abs() < 1e-4);
            }
        }
    }
}

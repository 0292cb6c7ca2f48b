//! Noise equal to torch's CPU generator: MT19937 (Matsumoto & Nishimura 1998) seeded with the low 32 bits of the seed; normals as in torch's
//! `DistributionTemplates.h` (`normal_fill`) and `TransformationHelper.h`. Uniforms are equal bit
//! for bit, normals within 2e-6: torch's own differ by as much between processors.

const STATE: usize = 624;
const SHIFT: usize = 397;

/// Values that torch transforms together.
const BLOCK: usize = 16;

/// A torch CPU generator. Cloning keeps its place.
#[derive(Clone, Debug, PartialEq)]
pub struct TorchNoise {
    state: [u32; STATE],
    next: usize,
    spare: Option<f64>,
}

impl TorchNoise {
    /// `torch.Generator().manual_seed(seed)`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut state = [0; STATE];
        state[0] = seed as u32;
        for i in 1..STATE {
            let before = state[i - 1];
            state[i] =
                1_812_433_253_u32.wrapping_mul(before ^ (before >> 30)).wrapping_add(i as u32);
        }
        Self { state, next: STATE, spare: None }
    }

    /// Its place, to be stored: the state's words, the next one's number, and a normal value that
    /// waits, as its bits.
    #[must_use]
    pub fn place(&self) -> (Vec<u32>, u32, Option<u64>) {
        (self.state.to_vec(), self.next as u32, self.spare.map(f64::to_bits))
    }

    /// A generator at a stored place; `None` if that is none.
    #[must_use]
    pub fn at_place(words: &[u32], next: u32, spare: Option<u64>) -> Option<Self> {
        let state = words.try_into().ok()?;
        let next = usize::try_from(next).ok().filter(|next| *next <= STATE)?;
        Some(Self { state, next, spare: spare.map(f64::from_bits) })
    }

    fn bits(&mut self) -> u32 {
        if self.next == STATE {
            self.twist();
        }
        let mut bits = self.state[self.next];
        self.next += 1;
        bits ^= bits >> 11;
        bits ^= (bits << 7) & 0x9d2c_5680;
        bits ^= (bits << 15) & 0xefc6_0000;
        bits ^ (bits >> 18)
    }

    fn twist(&mut self) {
        for i in 0..STATE {
            let joined =
                (self.state[i] & 0x8000_0000) | (self.state[(i + 1) % STATE] & 0x7fff_ffff);
            let magic = if joined & 1 == 1 { 0x9908_b0df } else { 0 };
            self.state[i] = self.state[(i + SHIFT) % STATE] ^ (joined >> 1) ^ magic;
        }
        self.next = 0;
    }

    /// A uniform value in 0..1 of 24 bits: `torch.rand`.
    pub fn uniform(&mut self) -> f32 {
        (self.bits() & 0x00ff_ffff) as f32 / 16_777_216.0
    }

    /// A uniform value in 0..1 of 53 bits.
    fn fine_uniform(&mut self) -> f64 {
        let high = u64::from(self.bits());
        let joined = (high << 32) | u64::from(self.bits());
        (joined & ((1 << 53) - 1)) as f64 / (1_u64 << 53) as f64
    }

    /// `count` normal values: `torch.randn`.
    pub fn normal(&mut self, count: usize) -> Vec<f32> {
        if count < BLOCK {
            return (0..count).map(|_| self.single_normal() as f32).collect();
        }
        let mut values: Vec<f32> = (0..count).map(|_| self.uniform()).collect();
        values.chunks_exact_mut(BLOCK).for_each(box_muller);
        if !count.is_multiple_of(BLOCK) {
            let last = &mut values[count - BLOCK..];
            for value in &mut *last {
                *value = self.uniform();
            }
            box_muller(last);
        }
        values
    }

    fn single_normal(&mut self) -> f64 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        let (first, second) = (self.fine_uniform(), self.fine_uniform());
        let radius = (-2.0 * (-second).ln_1p()).sqrt();
        let angle = std::f64::consts::TAU * first;
        self.spare = Some(radius * angle.sin());
        radius * angle.cos()
    }
}

/// Box & Muller 1958 on a block of uniforms: the first half radii, the second angles.
fn box_muller(block: &mut [f32]) {
    let (radii, angles) = block.split_at_mut(BLOCK / 2);
    for (first, second) in radii.iter_mut().zip(angles) {
        // 1 - u in f32, as torch has it: never 0.
        let radius = (-2.0 * f64::from(1.0 - *first).ln()).sqrt();
        let angle = std::f64::consts::TAU * f64::from(*second);
        *first = (radius * angle.cos()) as f32;
        *second = (radius * angle.sin()) as f32;
    }
}

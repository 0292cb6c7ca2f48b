//! Quantiles of the Beta(0.6, 0.6) distribution, after which the schedule of that name spreads its
//! steps (Lee et al. 2024; diffusers' and ComfyUI's alpha and beta).

/// Both parameters.
const SHAPE: f64 = 0.6;
/// The natural logarithm of B(0.6, 0.6).
const LN_BETA: f64 = 0.881_841_806_141_785_9;

/// The value below which a share `probability` (0..=1) of the distribution lies.
pub(super) fn quantile(probability: f64) -> f64 {
    if probability <= 0.0 {
        return 0.0;
    }
    if probability > 0.5 {
        return 1.0 - quantile(1.0 - probability);
    }
    // The distribution is even about 1/2: the lower half is searched, in which its function rises.
    let (mut low, mut high) = (0.0, 0.5);
    for _ in 0..80 {
        let middle = 0.5 * (low + high);
        if below(middle) < probability {
            low = middle;
        } else {
            high = middle;
        }
    }
    0.5 * (low + high)
}

/// The regularised incomplete beta function `I_x(0.6, 0.6)` for x in (0, 1/2]: its continued fraction
/// (Abramowitz & Stegun, 26.5.8), evaluated by Lentz's method.
fn below(x: f64) -> f64 {
    let (a, b) = (SHAPE, SHAPE);
    let front = (a * x.ln() + b * (-x).ln_1p() - LN_BETA).exp() / a;
    let safe = |value: f64| if value.abs() < 1e-300 { 1e-300 } else { value };
    let mut c = 1.0;
    let mut d = 1.0 / safe(1.0 - (a + b) * x / (a + 1.0));
    let mut fraction = d;
    for m in 1..200 {
        let m = f64::from(m);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        d = 1.0 / safe(1.0 + even * d);
        c = safe(1.0 + even / c);
        fraction *= c * d;
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        d = 1.0 / safe(1.0 + odd * d);
        c = safe(1.0 + odd / c);
        fraction *= c * d;
        if (c * d - 1.0).abs() < 1e-15 {
            break;
        }
    }
    front * fraction
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_scipys() {
        // scipy.stats.beta.ppf(p, 0.6, 0.6)
        for (probability, expected) in QUANTILES {
            let error = (quantile(probability) - expected).abs();
            assert!(error < 1e-12, "{probability}: {error}");
        }
        assert_eq!((quantile(0.0), quantile(0.5), quantile(1.0)), (0.0, 0.5, 1.0));
    }

    const QUANTILES: [(f64, f64); 9] = [
        (0.001, 1.855_873_851_745_199e-5),
        (0.02, 0.002_732_982_024_577_027),
        (0.1, 0.039_584_405_588_780_85),
        (0.142_857_142_857_142_85, 0.071_142_026_170_359_77),
        (0.3, 0.234_017_003_875_235_72),
        (0.49, 0.486_128_914_278_159_9),
        (0.7, 0.765_982_996_124_764_3),
        (0.95, 0.987_445_543_126_388_5),
        (0.9999, 0.999_999_600_162_284_2),
    ];
}

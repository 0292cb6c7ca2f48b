//! What the window remembers between runs, as one JSON file written to a temporary name and renamed.
//!
//! Read and written by the shell; changed by [`super::update`].

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::clock::Clock;
use super::hub::{HubChoices, Pending};
use super::keys::Bindings;
use super::models::{KnownModel, ModelMemory};
use super::told::Told;
use super::tool::{Brush, Tool};
use super::words::{Lang, Text};
use crate::engine::protocol::{
    FillArea, ModelSource, PromptStyle, SameAs, Sampler, Savings, Schedule,
};

/// The colours that D brings back.
const BLACK: [u8; 3] = [0; 3];
const WHITE: [u8; 3] = [255; 3];
/// Recent colours that are remembered.
const RECENT_COLORS: usize = 16;

/// In which steps the whole UNet may run, as the window offers it.
pub const DEEP_CACHE: [(Option<u32>, Text); 3] =
    [(None, Text::Off), (Some(2), Text::EverySecondStep), (Some(3), Text::EveryThirdStep)];
/// Shares of the tokens that may be merged, as the window offers them.
pub const TOKEN_MERGING: [Option<f32>; 4] = [None, Some(0.25), Some(0.5), Some(0.75)];

/// Which theme the window wears.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ThemeChoice {
    /// What the system says.
    #[default]
    System,
    /// Always dark.
    Dark,
    /// Always light.
    Light,
}

/// The numbers of the panel. `None` means "as the model says".
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PaintSettings {
    /// Size of a new picture.
    pub size: Option<(u32, u32)>,
    /// Pictures a job.
    pub count: u32,
    /// Sampling steps.
    pub steps: Option<u32>,
    /// Guidance scale.
    pub guidance: Option<f32>,
    /// The seed to use when locked, else the last one used.
    pub seed: u64,
    /// Whether every job uses `seed`.
    pub seed_locked: bool,
    /// The algorithm.
    pub sampler: Option<Sampler>,
    /// Where its steps lie.
    pub schedule: Option<Schedule>,
    /// Share of the noise that the sampler renews; `None`: its usual one.
    pub eta: Option<f32>,
    /// The program whose picture it is to be.
    pub same_as: SameAs,
    /// Guidance rescale, 0 is off.
    pub guidance_rescale: f32,
    /// Approximate savings.
    pub savings: Savings,
    /// How the signs of prompts are read.
    pub prompt_style: PromptStyle,
    /// The text encoder's layer that is listened to, from the end; 1 is the last one.
    pub clip_skip: u32,
    /// What only some models are told.
    pub told: Told,
}

impl PaintSettings {
    /// The same with every number in the range of its control; what lies outside is left to the
    /// model. For numbers that come from a file.
    #[must_use]
    pub fn within_bounds(self) -> Self {
        let sides = 32..=4096;
        let rescale = self.guidance_rescale;
        Self {
            size: self.size.filter(|(w, h)| sides.contains(w) && sides.contains(h)),
            count: self.count.clamp(1, 8),
            steps: self.steps.filter(|steps| (1..=150).contains(steps)),
            guidance: self.guidance.filter(|scale| (0.0..=100.0).contains(scale)),
            eta: self.eta.filter(|eta| (0.0..=1.0).contains(eta)),
            clip_skip: self.clip_skip.clamp(1, 12),
            guidance_rescale: if (0.0..=1.0).contains(&rescale) { rescale } else { 0.0 },
            savings: self.savings.within_bounds(),
            told: self.told.within_bounds(),
            ..self
        }
    }
}

impl Default for PaintSettings {
    fn default() -> Self {
        Self {
            size: None,
            count: 1,
            steps: None,
            guidance: None,
            seed: 0,
            seed_locked: false,
            sampler: None,
            schedule: None,
            eta: None,
            same_as: SameAs::default(),
            guidance_rescale: 0.0,
            savings: Savings::default(),
            prompt_style: PromptStyle::default(),
            clip_skip: 1,
            told: Told::default(),
        }
    }
}

/// The colour around the picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Surround {
    /// The theme's own.
    #[default]
    Theme,
    /// Nearly black.
    Black,
    /// Dark grey.
    Dark,
    /// Middle grey.
    Middle,
    /// Light grey.
    Light,
}

impl Surround {
    /// All, in the order of menus.
    pub const ALL: [Self; 5] = [Self::Theme, Self::Black, Self::Dark, Self::Middle, Self::Light];

    /// Its word.
    #[must_use]
    pub fn word(self) -> Text {
        match self {
            Self::Theme => Text::SurroundTheme,
            Self::Black => Text::SurroundBlack,
            Self::Dark => Text::SurroundDark,
            Self::Middle => Text::SurroundMiddle,
            Self::Light => Text::SurroundLight,
        }
    }
}

/// A tab of the panel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum PanelTab {
    /// The numbers.
    #[default]
    Settings,
    /// The steps that can be undone.
    History,
}

/// Smallest and largest interface scale, in percent.
pub const SCALE_RANGE: (u32, u32) = (80, 200);

/// What the settings page is about, but language, theme and keys.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub struct Preferences {
    /// The colour around the picture.
    pub surround: Surround,
    /// Size of the interface in percent.
    pub scale_percent: u32,
    /// Turns every movement off; `None` follows the renderer.
    pub less_motion: Option<bool>,
    /// On Linux, a Wayland window where there is a choice: its fractional scaling is better, and
    /// files cannot be dropped on it.
    pub wayland: bool,
    /// Whether enlarged pixels keep hard edges at any zoom.
    pub always_sharp: bool,
    /// Whether a pen's pressure makes the line wide or thin, where the system tells it.
    pub pen_pressure: bool,
    /// Whether a picture is shown while it emerges.
    pub previews: bool,
    /// Threads that paint, from the next start on; `None`: one for each processor.
    pub threads: Option<u32>,
    /// Memory that painting may take, in GB, from the next start on; `None`: what is free.
    pub memory_gb: Option<u32>,
}

impl Default for Preferences {
    fn default() -> Self {
        Self {
            surround: Surround::Theme,
            scale_percent: 100,
            less_motion: None,
            wayland: false,
            always_sharp: false,
            pen_pressure: true,
            previews: true,
            threads: None,
            memory_gb: None,
        }
    }
}

impl Preferences {
    /// The interface's scale as a factor; what a file says beyond the range does not count.
    #[must_use]
    pub fn scale(&self) -> f32 {
        self.scale_percent.clamp(SCALE_RANGE.0, SCALE_RANGE.1) as f32 / 100.0
    }
}

/// Everything that is remembered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "they are independent facts, each shown somewhere of its own"
)]
pub struct Settings {
    /// The user's language; `None` follows the system.
    pub language: Option<Lang>,
    /// The user's theme.
    pub theme: ThemeChoice,
    /// The panel's numbers.
    pub paint: PaintSettings,
    /// The brush.
    pub brush: Brush,
    /// The eraser.
    pub eraser: Brush,
    /// The mask tool's brush.
    pub mask_brush: Brush,
    /// What the brush paints with.
    pub foreground: [u8; 3],
    /// The colour that X brings to the front.
    pub background: [u8; 3],
    /// Colours painted with, newest first.
    pub recent_colors: Vec<[u8; 3]>,
    /// How far a fill fades inward from the mask's edge, in picture pixels.
    pub feather_px: f32,
    /// What of the picture a fill works on.
    pub fill_area: FillArea,
    /// Strength in percent last used on a picture.
    pub strength: u32,
    /// Whether the panel is open in a wide window.
    pub panel_open: bool,
    /// Its width in points.
    pub panel_width: f32,
    /// Whether its More part is unfolded.
    pub more_open: bool,
    /// Whether the strip is unfolded.
    pub strip_open: bool,
    /// Whether the program has painted its one picture by itself.
    pub welcome_painted: bool,
    /// Pictures the user asked for, up to where it stops mattering.
    pub own_pictures: u32,
    /// The window's size in points of an interface at 100 %.
    pub window: Option<(f32, f32)>,
    /// The panel's tab.
    pub panel_tab: PanelTab,
    /// Where the panel's two parts meet when they are stacked, as a share of its height.
    pub panel_split: f32,
    /// How strongly the mask is shown, in percent.
    pub mask_opacity: u32,
    /// The settings page.
    pub prefer: Preferences,
    /// The keys that the user changed.
    pub keys: Bindings,
    /// Prompts that were painted, newest first.
    pub recent_prompts: Vec<String>,
    /// Models that the user added.
    pub models: Vec<KnownModel>,
    /// Folders that are looked through for models.
    pub watched: Vec<PathBuf>,
    /// The model that pictures were painted with last.
    pub in_use: ModelSource,
    /// What is remembered of each model.
    pub memories: Vec<ModelMemory>,
    /// Where the hub is.
    pub hub: HubChoices,
    /// Repositories on the hub whose licence was accepted.
    pub licences: Vec<String>,
    /// Downloads that are not done.
    pub pending: Vec<Pending>,
    /// What was learnt about speed.
    pub clock: Clock,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            language: None,
            theme: ThemeChoice::System,
            paint: PaintSettings::default(),
            brush: Brush { size_px: 20.0, ..Brush::default() },
            eraser: Brush { erases: true, ..Brush::default() },
            mask_brush: Brush::default(),
            foreground: BLACK,
            background: WHITE,
            recent_colors: Vec::new(),
            feather_px: 8.0,
            fill_area: FillArea::Around,
            strength: 60,
            panel_open: true,
            panel_width: 288.0,
            more_open: false,
            strip_open: true,
            welcome_painted: false,
            own_pictures: 0,
            window: None,
            panel_tab: PanelTab::Settings,
            panel_split: 0.6,
            mask_opacity: 45,
            prefer: Preferences::default(),
            keys: Bindings::default(),
            recent_prompts: Vec::new(),
            models: Vec::new(),
            watched: Vec::new(),
            in_use: ModelSource::default(),
            memories: Vec::new(),
            hub: HubChoices::default(),
            licences: Vec::new(),
            pending: Vec::new(),
            clock: Clock::default(),
        }
    }
}

impl Settings {
    /// Reads the file. One that is missing or damaged gives the defaults: settings are never worth
    /// an error at start.
    #[must_use]
    pub fn load(path: &Path) -> Self {
        Self::read(path).unwrap_or_default()
    }

    fn read(path: &Path) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(path).ok()?).ok()
    }

    /// The brush of a tool; tools without one show the mask's.
    #[must_use]
    pub fn brush_of(&self, tool: Tool) -> &Brush {
        match tool {
            Tool::Brush => &self.brush,
            Tool::Eraser => &self.eraser,
            Tool::Mask | Tool::Eyedropper | Tool::Hand => &self.mask_brush,
        }
    }

    /// Changes the brush of a tool; what a brush is for stays.
    pub fn set_brush(&mut self, tool: Tool, brush: Brush) {
        match tool {
            Tool::Brush => self.brush = Brush { erases: false, ..brush },
            Tool::Eraser => self.eraser = Brush { erases: true, ..brush },
            Tool::Mask => self.mask_brush = brush,
            Tool::Eyedropper | Tool::Hand => {}
        }
    }

    /// Brings the background colour to the front.
    pub fn swap_colors(&mut self) {
        std::mem::swap(&mut self.foreground, &mut self.background);
    }

    /// Black on white.
    pub fn default_colors(&mut self) {
        (self.foreground, self.background) = (BLACK, WHITE);
    }

    /// Remembers a colour that was painted with.
    pub fn used_color(&mut self, color: [u8; 3]) {
        self.recent_colors.retain(|other| *other != color);
        self.recent_colors.insert(0, color);
        self.recent_colors.truncate(RECENT_COLORS);
    }

    /// Writes the file atomically. What did not change since `base`, which is what this window read or
    /// wrote last, stays as another window may have written it meanwhile.
    ///
    /// # Errors
    /// The folder or the file cannot be written.
    pub fn save(&self, path: &Path, base: &Self) -> io::Result<()> {
        let folder = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
        std::fs::create_dir_all(folder)?;
        let mut values = serde_json::to_value(self)?;
        if let Some(there) = Self::read(path) {
            let (base, mut there) = (serde_json::to_value(base)?, serde_json::to_value(there)?);
            for (name, value) in values.as_object_mut().into_iter().flatten() {
                if base.get(name) == Some(value)
                    && let Some(other) = there.get_mut(name)
                {
                    *value = other.take();
                }
            }
        }
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        serde_json::to_writer_pretty(&mut file, &values)?;
        file.write_all(b"\n")?;
        file.persist(path)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comes_back_as_it_was_and_survives_damage() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/settings.json");
        let settings = Settings { strength: 45, welcome_painted: true, ..Settings::default() };
        settings.save(&path, &Settings::default()).unwrap();
        assert_eq!(Settings::load(&path), settings);
        std::fs::write(&path, b"{ broken").unwrap();
        assert_eq!(Settings::load(&path), Settings::default());
        std::fs::write(&path, br#"{ "strength": 20, "from_the_future": 1 }"#).unwrap();
        assert_eq!(Settings::load(&path).strength, 20);
    }

    #[test]
    fn two_windows_keep_what_the_other_one_changed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("settings.json");
        let base = Settings::default();
        base.save(&path, &base).unwrap();
        let one = Settings { strength: 45, ..base.clone() };
        one.save(&path, &base).unwrap();
        let other = Settings { strip_open: !base.strip_open, ..base.clone() };
        other.save(&path, &base).unwrap();
        let both = Settings { strength: 45, ..other };
        assert_eq!(Settings::load(&path), both);
    }
}

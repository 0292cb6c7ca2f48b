//! What a request asks for, held against what the model can do: defaults filled in, sizes rounded,
//! nonsense refused before any work.

use std::sync::{Arc, LazyLock};

use super::protocol::{
    Conditions, FailureKind, FillArea, InitPicture, JobError, ModelInfo, ModelSource, Notice,
    PaintRequest, Part, Sampler, Savings, Schedule, Task,
};
use super::worker::Stop;
use crate::diffusion::depth::DepthMap;
use crate::diffusion::pipeline::Model;
use crate::models::defaults::{Extras, Usual};
use crate::models::identify::identify;
use crate::models::lexicon::{self, English};
use crate::models::{ModelError, ModelFolder, pocket};
use crate::plane::{PixelRect, Plane};

/// Longest side of what is painted, in pixels.
const LONGEST_SIDE: u32 = 4096;
/// Most pixels that are painted at once.
const MOST_PIXELS: u64 = 2048 * 2048;
/// Most steps of a run.
const MOST_STEPS: u32 = 150;
/// How closely edit models keep to the picture unless the user says otherwise, as in diffusers.
const PICTURE_GUIDANCE: f32 = 1.5;
/// The furthest layer from the text encoder's end that is listened to.
const MOST_CLIP_SKIP: u32 = 12;
/// Most pictures of a job.
const MOST_PICTURES: u32 = 1000;

/// A request with nothing left open.
#[derive(Clone)]
pub struct Resolved {
    /// The request; its picture and mask are those of the area that is worked on.
    pub request: PaintRequest,
    /// What the area was cut from; `None` where it is the whole.
    pub whole: Option<Whole>,
    /// Width and height that the model works at.
    pub size: (u32, u32),
    /// Steps of the whole schedule.
    pub steps: u32,
    /// The sampler.
    pub sampler: Sampler,
    /// Its schedule.
    pub schedule: Schedule,
    /// The guidance scale.
    pub guidance: f32,
    /// The guidance scale towards the picture, for edit models.
    pub picture_guidance: f32,
    /// How near everything is, once that was estimated for a depth model.
    pub near: Option<DepthMap>,
    /// What the user should know.
    pub notices: Vec<Notice>,
}

/// A picture and its mask, of which a part is worked on.
#[derive(Clone)]
pub struct Whole {
    /// The picture.
    pub picture: Plane<4>,
    /// The mask's coverage.
    pub coverage: Plane<1>,
    /// The part.
    pub area: PixelRect,
}

impl Whole {
    /// Cuts the part out that a request works on; one that works on the whole then says so.
    fn cut(request: &mut PaintRequest) -> Option<Self> {
        let place = request.fill_place();
        if let Some(mask) = request.mask.as_mut().filter(|_| place.is_none()) {
            mask.area = FillArea::Whole;
        }
        let area = place?;
        let (init, mask) = (request.init.as_mut()?, request.mask.as_mut()?);
        let (picture, coverage) = (init.picture.cut(area), mask.coverage.cut(area));
        Some(Self {
            picture: std::mem::replace(&mut init.picture, picture),
            coverage: std::mem::replace(&mut mask.coverage, coverage),
            area,
        })
    }

    /// Puts it back.
    fn restore(&self, request: &mut PaintRequest) {
        if let Some(init) = &mut request.init {
            init.picture = self.picture.clone();
        }
        if let Some(mask) = &mut request.mask {
            mask.coverage = self.coverage.clone();
        }
    }
}

impl Resolved {
    /// The first of the job's pictures that is not done yet.
    #[must_use]
    pub fn first(&self) -> u32 {
        let resume = self.request.resume.as_ref();
        resume.map_or(0, |midway| midway.index.min(self.request.count - 1))
    }

    /// The request as it can be stored and painted again.
    #[must_use]
    pub fn complete_request(&self) -> PaintRequest {
        let mut complete = PaintRequest {
            size: Some(self.size),
            steps: Some(self.steps),
            sampler: Some(self.sampler),
            schedule: Some(self.schedule),
            guidance: Some(self.guidance),
            resume: None,
            anyway: false,
            ..self.request.clone()
        };
        if let Some(whole) = &self.whole {
            whole.restore(&mut complete);
        }
        complete
    }
}

pub(super) fn refused<T>(message: impl Into<String>) -> Result<T, Stop> {
    Err(Stop::Failed(JobError { message: message.into(), kind: FailureKind::Request }))
}

/// Refuses what no model could do.
///
/// # Errors
/// The request is nonsense; the message says what would do.
pub fn check(request: &PaintRequest) -> Result<(), Stop> {
    if let Some(steps) = request.steps.filter(|steps| !(1..=MOST_STEPS).contains(steps)) {
        return refused(format!("Steps go from 1 to {MOST_STEPS}, not {steps}"));
    }
    if let Some(guidance) = request.guidance.filter(|guidance| !(0.0..=100.0).contains(guidance)) {
        return refused(format!("Guidance goes from 0 to 100, not {guidance}"));
    }
    if !(0.0..=1.0).contains(&request.guidance_rescale) {
        return refused(format!(
            "Guidance rescale goes from 0 to 1, not {}",
            request.guidance_rescale
        ));
    }
    if request.savings != request.savings.within_bounds() {
        return refused(format!(
            "A guidance interval goes from a lower to a higher sigma, 0 to {}, DeepCache from 2 to \
             {} steps, and token merging from more than 0 to {}",
            Savings::MOST_SIGMA,
            Savings::MOST_STEPS,
            Savings::MOST_MERGED
        ));
    }
    if let Some(eta) = request.eta.filter(|eta| !(0.0..=1.0).contains(eta)) {
        return refused(format!("Eta goes from 0 to 1, not {eta}"));
    }
    let no_part = |part: &Part| part.index >= part.of || part.of > MOST_PICTURES;
    if let Some(part) = request.batch.filter(no_part) {
        return refused(format!("A batch of {} has no picture {}", part.of, part.index));
    }
    if let Some(by) = request.variation.filter(|by| !(0.0..=1.0).contains(&by.strength)) {
        return refused(format!("Variation strength goes from 0 to 1, not {}", by.strength));
    }
    if !(1..=MOST_PICTURES).contains(&request.count) {
        return refused(format!(
            "One job paints 1 to {MOST_PICTURES} pictures, not {}",
            request.count
        ));
    }
    let towards = request.conditions.picture_guidance;
    if let Some(guidance) = towards.filter(|guidance| !(1.0..=100.0).contains(guidance)) {
        return refused(format!("Guidance towards the picture goes from 1 to 100, not {guidance}"));
    }
    let refiner = request.conditions.refiner.as_ref();
    if let Some(refiner) = refiner.filter(|refiner| !(0.0..=1.0).contains(&refiner.from)) {
        return refused(format!("A refiner goes on from 0 to 1, not {}", refiner.from));
    }
    if !(1..=MOST_CLIP_SKIP).contains(&request.clip_skip) {
        return refused(format!(
            "CLIP skip goes from 1 to {MOST_CLIP_SKIP}, not {}",
            request.clip_skip
        ));
    }
    if let Some((width, height)) = request.size {
        check_size(width, height)?;
    }
    if let Some(init) = &request.init {
        check_init(init)?;
    }
    let Some(mask) = &request.mask else { return Ok(()) };
    let Some(init) = &request.init else {
        return refused("A mask needs a picture that it lies on; open one first");
    };
    let (covered, painted) = (mask.coverage.size(), init.picture.size());
    if covered != painted {
        return refused(format!(
            "The mask is {} × {} pixels, but the picture {} × {}; they must have one size",
            covered.0, covered.1, painted.0, painted.1
        ));
    }
    if !(0.0..=10_000.0).contains(&mask.feather_px) {
        return refused(format!(
            "The mask's feather goes from 0 to 10000 px, not {}",
            mask.feather_px
        ));
    }
    if mask.coverage.is_zero() {
        return refused("The mask is empty: paint over the part that should change");
    }
    Ok(())
}

fn check_size(width: u32, height: u32) -> Result<(), Stop> {
    let pixels = u64::from(width) * u64::from(height);
    if width == 0 || height == 0 || width.max(height) > LONGEST_SIDE || pixels > MOST_PIXELS {
        return refused(format!(
            "Pictures of {width} × {height} pixels cannot be painted; sides go from 1 to \
             {LONGEST_SIDE}, with {MOST_PIXELS} pixels in all at most"
        ));
    }
    Ok(())
}

fn check_init(init: &InitPicture) -> Result<(), Stop> {
    let (width, height) = init.picture.size();
    if width == 0 || height == 0 {
        return refused("The picture to start from has no pixels; open another one");
    }
    if !(init.strength > 0.0 && init.strength <= 1.0) {
        return refused(format!(
            "Strength goes from just above 0 to 1, not {}; at 0 nothing would change",
            init.strength
        ));
    }
    Ok(())
}

/// Fills in the model's defaults and rounds the size to its grid.
///
/// # Errors
/// The size the model would work at is too large.
pub fn resolve(request: &PaintRequest, info: &ModelInfo) -> Result<Resolved, Stop> {
    let mut request = request.clone();
    forget_unheard(&mut request.conditions, info);
    let init_size = request.init.as_ref().map(|init| init.picture.size());
    let whole = Whole::cut(&mut request);
    let part = whole.as_ref().map(|whole| whole.area);
    let size = match (request.size, init_size) {
        (Some(asked), _) => info.rounded(asked),
        (None, Some(init)) => info.size_for(init, part),
        (None, None) => info.native_size,
    };
    check_size(size.0, size.1)?;
    let mut notices = Vec::new();
    if let Some(asked) = request.size.filter(|asked| *asked != size) {
        notices.push(Notice::SizeRounded { asked, used: size });
    }
    notices.extend(translate(&mut request));
    let picture_guidance = request.conditions.picture_guidance.unwrap_or(PICTURE_GUIDANCE);
    Ok(Resolved {
        whole,
        size,
        steps: request.steps.unwrap_or(info.default_steps),
        sampler: request.sampler.unwrap_or(info.default_sampler),
        schedule: request.schedule.unwrap_or(info.default_schedule),
        guidance: request.guidance.unwrap_or(info.default_guidance),
        picture_guidance,
        near: None,
        request,
        notices,
    })
}

/// Leaves out what the model is not told anyway, so that a stored request says only what made its
/// picture.
pub fn forget_unheard(conditions: &mut Conditions, info: &ModelInfo) {
    if !info.told_sizes && conditions.refiner.is_none() {
        conditions.original_size = None;
        conditions.crop = (0, 0);
        conditions.target_size = None;
    }
    if info.task != Task::Edit {
        conditions.picture_guidance = None;
    }
    if info.task != Task::Depth {
        conditions.depth = None;
    }
    if info.task != Task::Depth || conditions.depth.is_some() {
        conditions.depth_model = None;
    }
}

/// Puts Chinese prompts for the built-in model into its words, and says so, as well as what it has
/// never learnt.
pub fn translate(request: &mut PaintRequest) -> Vec<Notice> {
    let mut notices = Vec::new();
    if request.model == ModelSource::BuiltIn {
        for prompt in [&mut request.prompt, &mut request.negative] {
            let Some(English { caption, unknown }) = lexicon::english(prompt) else { continue };
            if !caption.is_empty() {
                prompt.clone_from(&caption);
            }
            notices.push(Notice::Translated { caption, unknown });
        }
        let unknown = lexicon::unknown(&request.prompt);
        if !unknown.is_empty() {
            let words = unknown.into_iter().map(|range| &request.prompt[range]);
            let nearest = |word: &str| lexicon::nearest(word).map(str::to_owned);
            let words = words.map(|word| (word.to_owned(), nearest(word))).collect();
            notices.push(Notice::WordsUnknown { words, knows: lexicon::object_count() });
        }
    }
    notices
}

/// What the built-in model's maker recommends: known before anything of it is read, so that the
/// window's first frame already shows it.
#[must_use]
pub fn built_in() -> &'static Extras {
    static BUILT_IN: LazyLock<Extras> = LazyLock::new(|| {
        let file = pocket::FILES.iter().find(|(name, _)| *name == "pentimento.json");
        let text = file.and_then(|(_, bytes)| std::str::from_utf8(bytes).ok());
        text.and_then(|text| Extras::parse(text).ok()).unwrap_or_default()
    });
    &BUILT_IN
}

/// What the rest of the program may know of a model that was just read.
///
/// # Errors
/// The folder's configuration cannot be read any more.
pub fn describe(
    model: &dyn Model,
    folder: &ModelFolder,
    source: &ModelSource,
) -> Result<ModelInfo, ModelError> {
    let extras = folder.extras();
    let (unet, vae, noise) = (model.unet_config(), model.vae_config(), model.noise_config());
    let factor = vae.factor();
    let (height, width) = unet.sample_size.unwrap_or((64, 64));
    let usual = Usual::of(unet, noise);
    Ok(ModelInfo {
        source: source.clone(),
        name: extras.name.clone().unwrap_or_else(|| folder.name().to_owned()),
        family: identify(folder)?.family,
        task: unet.task(),
        told_sizes: unet.added.is_some(),
        native_size: extras
            .native_size
            .unwrap_or(((width * factor) as u32, (height * factor) as u32)),
        vae_factor: factor as u32,
        latent_channels: vae.latent_channels as u32,
        default_steps: extras.steps.unwrap_or(usual.steps),
        default_guidance: extras.guidance.unwrap_or(usual.guidance),
        default_sampler: extras.sampler.unwrap_or(noise.sampler),
        default_schedule: extras.schedule.unwrap_or(noise.schedule),
        few_steps: extras.few_steps.as_ref().map(|few| few.steps),
        examples: extras.examples.clone(),
        tokenizer: Arc::clone(model.tokenizer()),
        weight_bytes: folder.weight_bytes(),
    })
}

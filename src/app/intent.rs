//! What the one button will do, in a word and in a line: read from canvas, mask and strength alone.
//!
//! Read by the dock and by [`super::painting`], so that the word and the deed cannot differ.

use super::clock::step_cost;
use super::jobs::Stage;
use super::state::{AppState, Welcome};
use super::trouble;
use super::words::Text;
use crate::engine::area;
use crate::engine::protocol::{FillArea, ModelSource, Task};
use crate::models::lexicon::{self, English};
use crate::plane::{PixelRect, Plane};

/// What a press on the button would make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// A new picture from words alone.
    Paint,
    /// The whole picture again.
    Repaint,
    /// The masked part from words alone.
    Fill,
    /// The masked part again.
    Refine,
}

impl Mode {
    /// The button's word.
    #[must_use]
    pub fn word(self) -> Text {
        match self {
            Self::Paint => Text::Paint,
            Self::Repaint => Text::Repaint,
            Self::Fill => Text::Fill,
            Self::Refine => Text::Refine,
        }
    }
}

/// What a press on the button would make now.
#[must_use]
pub fn mode(state: &AppState) -> Mode {
    match (state.has_mask(), start_size(state).is_some(), state.strength) {
        (true, _, 100) => Mode::Fill,
        (true, ..) => Mode::Refine,
        (false, true, ..=99) => Mode::Repaint,
        (false, true, _) if state.looks_at_picture() => Mode::Repaint,
        _ => Mode::Paint,
    }
}

/// What a repaint would start from: the document, or the shown result while there is none.
#[must_use]
pub fn start(state: &AppState) -> Option<Plane<4>> {
    state.document.picture().or_else(|| shown_result(state).cloned())
}

/// The size of what a repaint would start from, which costs nothing to ask for.
#[must_use]
pub fn start_size(state: &AppState) -> Option<(u32, u32)> {
    if !state.document.is_empty() {
        return Some(state.document.size());
    }
    shown_result(state).map(Plane::size)
}

fn shown_result(state: &AppState) -> Option<&Plane<4>> {
    let entry = state.shown_entry().filter(|entry| entry.stage == Stage::Finished)?;
    entry.picture.as_ref()
}

/// The part of it that a fill would work on; `None`: all of it.
#[must_use]
pub fn fill_place(state: &AppState) -> Option<PixelRect> {
    // A map of depths is one of the whole.
    let around = state.settings.fill_area == FillArea::Around && state.depth_map().is_none();
    let mask = &state.document.mask;
    if state.has_mask() && around { area::around(mask.bounds(), mask.size()) } else { None }
}

/// The size of what would be worked on, and the model's own for it.
fn working_size(state: &AppState) -> Option<((u32, u32), (u32, u32))> {
    let (size, place) = (start_size(state)?, fill_place(state));
    let work = state.model.info.as_ref()?.size_for(size, place);
    Some((place.map_or(size, |place| place.size()), work))
}

/// Whether the strength slider has something to act on.
#[must_use]
pub fn strength_applies(state: &AppState) -> bool {
    // An edit model begins with nothing but noise, and is shown the picture.
    if state.task() == Task::Edit && !state.has_mask() {
        return false;
    }
    // While a new picture is painted over nothing the slider stays, so that the row does not jump.
    start_size(state).is_some() || state.entries.iter().any(|entry| entry.stage == Stage::Finished)
}

/// The name of a strength.
#[must_use]
pub fn strength_name(percent: u32) -> Text {
    match percent {
        0..=30 => Text::StrengthTouchUp,
        31..=50 => Text::StrengthShapes,
        51..=70 => Text::StrengthLayout,
        71..=95 => Text::StrengthLoose,
        _ => Text::StrengthNew,
    }
}

/// Why nothing can be painted, if so.
#[must_use]
pub fn trouble(state: &AppState) -> Option<String> {
    match state.model.trouble.as_deref() {
        Some(trouble) => Some(trouble::said(state.lang, trouble).into_owned()),
        None => state.told_trouble(),
    }
}

/// Steps that would really run.
fn steps(state: &AppState) -> Option<u32> {
    let asked = state.settings.paint.steps;
    let steps = asked.or_else(|| state.model.default_steps())?;
    Some(match mode(state) {
        Mode::Paint | Mode::Fill => steps,
        Mode::Repaint if state.task() == Task::Edit => steps,
        // A repaint begins part of the way down.
        Mode::Repaint | Mode::Refine => (steps * state.strength).div_ceil(100).max(1),
    })
}

/// How long it would take, if that was learnt.
#[must_use]
pub fn estimate(state: &AppState) -> Option<f64> {
    let info = state.model.info.as_ref()?;
    let size = match mode(state) {
        Mode::Paint => state.new_size(),
        _ => working_size(state)?.1,
    };
    let paint = &state.settings.paint;
    let guidance = paint.guidance.or_else(|| state.model.default_guidance());
    let cost = step_cost(
        paint.sampler.unwrap_or(info.default_sampler),
        guidance.unwrap_or(info.default_guidance),
    );
    let one = state.settings.clock.estimate(&info.name, size, (steps(state)?, cost))?;
    Some(one * f64::from(state.settings.paint.count))
}

/// The line beneath the prompt, and whether it tells of trouble.
#[must_use]
pub fn line(state: &AppState) -> (String, bool) {
    let lang = state.lang;
    if let Some(trouble) = trouble(state) {
        return (trouble, true);
    }
    match state.welcome {
        Welcome::Painting => return (lang.get(Text::IntentWelcomePainting).to_owned(), false),
        // A mask has something of its own to say.
        Welcome::Shown if !state.has_mask() => {
            return (lang.get(Text::IntentWelcome).to_owned(), false);
        }
        Welcome::Shown | Welcome::Waiting | Welcome::Over => {}
    }
    if state.model.info.is_none() {
        let words = match state.model.loading {
            Some((_, done)) if done > 0.0 => {
                lang.fill(Text::IntentLoadingPart, &[&format!("{:.0}", done * 100.0)])
            }
            _ => lang.get(Text::IntentLoading).to_owned(),
        };
        return (words, false);
    }
    let told = translated(state).or_else(|| not_known(state));
    let mut words = told.unwrap_or_else(|| deed(state));
    if state.jobs.paused {
        return (lang.fill(Text::IntentPaused, &[&words]), false);
    }
    match state.ahead() {
        0 => {}
        1 => words = lang.fill(Text::IntentAfterOne, &[&words]),
        ahead => words = lang.fill(Text::IntentAfter, &[&words, &ahead.to_string()]),
    }
    if let Some(secs) = estimate(state) {
        words = lang.fill(Text::IntentAbout, &[&words, &lang.duration(secs)]);
    }
    (words, false)
}

/// A prompt in the built-in model's words, if it is Chinese and that model paints.
#[must_use]
pub fn english(state: &AppState, prompt: &str) -> Option<English> {
    let built_in = state.model.source == ModelSource::BuiltIn;
    built_in.then(|| lexicon::english(prompt)).flatten()
}

/// What a Chinese prompt is painted as, and what of it is not known; other models may not read it.
fn translated(state: &AppState) -> Option<String> {
    if state.model.source != ModelSource::BuiltIn {
        let chinese = lexicon::is_chinese(&state.prompt);
        return chinese.then(|| state.lang.get(Text::ReadsEnglish).to_owned());
    }
    let English { caption, unknown } = english(state, &state.prompt)?;
    let (lang, unknown) = (state.lang, unknown.join(" "));
    Some(match (caption.is_empty(), unknown.is_empty()) {
        (true, _) => lang.fill(Text::WordsUnknown, &[&unknown]),
        (false, true) => lang.fill(Text::PaintedAs, &[&caption]),
        (false, false) => lang.fill(Text::PaintedAsWithout, &[&caption, &unknown]),
    })
}

/// What of an English prompt the built-in model does not know, and what it is good for.
fn not_known(state: &AppState) -> Option<String> {
    let mut words: Vec<&str> = Vec::new();
    for word in state.told_unknown().filter_map(|one| state.prompt.get(one.clone())) {
        if !words.contains(&word) {
            words.push(word);
        }
    }
    let knows = lexicon::object_count().to_string();
    (!words.is_empty()).then(|| state.lang.fill(Text::NotKnown, &[&words.join(", "), &knows]))
}

/// What would be done, in words.
fn deed(state: &AppState) -> String {
    let lang = state.lang;
    match mode(state) {
        Mode::Fill => {
            let share = lang.share(state.document.mask.fraction());
            scaled(state, Text::IntentFill, Text::IntentFillAt, &share)
        }
        Mode::Refine => {
            scaled(state, Text::IntentRefine, Text::IntentRefineAt, &state.strength.to_string())
        }
        Mode::Paint => {
            let (width, height) = state.new_size();
            let count = state.settings.paint.count;
            let text = if count > 1 { Text::IntentNewMany } else { Text::IntentNew };
            lang.fill(text, &[&width.to_string(), &height.to_string(), &count.to_string()])
        }
        Mode::Repaint => repaint_deed(state),
    }
}

/// The size that the model works at and that of what it works on, where they differ.
fn other_size(state: &AppState) -> Option<((u32, u32), (u32, u32))> {
    let (size, work) = working_size(state)?;
    (size != work).then_some((work, size))
}

/// What is done with the mask, and at which size if that is not the picture's.
fn scaled(state: &AppState, text: Text, text_at: Text, number: &str) -> String {
    match other_size(state) {
        None => state.lang.fill(text, &[number]),
        Some(((width, height), _)) => {
            state.lang.fill(text_at, &[number, &width.to_string(), &height.to_string()])
        }
    }
}

fn repaint_deed(state: &AppState) -> String {
    let lang = state.lang;
    if let Some((work, size)) = other_size(state) {
        let numbers = [work.0, work.1, size.0, size.1].map(|side| side.to_string());
        return lang.fill(Text::IntentPlaced, &numbers.each_ref().map(String::as_str));
    }
    let text = match strength_name(state.strength) {
        _ if state.task() == Task::Edit => Text::IntentWhole,
        Text::StrengthTouchUp => Text::IntentTouchUp,
        Text::StrengthShapes => Text::IntentShapes,
        Text::StrengthLayout => Text::IntentLayout,
        Text::StrengthLoose => Text::IntentLoose,
        _ => Text::IntentWhole,
    };
    lang.get(text).to_owned()
}

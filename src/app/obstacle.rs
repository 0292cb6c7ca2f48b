//! Whether a command can act now, and why not: a control that cannot says so in its tooltip.
//!
//! Asked by everything that offers commands. Changes nothing.

use std::borrow::Cow;

use super::command::Action;
use super::intent;
use super::jobs::Stage;
use super::state::AppState;
use super::words::Text;

impl Action {
    /// Whether it can act now.
    #[must_use]
    pub fn enabled(self, state: &AppState) -> bool {
        self.obstacle(state).is_none()
    }

    /// Why it cannot act now; `None` if it can.
    #[must_use]
    pub fn obstacle(self, state: &AppState) -> Option<Cow<'static, str>> {
        let shown = state.shown_entry();
        let lacking = if shown.is_some() { Text::NotFinishedYet } else { Text::NoResultShown };
        let finished = |stage| stage == Stage::Finished;
        let (can, why) = match self {
            Self::Paint
            | Self::PaintFront
            | Self::PaintFour
            | Self::PaintForever
            | Self::Surprise
            | Self::SurpriseRest => return intent::trouble(state).map(Cow::Owned),
            Self::Vary if shown.is_some() => return intent::trouble(state).map(Cow::Owned),
            Self::Vary => (false, Text::NoResultShown),
            Self::Keep if shown.is_some_and(|entry| state.document_entry == Some(entry.id)) => {
                (false, Text::KeptAlready)
            }
            Self::Keep => (shown.is_some_and(|entry| finished(entry.stage)), lacking),
            Self::Discard => {
                let ended = |stage| finished(stage) || stage == Stage::Stopped;
                (shown.is_some_and(|entry| ended(entry.stage)), lacking)
            }
            Self::UndoDiscard => (!state.bin.is_empty(), Text::HistoryEmpty),
            Self::Undo => (state.can_undo(), Text::HistoryEmpty),
            Self::Redo => (state.can_redo(), Text::NothingToRedo),
            Self::Stop => (state.jobs.running.is_some(), Text::NothingPaints),
            Self::PauseQueue => {
                let jobs = &state.jobs;
                let any = jobs.paused || jobs.running.is_some() || !jobs.waiting.is_empty();
                (any, Text::NothingPaints)
            }
            Self::EarlierPrompt => {
                (!state.settings.recent_prompts.is_empty(), Text::NoEarlierWords)
            }
            Self::LaterPrompt => (state.prompt_walk.is_some(), Text::NoLaterWords),
            Self::Heavier | Self::Lighter => {
                (!state.prompt.is_empty() || !state.negative.is_empty(), Text::NoWordsYet)
            }
            Self::PreviousResult | Self::NextResult => {
                (!state.entries.is_empty(), Text::NoResultShown)
            }
            Self::Copy | Self::Compare | Self::Values => (state.has_picture(), Text::NoPictureYet),
            Self::Save
            | Self::SaveAs
            | Self::MaskInvert
            | Self::MaskWhole
            | Self::MaskLeft
            | Self::MaskRight
            | Self::MaskTop
            | Self::MaskBottom
            | Self::MaskCentre
            | Self::MaskBorder => (state.can_keep(), Text::NoPictureYet),
            Self::MaskClear | Self::MaskHide => (state.has_mask(), Text::NothingMasked),
            Self::BrushSmaller | Self::BrushLarger | Self::BrushSofter | Self::BrushHarder => {
                (state.tool.strokes(), Text::ToolHasNoBrush)
            }
            _ => return None,
        };
        (!can).then(|| Cow::Borrowed(state.lang.get(why)))
    }
}

//! The folded part of the settings panel: sampler, schedule, fresh noise, guidance rescale, CLIP
//! skip, prompt style, the program whose picture it is to be, savings, what only some models are told,
//! choices about the model.

use egui::{ComboBox, Sense, Ui, WidgetInfo, accesskit::Role, pos2, vec2};

use super::panel::{Change, decimal_row, label, out_of, whole_row};
use super::tokens::{self, radius, size, space};
use super::widgets::focus_ring;
use super::{Cx, icons, panel_model, panel_told};
use crate::app::command::Command;
use crate::app::settings::{DEEP_CACHE, PaintSettings, TOKEN_MERGING};
use crate::app::words::Text;
use crate::engine::protocol::{PromptStyle, SameAs, Sampler, Savings, Schedule};

/// More sigma than runs begin with: no bound.
const WHOLE_RUN: f32 = 20.0;

/// Draws the fold and, open, what is in it.
pub fn show(ui: &mut Ui, cx: &mut Cx<'_>, paint: &mut PaintSettings) {
    let open = cx.state.settings.more_open;
    fold(ui, cx, open);
    if !open {
        return;
    }
    let info = cx.state.model.info.clone();
    let default = info.as_ref().map(|info| info.default_sampler);
    let value = paint.sampler.or(default).unwrap_or(Sampler::DpmPp2M);
    let names = Sampler::ALL.map(|sampler| (sampler, sampler.name()));
    if let Some(changed) = choice(ui, cx, Text::Sampler, &names, value, default) {
        paint.sampler = changed.or_models_own().filter(|sampler| Some(*sampler) != default);
    }
    let sampler = paint.sampler.or(default).unwrap_or(Sampler::DpmPp2M);
    let default = info.as_ref().map(|info| info.default_schedule);
    let value = paint.schedule.or(default).unwrap_or(Schedule::Trailing);
    let names = Schedule::ALL.map(|schedule| (schedule, schedule.name()));
    if let Some(changed) = choice(ui, cx, Text::Schedule, &names, value, default) {
        paint.schedule = changed.or_models_own().filter(|schedule| Some(*schedule) != default);
    }
    if let Some(usual) = sampler.eta() {
        let row = (Text::Eta, (0.0, 1.0), 0.05);
        let value = paint.eta.unwrap_or(usual);
        if let Some(changed) = decimal_row(ui, cx, row, value, Some(usual)) {
            paint.eta = changed.or_models_own().filter(|eta| *eta != usual);
        }
    }
    let row = (Text::Rescale, (0.0, 1.0), 0.05);
    if let Some(changed) = decimal_row(ui, cx, row, paint.guidance_rescale, Some(0.0)) {
        paint.guidance_rescale = changed.or_models_own().unwrap_or(0.0);
    }
    let row = (Text::ClipSkip, (1, 12), out_of(cx, "1", "12"));
    if let Some(changed) = whole_row(ui, cx, row, paint.clip_skip, Some(1)) {
        paint.clip_skip = changed.or_models_own().unwrap_or(1);
    }
    let names = PromptStyle::ALL.map(|style| (style, style.name()));
    let default = Some(PromptStyle::default());
    if let Some(changed) = choice(ui, cx, Text::PromptStyle, &names, paint.prompt_style, default) {
        paint.prompt_style = changed.or_models_own().unwrap_or_default();
    }
    let names = SameAs::ALL.map(|program| (program, program.name()));
    let default = Some(SameAs::default());
    if let Some(changed) = choice(ui, cx, Text::SameAs, &names, paint.same_as, default) {
        paint.same_as = changed.or_models_own().unwrap_or_default();
    }
    savings(ui, cx, paint);
    panel_told::show(ui, cx, paint);
    panel_model::show(ui, cx, paint);
}

/// Rows of what is faster and changes the picture a little.
fn savings(ui: &mut Ui, cx: &Cx<'_>, paint: &mut PaintSettings) {
    let interval = &mut paint.savings.guidance_interval;
    let (low, high) = interval.unwrap_or((0.0, WHOLE_RUN));
    let row = (Text::GuidanceAbove, (0.0, WHOLE_RUN), 0.1);
    if let Some(changed) = decimal_row(ui, cx, row, low, Some(0.0)) {
        *interval = bounded(changed.or_models_own().unwrap_or(0.0), high);
    }
    let row = (Text::GuidanceUpTo, (0.0, WHOLE_RUN), 0.1);
    if let Some(changed) = decimal_row(ui, cx, row, high.min(WHOLE_RUN), Some(WHOLE_RUN)) {
        *interval = bounded(low, changed.or_models_own().unwrap_or(WHOLE_RUN));
    }
    let names = DEEP_CACHE.map(|(steps, text)| (steps, cx.t(text)));
    let value = paint.savings.deep_cache;
    if let Some(changed) = choice(ui, cx, Text::DeepCache, &names, value, Some(None)) {
        paint.savings.deep_cache = changed.or_models_own().flatten();
    }
    let shares = TOKEN_MERGING.map(|share| cx.lang().share_or_off(share));
    let names: Vec<_> = TOKEN_MERGING.into_iter().zip(shares.iter().map(String::as_str)).collect();
    let value = paint.savings.token_merging;
    if let Some(changed) = choice(ui, cx, Text::TokenMerging, &names, value, Some(None)) {
        paint.savings.token_merging = changed.or_models_own().flatten();
    }
}

/// An interval of sigmas, or `None` where it leaves nothing of a run out.
fn bounded(low: f32, high: f32) -> Option<(f32, f32)> {
    let high = if high >= WHOLE_RUN { Savings::MOST_SIGMA } else { high };
    let whole = low <= 0.0 && high == Savings::MOST_SIGMA;
    (!whole && low < high).then_some((low, high))
}

fn fold(ui: &mut Ui, cx: &mut Cx<'_>, open: bool) {
    let p = cx.palette;
    let (rect, response) =
        ui.allocate_exact_size(vec2(ui.available_width(), size::CONTROL), Sense::click());
    let name = cx.t(Text::MoreSettings);
    response.widget_info(|| WidgetInfo::selected(Role::Button, true, open, name));
    if response.hovered() {
        ui.painter().rect_filled(rect.expand2(vec2(space::XS, 0.0)), radius::S, p.hover);
    }
    let painter = ui.painter();
    let left = pos2(rect.left(), rect.center().y);
    painter.text(left, egui::Align2::LEFT_CENTER, name, tokens::heading(), p.text_1);
    let icon = if open { icons::CARET_DOWN } else { icons::CARET_RIGHT };
    let right = pos2(rect.right() - space::S, rect.center().y);
    painter.text(right, egui::Align2::CENTER_CENTER, icon, tokens::icon(14.0), p.text_2);
    focus_ring(ui, &response, radius::S);
    if response.clicked() {
        cx.ask(Command::MoreOpen(!open));
    }
}

/// A row with a list to choose from.
pub(super) fn choice<T: Copy + PartialEq>(
    ui: &mut Ui,
    cx: &Cx<'_>,
    text: Text,
    names: &[(T, &str)],
    value: T,
    default: Option<T>,
) -> Option<Change<T>> {
    let name_of = |wanted: T| names.iter().find(|(one, _)| *one == wanted).map_or("", |(_, n)| *n);
    let mut changed = None;
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 0.0;
        let differs = default.filter(|default| *default != value);
        if label(ui, cx, text, differs.map(name_of)) {
            changed = Some(Change::ModelsOwn);
        }
        let combo = ComboBox::from_id_salt(text)
            .width(ui.available_width())
            .selected_text(name_of(value))
            .icon(|ui, rect, _, _| {
                let colour = super::widgets::palette(ui).text_2;
                super::widgets::icon_in(ui.painter(), rect, icons::CARET_DOWN, 14.0, colour);
            });
        let shown = combo.show_ui(ui, |ui| {
            for (one, name) in names {
                if ui.selectable_label(*one == value, *name).clicked() {
                    changed = Some(Change::To(*one));
                }
            }
        });
        let name = cx.t(text);
        shown.response.widget_info(|| {
            let mut info = WidgetInfo::labeled(Role::ComboBox, true, name);
            info.current_text_value = Some(name_of(value).to_owned());
            info
        });
    });
    changed
}

//! The bar that floats over the canvas: progress while a picture is painted, then scrubber, then
//! the decision about it. Without the pointer it folds to its row of ticks.

use std::sync::Arc;

use egui::{Align, Galley, Layout, Rect, Sense, Stroke, StrokeKind, Ui, UiBuilder, pos2, vec2};

use super::shortcuts::is_down;
use super::tokens::{self, radius, size, space};
use super::widgets::button::{self, IconButton};
use super::widgets::ticks::{self, Ticks};
use super::{Cx, icons};
use crate::app::command::{Action, Command};
use crate::app::jobs::{Entry, EntryId, Stage};
use crate::app::words::{Lang, Text};
use crate::engine::protocol::Phase;

/// Seconds without the pointer until the finished bar folds.
const FOLD_SECS: f64 = 2.0;
/// Canvas width under which the decisions lose their words.
const WORDS_NEED: f32 = 720.0;

/// What the bar remembers of its look.
#[derive(Default)]
pub struct ResultBar {
    of: Option<(EntryId, Stage)>,
    /// When the pointer was last near, in seconds of the window's clock.
    touched: f64,
    /// Width in the last frame, to centre it.
    width: f32,
    /// Whether it was unfolded by keyboard or click, in the last frame.
    unfolds: bool,
}

impl ResultBar {
    /// Draws the bar, if a result is shown. `focused`: the keyboard's focus is on it.
    pub fn show(&mut self, ui: &mut Ui, cx: &mut Cx<'_>, focused: bool) {
        let state = cx.state;
        let Some(entry) = state.shown_entry() else { return };
        if state.stroking || entry.stage == Stage::Waiting {
            return;
        }
        let canvas = ui.max_rect();
        if self.of != Some((entry.id, entry.stage)) {
            self.of = Some((entry.id, entry.stage));
            self.touched = state.now;
            // Its first frame is as wide as the next ones.
            let place = canvas.with_max_x(f32::INFINITY);
            let mut row = row(ui, UiBuilder::new().id_salt("measured").max_rect(place).invisible());
            self.width = content(&mut row, cx, entry, canvas, false);
        }
        let near = Rect::from_center_size(
            pos2(canvas.center().x, canvas.bottom() - 34.0),
            vec2(self.width.max(320.0), 68.0),
        );
        // A drag that began elsewhere (a pan, a stroke) only passes by.
        let passing = ui.input(|i| i.pointer.any_down()) && !ui.ctx().egui_is_using_pointer();
        let hovered = ui.rect_contains_pointer(near) && !passing;
        let held = hovered || focused || state.compare || state.pinned.is_some();
        if held || entry.stage == Stage::Running {
            self.touched = state.now;
        }
        let idle = state.now - self.touched;
        if entry.stage != Stage::Running && idle >= FOLD_SECS {
            if folded(ui, cx, entry, canvas) {
                self.touched = state.now;
                self.unfolds = true;
                ui.ctx().request_repaint();
            }
            return;
        }
        if entry.stage != Stage::Running && !held {
            ui.ctx().request_repaint_after_secs((FOLD_SECS - idle) as f32 + 0.02);
        }
        self.unfolded(ui, cx, entry, canvas);
    }

    fn unfolded(&mut self, ui: &mut Ui, cx: &mut Cx<'_>, entry: &Entry, canvas: Rect) {
        let p = cx.palette;
        let bottom = canvas.bottom() - size::RESULT_BAR_GAP;
        let width = self.width.max(120.0).min(canvas.width() - 2.0 * space::S).max(0.0);
        let rect = Rect::from_min_max(
            pos2((canvas.center().x - width / 2.0).round(), bottom - size::RESULT_BAR),
            pos2((canvas.center().x + width / 2.0).round(), bottom),
        );
        // The bar lies on the picture: it takes the pointer from the canvas.
        ui.interact(rect, ui.scope_id().with("bar"), Sense::CLICK | Sense::DRAG);
        ui.painter().rect(
            rect,
            radius::FULL,
            p.raised,
            Stroke::new(1.0, p.line),
            StrokeKind::Inside,
        );
        let inner = rect.with_min_x(rect.left() + space::L).with_max_x(f32::INFINITY);
        let mut row = row(ui, UiBuilder::new().id_salt("row").max_rect(inner));
        let wanted = content(&mut row, cx, entry, canvas, std::mem::take(&mut self.unfolds));
        // Words change with every step; the bar only ever grows during a run, so it does not jitter.
        let keep =
            entry.stage == Stage::Running && wanted < self.width && self.width - wanted < 48.0;
        if !keep && (wanted - self.width).abs() > 0.5 {
            self.width = wanted;
            // The ground was drawn for the old words: no frame may show that.
            ui.ctx().request_discard("the result bar's words changed its width");
        }
    }
}

fn row(ui: &mut Ui, builder: UiBuilder) -> Ui {
    let mut row = ui.new_child(builder.layout(Layout::left_to_right(Align::Center)));
    row.spacing_mut().item_spacing.x = space::M;
    row
}

/// What stands on the bar; its width with the bar's margins. `focus`: the ticks take the focus.
fn content(row: &mut Ui, cx: &mut Cx<'_>, entry: &Entry, canvas: Rect, focus: bool) -> f32 {
    if entry.stage == Stage::Running {
        running(row, cx, entry);
    } else {
        finished(row, cx, entry, canvas.width() < WORDS_NEED, focus);
    }
    row.min_rect().width() + space::L + space::S
}

/// A row of ticks, 4 high, on the canvas's lower edge. Whether it is to unfold.
fn folded(ui: &mut Ui, cx: &Cx<'_>, entry: &Entry, canvas: Rect) -> bool {
    if entry.of == 0 {
        return false;
    }
    let width = ticks::width(entry.of);
    let rect = Rect::from_min_size(
        pos2(canvas.center().x - width / 2.0, canvas.bottom() - 10.0),
        vec2(width, 8.0),
    );
    // On its own ground, because the picture under it can have any colour.
    let ground = rect.expand2(vec2(6.0, 1.0));
    ui.painter().rect_filled(ground, radius::S, cx.palette.raised);
    let mut child = ui.new_child(UiBuilder::new().id_salt("folded").max_rect(rect));
    let done = entry.steps.len() as u32;
    let name = cx.t(Text::TicksName);
    let ticks =
        Ticks { name, done, of: entry.of, at: None, height: 4.0, scrubs: false, opens: true };
    let response = ticks.show(&mut child, 8.0).response;
    response.has_focus() || response.clicked()
}

fn laid_out(ui: &Ui, cx: &Cx<'_>, text: &str) -> Arc<Galley> {
    ui.painter().layout_no_wrap(text.to_owned(), tokens::caption(), cx.palette.text_1)
}

fn words(ui: &mut Ui, cx: &Cx<'_>, text: &str, least: f32) {
    columns(ui, cx, text, text, least);
}

/// Words whose parts, with a middle dot between them, end where those of `longest` would: the words
/// after a number keep their place while it gains and loses digits.
fn columns(ui: &mut Ui, cx: &Cx<'_>, text: &str, longest: &str, least: f32) {
    const DOT: &str = " · ";
    let of =
        |text: &str| -> Vec<_> { text.split(DOT).map(|part| laid_out(ui, cx, part)).collect() };
    let (parts, slots, dot) = (of(text), of(longest), laid_out(ui, cx, DOT));
    // Other words than those that count, such as "Decoding", have no columns.
    let slots = if parts.len() == slots.len() { &slots } else { &parts };
    let columns: Vec<f32> =
        parts.iter().zip(slots).map(|(part, slot)| part.size().x.max(slot.size().x)).collect();
    let gaps = dot.size().x * parts.len().saturating_sub(1) as f32;
    let room = laid_out(ui, cx, longest).size().x;
    let size = vec2((columns.iter().sum::<f32>() + gaps).max(room).max(least), dot.size().y);
    let (rect, response) = ui.allocate_exact_size(size, Sense::hover());
    response.widget_info(|| egui::WidgetInfo::labeled(egui::accesskit::Role::Status, true, text));
    let mut at = rect.min;
    for (index, (part, column)) in parts.iter().zip(columns).enumerate() {
        let spare = column - part.size().x;
        if index > 0 {
            // In the middle of the gap, however long the words after it are.
            let middle = at + vec2(spare / 2.0, 0.0);
            ui.painter().galley(middle, Arc::clone(&dot), cx.palette.text_1);
            at.x += dot.size().x;
        }
        ui.painter().galley(at + vec2(spare, 0.0), Arc::clone(part), cx.palette.text_1);
        at.x += column;
    }
}

fn running(ui: &mut Ui, cx: &mut Cx<'_>, entry: &Entry) {
    let done = entry.steps.len() as u32;
    // Before the first step and after the last the bar looks as it does between them, save for its
    // words: it neither grows nor shrinks while a picture is painted.
    let of = if entry.of > 0 { entry.of } else { promised_steps(cx, entry) };
    let name = cx.t(Text::TicksName);
    let ticks = Ticks { name, done, of, at: None, height: 12.0, scrubs: done > 0, opens: false };
    let outcome = ticks.show(ui, size::RESULT_BAR - 4.0);
    scrub(cx, outcome.hovered);
    let (of, left) = (of.to_string(), cx.lang().duration(8.8));
    let longest = cx.lang().fill(Text::StepsPace, &[&of, &of, "0.888", &left]);
    columns(ui, cx, &progress(cx.lang(), entry), &longest, 0.0);
    let tip = Action::LeaveOrStop.keys_text(&cx.state.settings.keys).unwrap_or_default();
    let stop = cx.t(Text::Stop);
    if button::word(ui, Some(icons::STOP), stop, true, false).on_hover_text(tip).clicked() {
        cx.act(Action::Stop);
    }
}

/// The steps that a picture will take, before the worker has said it.
fn promised_steps(cx: &Cx<'_>, entry: &Entry) -> u32 {
    let steps = entry.request.steps.or(cx.state.model.default_steps()).unwrap_or(20);
    match &entry.request.init {
        Some(init) => ((steps as f32 * init.strength + 1e-4) as u32).max(1),
        None => steps,
    }
}

/// What the running picture is doing, in words.
#[must_use]
pub fn progress(lang: Lang, entry: &Entry) -> String {
    let done = entry.steps.len() as u32;
    match entry.phase {
        Some(Phase::ReadingModel(part)) => {
            lang.fill(Text::PhaseModel, &[&format!("{:.0}", part * 100.0)])
        }
        Some(Phase::ReadingWords) => lang.get(Text::PhaseWords).to_owned(),
        Some(Phase::EncodingPicture) => lang.get(Text::PhaseEncoding).to_owned(),
        Some(Phase::Decoding) => lang.get(Text::PhaseDecoding).to_owned(),
        None if done == 0 => lang.get(Text::PhaseStarting).to_owned(),
        None => {
            let pace = entry.step_secs();
            let left = f64::from(pace) * f64::from(entry.of.saturating_sub(done));
            // As many letters from step to step, so that the words around it stand still.
            let precise = if pace < 1.0 { format!("{pace:.3}") } else { format!("{pace:.2}") };
            let numbers = [done.to_string(), entry.of.to_string(), precise, lang.duration(left)];
            lang.fill(Text::StepsPace, &numbers.each_ref().map(String::as_str))
        }
    }
}

fn scrub(cx: &mut Cx<'_>, hovered: Option<u32>) {
    if hovered != cx.state.scrub {
        cx.ask(Command::Scrub(hovered));
    }
}

fn finished(ui: &mut Ui, cx: &mut Cx<'_>, entry: &Entry, tight: bool, focus: bool) {
    let state = cx.state;
    let lang = cx.lang();
    let done = entry.steps.len() as u32;
    let at = state.scrub.or(state.pinned);
    if entry.of > 0 {
        let name = cx.t(Text::TicksName);
        let ticks =
            Ticks { name, done, of: entry.of, at, height: 12.0, scrubs: true, opens: false };
        let outcome = ticks.show(ui, size::RESULT_BAR - 4.0);
        scrub(cx, outcome.hovered);
        if focus {
            // What had it is gone with the fold.
            outcome.response.request_focus();
        }
        if let Some(step) = outcome.clicked {
            let pin = (state.pinned != Some(step) && step < entry.of).then_some(step);
            cx.ask(Command::Pin(pin));
        }
    }
    let numbers = |step: u32| [step.to_string(), entry.of.to_string()];
    let text = match (at, entry.stage) {
        (Some(step), _) => {
            let pinned = state.pinned.is_some() && state.scrub.is_none();
            let text = if pinned { Text::StepPinned } else { Text::StepShown };
            lang.fill(text, &numbers(step).each_ref().map(String::as_str))
        }
        (None, Stage::Stopped) => {
            lang.fill(Text::StoppedAt, &numbers(done).each_ref().map(String::as_str))
        }
        (None, _) => {
            let took = entry.took_secs.unwrap_or_default();
            lang.fill(Text::DoneIn, &[&entry.of.to_string(), &lang.duration(took)])
        }
    };
    words(ui, cx, &text, 88.0);
    ui.spacing_mut().item_spacing.x = space::XS;
    if entry.stage == Stage::Finished {
        if state.document_entry == Some(entry.id) {
            let kept = cx.t(Text::Kept);
            button::word(ui, Some(icons::CHECK), kept, false, false);
        } else {
            decision(ui, cx, Action::Keep, icons::CHECK, tight);
        }
    }
    decision(ui, cx, Action::Discard, icons::TRASH, tight);
    if entry.stage == Stage::Finished {
        compare(ui, cx, tight);
        let again = cx.t(Text::Again);
        let tip = Action::Paint.tooltip(cx.state);
        if button::word(ui, Some(icons::ARROW_CLOCKWISE), again, true, false)
            .on_hover_text(tip)
            .clicked()
        {
            cx.act(Action::Paint);
        }
    }
}

fn decision(ui: &mut Ui, cx: &mut Cx<'_>, action: Action, icon: &str, tight: bool) {
    let tip = action.tooltip(cx.state);
    let label = cx.t(action.row().label);
    let enabled = action.enabled(cx.state);
    let response = if tight {
        IconButton::new(icon, label).tooltip(&tip).enabled(enabled).side(size::CONTROL).show(ui)
    } else {
        button::word(ui, Some(icon), label, enabled, false).on_hover_text(tip)
    };
    if response.clicked() {
        cx.act(action);
    }
}

/// Held, not clicked: the original shows while it is pressed.
fn compare(ui: &mut Ui, cx: &mut Cx<'_>, tight: bool) {
    let mut tip = cx.t(Text::CompareTip).to_owned();
    if let Some(keys) = Action::Compare.keys_text(&cx.state.settings.keys) {
        tip = format!("{tip} ({keys})");
    }
    let label = cx.t(Text::Compare);
    let response = if tight {
        let button = IconButton::new(icons::COLUMNS, label).tooltip(&tip);
        button.on(cx.state.compare).side(size::CONTROL).show(ui)
    } else {
        button::word(ui, Some(icons::COLUMNS), label, true, false).on_hover_text(tip)
    };
    let key = is_down(ui.ctx(), cx.state, Action::Compare) && !ui.ctx().text_edit_focused();
    let held = response.is_pointer_button_down_on();
    if held != cx.state.compare && !key {
        cx.ask(Command::Compare(held));
    }
}

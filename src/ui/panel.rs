//! The panel: the numbers and the history. Beside the canvas in a wide window, over it in a narrow one.

use egui::{
    Align2, CursorIcon, Id, Popup, Rect, ScrollArea, Sense, Stroke, StrokeKind, Ui, UiBuilder,
    WidgetInfo, accesskit::Role, pos2, vec2,
};

use super::layout::Layout;
use super::model_picker::{self, Picker};
use super::tokens::{self, radius, size, space};
use super::widgets::button::IconButton;
use super::widgets::field::Field;
use super::widgets::slider::Slider;
use super::widgets::{self, field, focus_ring};
use super::{Cx, history, icons, panel_more};
use crate::app::command::Command;
use crate::app::examples;
use crate::app::scene::SHAPES;
use crate::app::settings::{PaintSettings, PanelTab};
use crate::app::words::Text;
use crate::engine::protocol::ModelSource;

/// Where controls begin, so that all rows have one edge.
pub(super) const LABEL: f32 = 118.0;
const FIELD: f32 = 52.0;

/// What the user made of a value.
pub(super) enum Change<T> {
    /// The model's own again.
    ModelsOwn,
    /// This one.
    To(T),
}

impl<T> Change<T> {
    /// As the settings store it: `None` is the model's own.
    pub(super) fn or_models_own(self) -> Option<T> {
        match self {
            Self::ModelsOwn => None,
            Self::To(value) => Some(value),
        }
    }
}

/// The layer of a panel that lies over the canvas.
pub(super) fn area_id() -> Id {
    Id::unique("panel")
}

/// Draws the panel.
pub fn show(ui: &mut Ui, cx: &mut Cx<'_>, rect: Rect, layout: &Layout, picker: &mut Picker) {
    if layout.panel_over {
        // Over the canvas it is a layer of its own, closed by a click outside.
        let area = egui::Area::new(area_id())
            .order(egui::Order::Middle)
            .fixed_pos(rect.min)
            .constrain(false);
        let shown = area.show(ui.ctx(), |ui| {
            ui.set_min_size(rect.size());
            ui.painter().add(tokens::shadow(cx.palette).as_shape(rect, 0));
            ui.painter().rect_filled(rect, 0, cx.palette.panel);
            contents(ui, cx, rect, layout.stacked, picker);
        });
        let outside = ui.input(|i| {
            i.pointer.any_pressed()
                && i.pointer
                    .interact_pos()
                    .is_some_and(|pos| !rect.contains(pos) && pos.y > size::TOP_BAR)
        });
        if outside && !Popup::is_any_open(ui.ctx()) && !shown.response.is_pointer_button_down_on() {
            cx.ask(Command::ClosePanelOver);
        }
    } else {
        contents(ui, cx, rect, layout.stacked, picker);
    }
}

fn contents(ui: &mut Ui, cx: &mut Cx<'_>, rect: Rect, stacked: bool, picker: &mut Picker) {
    let p = cx.palette;
    ui.painter().vline(rect.left() + 0.5, rect.y_range(), Stroke::new(1.0, p.line));
    drag_edge(ui, cx, rect);
    let tab = cx.state.settings.panel_tab;
    if stacked {
        let split = (rect.top() + rect.height() * cx.state.settings.panel_split).round();
        let (upper, lower) = (rect.with_max_y(split), rect.with_min_y(split));
        heading(ui, cx, upper, Text::Settings);
        part(ui, cx, upper, PanelTab::Settings, picker);
        ui.painter().hline(rect.x_range(), split, Stroke::new(1.0, p.line));
        drag_split(ui, cx, rect, split);
        heading(ui, cx, lower, Text::History);
        part(ui, cx, lower, PanelTab::History, picker);
    } else {
        tabs(ui, cx, rect, tab);
        part(ui, cx, rect, tab, picker);
    }
}

fn head_of(rect: Rect) -> Rect {
    Rect::from_min_size(rect.min, vec2(rect.width(), 40.0))
}

fn heading(ui: &Ui, cx: &Cx<'_>, rect: Rect, title: Text) {
    let at = pos2(rect.left() + space::M, head_of(rect).center().y);
    let colour = cx.palette.text_1;
    ui.painter().text(at, Align2::LEFT_CENTER, cx.t(title), tokens::heading(), colour);
}

/// The tabs' names; the open one is underlined.
fn tabs(ui: &mut Ui, cx: &mut Cx<'_>, rect: Rect, open: PanelTab) {
    let p = cx.palette;
    let head = head_of(rect);
    let mut left = head.left() + space::M;
    for (tab, text) in [(PanelTab::Settings, Text::Settings), (PanelTab::History, Text::History)] {
        let on = tab == open;
        let colour = if on { p.accent_text } else { p.text_2 };
        let galley = ui.painter().layout_no_wrap(cx.t(text).to_owned(), tokens::heading(), colour);
        let width = galley.size().x;
        let place = Rect::from_min_size(
            pos2(left - space::S, head.top() + space::XS),
            vec2(width + 2.0 * space::S, size::CONTROL),
        );
        let response = ui.interact(place, ui.scope_id().with(("tab", text)), Sense::click());
        let name = cx.t(text);
        response.widget_info(|| WidgetInfo::selected(Role::Tab, true, on, name));
        if response.hovered() && !on {
            ui.painter().rect_filled(place, radius::S, p.hover);
        }
        let at = pos2(left, place.center().y - galley.size().y / 2.0);
        ui.painter().galley(at, galley, colour);
        if on {
            let bar = egui::Rangef::new(left, left + width);
            ui.painter().hline(bar, place.bottom() + 1.0, Stroke::new(2.0, p.accent_text));
        }
        focus_ring(ui, &response, radius::S);
        if response.clicked() && !on {
            cx.ask(Command::PanelTab(tab));
        }
        left = place.right() + space::M;
    }
}

/// What a tab holds, under its head.
fn part(ui: &mut Ui, cx: &mut Cx<'_>, rect: Rect, tab: PanelTab, picker: &mut Picker) {
    let body = rect.with_min_y(head_of(rect).bottom() + space::XS);
    let mut child = ui.new_child(UiBuilder::new().id_salt(("panel", tab)).max_rect(body));
    child.set_clip_rect(body.intersect(ui.clip_rect()));
    ScrollArea::vertical().id_salt("rows").auto_shrink(false).show(&mut child, |ui| {
        let inner = body.width() - 2.0 * space::M;
        let margin = egui::Margin::symmetric(space::M as i8, 0);
        egui::Frame::new().inner_margin(margin).show(ui, |ui| {
            ui.set_width(inner);
            ui.spacing_mut().item_spacing = vec2(space::S, space::S);
            match tab {
                PanelTab::Settings => rows(ui, cx, picker),
                PanelTab::History => history::show(ui, cx),
            }
        });
    });
}

/// Where the stacked parts meet can be dragged.
fn drag_split(ui: &mut Ui, cx: &mut Cx<'_>, rect: Rect, split: f32) {
    let edge =
        Rect::from_min_max(pos2(rect.left() + 4.0, split - 3.0), pos2(rect.right(), split + 4.0));
    let response = ui.interact(edge, ui.scope_id().with("panel split"), Sense::DRAG);
    let response = response.on_hover_and_drag_cursor(CursorIcon::ResizeVertical);
    if response.dragged() {
        cx.ask(Command::PanelSplit((split + response.drag_delta().y - rect.top()) / rect.height()));
    }
}

/// The panel is as wide as the user drags it.
fn drag_edge(ui: &mut Ui, cx: &mut Cx<'_>, rect: Rect) {
    let edge =
        Rect::from_min_max(rect.min - vec2(3.0, 0.0), pos2(rect.left() + 4.0, rect.bottom()));
    let response = ui.interact(edge, ui.scope_id().with("panel edge"), Sense::DRAG);
    let response = response.on_hover_and_drag_cursor(CursorIcon::ResizeHorizontal);
    if response.dragged() {
        cx.ask(Command::PanelWidth(rect.width() - response.drag_delta().x));
    }
}

fn rows(ui: &mut Ui, cx: &mut Cx<'_>, picker: &mut Picker) {
    model(ui, cx, picker);
    ui.add_space(space::S);
    let before = cx.state.settings.paint.clone();
    let mut paint = before.clone();
    picture_size(ui, cx, &mut paint);
    ui.add_space(space::S);
    count(ui, cx, &mut paint);
    steps(ui, cx, &mut paint);
    guidance(ui, cx, &mut paint);
    seed(ui, cx, &mut paint);
    ui.add_space(space::S);
    panel_more::show(ui, cx, &mut paint);
    ui.add_space(space::L);
    if paint != before {
        cx.ask(Command::Paint(paint));
    }
}

/// The model: icon, name, family, state.
fn model(ui: &mut Ui, cx: &mut Cx<'_>, picker: &mut Picker) {
    let p = cx.palette;
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 48.0), Sense::click());
    let state = &cx.state.model;
    let listed;
    let name = match (&state.source, state.name()) {
        (ModelSource::BuiltIn, _) => cx.t(Text::ModelBuiltIn),
        // Before it is read it is called as in the picker.
        (ModelSource::Path(_), "") => {
            listed = cx.state.model_rows().into_iter().find(|row| row.in_use);
            listed.as_ref().map_or("", |row| row.name.as_str())
        }
        (ModelSource::Path(_), name) => name,
    };
    let (colour, word) = match (&state.trouble, &state.info) {
        (Some(_), _) => (p.error, Text::ModelFailed),
        (None, _) if state.pending.is_some() => (p.text_3, Text::ModelLoading),
        (None, Some(_)) => (p.ok, Text::ModelReady),
        (None, None) => (p.text_3, Text::ModelLoading),
    };
    let family = state.info.as_ref().map_or("", |info| info.family.as_str());
    let spoken = cx.lang().fill(Text::ModelPick, &[name, cx.t(word)]);
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, &spoken));
    let painter = ui.painter();
    let fill = if response.hovered() { p.hover } else { p.raised };
    painter.rect(rect, radius::M, fill, Stroke::new(1.0, p.line), StrokeKind::Inside);
    let icon = Rect::from_min_size(rect.min, vec2(44.0, rect.height()));
    widgets::icon_in(painter, icon, icons::CUBE, 20.0, p.text_2);
    let caret = rect.with_min_x(rect.right() - 28.0);
    widgets::icon_in(painter, caret, icons::CARET_DOWN, 14.0, p.text_2);
    let texts = rect.with_min_x(icon.right()).with_max_x(caret.left());
    let upper =
        Rect::from_min_max(texts.min + vec2(0.0, 6.0), pos2(texts.right(), rect.center().y + 2.0));
    let lower = Rect::from_min_max(
        pos2(texts.left() + 12.0, rect.center().y + 2.0),
        texts.max - vec2(0.0, 5.0),
    );
    widgets::line(ui, upper, name, tokens::heading(), p.text_1);
    let dot = pos2(texts.left() + 3.0, lower.center().y);
    ui.painter().circle_filled(dot, 3.0, colour);
    let words = if family.is_empty() {
        cx.t(word).to_owned()
    } else {
        format!("{family} · {}", cx.t(word))
    };
    widgets::line(ui, lower, &words, tokens::caption(), p.text_2);
    focus_ring(ui, &response, radius::M);
    let response = match (&state.trouble, &state.source) {
        (Some(trouble), _) => response.on_hover_text(trouble),
        (None, ModelSource::BuiltIn) => response.on_hover_text(model_picker::limits(cx)),
        (None, ModelSource::Path(_)) => response,
    };
    picker.show(cx, &response);
}

/// A row's label, with a dot beside a changed value that puts the model's own back.
/// Whether the dot was clicked.
pub(super) fn label(ui: &mut Ui, cx: &Cx<'_>, text: Text, default: Option<&str>) -> bool {
    let p = cx.palette;
    let (rect, _) = ui.allocate_exact_size(vec2(LABEL, size::CONTROL), Sense::hover());
    let room = rect.with_max_x(rect.right() - space::S);
    let taken = widgets::line(ui, room, cx.t(text), tokens::body(), p.text_2);
    let Some(default) = default else { return false };
    let at = pos2(rect.left() + taken + 9.0, rect.center().y);
    let hit = Rect::from_center_size(at, vec2(14.0, size::CONTROL));
    let response = ui.interact(hit, ui.scope_id().with(("restore", text)), Sense::click());
    let tip = cx.lang().fill(Text::RestoreDefault, &[default]);
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, &tip));
    ui.painter().circle_filled(at, 3.0, p.accent_text);
    focus_ring(ui, &response, radius::S);
    response.on_hover_text(tip).clicked()
}

/// What is wrong with what was typed, under its row.
pub(super) fn error_line(ui: &mut Ui, cx: &Cx<'_>, error: Option<&String>) {
    let Some(error) = error else { return };
    let p = cx.palette;
    let (rect, response) =
        ui.allocate_exact_size(vec2(ui.available_width(), tokens::text::CAPTION.1), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Alert, true, error));
    let icon = rect.with_min_x(rect.left() + LABEL).with_max_x(rect.left() + LABEL + 14.0);
    widgets::icon_in(ui.painter(), icon, icons::WARNING_CIRCLE, 14.0, p.error);
    let words = rect.with_min_x(icon.right() + space::XS);
    widgets::line(ui, words, error, tokens::caption(), p.error);
}

/// A row of slider and field for a whole number.
pub(super) fn whole_row(
    ui: &mut Ui,
    cx: &Cx<'_>,
    (text, range, out): (Text, (u32, u32), String),
    value: u32,
    default: Option<u32>,
) -> Option<Change<u32>> {
    let mut changed = None;
    let mut error = None;
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 0.0;
        let dot = default.filter(|default| *default != value).map(|default| default.to_string());
        if label(ui, cx, text, dot.as_deref()) {
            changed = Some(Change::ModelsOwn);
        }
        let name = cx.t(text);
        let width = ui.available_width() - FIELD - space::S;
        let slider = Slider::new(name, (range.0 as f32, range.1 as f32), 1.0);
        if let (_, Some(moved)) = slider.show(ui, width, value as f32) {
            changed = Some(Change::To(moved.round() as u32));
        }
        ui.add_space(space::S);
        let bounds = (u64::from(range.0), u64::from(range.1));
        let not_number = cx.t(Text::ErrorNumber);
        let shown = value.to_string();
        let parse = |text: &str| field::whole(text, bounds, not_number, &out);
        let step = |by: i32| {
            Some(
                i64::from(value)
                    .saturating_add(i64::from(by))
                    .clamp(bounds.0 as i64, bounds.1 as i64) as u64,
            )
        };
        let outcome = field::number(
            ui,
            Field { name, width: FIELD, shown: &shown, dimmed: false },
            parse,
            step,
        );
        if let Some(typed) = outcome.value {
            changed = Some(Change::To(typed as u32));
        }
        error = outcome.error;
    });
    error_line(ui, cx, error.as_ref());
    changed
}

pub(super) fn out_of(cx: &Cx<'_>, low: &str, high: &str) -> String {
    cx.lang().fill(Text::ErrorRange, &[low, high])
}

fn count(ui: &mut Ui, cx: &Cx<'_>, paint: &mut PaintSettings) {
    let row = (Text::Count, (1, 8), out_of(cx, "1", "8"));
    if let Some(changed) = whole_row(ui, cx, row, paint.count, None) {
        paint.count = changed.or_models_own().unwrap_or(1);
    }
}

fn steps(ui: &mut Ui, cx: &Cx<'_>, paint: &mut PaintSettings) {
    let default = cx.state.model.default_steps();
    let value = paint.steps.or(default).unwrap_or(20);
    let row = (Text::Steps, (1, 150), cx.t(Text::ErrorSteps).to_owned());
    if let Some(changed) = whole_row(ui, cx, row, value, default) {
        paint.steps = changed.or_models_own().filter(|steps| Some(*steps) != default);
    }
}

fn guidance(ui: &mut Ui, cx: &Cx<'_>, paint: &mut PaintSettings) {
    let default = cx.state.model.default_guidance();
    let value = paint.guidance.or(default).unwrap_or(7.0);
    let row = (Text::Guidance, (1.0, 30.0), 0.5);
    if let Some(changed) = decimal_row(ui, cx, row, value, default) {
        paint.guidance = changed
            .or_models_own()
            .filter(|value| default.is_none_or(|d| (d - value).abs() > 1e-4));
    }
}

/// A row of slider and field for a number with decimals.
pub(super) fn decimal_row(
    ui: &mut Ui,
    cx: &Cx<'_>,
    (text, range, by): (Text, (f32, f32), f32),
    value: f32,
    default: Option<f32>,
) -> Option<Change<f32>> {
    let mut changed = None;
    let mut error = None;
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 0.0;
        let differs = default.filter(|default| (default - value).abs() > 1e-4);
        if label(ui, cx, text, differs.map(|default| default.to_string()).as_deref()) {
            changed = Some(Change::ModelsOwn);
        }
        let name = cx.t(text);
        let width = ui.available_width() - FIELD - space::S;
        if let (_, Some(moved)) = Slider::new(name, range, by).show(ui, width, value) {
            changed = Some(Change::To(moved));
        }
        ui.add_space(space::S);
        let out = out_of(cx, &range.0.to_string(), &range.1.to_string());
        let not_number = cx.t(Text::ErrorNumber);
        let shown = format!("{}", (value * 100.0).round() / 100.0);
        let parse = |text: &str| field::decimal(text, range, not_number, &out);
        let step = |steps: i32| Some((value + steps as f32 * by).clamp(range.0, range.1));
        let outcome = field::number(
            ui,
            Field { name, width: FIELD, shown: &shown, dimmed: false },
            parse,
            step,
        );
        if let Some(typed) = outcome.value {
            changed = Some(Change::To(typed));
        }
        error = outcome.error;
    });
    error_line(ui, cx, error.as_ref());
    changed
}

/// Five shapes at the model's native area, then width and height.
fn picture_size(ui: &mut Ui, cx: &Cx<'_>, paint: &mut PaintSettings) {
    let native = cx.state.own_size();
    let now = cx.state.new_size();
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = space::XS;
        let differs = (now != native).then(|| format!("{} × {}", native.0, native.1));
        if label(ui, cx, Text::Size, differs.as_deref()) {
            paint.size = None;
        }
        ui.add_space(-space::XS);
        let width = ((ui.available_width() - 4.0 * space::XS) / 5.0).floor();
        for shape in SHAPES {
            let size = cx.state.shape_size(shape);
            let name = if shape == (1, 1) {
                format!("{}, {} × {}", cx.t(Text::SizeSquare), size.0, size.1)
            } else {
                format!("{}:{}, {} × {}", shape.0, shape.1, size.0, size.1)
            };
            if shape_button(ui, cx, shape, width, &name, now == size) {
                paint.size = (size != native).then_some(size);
            }
        }
    });
    let mut error = None;
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 0.0;
        ui.add_space(LABEL);
        let each = (ui.available_width() - 24.0) / 2.0;
        let (width, wrong) = side(ui, cx, Text::Width, each, now.0);
        let (times, _) = ui.allocate_exact_size(vec2(24.0, size::CONTROL), Sense::hover());
        let centre = Align2::CENTER_CENTER;
        ui.painter().text(times.center(), centre, "×", tokens::body(), cx.palette.text_3);
        let (height, also_wrong) = side(ui, cx, Text::Height, each, now.1);
        error = wrong.or(also_wrong);
        if width.is_some() || height.is_some() {
            paint.size = Some((width.unwrap_or(now.0), height.unwrap_or(now.1)));
        }
    });
    error_line(ui, cx, error.as_ref());
}

/// One side, or what is wrong with what is typed. The sheet follows as it is typed, so that what
/// is painted next is what is seen.
fn side(
    ui: &mut Ui,
    cx: &Cx<'_>,
    text: Text,
    width: f32,
    value: u32,
) -> (Option<u32>, Option<String>) {
    const RANGE: (u64, u64) = (32, 4096);
    let grid = cx.state.model.info.as_ref().map_or(8, |info| info.vae_factor);
    let out = out_of(cx, "32", "4096");
    let not_number = cx.t(Text::ErrorNumber);
    let name = cx.t(text);
    let shown = value.to_string();
    let parse = |text: &str| field::whole(text, RANGE, not_number, &out);
    let step =
        |by: i32| Some((i64::from(value) + i64::from(by) * i64::from(grid)).clamp(32, 4096) as u64);
    let look = Field { name, width, shown: &shown, dimmed: false };
    let outcome = field::number(ui, look, parse, step);
    (outcome.value.map(|value| value as u32), outcome.error)
}

fn shape_button(
    ui: &mut Ui,
    cx: &Cx<'_>,
    (w, h): (u32, u32),
    width: f32,
    name: &str,
    on: bool,
) -> bool {
    let p = cx.palette;
    let (rect, response) = ui.allocate_exact_size(vec2(width, size::CONTROL), Sense::click());
    response.widget_info(|| WidgetInfo::selected(Role::RadioButton, true, on, name));
    let fill = if on {
        p.active
    } else if response.hovered() {
        p.hover
    } else {
        tokens::NOTHING
    };
    ui.painter().rect_filled(rect, radius::S, fill);
    let longest = 15.0 / w.max(h) as f32;
    let outline =
        Rect::from_center_size(rect.center(), vec2(w as f32 * longest, h as f32 * longest));
    let colour = if on { p.accent_text } else { p.text_2 };
    ui.painter().rect_stroke(outline, 1, Stroke::new(1.5, colour), StrokeKind::Middle);
    focus_ring(ui, &response, radius::S);
    response.on_hover_text(name).clicked()
}

/// The seed: field, die, lock. Unlocked shows the last one, dimmed.
fn seed(ui: &mut Ui, cx: &Cx<'_>, paint: &mut PaintSettings) {
    let mut error = None;
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 0.0;
        label(ui, cx, Text::Seed, None);
        let width = ui.available_width() - 2.0 * size::ICON_BUTTON - space::S;
        let name = cx.t(Text::Seed);
        let (dimmed, value) = (!paint.seed_locked, paint.seed);
        let shown = value.to_string();
        let out = out_of(cx, "0", &u64::MAX.to_string());
        let parse = |text: &str| field::whole(text, (0, u64::MAX), cx.t(Text::ErrorNumber), &out);
        let step = |by: i32| Some(value.saturating_add_signed(i64::from(by)));
        let outcome = field::number(ui, Field { name, width, shown: &shown, dimmed }, parse, step);
        if let Some(typed) = outcome.value {
            paint.seed = typed;
            // Who types a seed means it.
            paint.seed_locked = true;
        }
        error = outcome.error;
        ui.add_space(space::S);
        if IconButton::new(icons::DICE_FIVE, cx.t(Text::SeedRoll)).show(ui).clicked() {
            paint.seed = examples::random_seed();
        }
        let (icon, tip) = if paint.seed_locked {
            (icons::LOCK_SIMPLE, Text::SeedUnlock)
        } else {
            (icons::LOCK_SIMPLE_OPEN, Text::SeedLock)
        };
        if IconButton::new(icon, cx.t(tip)).on(paint.seed_locked).show(ui).clicked() {
            paint.seed_locked = !paint.seed_locked;
        }
    });
    error_line(ui, cx, error.as_ref());
}

//! The keys part of the settings page: every command with its keys; a click waits for new ones, and
//! a clash is shown before anything is taken from anyone.

use egui::{
    Rect, Sense, Stroke, StrokeKind, Ui, UiBuilder, WidgetInfo, accesskit::Role, pos2, vec2,
};

use super::settings_page::row_of;
use super::shortcuts::Caught;
use super::tokens::{self, radius, size, space};
use super::widgets::{button, button::IconButton, focus_ring};
use super::{Cx, icons};
use crate::app::command::{Action, Command, ROWS};
use crate::app::keys::{Bindings, Keys};
use crate::app::words::Text;

const FIELD: f32 = 200.0;

/// New keys that are waited for.
#[derive(Clone, Copy, Debug)]
pub struct Binding {
    /// For which command.
    pub action: Action,
    /// What was pressed, when another command has it already.
    pub clash: Option<(Keys, Action)>,
}

impl Binding {
    /// Takes what was pressed: what to ask for, and the binding that is left.
    #[must_use]
    pub fn pressed(self, caught: &Caught, keys_now: &Bindings) -> (Option<Command>, Option<Self>) {
        match caught {
            Caught::Cancel => (None, None),
            Caught::Keys(keys) => match keys_now.clash(self.action, *keys) {
                Some(other) => (None, Some(Self { clash: Some((*keys, other)), ..self })),
                None => (Some(Command::Bind(self.action, *keys)), None),
            },
        }
    }
}

/// The commands whose keys can be changed. Esc stays what it is: without it nobody gets out.
pub fn bindable() -> impl Iterator<Item = Action> {
    let fixed = |action| matches!(action, Action::LeaveOrStop | Action::UndoDiscard);
    ROWS.iter().map(|row| row.action).filter(move |action| !fixed(*action))
}

/// Puts all keys back, at the right of the part's name.
pub fn reset_all(ui: &mut Ui, cx: &mut Cx<'_>, heading: Rect) {
    if !cx.state.settings.keys.any_changed() {
        return;
    }
    let layout = egui::Layout::right_to_left(egui::Align::Center);
    let mut child =
        ui.new_child(UiBuilder::new().id_salt("reset all").max_rect(heading).layout(layout));
    let words = cx.t(Text::KeysResetAll);
    if button::word(&mut child, None, words, true, true).clicked() {
        cx.ask(Command::ResetKeys(None));
    }
}

/// One command with its keys.
pub fn row(ui: &mut Ui, cx: &mut Cx<'_>, action: Action, binding: &mut Option<Binding>) {
    let label = cx.t(action.row().label);
    let (_, mut child) = row_of(ui, cx, label);
    let mine = binding.filter(|binding| binding.action == action);
    if field(&mut child, cx, action, mine).clicked() {
        let start = Binding { action, clash: None };
        *binding = if mine.is_some() { None } else { Some(start) };
    }
    let keys = &cx.state.settings.keys;
    if keys.is_changed(action) {
        let tip = match action.row().keys.first() {
            Some(keys) => cx.lang().fill(Text::KeysReset, &[&keys.text()]),
            None => cx.t(Text::KeysResetNone).to_owned(),
        };
        let reset = IconButton::new(icons::ARROW_COUNTER_CLOCKWISE, &tip);
        if reset.show(&mut child).clicked() {
            cx.ask(Command::ResetKeys(Some(action)));
        }
    }
    if let Some(Binding { clash: Some((keys, other)), .. }) = mine {
        clash(ui, cx, action, (keys, other), binding);
    }
}

/// The keys as a field that is pressed to change them.
fn field(ui: &mut Ui, cx: &Cx<'_>, action: Action, binding: Option<Binding>) -> egui::Response {
    let p = cx.palette;
    let (rect, response) = ui.allocate_exact_size(vec2(FIELD, size::CONTROL), Sense::click());
    let all: Vec<String> =
        cx.state.settings.keys.of(action).iter().map(|keys| keys.text()).collect();
    let words = match (binding, all.is_empty()) {
        (Some(_), _) => cx.t(Text::KeysPress).to_owned(),
        (None, true) => cx.t(Text::KeysNone).to_owned(),
        (None, false) => all.join(", "),
    };
    let spoken = cx.lang().fill(Text::KeysBind, &[cx.t(action.row().label), &words]);
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, &spoken));
    let (fill, line) = match (binding.is_some(), response.hovered()) {
        (true, _) => (p.raised, Stroke::new(2.0, p.focus)),
        (false, true) => (p.hover, Stroke::new(1.0, p.text_3)),
        (false, false) => (p.raised, Stroke::new(1.0, p.edge)),
    };
    ui.painter().rect(rect, radius::S, fill, line, StrokeKind::Inside);
    let colour = if all.is_empty() || binding.is_some() { p.text_3 } else { p.text_1 };
    let inner = rect.shrink2(vec2(space::S, 0.0));
    super::widgets::line(ui, inner, &words, tokens::body(), colour);
    focus_ring(ui, &response, radius::S);
    response
}

/// Who has the keys already, and what can be done about it.
fn clash(
    ui: &mut Ui,
    cx: &mut Cx<'_>,
    action: Action,
    (keys, other): (Keys, Action),
    binding: &mut Option<Binding>,
) {
    let p = cx.palette;
    let words = cx.lang().fill(Text::KeysClash, &[&keys.text(), cx.t(other.row().label)]);
    let (rect, response) =
        ui.allocate_exact_size(vec2(ui.available_width(), size::CONTROL), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Alert, true, &words));
    let layout = egui::Layout::right_to_left(egui::Align::Center);
    let mut child = ui.new_child(UiBuilder::new().id_salt("clash").max_rect(rect).layout(layout));
    if button::word(&mut child, None, cx.t(Text::KeysCancel), true, false).clicked() {
        *binding = None;
    }
    if button::word(&mut child, None, cx.t(Text::KeysTake), true, true).clicked() {
        cx.ask(Command::Bind(action, keys));
        *binding = None;
    }
    let right = child.min_rect().left() - space::S;
    let icon = Rect::from_min_size(rect.min, vec2(size::ICON, rect.height()));
    super::widgets::icon_in(ui.painter(), icon, icons::WARNING, 16.0, p.warn);
    let line =
        Rect::from_min_max(pos2(icon.right() + space::XS, rect.top()), pos2(right, rect.bottom()));
    super::widgets::line(ui, line, &words, tokens::body(), p.warn);
}

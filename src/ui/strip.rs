//! The strip: past on the left, future on the right. Finished results, the running one, and those
//! that wait.

use egui::{
    Align, Align2, Layout, Popup, Rect, Response, ScrollArea, Sense, Shape, Stroke, StrokeKind, Ui,
    UiBuilder, WidgetInfo, accesskit::Role, pos2, vec2,
};

use super::tokens::{self, UNTINTED, radius, size, space};
use super::widgets::button::IconButton;
use super::widgets::picture::Thumbs;
use super::widgets::{self, focus_ring};
use super::{Cx, icons};
use crate::app::command::{Action, Command};
use crate::app::jobs::{Entry, EntryId, Stage, Thumb};
use crate::app::words::Text;
use crate::plane::PixelRect;

/// What the strip remembers of its look.
#[derive(Default)]
pub struct Strip {
    shown: Option<EntryId>,
    /// Whether a thumb has the focus.
    focused: bool,
    drag: Option<Drag>,
}

impl Strip {
    /// Draws the strip.
    pub fn show(&mut self, ui: &mut Ui, cx: &mut Cx<'_>, thumbs: &mut Thumbs) {
        let rect = ui.max_rect();
        if rect.height() <= size::STRIP_HANDLE {
            handle(ui, cx, rect);
            return;
        }
        // Strip heights of 72, 84 and 108 leave thumbs of 52, 64 and 88.
        let thumb = rect.height() - 20.0;
        let moved = cx.state.shown != self.shown;
        self.shown = cx.state.shown;
        let mut inner = rect.shrink2(vec2(space::M, 0.0));
        if Action::PauseQueue.enabled(cx.state) {
            pause(ui, cx, Rect::from_min_size(rect.min, vec2(size::RAIL, rect.height())));
            inner.min.x += size::RAIL - space::M;
        }
        let mut places = Vec::new();
        let mut focused = false;
        let mut child = ui.new_child(UiBuilder::new().id_salt("strip").max_rect(inner));
        let area = ScrollArea::horizontal().id_salt("results").stick_to_right(true);
        area.auto_shrink(false).show(&mut child, |ui| {
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                ui.spacing_mut().item_spacing.x = 0.0;
                ui.set_height(rect.height());
                ui.add_space(space::XXS);
                let mut job = None;
                for entry in &cx.state.entries {
                    let same = job == Some(entry.job);
                    if job.is_some() {
                        ui.add_space(if same { space::XS } else { space::S });
                    }
                    let response = tile(ui, cx, thumbs, entry, thumb);
                    if entry.stage == Stage::Waiting {
                        places.push((entry.id, response.rect));
                        if response.dragged() || response.drag_stopped() {
                            self.dragged(ui, cx, entry.id, &response);
                        }
                    }
                    if same {
                        bracket(ui, cx, response.rect);
                    }
                    let came = moved && self.shown == Some(entry.id);
                    // The keys that walk the results take the focus along.
                    if came && self.focused {
                        response.request_focus();
                    }
                    focused |= response.has_focus();
                    // What arrives by itself comes into sight at the newest end only, which sticks.
                    if came {
                        response.scroll_to_me(None);
                    }
                    job = Some(entry.job);
                }
                ui.add_space(space::XXS);
            });
        });
        self.focused = focused;
        self.order(ui, cx, &places);
    }

    /// A waiting one is held, or let go.
    fn dragged(&mut self, ui: &Ui, cx: &Cx<'_>, id: EntryId, response: &Response) {
        let at = response.interact_pointer_pos().or_else(|| ui.input(|i| i.pointer.latest_pos()));
        let Some(at) = at else { return };
        self.drag = Some(Drag { id, x: at.x, ends: response.drag_stopped() });
        let ghost = response.rect.translate(vec2(at.x - response.rect.center().x, 0.0));
        let line = Stroke::new(2.0, cx.palette.accent_text);
        ui.painter().rect_stroke(ghost, radius::M, line, StrokeKind::Inside);
    }

    /// Shows where the held one would go, and puts it there when it is let go.
    fn order(&mut self, ui: &Ui, cx: &mut Cx<'_>, places: &[(EntryId, Rect)]) {
        let Some(drag) = self.drag.take() else { return };
        let before = places.iter().find(|(_, rect)| drag.x < rect.center().x);
        if drag.ends {
            cx.ask(Command::MoveWaiting(drag.id, before.map(|(id, _)| *id)));
            return;
        }
        let Some((_, last)) = places.last() else { return };
        let x = before.map_or(last.right() + 4.0, |(_, rect)| rect.left() - 4.0);
        let line = Stroke::new(2.0, cx.palette.accent_text);
        ui.painter().vline(x, last.y_range(), line);
    }
}

/// A waiting entry under the pointer.
struct Drag {
    id: EntryId,
    x: f32,
    ends: bool,
}

/// Holds the queue back, at the strip's head.
fn pause(ui: &mut Ui, cx: &mut Cx<'_>, rect: Rect) {
    let paused = cx.state.jobs.paused;
    let (icon, text) =
        if paused { (icons::PLAY, Text::ResumeQueue) } else { (icons::PAUSE, Text::PauseQueue) };
    let place = Rect::from_center_size(rect.center(), vec2(size::ICON_BUTTON, size::ICON_BUTTON));
    let mut child = ui.new_child(UiBuilder::new().id_salt("pause").max_rect(place));
    if IconButton::new(icon, cx.t(text)).on(paused).show(&mut child).clicked() {
        cx.act(Action::PauseQueue);
    }
}

/// The strip folded to a handle.
fn handle(ui: &mut Ui, cx: &mut Cx<'_>, rect: Rect) {
    let p = cx.palette;
    let response = ui.interact(rect, ui.scope_id().with("handle"), Sense::click());
    let name = cx.t(Text::ToggleStrip);
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, name));
    let colour = if response.hovered() { p.text_1 } else { p.text_2 };
    let text = format!("{} · {}", cx.t(Text::Results), cx.state.entries.len());
    ui.painter().text(rect.center(), Align2::CENTER_CENTER, text, tokens::caption(), colour);
    focus_ring(ui, &response, radius::S);
    if response.on_hover_text(Action::ToggleStrip.tooltip(cx.state)).clicked() {
        cx.act(Action::ToggleStrip);
    }
}

/// The line over two pictures of one job.
fn bracket(ui: &Ui, cx: &Cx<'_>, rect: Rect) {
    let stroke = Stroke::new(1.0, cx.palette.edge);
    let y = rect.top() - 5.0;
    ui.painter().hline(egui::Rangef::new(rect.left() - space::XS - 12.0, rect.right()), y, stroke);
}

fn tile(ui: &mut Ui, cx: &mut Cx<'_>, thumbs: &mut Thumbs, entry: &Entry, side: f32) -> Response {
    let p = cx.palette;
    let aspect = entry.thumb().map_or_else(
        || {
            let size = entry.origin.as_ref().map(crate::plane::Plane::size);
            let (w, h) = size.or(entry.request.size).unwrap_or_else(|| cx.state.new_size());
            w as f32 / h as f32
        },
        |thumb| thumb.size().0 as f32 / thumb.size().1 as f32,
    );
    let width = (side * aspect).clamp(side * 0.5, side * 2.0).round();
    let sense =
        if entry.stage == Stage::Waiting { Sense::click_and_drag() } else { Sense::click() };
    let (rect, response) = ui.allocate_exact_size(vec2(width, side), sense);
    let shown = cx.state.shown == Some(entry.id);
    let name = spoken(cx, entry);
    response.widget_info(|| WidgetInfo::selected(Role::ListBoxOption, true, shown, &name));
    // A long strip has many that are scrolled away: nothing is read for them.
    let in_view = ui.is_rect_visible(rect);
    if let Some(picture) = entry.thumb().filter(|_| in_view) {
        let texture = thumbs.texture(ui.ctx(), picture);
        // Of one that is longer than its tile the middle is shown.
        let part = vec2((width / side / aspect).min(1.0), (aspect * side / width).min(1.0));
        let uv = Rect::from_center_size(pos2(0.5, 0.5), part);
        let tint =
            if entry.stage == Stage::Stopped { tokens::faded(UNTINTED, 0.55) } else { UNTINTED };
        let image = egui::epaint::RectShape::filled(rect, radius::M, tint);
        ui.painter().add(image.with_texture(texture, uv));
        if let Thumb::Part(whole, estimate, place) = picture {
            let texture = thumbs.texture(ui.ctx(), Thumb::Estimate(estimate));
            let place = part_of(rect, uv, whole.size(), place);
            let whole = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
            ui.painter().with_clip_rect(rect).image(texture, place, whole, tint);
        }
    } else {
        empty(ui, cx, entry, rect);
    }
    match entry.stage {
        Stage::Running => progress(ui, cx, entry, rect),
        // In a low window the caption would hide the little that is left of the thumb.
        Stage::Stopped if side >= 60.0 => caption(ui, cx, rect, cx.t(Text::Stopped)),
        _ => {}
    }
    if entry.kept {
        badge(ui, cx, rect);
    }
    if shown {
        let ring = if p.accent_outlined { p.accent_text } else { p.accent };
        let stroke = Stroke::new(2.0, ring);
        ui.painter().rect_stroke(rect, radius::M, stroke, StrokeKind::Outside);
    } else if response.hovered() {
        ui.painter().rect_stroke(rect, radius::M, Stroke::new(1.0, p.edge), StrokeKind::Outside);
    }
    focus_ring(ui, &response, radius::M);
    touched(ui, cx, entry, response)
}

/// Where a part of a picture of `size` lies, of which `uv` fills `rect`.
fn part_of(rect: Rect, uv: Rect, size: (u32, u32), part: PixelRect) -> Rect {
    let at = |x: u32, y: u32| {
        let (x, y) = (x as f32 / size.0 as f32, y as f32 / size.1 as f32);
        rect.min + (pos2(x, y) - uv.min) / uv.size() * rect.size()
    };
    Rect::from_min_max(at(part.x0, part.y0), at(part.x1, part.y1))
}

fn spoken(cx: &Cx<'_>, entry: &Entry) -> String {
    let words = if entry.words().is_empty() { cx.t(Text::NoWords) } else { entry.words() };
    let lang = cx.lang();
    match entry.stage {
        Stage::Waiting => lang.fill(Text::WaitingName, &[words]),
        Stage::Running => lang.fill(Text::RunningName, &[words]),
        Stage::Stopped => lang.fill(Text::StoppedName, &[words]),
        Stage::Finished => {
            let at = cx.state.entries.iter().position(|other| other.id == entry.id).unwrap_or(0);
            lang.fill(Text::ResultName, &[&(at + 1).to_string(), words])
        }
    }
}

/// A picture that is not there yet: dashed, with its first words.
fn empty(ui: &Ui, cx: &Cx<'_>, entry: &Entry, rect: Rect) {
    let p = cx.palette;
    if entry.stage == Stage::Running {
        ui.painter().rect_filled(rect, radius::M, p.raised);
        return;
    }
    let outline = rect.shrink(0.5);
    let corners = [
        outline.left_top(),
        outline.right_top(),
        outline.right_bottom(),
        outline.left_bottom(),
        outline.left_top(),
    ];
    ui.painter().extend(Shape::dashed_line(&corners, Stroke::new(1.0, p.edge), 4.0, 3.0));
    let mut job = egui::text::LayoutJob::simple(
        entry.words().to_owned(),
        tokens::caption(),
        p.text_3,
        rect.width() - 10.0,
    );
    job.wrap.max_rows = ((rect.height() - 8.0) / 15.0) as usize;
    let galley = ui.painter().layout_job(job);
    ui.painter().galley(rect.min + vec2(5.0, 5.0), galley, p.text_3);
}

/// The 2 px bar along the bottom edge.
fn progress(ui: &Ui, cx: &Cx<'_>, entry: &Entry, rect: Rect) {
    let p = cx.palette;
    let share = entry.steps.len() as f32 / entry.of.max(1) as f32;
    let bar =
        Rect::from_min_max(pos2(rect.left() + 4.0, rect.bottom() - 4.0), rect.max - vec2(4.0, 2.0));
    ui.painter().rect_filled(bar, 1, p.panel);
    let done = bar.with_max_x(bar.left() + bar.width() * share);
    ui.painter().rect_filled(done, 1, p.accent);
}

fn caption(ui: &Ui, cx: &Cx<'_>, rect: Rect, text: &str) {
    let p = cx.palette;
    let ground = rect.with_min_y(rect.bottom() - 18.0);
    let s = radius::M;
    let corners = egui::CornerRadius { nw: 0, ne: 0, sw: s, se: s };
    ui.painter().rect_filled(ground, corners, p.raised);
    let at = ground.center();
    ui.painter().text(at, Align2::CENTER_CENTER, text, tokens::caption(), p.text_2);
}

/// The small ✓ of what was kept.
fn badge(ui: &Ui, cx: &Cx<'_>, rect: Rect) {
    let p = cx.palette;
    let at = rect.right_top() + vec2(-9.0, 9.0);
    ui.painter().circle(at, 7.0, p.raised, Stroke::new(1.0, p.line));
    let place = Rect::from_center_size(at, vec2(14.0, 14.0));
    widgets::icon_in(ui.painter(), place, icons::CHECK, 10.0, p.ok);
}

fn touched(ui: &mut Ui, cx: &mut Cx<'_>, entry: &Entry, response: Response) -> Response {
    if entry.stage == Stage::Waiting {
        let p = cx.palette;
        let corner = Rect::from_min_size(
            response.rect.right_top() + vec2(-size::CONTROL, 0.0),
            vec2(size::CONTROL, size::CONTROL),
        );
        let id = ui.scope_id().with(("cancel", entry.id));
        let cross = ui.interact(corner, id, Sense::click());
        let name = cx.t(Text::CancelWaiting);
        cross.widget_info(|| WidgetInfo::labeled(Role::Button, true, name));
        if response.hovered() || cross.hovered() || cross.has_focus() {
            let at = corner.right_top() + vec2(-9.0, 9.0);
            ui.painter().circle(at, 8.0, p.raised, Stroke::new(1.0, p.line));
            let place = Rect::from_center_size(at, vec2(14.0, 14.0));
            widgets::icon_in(ui.painter(), place, icons::X, 12.0, p.text_1);
        }
        focus_ring(ui, &cross, radius::S);
        if cross.on_hover_text(name).clicked() {
            cx.ask(Command::Unqueue(entry.id));
        }
        return response;
    }
    if response.double_clicked() && entry.stage == Stage::Finished {
        cx.ask(Command::KeepEntry(entry.id));
    } else if response.clicked() {
        cx.ask(Command::Show(entry.id));
    }
    Popup::context_menu(&response).show(|ui| context_menu(ui, cx, entry));
    response.on_hover_ui(|ui| card(ui, cx, entry))
}

fn context_menu(ui: &mut Ui, cx: &mut Cx<'_>, entry: &Entry) {
    let id = entry.id;
    let mut row = |ui: &mut Ui, text: Text, command: Command| {
        if ui.button(cx.state.lang.get(text)).clicked() {
            cx.commands.push(command);
            ui.close();
        }
    };
    ui.set_min_width(200.0);
    row(ui, Text::AgainSameSeed, Command::AgainEntry { id, same_seed: true });
    row(ui, Text::AgainNewSeed, Command::AgainEntry { id, same_seed: false });
    row(ui, Text::Vary, Command::VaryEntry(id));
    row(ui, Text::UseSettings, Command::UseSettings(id));
    if entry.stage == Stage::Finished {
        row(ui, Text::Keep, Command::KeepEntry(id));
        let file = cx.state.file().filter(|_| cx.state.document_entry == Some(id));
        if let Some(file) = file {
            row(ui, Text::ShowFile, Command::ShowFolder(file.clone()));
        }
        cx.commands.extend(show_first(ui, cx.state, id));
    }
    if entry.stage != Stage::Running {
        let discard = cx.t(Text::Discard);
        if ui.button(discard).clicked() {
            cx.ask(Command::DiscardEntry(id));
            ui.close();
        }
    }
}

/// Copy and Save as work on what is shown, so they show it first.
fn show_first(ui: &mut Ui, state: &crate::app::state::AppState, id: EntryId) -> Vec<Command> {
    let mut asked = Vec::new();
    for action in [Action::Copy, Action::SaveAs] {
        if ui.button(state.lang.get(action.row().label)).clicked() {
            asked = vec![Command::Show(id), Command::Do(action)];
            ui.close();
        }
    }
    asked
}

/// What is told about a result that is hovered.
fn card(ui: &mut Ui, cx: &Cx<'_>, entry: &Entry) {
    let p = cx.palette;
    let lang = cx.lang();
    ui.set_max_width(280.0);
    ui.spacing_mut().item_spacing.y = space::XXS;
    let words = if entry.words().is_empty() { cx.t(Text::NoWords) } else { entry.words() };
    ui.label(egui::RichText::new(words).color(p.text_1));
    let mut line = |text: String| {
        ui.label(egui::RichText::new(text).font(tokens::caption()).color(p.text_2));
    };
    line(lang.fill(Text::CardSeed, &[&entry.seed.to_string()]));
    let request = &entry.request;
    if let (Some(steps), Some(guidance), Some(sampler)) =
        (request.steps, request.guidance, request.sampler)
    {
        let numbers = [steps.to_string(), guidance.to_string(), sampler.name().to_owned()];
        line(lang.fill(Text::CardSteps, &numbers.each_ref().map(String::as_str)));
    }
    if let Some(picture) = &entry.picture {
        let (width, height) = picture.size();
        let size = lang.fill(Text::SizeValue, &[&width.to_string(), &height.to_string()]);
        let took = entry.took_secs.map(|secs| format!(" · {}", lang.duration(secs)));
        line(format!("{size} · {}{}", entry.model, took.unwrap_or_default()));
    }
}

//! The window's drawing: reads [`AppState`], returns [`Command`]s.
//!
//! Called by the shell once a frame. It never changes the document and knows no tensors or threads;
//! what it keeps between frames is only about the look: textures, positions, unfinished typing.

pub mod canvas;
pub mod chips;
pub mod color_popup;
pub mod completion;
pub mod debug_overlay;
pub mod dock;
pub mod faces;
pub mod flat;
pub mod fonts;
pub mod history;
pub mod hub_page;
pub mod icons;
pub mod layout;
pub mod menu;
pub mod model_picker;
pub mod notice;
mod page;
pub mod palette;
pub mod panel;
mod panel_model;
pub mod panel_more;
mod panel_told;
mod prompt_box;
pub mod rail;
pub mod recent;
pub mod regions;
pub mod result_bar;
pub mod settings_keys;
mod settings_models;
pub mod settings_page;
pub mod shortcuts;
pub mod stage;
pub mod strip;
pub mod theme;
pub mod tokens;
pub mod top_bar;
pub mod widgets;

use egui::{Rect, Ui, UiBuilder};

use crate::app::command::{Action, Command};
use crate::app::state::{AppState, Focus, Over};
use crate::app::words::{Lang, Text};
use layout::Layout;
use regions::{Region, Regions};
use tokens::Palette;
use widgets::picture::Thumbs;

/// What every part of the window gets: the state to read, and where to put what was asked for.
pub struct Cx<'a> {
    /// The state.
    pub state: &'a AppState,
    /// The theme's colours.
    pub palette: &'static Palette,
    /// What the user asked for in this frame.
    pub commands: Vec<Command>,
}

impl Cx<'_> {
    /// Asks for something.
    pub fn ask(&mut self, command: Command) {
        self.commands.push(command);
    }

    /// Asks for a row of the command table.
    pub fn act(&mut self, action: Action) {
        self.commands.push(Command::Do(action));
    }

    /// The language.
    #[must_use]
    pub fn lang(&self) -> Lang {
        self.state.lang
    }

    /// A text.
    #[must_use]
    pub fn t(&self, text: Text) -> &'static str {
        self.state.lang.get(text)
    }
}

/// What the window remembers about its own look.
#[derive(Default)]
pub struct Window {
    canvas: canvas::Canvas,
    thumbs: Thumbs,
    colors: color_popup::ColorPopup,
    dock: dock::Dock,
    result_bar: result_bar::ResultBar,
    strip: strip::Strip,
    palette: palette::Palette,
    settings_page: settings_page::SettingsPage,
    hub_page: hub_page::HubPage,
    picker: model_picker::Picker,
    shortcuts: shortcuts::Shortcuts,
    regions: Regions,
    /// Whether a text field had the focus when the last frame ended: by the time keys are looked
    /// at, egui has already taken the focus away on Esc.
    text_had_focus: bool,
    /// The figures of the debug overlay.
    pub figures: debug_overlay::Figures,
}

impl Window {
    /// What the keys of this frame ask for. Called before [`Self::show`], so that the frame
    /// already shows it.
    pub fn keys(&mut self, ctx: &egui::Context, state: &AppState) -> Vec<Command> {
        if ctx.text_edit_focused() {
            // Who types waits for no keys.
            self.settings_page.binding = None;
        }
        if let Some(binding) = self.settings_page.binding {
            let Some(caught) = shortcuts::catch(ctx) else { return Vec::new() };
            let (command, left) = binding.pressed(&caught, &state.settings.keys);
            self.settings_page.binding = left;
            return command.into_iter().collect();
        }
        let page = state.over.map(|over| match over {
            Over::Palette => palette::area_id(),
            Over::Settings | Over::Keys => settings_page::area_id(),
            Over::Hub => hub_page::area_id(),
        });
        if !self.dock.takes_tab(ctx, state) {
            self.regions.tab(ctx, page);
        }
        let (mut commands, left) = self.dock.keys(ctx, state);
        if left {
            return commands;
        }
        commands.extend(self.shortcuts.read(ctx, state, &self.regions, self.text_had_focus));
        // In a field for something else the keys are about no words.
        let elsewhere = ctx.text_edit_focused() && !prompt_box::has_focus(ctx);
        let weighs =
            |command: &Command| matches!(command, Command::Do(Action::Heavier | Action::Lighter));
        let commands = commands.into_iter().filter(|command| !(elsewhere && weighs(command)));
        prompt_box::place(ctx, commands.collect())
    }

    /// Moves the keyboard's focus.
    pub fn focus(&mut self, ctx: &egui::Context, focus: Focus) {
        match focus {
            Focus::Region { back } => self.regions.step(ctx, back),
            focus => self.dock.focus(ctx, focus),
        }
    }

    /// Lets go of the pictures that were given to be drawn in a pass that egui throws away.
    pub fn let_go(&self) {
        self.canvas.let_go();
    }

    /// Carries out a change of nothing but the picture's pixels after the frame that shows them was
    /// built: it need not be built again.
    pub fn change_picture(&mut self, state: &mut AppState, change: impl FnOnce(&mut AppState)) {
        self.canvas.swap_picture(|| {
            change(state);
            state.scene().picture
        });
    }

    /// Draws everything.
    pub fn show(&mut self, ui: &mut Ui, state: &AppState) -> Vec<Command> {
        let palette = tokens::palette(ui.visuals().dark_mode);
        let mut cx = Cx { state, palette, commands: Vec::new() };
        let whole = ui.max_rect();
        let layout = Layout::of(whole, state, self.dock.extra());
        // The window is cleared in the panels' colour (`shell`), so no region fills itself: a
        // software renderer pays for each pixel that is painted over.

        let on_bar = self.regions.focused(ui.ctx()) == Some(Region::ResultBar);
        self.regions.begin();
        let mut draw = |cx: &mut Cx<'_>, rect, part, add: &mut dyn FnMut(&mut Ui, &mut Cx<'_>)| {
            region(ui, cx, &mut self.regions, rect, part, add);
        };
        draw(&mut cx, layout.canvas, Region::Canvas, &mut |ui, cx| {
            stage::show(ui, cx, &mut self.canvas);
        });
        draw(&mut cx, layout.canvas, Region::ResultBar, &mut |ui, cx| {
            self.result_bar.show(ui, cx, on_bar);
        });
        if let Some(rect) = layout.strip {
            draw(&mut cx, rect, Region::Strip, &mut |ui, cx| {
                self.strip.show(ui, cx, &mut self.thumbs);
            });
        }
        if !layout.bare {
            draw(&mut cx, layout.top_bar, Region::TopBar, &mut |ui, cx| {
                top_bar::show(ui, cx);
            });
            draw(&mut cx, layout.rail, Region::Rail, &mut |ui, cx| {
                rail::show(ui, cx, &mut self.colors);
            });
            draw(&mut cx, layout.dock, Region::Dock, &mut |ui, cx| {
                if let Some(rect) = layout.chips {
                    let mut row = ui.new_child(UiBuilder::new().id_salt("chips").max_rect(rect));
                    row.set_clip_rect(rect);
                    chips::show(&mut row, cx);
                }
                self.dock.show(ui, cx);
            });
        }
        if let Some(rect) = layout.panel {
            draw(&mut cx, rect, Region::Panel, &mut |ui, cx| {
                panel::show(ui, cx, rect, &layout, &mut self.picker);
            });
        }
        if !layout.bare {
            lines(ui, &layout, palette);
        }
        self.settings_page.show(ui, &mut cx, layout.page);
        self.hub_page.show(ui, &mut cx, layout.page);
        notice::show(ui, &mut cx, layout.canvas);
        if state.drop_hover {
            stage::drop_card(ui, &cx, layout.canvas);
        }
        if state.debug {
            debug_overlay::show(ui, &cx, layout.canvas, &self.figures);
        }
        self.palette.show(ui, &mut cx);
        self.regions.end(ui, &cx);
        self.thumbs.sweep();
        self.text_had_focus = ui.ctx().text_edit_focused();
        let room = [layout.canvas.width(), layout.canvas.height()];
        if room != state.canvas_room {
            cx.ask(Command::CanvasRoom(room));
        }
        prompt_box::place(ui.ctx(), cx.commands)
    }
}

/// Draws a part of the window in its own rectangle.
fn region(
    ui: &mut Ui,
    cx: &mut Cx<'_>,
    regions: &mut Regions,
    rect: Rect,
    part: Region,
    add: &mut dyn FnMut(&mut Ui, &mut Cx<'_>),
) {
    let mut child = ui.new_child(UiBuilder::new().id_salt(part).max_rect(rect));
    child.set_clip_rect(rect.intersect(ui.clip_rect()));
    add(&mut child, cx);
    regions.drawn(&child, cx, part);
}

/// The hairlines between the regions.
fn lines(ui: &Ui, layout: &Layout, palette: &Palette) {
    let stroke = egui::Stroke::new(1.0, palette.line);
    let painter = ui.painter();
    let whole = ui.max_rect();
    painter.hline(whole.x_range(), layout.top_bar.bottom() - 0.5, stroke);
    painter.vline(layout.rail.right() - 0.5, layout.rail.y_range(), stroke);
    let under = layout.chips.map_or(layout.canvas.bottom(), |chips| chips.bottom());
    painter.hline(layout.canvas.x_range(), under + 0.5, stroke);
    if let Some(strip) = layout.strip {
        painter.hline(strip.x_range(), strip.bottom() - 0.5, stroke);
    }
}

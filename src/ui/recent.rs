//! The list above an empty prompt: what was painted before, then the examples.

use egui::{
    Area, Id, Key, Modifiers, Order, Rect, ScrollArea, Sense, Ui, WidgetInfo, accesskit::Role,
    pos2, vec2,
};

use super::tokens::{self, radius, size, space};
use super::{Cx, widgets};
use crate::app::command::Command;
use crate::app::examples;
use crate::app::words::Text;

/// Prompts of before that are offered.
const MOST: usize = 6;

/// A line of the list.
enum Line {
    Heading(Text),
    Prompt(String),
    Example(usize, String),
}

/// What is remembered of the list.
#[derive(Default)]
pub struct Recent {
    /// Whether it is open.
    pub open: bool,
    /// The chosen line, counted from the lowest; `None`: none.
    at: Option<usize>,
}

impl Recent {
    /// Opens it, nothing chosen.
    pub fn open(&mut self) {
        self.open = true;
        self.at = None;
    }

    /// Draws it above the dock's card and reads its arrows. Call it before Enter is read.
    /// Whether a line was taken.
    pub fn show(&mut self, ui: &Ui, cx: &mut Cx<'_>, card: Rect) -> bool {
        if !self.open {
            return false;
        }
        let lines = lines(cx);
        let choices = lines.iter().filter(|line| !matches!(line, Line::Heading(_))).count();
        if choices == 0 {
            self.open = false;
            return false;
        }
        let mut took = false;
        let chosen = self.keys(ui, choices);
        let wanted = lines.len() as f32 * size::CONTROL + 2.0 * space::XS;
        let height = wanted.min(card.top() - size::TOP_BAR - space::L).max(size::CONTROL);
        let rect = Rect::from_min_max(
            pos2(card.left(), card.top() - space::XS - height),
            pos2(card.left() + card.width().min(size::PALETTE), card.top() - space::XS),
        );
        let area = Area::new(Id::unique("recent prompts")).order(Order::Foreground);
        area.fixed_pos(rect.min).constrain(false).show(ui.ctx(), |ui| {
            let p = cx.palette;
            ui.set_min_size(rect.size());
            widgets::card(ui.painter(), p, rect);
            let inner = rect.shrink(space::XS);
            let mut child = ui.new_child(egui::UiBuilder::new().max_rect(inner));
            ScrollArea::vertical().auto_shrink(false).stick_to_bottom(true).show(
                &mut child,
                |ui| {
                    ui.spacing_mut().item_spacing.y = 0.0;
                    let mut left = choices;
                    for line in &lines {
                        if matches!(line, Line::Heading(_)) {
                            row(ui, cx, line, false);
                            continue;
                        }
                        // Counted from the lowest, which is nearest to the prompt.
                        left -= 1;
                        let here = self.at == Some(left);
                        let response = row(ui, cx, line, here);
                        if response.clicked() || here && chosen {
                            self.open = false;
                            took = true;
                            cx.ask(match line {
                                Line::Example(index, _) => Command::Example(*index),
                                Line::Prompt(words) => Command::Prompt(words.clone()),
                                Line::Heading(_) => continue,
                            });
                        }
                    }
                },
            );
        });
        let outside = ui.input(|i| {
            let at = i.pointer.interact_pos();
            i.pointer.any_pressed() && at.is_some_and(|at| !rect.contains(at) && !card.contains(at))
        });
        if outside {
            self.open = false;
        }
        took
    }

    /// Up goes away from the prompt; whether Enter takes the choice.
    fn keys(&mut self, ui: &Ui, choices: usize) -> bool {
        ui.input_mut(|input| {
            let up = input.count_and_consume_key(Modifiers::NONE, Key::ArrowUp);
            let down = input.count_and_consume_key(Modifiers::NONE, Key::ArrowDown);
            for _ in 0..up {
                self.at = Some(self.at.map_or(0, |at| (at + 1).min(choices - 1)));
            }
            for _ in 0..down {
                self.at = self.at.and_then(|at| at.checked_sub(1));
            }
            self.at.is_some() && input.consume_key(Modifiers::NONE, Key::Enter)
        })
    }
}

fn lines(cx: &Cx<'_>) -> Vec<Line> {
    let mut lines = Vec::new();
    let examples = cx.state.model.examples().to_vec();
    lines.push(Line::Heading(Text::Examples));
    for (index, example) in examples.into_iter().take(examples::CHIPS).enumerate() {
        lines.push(Line::Example(index, example.prompt));
    }
    let recent = &cx.state.settings.recent_prompts;
    if !recent.is_empty() {
        lines.push(Line::Heading(Text::RecentPrompts));
        // The newest lies nearest to the prompt.
        lines.extend(recent.iter().take(MOST).rev().map(|words| Line::Prompt(words.clone())));
    }
    lines
}

fn row(ui: &mut Ui, cx: &Cx<'_>, line: &Line, here: bool) -> egui::Response {
    let p = cx.palette;
    let (words, font, colour, sense) = match line {
        Line::Heading(text) => (cx.t(*text), tokens::caption(), p.text_3, Sense::hover()),
        Line::Prompt(words) | Line::Example(_, words) => {
            (words.as_str(), tokens::body(), p.text_1, Sense::click())
        }
    };
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), size::CONTROL), sense);
    let role = if sense.senses_click() { Role::ListBoxOption } else { Role::Label };
    response.widget_info(|| WidgetInfo::selected(role, true, here, words));
    if here || response.hovered() && sense.senses_click() {
        ui.painter().rect_filled(rect, radius::S, p.hover);
    }
    let inner = rect.shrink2(vec2(space::S, 0.0));
    let first = words.lines().next().unwrap_or_default();
    widgets::line(ui, inner, first, font, colour);
    response
}

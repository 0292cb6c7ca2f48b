//! A slider: rail, filled part, round handle; arrows move it when it has the focus.

use egui::{EventFilter, Key, Rect, Response, Sense, Stroke, Ui, WidgetInfo, pos2, vec2};

use super::palette;
use crate::ui::tokens::{self, size};

/// What a slider is made of.
#[derive(Clone, Copy, Debug)]
pub struct Slider<'a> {
    /// Spoken name.
    pub name: &'a str,
    /// Lowest and highest value.
    pub range: (f32, f32),
    /// What an arrow key changes, and what values are rounded to.
    pub step: f32,
    /// Marks on the rail that the handle is drawn to.
    pub stops: &'a [f32],
    /// Whether the rail is logarithmic.
    pub log: bool,
}

const HANDLE: f32 = 7.0;

impl<'a> Slider<'a> {
    /// A plain slider.
    #[must_use]
    pub fn new(name: &'a str, range: (f32, f32), step: f32) -> Self {
        Self { name, range, step, stops: &[], log: false }
    }

    fn place(&self, value: f32) -> f32 {
        let (low, high) = self.range;
        if self.log { (value / low).ln() / (high / low).ln() } else { (value - low) / (high - low) }
    }

    fn value(&self, place: f32) -> f32 {
        let (low, high) = self.range;
        let place = place.clamp(0.0, 1.0);
        if self.log { low * (high / low).powf(place) } else { low + (high - low) * place }
    }

    fn rounded(&self, value: f32) -> f32 {
        ((value / self.step).round() * self.step).clamp(self.range.0, self.range.1)
    }

    /// Draws it, `width` wide; the new value if it was moved.
    pub fn show(&self, ui: &mut Ui, width: f32, value: f32) -> (Response, Option<f32>) {
        let (rect, response) =
            ui.allocate_exact_size(vec2(width, size::CONTROL), Sense::click_and_drag());
        let moved = self.moved(ui, &response, rect, value);
        let now = moved.unwrap_or(value);
        response.widget_info(|| WidgetInfo::slider(true, f64::from(now), self.name));
        self.paint(ui, &response, rect, now);
        (response, moved)
    }

    fn moved(&self, ui: &Ui, response: &Response, rect: Rect, value: f32) -> Option<f32> {
        let (left, right) = (rect.left() + HANDLE, rect.right() - HANDLE);
        let mut new = value;
        if (response.dragged() || response.clicked() || response.is_pointer_button_down_on())
            && let Some(pos) = response.interact_pointer_pos()
        {
            new = self.rounded(self.value((pos.x - left) / (right - left)));
            let reach = (self.range.1 - self.range.0) * 0.025;
            // The stops hold the handle a little, so that they are met without aiming.
            if let Some(stop) = self.stops.iter().find(|stop| (**stop - new).abs() <= reach) {
                new = *stop;
            }
        }
        if response.has_focus() {
            ui.memory_mut(|memory| {
                let arrows = EventFilter { horizontal_arrows: true, ..EventFilter::default() };
                memory.set_focus_lock_filter(response.id, arrows);
            });
            let (less, more) =
                ui.input(|i| (i.num_presses(Key::ArrowLeft), i.num_presses(Key::ArrowRight)));
            let steps = more as f32 - less as f32;
            if steps != 0.0 {
                new = self.rounded(value + steps * self.step);
            }
        }
        ((new - value).abs() > f32::EPSILON).then_some(new)
    }

    fn paint(&self, ui: &Ui, response: &Response, rect: Rect, value: f32) {
        let p = palette(ui);
        let painter = ui.painter();
        let (left, right) = (rect.left() + HANDLE, rect.right() - HANDLE);
        let y = rect.center().y;
        let x = left + (right - left) * self.place(value).clamp(0.0, 1.0);
        let rail = |from: f32, to: f32| Rect::from_min_max(pos2(from, y - 1.5), pos2(to, y + 1.5));
        painter.rect_filled(rail(left, right), 2, tokens::faded(p.edge, 0.6));
        for stop in self.stops {
            let at = pos2(left + (right - left) * self.place(*stop), y);
            painter.circle_filled(at, 2.5, p.edge);
        }
        painter.rect_filled(rail(left, x), 2, p.accent_text);
        let held = response.hovered() || response.dragged() || response.has_focus();
        let radius = if held { HANDLE } else { HANDLE - 1.0 };
        painter.circle(pos2(x, y), radius, p.text_1, Stroke::new(1.0, p.panel));
        if response.has_focus() {
            painter.circle_stroke(pos2(x, y), HANDLE + 3.0, Stroke::new(2.0, p.focus));
        }
    }
}

//! The window's regions for the keyboard and for what is read aloud: landmarks in a fixed order,
//! F6 from one to the next, Tab inside one, and polite announcements of a run's progress.

use egui::accesskit::{Live, Role};
use egui::{
    Context, EventFilter, FocusDirection, Id, Key, LayerId, Modifiers, Order, Sense, Ui, WidgetInfo,
};

use super::Cx;
use crate::app::jobs::{EntryId, Stage};
use crate::app::words::Text;

/// A region of the window, in the order of F6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "named as in the layout")]
pub enum Region {
    TopBar,
    Rail,
    Canvas,
    ResultBar,
    Strip,
    Dock,
    Panel,
}

impl Region {
    const ALL: [Self; 7] = [
        Self::TopBar,
        Self::Rail,
        Self::Canvas,
        Self::ResultBar,
        Self::Strip,
        Self::Dock,
        Self::Panel,
    ];

    fn landmark(self) -> (Role, Text) {
        match self {
            Self::TopBar => (Role::Banner, Text::RegionTopBar),
            Self::Rail => (Role::Navigation, Text::RegionRail),
            Self::Canvas => (Role::Main, Text::RegionCanvas),
            Self::ResultBar => (Role::Region, Text::RegionResult),
            Self::Strip => (Role::Region, Text::Results),
            Self::Dock => (Role::Form, Text::RegionDock),
            Self::Panel => (Role::Complementary, Text::TogglePanel),
        }
    }
}

/// Which widgets of which region can have the focus.
#[derive(Default)]
pub struct Regions {
    ids: [Vec<Id>; Region::ALL.len()],
    /// What had the focus last in each region, to come back to.
    last: [Option<Id>; Region::ALL.len()],
    /// Widgets of the window's own layer that are counted already.
    counted: usize,
    announcer: Announcer,
}

impl Regions {
    /// A new frame begins.
    pub fn begin(&mut self) {
        self.ids = Default::default();
        self.counted = 0;
    }

    /// `region` has just been drawn into `ui`.
    pub fn drawn(&mut self, ui: &Ui, cx: &Cx<'_>, region: Region) {
        let (role, name) = region.landmark();
        let name = cx.t(name);
        ui.ctx().accesskit_node_builder(ui.unique_id(), |node| {
            node.set_role(role);
            node.set_label(name);
        });
        let new = &mut self.ids[region as usize];
        ui.ctx().viewport(|viewport| {
            let widgets = &viewport.this_pass.widgets;
            let mut all = widgets.get_layer(LayerId::background()).skip(self.counted);
            for widget in all.by_ref() {
                self.counted += 1;
                if widget.enabled && widget.sense.is_focusable() {
                    new.push(widget.id);
                }
            }
            if region == Region::Panel {
                new.extend(focusable(widgets, super::panel::area_id(), Order::Middle));
            }
        });
    }

    /// The frame is drawn: says what goes on.
    pub fn end(&mut self, ui: &mut Ui, cx: &Cx<'_>) {
        // The messages float over the canvas as the result bar does, and come after it.
        let bar = &mut self.ids[Region::ResultBar as usize];
        ui.ctx().viewport(|viewport| {
            let widgets = &viewport.this_pass.widgets;
            bar.extend(focusable(widgets, super::notice::area_id(), Order::Foreground));
        });
        if let Some(focused) = ui.memory(egui::Memory::focused)
            && let Some(region) = self.region_of(focused)
        {
            self.last[region] = Some(focused);
            // There the arrows go from result to result, not from widget to widget.
            if [Region::Canvas, Region::Strip].contains(&Region::ALL[region]) {
                let arrows = EventFilter { horizontal_arrows: true, ..EventFilter::default() };
                ui.memory_mut(|memory| memory.set_focus_lock_filter(focused, arrows));
            }
        }
        self.announcer.show(ui, cx);
    }

    /// The region that has the keyboard's focus.
    #[must_use]
    pub fn focused(&self, ctx: &Context) -> Option<Region> {
        let focused = ctx.memory(egui::Memory::focused)?;
        self.region_of(focused).map(|region| Region::ALL[region])
    }

    fn region_of(&self, id: Id) -> Option<usize> {
        self.ids.iter().position(|ids| ids.contains(&id))
    }

    /// F6: the focus goes to the next region that has something for it.
    pub fn step(&self, ctx: &Context, back: bool) {
        let count = self.ids.len();
        let focused = ctx.memory(egui::Memory::focused);
        let now = focused.and_then(|id| self.region_of(id));
        let from = now.unwrap_or(if back { 0 } else { count - 1 });
        let others = (1..=count).map(|by| (from + if back { count - by } else { by }) % count);
        for region in others {
            let ids = &self.ids[region];
            let last = self.last[region].filter(|id| ids.contains(id));
            if let Some(id) = last.or(ids.first().copied()) {
                ctx.memory_mut(|memory| memory.request_focus(id));
                return;
            }
        }
    }

    /// Tab stays inside a region, or inside what lies over the window.
    pub fn tab(&self, ctx: &Context, over: Option<Id>) {
        let (on, back) = ctx.input_mut(|input| {
            let back = input.consume_key(Modifiers::SHIFT, Key::Tab);
            (input.consume_key(Modifiers::NONE, Key::Tab), back)
        });
        if !on && !back {
            return;
        }
        let Some(focused) = ctx.memory(egui::Memory::focused) else { return };
        let page: Vec<Id>;
        let ids = match (over, self.region_of(focused)) {
            (Some(area), _) => {
                page = ctx.viewport(|viewport| {
                    focusable(&viewport.prev_pass.widgets, area, Order::Middle).collect()
                });
                &page
            }
            (None, Some(region)) => &self.ids[region],
            // A popup: egui knows its own.
            (None, None) => return,
        };
        ctx.memory_mut(|memory| memory.move_focus(FocusDirection::None));
        let Some(last) = ids.len().checked_sub(1) else { return };
        let next = match ids.iter().position(|id| *id == focused) {
            Some(0) if back => last,
            Some(at) if back => at - 1,
            Some(at) if at < last => at + 1,
            _ => 0,
        };
        ctx.memory_mut(|memory| memory.request_focus(ids[next]));
    }
}

fn focusable(widgets: &egui::WidgetRects, area: Id, order: Order) -> impl Iterator<Item = Id> + '_ {
    let all = widgets.get_layer(LayerId::new(order, area));
    all.filter(|widget| widget.enabled && widget.sense.is_focusable()).map(|widget| widget.id)
}

/// Says how a run goes on: at its start, at each quarter, at its end.
#[derive(Default)]
struct Announcer {
    of: Option<(EntryId, usize)>,
    words: String,
}

impl Announcer {
    fn show(&mut self, ui: &mut Ui, cx: &Cx<'_>) {
        let entries = &cx.state.entries;
        let lang = cx.lang();
        let running = entries.iter().find(|entry| entry.stage == Stage::Running);
        if let Some(entry) = running {
            let quarter = 4 * entry.steps.len() / (entry.of as usize).max(1);
            let now = (entry.id, quarter.min(3));
            if self.of != Some(now) {
                self.of = Some(now);
                self.words = match now.1 {
                    0 => lang.fill(Text::SayStarted, &[entry.words()]),
                    part => lang.fill(Text::SayPart, &[&(part * 25).to_string()]),
                };
            }
        } else if let Some((id, _)) = self.of.take() {
            let done = entries.iter().any(|e| e.id == id && e.stage == Stage::Finished);
            let words = if done { Text::SayDone } else { Text::SayStopped };
            cx.t(words).clone_into(&mut self.words);
        }
        if self.words.is_empty() {
            return;
        }
        let nowhere = egui::Rect::from_min_size(ui.max_rect().min, egui::Vec2::ZERO);
        let response = ui.interact(nowhere, ui.scope_id().with("announcement"), Sense::hover());
        response.widget_info(|| WidgetInfo::labeled(Role::Status, true, &self.words));
        ui.ctx().accesskit_node_builder(response.id, |node| node.set_live(Live::Polite));
    }
}

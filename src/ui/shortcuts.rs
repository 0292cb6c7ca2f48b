//! Keys to commands, by the one table and the user's bindings. Called before anything is drawn.

use egui::{Context, Event, Key, Modifiers, Popup};

use super::regions::{Region, Regions};
use crate::app::command::{Action, Command, ROWS, Row, Scope};
use crate::app::keys::{Keys, NAMES};
use crate::app::state::{AppState, Over};
use crate::app::tool::Tool;

/// Seconds from which on a tool's key counts as held: letting go returns to the tool before.
const HOLD_SECS: f64 = 0.25;

/// A key that was pressed and is still down, with the tool from before it.
struct Held {
    key: Key,
    tool: Tool,
    since: f64,
}

/// What is remembered of the keys between frames.
#[derive(Default)]
pub struct Shortcuts {
    held: Option<Held>,
}

/// Where the keyboard is.
#[derive(Clone, Copy)]
struct Place {
    /// In a text field.
    text: bool,
    /// The region; nowhere is the canvas, too.
    region: Option<Region>,
    /// In a popup.
    popup: bool,
}

impl Shortcuts {
    /// What the keys of this frame ask for. Keys that were understood are taken out of the input.
    #[must_use]
    pub fn read(
        &mut self,
        ctx: &Context,
        state: &AppState,
        regions: &Regions,
        text_had_focus: bool,
    ) -> Vec<Command> {
        let text = ctx.text_edit_focused() || text_had_focus;
        let nowhere = !text && ctx.memory(egui::Memory::focused).is_none();
        let region = if nowhere { Some(Region::Canvas) } else { regions.focused(ctx) };
        let mut place = Place { text, region, popup: Popup::is_any_open(ctx) };
        let mut commands = Vec::new();
        ctx.input_mut(|input| {
            let now = input.time;
            let mut taken = false;
            input.events.retain(|event| {
                let (key, physical, modifiers, repeat) = match event {
                    Event::Key { key, physical_key, pressed: true, modifiers, repeat } => {
                        (*key, *physical_key, *modifiers, *repeat)
                    }
                    Event::Key { key, pressed: false, .. } => {
                        commands.extend(self.released(*key, now, state));
                        return true;
                    }
                    // The platform turns Ctrl+C and Ctrl+X into these.
                    Event::Copy => (Key::C, None, Modifiers::COMMAND, false),
                    Event::Cut => (Key::X, None, Modifiers::COMMAND, false),
                    Event::Paste(words) if !place.text => {
                        commands.push(Command::PasteWords(words.clone()));
                        return false;
                    }
                    Event::PasteImage(image) => {
                        commands.push(pasted(image));
                        return false;
                    }
                    _ => return true,
                };
                let Some(row) = row_of(state, place, key, physical, modifiers) else { return true };
                if row.action == Action::LeaveOrStop
                    && place.text
                    && state.over != Some(Over::Palette)
                {
                    // egui takes the focus from the field; what follows in this frame is no text.
                    let region = Some(Region::Canvas).filter(|_| !place.popup);
                    place = Place { text: place.popup, region, ..place };
                    return true;
                }
                if row.action.enabled(state) && (!repeat || repeats(row.action)) {
                    commands.push(Command::Do(row.action));
                    if !modifiers.any() && row.action.is_tool() {
                        self.held = Some(Held { key, tool: state.tool, since: now });
                    }
                }
                taken |= !place.text;
                false
            });
            if taken {
                // A letter that moved the focus to a text field must not be typed into it.
                input.events.retain(|event| !matches!(event, Event::Text(_)));
            }
        });
        commands.extend(compare(ctx, state, place));
        let values = holds(ctx, state, place, Action::Values) && Action::Values.enabled(state);
        commands.extend((values != state.values).then_some(Command::Values(values)));
        commands
    }

    /// A tool tapped switches; held for longer it returns when its key is let go.
    fn released(&mut self, key: Key, now: f64, state: &AppState) -> Option<Command> {
        let held = self.held.take_if(|held| held.key == key)?;
        let long = now - held.since > HOLD_SECS && held.tool != state.tool;
        long.then_some(Command::ReturnTool(held.tool))
    }
}

/// The command that a key calls here and now.
fn row_of(
    state: &AppState,
    place: Place,
    key: Key,
    physical: Option<Key>,
    modifiers: Modifiers,
) -> Option<&'static Row> {
    let bindings = &state.settings.keys;
    let row = ROWS.iter().find(|row| {
        let in_scope = match row.scope {
            Scope::Anywhere => true,
            Scope::NoText => !place.text && state.over.is_none(),
            Scope::Canvas => {
                let walks = matches!(row.action, Action::PreviousResult | Action::NextResult);
                let here = place.region == Some(Region::Canvas);
                state.over.is_none() && (here || walks && place.region == Some(Region::Strip))
            }
        };
        let free = |keys: &Keys| !(place.text && keys.types());
        let mut keys = bindings.of(row.action).iter().filter(|keys| free(keys));
        in_scope && keys.any(|keys| matches(*keys, key, physical, modifiers))
    })?;
    let opens = matches!(
        row.action,
        Action::Palette | Action::SettingsPage | Action::KeysPage | Action::LeaveOrStop
    );
    match row.action {
        // Held, not pressed: looked at by itself.
        Action::Compare | Action::Values => None,
        // Arrows and Enter are the palette's own.
        _ if state.over == Some(Over::Palette) && !opens => None,
        // Esc belongs to popups first.
        Action::LeaveOrStop | Action::Keep | Action::Discard if place.popup => None,
        _ => Some(row),
    }
}

/// Whether a key that stays down goes on acting.
fn repeats(action: Action) -> bool {
    matches!(
        action,
        Action::BrushSmaller
            | Action::BrushLarger
            | Action::BrushSofter
            | Action::BrushHarder
            | Action::ZoomIn
            | Action::ZoomOut
            | Action::PanLeft
            | Action::PanRight
            | Action::PanUp
            | Action::PanDown
            | Action::PreviousResult
            | Action::NextResult
            | Action::EarlierPrompt
            | Action::Heavier
            | Action::Lighter
            | Action::LaterPrompt
            | Action::Undo
            | Action::Redo
    )
}

/// Whether the key of a command that is held is down.
#[must_use]
pub fn is_down(ctx: &Context, state: &AppState, action: Action) -> bool {
    let keys = state.settings.keys.of(action);
    ctx.input(|input| {
        keys.iter().any(|keys| {
            Key::from_name(keys.key).is_some_and(|key| input.key_down(key))
                && same_modifiers(*keys, input.modifiers)
        })
    })
}

/// Whether that key is meant for the picture.
fn holds(ctx: &Context, state: &AppState, place: Place, action: Action) -> bool {
    is_down(ctx, state, action) && !place.text && state.over.is_none()
}

/// Compare lasts as long as its key is down.
fn compare(ctx: &Context, state: &AppState, place: Place) -> Option<Command> {
    let held = holds(ctx, state, place, Action::Compare);
    // Compare can also be held with the pointer, on the result bar; the key must not fight it.
    let by_pointer = ctx.input(|input| input.pointer.primary_down());
    let changes = held != state.compare && (state.compare || state.has_picture()) && !by_pointer;
    changes.then_some(Command::Compare(held))
}

/// Keys that Shift makes say something else: their place on the keyboard counts.
fn by_place(key: Key) -> bool {
    let name = key.name();
    matches!(key, Key::OpenBracket | Key::CloseBracket)
        || name.len() == 1 && name.starts_with(|c: char| c.is_ascii_digit())
}

fn same_modifiers(keys: Keys, modifiers: Modifiers) -> bool {
    // What "+" needs Shift for depends on the keyboard.
    let shift_free = matches!(keys.key, "Plus" | "Equals");
    modifiers.command == keys.ctrl
        && (modifiers.shift == keys.shift || shift_free)
        && modifiers.alt == keys.alt
}

fn matches(keys: Keys, key: Key, physical: Option<Key>, modifiers: Modifiers) -> bool {
    let Some(wanted) = Key::from_name(keys.key) else { return false };
    let hit = key == wanted || by_place(wanted) && physical == Some(wanted);
    hit && same_modifiers(keys, modifiers)
}

/// What was pressed while new keys are waited for.
pub enum Caught {
    /// Keys that can be bound.
    Keys(Keys),
    /// Esc.
    Cancel,
}

/// Takes the keys of this frame for a binding; nothing else gets them.
#[must_use]
pub fn catch(ctx: &Context) -> Option<Caught> {
    let mut caught = None;
    ctx.input_mut(|input| {
        input.events.retain(|event| {
            let (key, physical, modifiers) = match event {
                Event::Key { key, physical_key, pressed: true, modifiers, .. } => {
                    (*key, *physical_key, *modifiers)
                }
                Event::Copy => (Key::C, None, Modifiers::COMMAND),
                Event::Cut => (Key::X, None, Modifiers::COMMAND),
                Event::Paste(_) | Event::PasteImage(_) => (Key::V, None, Modifiers::COMMAND),
                Event::Text(_) => return false,
                _ => return true,
            };
            if key == Key::Escape {
                caught = Some(Caught::Cancel);
                return false;
            }
            let key = physical.filter(|physical| by_place(*physical)).unwrap_or(key);
            if let Some(name) = NAMES.iter().find(|name| **name == key.name()) {
                caught = Some(Caught::Keys(Keys {
                    key: name,
                    ctrl: modifiers.command,
                    shift: modifiers.shift,
                    alt: modifiers.alt,
                }));
            }
            false
        });
    });
    caught
}

fn pasted(image: &egui::ColorImage) -> Command {
    let rgba = image.pixels.iter().flat_map(egui::Color32::to_srgba_unmultiplied).collect();
    let picture = crate::engine::protocol::Picture {
        width: image.size[0] as u32,
        height: image.size[1] as u32,
        rgba,
    };
    Command::PastePicture(std::sync::Arc::new(picture))
}

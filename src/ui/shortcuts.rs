//! Keys to commands, by the one table. Called before anything is drawn.

use egui::{Context, Event, Key, Modifiers, Popup};

use crate::app::command::{Action, Command, Keys, ROWS, Scope};
use crate::app::state::AppState;

/// What the keys of this frame ask for. Keys that were understood are taken out of the input.
#[must_use]
pub fn read(ctx: &Context, state: &AppState, text_had_focus: bool) -> Vec<Command> {
    let text = ctx.text_edit_focused() || text_had_focus;
    let focused = ctx.memory(egui::Memory::focused);
    let canvas = !text && focused.is_none_or(|id| is_canvas(ctx, id));
    let popup = Popup::is_any_open(ctx);
    let mut commands = Vec::new();
    ctx.input_mut(|input| {
        let mut taken = false;
        input.events.retain(|event| {
            let Event::Key { key, physical_key, pressed: true, modifiers, .. } = event else {
                return match event {
                    Event::Copy if !text => {
                        commands.push(Command::Do(Action::Copy));
                        false
                    }
                    Event::PasteImage(image) => {
                        commands.push(pasted(image));
                        false
                    }
                    _ => true,
                };
            };
            let found = ROWS.iter().find(|row| {
                let in_scope = match row.scope {
                    Scope::Anywhere => true,
                    Scope::NoText => !text,
                    Scope::Canvas => canvas,
                };
                let hit =
                    row.keys.iter().any(|keys| matches(*keys, *key, *physical_key, *modifiers));
                in_scope && hit
            });
            let Some(row) = found else { return true };
            // Esc belongs to popups and text fields first.
            if row.action == Action::LeaveOrStop && (popup || text) {
                return true;
            }
            if matches!(row.action, Action::Keep | Action::Discard) && popup {
                return true;
            }
            if row.action.enabled(state) {
                commands.push(Command::Do(row.action));
            }
            taken = true;
            false
        });
        if taken {
            // A letter that moved the focus to a text field must not be typed into it.
            input.events.retain(|event| !matches!(event, Event::Text(_)));
        }
    });
    let compare = !text && ctx.input(|input| input.key_down(Key::O) && !input.modifiers.any());
    if compare != state.compare && (state.compare || state.has_picture()) && !held_by_pointer(ctx) {
        commands.push(Command::Compare(compare));
    }
    commands
}

/// Compare can also be held with the pointer, on the result bar; the key must not fight it.
fn held_by_pointer(ctx: &Context) -> bool {
    ctx.input(|input| input.pointer.primary_down())
}

fn is_canvas(ctx: &Context, id: egui::Id) -> bool {
    ctx.data(|data| data.get_temp::<egui::Id>(canvas_id())) == Some(id)
}

/// Under this name the stage stores which widget the canvas is.
#[must_use]
pub fn canvas_id() -> egui::Id {
    egui::Id::unique("which widget the canvas is")
}

fn matches(keys: Keys, key: Key, physical: Option<Key>, modifiers: Modifiers) -> bool {
    let Some(wanted) = Key::from_name(keys.key) else { return false };
    // Shift changes what a bracket key says, so its place on the keyboard counts as well.
    let bracket = matches!(wanted, Key::OpenBracket | Key::CloseBracket);
    let hit = key == wanted || (bracket && physical == Some(wanted));
    let shift_free = matches!(wanted, Key::Plus | Key::Equals);
    hit && modifiers.command == keys.ctrl
        && (modifiers.shift == keys.shift || shift_free)
        && !modifiers.alt
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

//! A file manager in miniature: drags one file over a window and drops it, by the XDND protocol,
//! version 5 (freedesktop.org/wiki/Specifications/XDND).

use std::path::Path;
use std::time::{Duration, Instant};

use x11rb::connection::Connection as _;
use x11rb::protocol::Event;
use x11rb::protocol::xproto::{
    ClientMessageEvent, ConnectionExt as _, CreateWindowAux, EventMask, PropMode,
    SELECTION_NOTIFY_EVENT, SelectionNotifyEvent, WindowClass,
};
use x11rb::wrapper::ConnectionExt as _;

/// How long the window may take to answer.
const PATIENCE: Duration = Duration::from_mins(1);

/// Drops `file` on a window of a display. Returns whether the window took it.
pub fn drop_file(display: &str, target: u32, at: (u16, u16), file: &Path) -> bool {
    let (connection, screen) = x11rb::connect(Some(display)).unwrap();
    let root = &connection.setup().roots[screen];
    let source = connection.generate_id().unwrap();
    let aux = CreateWindowAux::new();
    let class = WindowClass::INPUT_OUTPUT;
    connection
        .create_window(0, source, root.root, 0, 0, 1, 1, 0, class, root.root_visual, &aux)
        .unwrap();
    let atom =
        |name: &str| connection.intern_atom(false, name.as_bytes()).unwrap().reply().unwrap().atom;
    let (selection, list) = (atom("XdndSelection"), atom("text/uri-list"));
    let (status, finished) = (atom("XdndStatus"), atom("XdndFinished"));
    let uri = format!("file://{}\r\n", file.display());
    connection.set_selection_owner(source, selection, x11rb::CURRENT_TIME).unwrap();
    let tell = |kind: &str, data: [u32; 4]| {
        let data = [source, data[0], data[1], data[2], data[3]];
        let message = ClientMessageEvent::new(32, target, atom(kind), data);
        connection.send_event(false, target, EventMask::NO_EVENT, message).unwrap();
        connection.flush().unwrap();
    };
    let place = (u32::from(at.0) << 16) | u32::from(at.1);
    tell("XdndEnter", [5 << 24, list, 0, 0]);
    tell("XdndPosition", [0, place, x11rb::CURRENT_TIME, atom("XdndActionCopy")]);
    let start = Instant::now();
    let mut dropped = false;
    while start.elapsed() < PATIENCE {
        match connection.poll_for_event().unwrap() {
            Some(Event::SelectionRequest(request)) => {
                connection
                    .change_property8(
                        PropMode::REPLACE,
                        request.requestor,
                        request.property,
                        request.target,
                        uri.as_bytes(),
                    )
                    .unwrap();
                let answer = SelectionNotifyEvent {
                    response_type: SELECTION_NOTIFY_EVENT,
                    sequence: 0,
                    time: request.time,
                    requestor: request.requestor,
                    selection: request.selection,
                    target: request.target,
                    property: request.property,
                };
                connection
                    .send_event(false, request.requestor, EventMask::NO_EVENT, answer)
                    .unwrap();
                connection.flush().unwrap();
            }
            Some(Event::ClientMessage(message)) if message.type_ == status && !dropped => {
                if message.data.as_data32()[1] & 1 == 0 {
                    return false;
                }
                // Time for the card that says what a drop will do.
                std::thread::sleep(Duration::from_millis(400));
                tell("XdndDrop", [0, x11rb::CURRENT_TIME, 0, 0]);
                dropped = true;
            }
            Some(Event::ClientMessage(message)) if message.type_ == finished => {
                return message.data.as_data32()[1] & 1 == 1;
            }
            Some(_) => {}
            None => std::thread::sleep(Duration::from_millis(10)),
        }
    }
    false
}

//! Stub.
/// Stub.
pub const PAINT_BRUSH: &str = "\u{25A1}";
/// Stub.
pub const ERASER: &str = "\u{25A1}";
/// Stub.
pub const SELECTION_INVERSE: &str = "\u{25A1}";
/// Stub.
pub const HAND: &str = "\u{25A1}";
/// Stub.
pub const EYEDROPPER: &str = "\u{25A1}";
/// Stub.
pub const FRAME_CORNERS: &str = "\u{25A1}";
/// Stub.
pub const ARROWS_OUT_CARDINAL: &str = "\u{25A1}";
/// Stub.
pub const RECTANGLE_DASHED: &str = "\u{25A1}";
/// Stub.
pub const LASSO: &str = "\u{25A1}";
/// Stub.
pub const MAGIC_WAND: &str = "\u{25A1}";
/// Stub.
pub const PAINT_BUCKET: &str = "\u{25A1}";
/// Stub.
pub const FINGERPRINT: &str = "\u{25A1}";
/// Stub.
pub const STACK: &str = "\u{25A1}";
/// Stub.
pub const SLIDERS: &str = "\u{25A1}";
/// Stub.
pub const CLOCK_COUNTER_CLOCKWISE: &str = "\u{25A1}";
/// Stub.
pub const CUBE: &str = "\u{25A1}";
/// Stub.
pub const DICE_FIVE: &str = "\u{25A1}";
/// Stub.
pub const LOCK_SIMPLE: &str = "\u{25A1}";
/// Stub.
pub const LOCK_SIMPLE_OPEN: &str = "\u{25A1}";
/// Stub.
pub const SPARKLE: &str = "\u{25A1}";
/// Stub.
pub const CHECK: &str = "\u{25A1}";
/// Stub.
pub const X: &str = "\u{25A1}";
/// Stub.
pub const TRASH: &str = "\u{25A1}";
/// Stub.
pub const EYE: &str = "\u{25A1}";
/// Stub.
pub const EYE_SLASH: &str = "\u{25A1}";
/// Stub.
pub const COPY: &str = "\u{25A1}";
/// Stub.
pub const FLOPPY_DISK: &str = "\u{25A1}";
/// Stub.
pub const FOLDER_OPEN: &str = "\u{25A1}";
/// Stub.
pub const DOWNLOAD_SIMPLE: &str = "\u{25A1}";
/// Stub.
pub const ARROW_COUNTER_CLOCKWISE: &str = "\u{25A1}";
/// Stub.
pub const ARROW_CLOCKWISE: &str = "\u{25A1}";
/// Stub.
pub const PAUSE: &str = "\u{25A1}";
/// Stub.
pub const STOP: &str = "\u{25A1}";
/// Stub.
pub const COLUMNS: &str = "\u{25A1}";
/// Stub.
pub const CIRCLE_HALF: &str = "\u{25A1}";
/// Stub.
pub const WARNING: &str = "\u{25A1}";
/// Stub.
pub const WARNING_CIRCLE: &str = "\u{25A1}";
/// Stub.
pub const INFO: &str = "\u{25A1}";
/// Stub.
pub const CARET_DOWN: &str = "\u{25A1}";
/// Stub.
pub const DOTS_THREE: &str = "\u{25A1}";
/// Stub.
pub const LIST: &str = "\u{25A1}";
/// Stub.
pub const QUESTION: &str = "\u{25A1}";
/// Stub.
pub const GEAR_SIX: &str = "\u{25A1}";
/// Stub.
pub const SQUARE: &str = "\u{25A1}";
/// Stub.
pub const RECTANGLE: &str = "\u{25A1}";
/// Stub.
pub const PLAY: &str = "\u{25A1}";
/// Stub.
pub const PLUS: &str = "\u{25A1}";
/// Stub.
pub const MINUS: &str = "\u{25A1}";
/// Stub.
pub const IMAGE: &str = "\u{25A1}";
/// Stub.
pub const CLIPBOARD: &str = "\u{25A1}";
/// Stub.
pub const MAGNIFYING_GLASS: &str = "\u{25A1}";
/// Stub.
pub const KEYBOARD: &str = "\u{25A1}";
/// Stub.
pub const CARET_RIGHT: &str = "\u{25A1}";
/// Stub.
pub const CARET_LEFT: &str = "\u{25A1}";
/// Stub.
pub const SIDEBAR_SIMPLE: &str = "\u{25A1}";
/// Stub.
pub const SELECTION_ALL: &str = "\u{25A1}";

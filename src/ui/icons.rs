//! Names for the icons of the `icons` and `icons-fill` font families.
//!
//! Every panel takes its icons from here. Written by `assets/fonts/cut.py`; it draws nothing.

/// Phosphor's `paint-brush`.
pub const PAINT_BRUSH: &str = "\u{e6f0}";
/// Phosphor's `eraser`.
pub const ERASER: &str = "\u{e21e}";
/// Phosphor's `selection-inverse`.
pub const SELECTION_INVERSE: &str = "\u{e744}";
/// Phosphor's `hand`.
pub const HAND: &str = "\u{e298}";
/// Phosphor's `eyedropper`.
pub const EYEDROPPER: &str = "\u{e568}";
/// Phosphor's `frame-corners`.
pub const FRAME_CORNERS: &str = "\u{e626}";
/// Phosphor's `arrows-out-cardinal`.
pub const ARROWS_OUT_CARDINAL: &str = "\u{e0a4}";
/// Phosphor's `rectangle-dashed`.
pub const RECTANGLE_DASHED: &str = "\u{e3f2}";
/// Phosphor's `lasso`.
pub const LASSO: &str = "\u{edc6}";
/// Phosphor's `magic-wand`.
pub const MAGIC_WAND: &str = "\u{e6b6}";
/// Phosphor's `paint-bucket`.
pub const PAINT_BUCKET: &str = "\u{e392}";
/// Phosphor's `fingerprint`.
pub const FINGERPRINT: &str = "\u{e23e}";
/// Phosphor's `stack`.
pub const STACK: &str = "\u{e466}";
/// Phosphor's `sliders`.
pub const SLIDERS: &str = "\u{e432}";
/// Phosphor's `clock-counter-clockwise`.
pub const CLOCK_COUNTER_CLOCKWISE: &str = "\u{e1a0}";
/// Phosphor's `cube`.
pub const CUBE: &str = "\u{e1da}";
/// Phosphor's `dice-five`.
pub const DICE_FIVE: &str = "\u{e1ee}";
/// Phosphor's `lock-simple`.
pub const LOCK_SIMPLE: &str = "\u{e308}";
/// Phosphor's `lock-simple-open`.
pub const LOCK_SIMPLE_OPEN: &str = "\u{e30a}";
/// Phosphor's `sparkle`.
pub const SPARKLE: &str = "\u{e6a2}";
/// Phosphor's `check`.
pub const CHECK: &str = "\u{e182}";
/// Phosphor's `x`.
pub const X: &str = "\u{e4f6}";
/// Phosphor's `trash`.
pub const TRASH: &str = "\u{e4a6}";
/// Phosphor's `eye`.
pub const EYE: &str = "\u{e220}";
/// Phosphor's `eye-slash`.
pub const EYE_SLASH: &str = "\u{e224}";
/// Phosphor's `copy`.
pub const COPY: &str = "\u{e1ca}";
/// Phosphor's `floppy-disk`.
pub const FLOPPY_DISK: &str = "\u{e248}";
/// Phosphor's `folder-open`.
pub const FOLDER_OPEN: &str = "\u{e256}";
/// Phosphor's `download-simple`.
pub const DOWNLOAD_SIMPLE: &str = "\u{e20c}";
/// Phosphor's `arrow-counter-clockwise`.
pub const ARROW_COUNTER_CLOCKWISE: &str = "\u{e038}";
/// Phosphor's `arrow-clockwise`.
pub const ARROW_CLOCKWISE: &str = "\u{e036}";
/// Phosphor's `pause`.
pub const PAUSE: &str = "\u{e39e}";
/// Phosphor's `stop`.
pub const STOP: &str = "\u{e46c}";
/// Phosphor's `columns`.
pub const COLUMNS: &str = "\u{e546}";
/// Phosphor's `circle-half`.
pub const CIRCLE_HALF: &str = "\u{e18c}";
/// Phosphor's `warning`.
pub const WARNING: &str = "\u{e4e0}";
/// Phosphor's `warning-circle`.
pub const WARNING_CIRCLE: &str = "\u{e4e2}";
/// Phosphor's `info`.
pub const INFO: &str = "\u{e2ce}";
/// Phosphor's `caret-down`.
pub const CARET_DOWN: &str = "\u{e136}";
/// Phosphor's `caret-up`.
pub const CARET_UP: &str = "\u{e13c}";
/// Phosphor's `caret-right`.
pub const CARET_RIGHT: &str = "\u{e13a}";
/// Phosphor's `caret-left`.
pub const CARET_LEFT: &str = "\u{e138}";
/// Phosphor's `dots-three`.
pub const DOTS_THREE: &str = "\u{e1fe}";
/// Phosphor's `list`.
pub const LIST: &str = "\u{e2f0}";
/// Phosphor's `question`.
pub const QUESTION: &str = "\u{e3e8}";
/// Phosphor's `gear-six`.
pub const GEAR_SIX: &str = "\u{e272}";
/// Phosphor's `square`.
pub const SQUARE: &str = "\u{e45e}";
/// Phosphor's `rectangle`.
pub const RECTANGLE: &str = "\u{e3f0}";
/// Phosphor's `play`.
pub const PLAY: &str = "\u{e3d0}";
/// Phosphor's `plus`.
pub const PLUS: &str = "\u{e3d4}";
/// Phosphor's `minus`.
pub const MINUS: &str = "\u{e32a}";
/// Phosphor's `image`.
pub const IMAGE: &str = "\u{e2ca}";
/// Phosphor's `clipboard`.
pub const CLIPBOARD: &str = "\u{e196}";
/// Phosphor's `magnifying-glass`.
pub const MAGNIFYING_GLASS: &str = "\u{e30c}";
/// Phosphor's `keyboard`.
pub const KEYBOARD: &str = "\u{e2d8}";
/// Phosphor's `sidebar-simple`.
pub const SIDEBAR_SIMPLE: &str = "\u{ec24}";
/// Phosphor's `selection-all`.
pub const SELECTION_ALL: &str = "\u{e746}";
/// Phosphor's `folder`.
pub const FOLDER: &str = "\u{e24a}";
/// Phosphor's `file`.
pub const FILE: &str = "\u{e230}";
/// Phosphor's `upload-simple`.
pub const UPLOAD_SIMPLE: &str = "\u{e4c0}";
/// Phosphor's `link`.
pub const LINK: &str = "\u{e2e2}";
/// Phosphor's `arrow-left`.
pub const ARROW_LEFT: &str = "\u{e058}";
/// Phosphor's `arrow-right`.
pub const ARROW_RIGHT: &str = "\u{e06c}";
/// Phosphor's `arrow-up`.
pub const ARROW_UP: &str = "\u{e08e}";
/// Phosphor's `arrow-down`.
pub const ARROW_DOWN: &str = "\u{e03e}";
/// Phosphor's `check-circle`.
pub const CHECK_CIRCLE: &str = "\u{e184}";
/// Phosphor's `x-circle`.
pub const X_CIRCLE: &str = "\u{e4f8}";
/// Phosphor's `heart`.
pub const HEART: &str = "\u{e2a8}";
/// Phosphor's `star`.
pub const STAR: &str = "\u{e46a}";
/// Phosphor's `pencil-simple`.
pub const PENCIL_SIMPLE: &str = "\u{e3b4}";
/// Phosphor's `dice-six`.
pub const DICE_SIX: &str = "\u{e1f4}";
/// Phosphor's `shuffle`.
pub const SHUFFLE: &str = "\u{e422}";
/// Phosphor's `crop`.
pub const CROP: &str = "\u{e1d4}";
/// Phosphor's `sun`.
pub const SUN: &str = "\u{e472}";
/// Phosphor's `moon`.
pub const MOON: &str = "\u{e330}";
/// Phosphor's `text-t`.
pub const TEXT_T: &str = "\u{e48a}";
/// Phosphor's `translate`.
pub const TRANSLATE: &str = "\u{e4a2}";
/// Phosphor's `cpu`.
pub const CPU: &str = "\u{e610}";
/// Phosphor's `hard-drive`.
pub const HARD_DRIVE: &str = "\u{e29e}";
/// Phosphor's `corners-out`.
pub const CORNERS_OUT: &str = "\u{e1d0}";
/// Phosphor's `sidebar`.
pub const SIDEBAR: &str = "\u{eab6}";
/// Phosphor's `selection`.
pub const SELECTION: &str = "\u{e69a}";
/// Phosphor's `squares-four`.
pub const SQUARES_FOUR: &str = "\u{e464}";
/// Phosphor's `flip-horizontal`.
pub const FLIP_HORIZONTAL: &str = "\u{ed6a}";

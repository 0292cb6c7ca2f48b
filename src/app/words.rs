//! Every word the window says, in English and 简体中文, and the one place that fills in numbers.
//!
//! The table is a macro, so that a text without its translation does not compile. Called by
//! `app` (intent lines, notices) and `ui` (labels); it decides nothing about where a text stands.

use serde::{Deserialize, Serialize};

/// A language the window speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Lang {
    /// English.
    #[default]
    En,
    /// 简体中文.
    Zh,
}

macro_rules! texts {
    ($($name:ident => ($en:literal, $zh:literal),)*) => {
        /// A text of the window; what it says is in the table of this module.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[expect(missing_docs, reason = "each is documented by its own words in the table")]
        pub enum Text { $($name,)* }

        impl Text {
            /// The text of that name.
            #[must_use]
            pub fn named(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|text| text.name() == name)
            }

            /// All texts, for tests.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            fn both(self) -> (&'static str, &'static str) {
                match self { $(Self::$name => ($en, $zh),)* }
            }

            /// Its name in this table, to be stored.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)* }
            }
        }
    };
}

texts! {
    // The button's words and the decisions about a result.
    Paint => ("Paint", "绘制"),
    Repaint => ("Repaint", "重绘"),
    Fill => ("Fill", "填充"),
    Refine => ("Refine", "细化"),
    Stop => ("Stop", "停止"),
    Keep => ("Keep", "保留"),
    Kept => ("Kept", "已保留"),
    Discard => ("Discard", "丢弃"),
    Compare => ("Compare", "对比"),
    Again => ("Again", "再来一张"),
    FourOfThem => ("Four of them", "一次四张"),
    AtTheFront => ("At the front", "插到最前"),
    MoreWays => ("More ways to paint", "更多绘制方式"),
    // The dock.
    Prompt => ("Prompt", "提示词"),
    PromptHint => ("Describe a picture", "描述一幅画"),
    Avoid => ("Avoid…", "不要出现…"),
    AvoidName => ("Avoid", "不要出现"),
    AvoidHint => ("What must not be in the picture", "画面中不应出现的内容"),
    Strength => ("Strength", "重绘强度"),
    StrengthValue => ("{0} %", "{0} %"),
    StrengthTouchUp => ("touch up", "略作修饰"),
    StrengthShapes => ("keep shapes", "保留形状"),
    StrengthLayout => ("keep layout", "保留构图"),
    StrengthLoose => ("loose", "大致参考"),
    StrengthNew => ("new", "全新"),
    WordCount => ("{0}/{1}", "{0}/{1}"),
    WordCountTip => ("{0} of {1} word pieces are read by the model", "模型读取 {1} 个词元，已用 {0} 个"),
    WordChunksTip => ("{0} word pieces, read in {2} parts of {3}; lines in the prompt show where they meet", "共 {0} 个词元，分 {2} 段读取（每段 {3} 个）；提示词中的竖线标出分段处"),
    WordsLostTip => ("The model reads {1} word pieces; the dimmed words fall off", "模型只读取 {1} 个词元，变暗的词会被忽略"),
    // Intent lines.
    IntentNew => ("New {0} × {1} picture", "新画 {0} × {1}"),
    IntentNewMany => ("{2} new {0} × {1} pictures", "新画 {2} 张 {0} × {1}"),
    IntentWhole => ("Repaints the whole picture", "重绘整幅画"),
    IntentTouchUp => ("Repaints the whole picture, only touching it up", "重绘整幅画，只略作修饰"),
    IntentShapes => ("Repaints the whole picture, keeping its shapes", "重绘整幅画，保留形状"),
    IntentLayout => ("Repaints the whole picture, keeping its layout", "重绘整幅画，保留构图"),
    IntentLoose => ("Repaints the whole picture, loosely", "重绘整幅画，只大致参考"),
    IntentPlaced => ("Repaints at {0} × {1}, placed back at {2} × {3}", "以 {0} × {1} 重绘，放回 {2} × {3}"),
    IntentFill => ("Fills the mask ({0} of the picture); the rest stays as it is", "填充蒙版（占画面 {0}），其余不变"),
    IntentRefine => ("Reworks the mask at {0} %", "以 {0} % 强度重做蒙版部分"),
    IntentAbout => ("{0} · about {1}", "{0} · 约 {1}"),
    IntentAfterOne => ("{0} · after 1 other", "{0} · 前面还有 1 张"),
    IntentAfter => ("{0} · after {1} others", "{0} · 前面还有 {1} 张"),
    IntentNoWords => ("{0} · without words the model paints what it likes", "{0} · 没有提示词，模型随意画"),
    IntentWelcomePainting => ("The built-in model paints a first picture", "内置模型正在画第一幅画"),
    IntentWelcome => ("Painted by the built-in model. Press Enter for another, or write what you want to see", "由内置模型绘制。按回车再画一张，或写下想看到的内容"),
    IntentLoading => ("The model is being read", "正在读取模型"),
    IntentLoadingPart => ("The model is being read, {0} %", "正在读取模型，{0} %"),
    CannotWorker => ("Painting has stopped; save your work and start the program again", "绘制已停止；请保存作品并重新启动程序"),
    // Steps of the history that no command is named for.
    SessionDropped => ("The end of the last session was damaged: {0} bytes could not be used; a copy was kept", "上次会话的末尾已损坏：{0} 字节无法使用，已保留副本"),
    SessionNone => ("This session cannot be kept for later ({0}). Save your work by hand", "无法保留此次会话（{0}）。请手动保存作品"),
    DroppedMany => ("{0} files came at once; the first is placed, as a canvas holds one picture", "一次拖入了 {0} 个文件；画布只放一幅画，已放入第一个"),
    JournalDiskFull => ("The disk is full: {0} changes are only in memory. Free {1} MB and they will be written", "磁盘已满：最近 {0} 处改动只在内存中。腾出 {1} MB 后会写入"),
    JournalRefused => ("{0} changes are only in memory ({1}). It is tried again each second", "最近 {0} 处改动只在内存中（{1}）。每秒会重试写入"),
    JournalStay => ("Not closed: {0} changes are only in memory. Free {1} MB; closing again loses them", "未关闭：{0} 处改动只在内存中。请腾出 {1} MB；再次关闭将丢失它们"),
    JournalStayRefused => ("Not closed: {0} changes are only in memory ({1}); closing again loses them", "未关闭：{0} 处改动只在内存中（{1}）；再次关闭将丢失它们"),
    OtherWindow => ("The work of another window is still here", "另一个窗口的作品还在这里"),
    OpenIt => ("Open it", "打开"),
    ShowFolder => ("Show folder", "显示文件夹"),
    UseSize => ("Use {0} × {1}", "改用 {0} × {1}"),
    TryAnyway => ("Try anyway", "仍要尝试"),
    ShowFile => ("Show file", "显示文件"),
    NoFolder => ("The folder cannot be shown: {0}. It is {1}", "无法显示文件夹：{0}。它位于 {1}"),
    NoWindow => ("Another window cannot be opened: {0}", "无法打开另一个窗口：{0}"),
    NewWindow => ("New window", "新窗口"),
    SettingsLost => ("The settings cannot be remembered ({0}): {1}", "无法保存设置（{0}）：{1}"),
    JournalRecovered => ("Everything is written again", "所有改动都已写入"),
    StepUnknown => ("Changed something", "作了改动"),
    SessionBack => ("Back where you were, {0}", "回到上次的地方，{0}"),
    SessionWaits => ("Back where you were, {0}. The queue waits", "回到上次的地方，{0}。队列暂停中"),
    SessionLost => ("{0} things could not be read from the last session; the rest is back", "上次会话有 {0} 处无法读取，其余已恢复"),
    StepBeginning => ("Beginning", "开始"),
    StepOpened => ("Placed a picture", "放入图片"),
    StepBroughtBack => ("Brought back a result", "取回结果"),
    StepMaskStroke => ("Mask stroke", "蒙版笔画"),
    StepTookSettings => ("Took over settings", "采用设置"),
    // Times and units.
    Seconds => ("{0} s", "{0} 秒"),
    Minutes => ("{0} min", "{0} 分钟"),
    Percent => ("{0} %", "{0} %"),
    Pixels => ("{0} px", "{0} 像素"),
    SizeValue => ("{0} × {1}", "{0} × {1}"),
    // The result bar.
    StepsSoFar => ("{0} of {1}", "第 {0} 步，共 {1} 步"),
    StepsPace => ("{0} of {1} · {2} s a step · {3} left", "第 {0} / {1} 步 · 每步 {2} 秒 · 剩余 {3}"),
    PhaseStarting => ("Starting", "正在开始"),
    PhaseModel => ("Reading the model {0} %", "正在读取模型 {0} %"),
    PhaseWords => ("Reading the words", "正在读取提示词"),
    PhaseEncoding => ("Encoding the picture", "正在编码画面"),
    PhaseDecoding => ("Decoding", "正在解码"),
    PhaseWaiting => ("Waiting", "等待中"),
    StoppedAt => ("Stopped at {0} of {1}", "停在第 {0} / {1} 步"),
    StoppedBefore => ("Stopped before the first step", "第一步之前已停止"),
    Stopped => ("stopped", "已停止"),
    StepShown => ("Step {0} of {1}", "第 {0} / {1} 步"),
    StepPinned => ("Step {0} of {1}, pinned", "第 {0} / {1} 步，已固定"),
    TicksName => ("Steps of this picture", "这幅画的步骤"),
    DoneIn => ("{0} steps · {1}", "{0} 步 · {1}"),
    CompareTip => ("Hold to see the original", "按住查看原图"),
    // The strip.
    Results => ("Results", "结果"),
    ResultName => ("Result {0}: {1}", "结果 {0}：{1}"),
    RunningName => ("Running: {0}", "正在绘制：{0}"),
    WaitingName => ("Waiting: {0}", "等待中：{0}"),
    StoppedName => ("Stopped: {0}", "已停止：{0}"),
    NoWords => ("no words", "无提示词"),
    CancelWaiting => ("Take it out of the queue", "移出队列"),
    CardSteps => ("{0} steps, guidance {1}, {2}", "{0} 步，引导 {1}，{2}"),
    CardSeed => ("Seed {0}", "种子 {0}"),
    UseSettings => ("Use these settings", "使用这些设置"),
    Vary => ("Vary: four near relatives", "变化：四张相近的画"),
    AgainNewSeed => ("Again with a new seed", "换个种子再来"),
    AgainSameSeed => ("Again, same seed", "同一种子再来"),
    // The panel.
    Settings => ("Settings", "设置"),
    Model => ("Model", "模型"),
    ModelBuiltIn => ("Built-in model", "内置模型"),
    ModelReady => ("in memory", "已载入"),
    ModelLoading => ("being read", "读取中"),
    ModelFailed => ("cannot be read", "无法读取"),
    Size => ("Size", "尺寸"),
    Width => ("Width", "宽"),
    Height => ("Height", "高"),
    SizeSquare => ("Square", "正方形"),
    SizeFromPicture => ("as the picture: {0} × {1}", "随画面：{0} × {1}"),
    Count => ("Count", "张数"),
    Steps => ("Steps", "步数"),
    Guidance => ("Guidance", "引导强度"),
    Seed => ("Seed", "种子"),
    SeedRoll => ("Roll a new seed", "换一个种子"),
    SeedLock => ("Use this seed every time", "每次都用这个种子"),
    SeedUnlock => ("A new seed for each picture", "每张都用新种子"),
    MoreSettings => ("More", "更多"),
    Sampler => ("Sampler", "采样器"),
    Schedule => ("Schedule", "调度"),
    Rescale => ("Guidance rescale", "引导重缩放"),
    Eta => ("Fresh noise", "新增噪声"),
    SameAs => ("Same picture as", "与谁的图一致"),
    GuidanceInterval => ("Guidance interval", "引导区间"),
    GuidanceAbove => ("Guided above", "引导下限"),
    GuidanceUpTo => ("Guided up to", "引导上限"),
    DeepCache => ("Deep cache", "深层缓存"),
    PaintedAs => ("Painted as: {0}", "将按此绘制：{0}"),
    PaintedAsWithout => ("Painted as: {0} · not known: {1}", "将按此绘制：{0} · 不认识：{1}"),
    ReadsEnglish => ("Most models read English only", "多数模型只读英文"),
    WordsUnknown => ("The built-in model does not know: {0}", "内置模型不认识：{0}"),
    TokenMerging => ("Token merging", "合并词元"),
    EverySecondStep => ("Whole every 2 steps", "每 2 步完整计算"),
    EveryThirdStep => ("Whole every 3 steps", "每 3 步完整计算"),
    ClipSkip => ("CLIP skip", "CLIP 跳过层"),
    PromptStyle => ("Prompt style", "提示词语法"),
    Previews => ("Previews", "预览"),
    RestoreDefault => ("Back to the model's own: {0}", "恢复模型默认值：{0}"),
    ErrorSteps => ("Steps go from 1 to 150", "步数范围为 1 到 150"),
    ErrorNumber => ("This must be a number", "请输入数字"),
    ErrorRange => ("From {0} to {1}", "范围为 {0} 到 {1}"),
    // Tools.
    ToolBrush => ("Brush", "画笔"),
    ToolBrushTip => ("Paint with the foreground colour", "用前景色绘画"),
    ToolEraser => ("Eraser", "橡皮"),
    ToolEraserTip => ("Take the picture away, down to transparent", "擦除画面，直至透明"),
    ToolEyedropper => ("Eyedropper", "吸管"),
    ToolEyedropperTip => ("Take a colour from the picture; hold Alt while painting", "从画面取色；绘画时按住 Alt"),
    ToolMask => ("Mask", "蒙版"),
    ToolMaskTip => ("Paint over what is to be painted again", "涂抹需要重画的部分"),
    ToolHand => ("Hand", "抓手"),
    ToolHandTip => ("Move the view", "移动视图"),
    MaskPaint => ("Paint mask", "涂抹蒙版"),
    MaskErase => ("Erase mask", "擦除蒙版"),
    BrushSize => ("Size", "大小"),
    BrushHardness => ("Hardness", "硬度"),
    Feather => ("Feather", "羽化"),
    MaskInvert => ("Invert mask", "反转蒙版"),
    MaskClear => ("Clear mask", "清除蒙版"),
    MaskWhole => ("Fill whole", "全部涂满"),
    MaskHide => ("Show or hide the mask", "显示或隐藏蒙版"),
    NoPictureToMask => ("There is no picture to mask yet", "还没有可以蒙版的画面"),
    BrushLarger => ("Larger brush", "放大画笔"),
    BrushSmaller => ("Smaller brush", "缩小画笔"),
    BrushHarder => ("Harder brush", "画笔变硬"),
    BrushSofter => ("Softer brush", "画笔变软"),
    BrushSwap => ("Swap colours; in the mask, paint and erase", "交换颜色；蒙版中切换涂抹与擦除"),
    ColorsDefault => ("Black on white", "默认黑白"),
    Foreground => ("Foreground colour {0}", "前景色 {0}"),
    Background => ("Background colour {0}", "背景色 {0}"),
    ColorSquare => ("Saturation and brightness", "饱和度与明度"),
    ColorHue => ("Hue", "色相"),
    ColorSaturation => ("Saturation", "饱和度"),
    ColorBrightness => ("Brightness", "明度"),
    ColorHex => ("Hex", "十六进制"),
    ColorsRecent => ("Recent", "最近使用"),
    ColorsPicture => ("From the picture", "取自画面"),
    ColorName => ("Colour {0}", "颜色 {0}"),
    ErrorHex => ("Six digits from 0 to F", "六位十六进制数"),
    // Commands of the menu.
    Menu => ("Menu", "菜单"),
    GroupPicture => ("Picture", "画面"),
    GroupPaint => ("Paint", "绘制"),
    GroupTools => ("Tools", "工具"),
    GroupMask => ("Mask", "蒙版"),
    GroupView => ("View", "视图"),
    GroupProgram => ("Program", "程序"),
    PaintNow => ("Paint the prompt", "按提示词绘制"),
    PaintFront => ("Paint at the front", "插队绘制"),
    FocusPrompt => ("Go to the prompt", "转到提示词"),
    PreviousResult => ("Previous result", "上一个结果"),
    NextResult => ("Next result", "下一个结果"),
    Open => ("Open…", "打开…"),
    Save => ("Save", "保存"),
    SaveAs => ("Save as…", "另存为…"),
    Copy => ("Copy the picture", "复制画面"),
    Paste => ("Paste a picture", "粘贴图片"),
    ZoomFit => ("Fit", "适合窗口"),
    ZoomFull => ("100 %", "100 %"),
    ZoomDouble => ("200 %", "200 %"),
    ZoomIn => ("Zoom in", "放大"),
    ZoomOut => ("Zoom out", "缩小"),
    ZoomMenu => ("Zoom", "缩放"),
    TogglePanel => ("Settings panel", "设置面板"),
    ToggleStrip => ("Results strip", "结果条"),
    DebugOverlay => ("Debug figures", "调试数据"),
    Help => ("Keys", "快捷键"),
    Theme => ("Theme", "主题"),
    ThemeSystem => ("Theme of the system", "跟随系统主题"),
    ThemeDark => ("Dark theme", "深色主题"),
    ThemeLight => ("Light theme", "浅色主题"),
    Language => ("English", "English"),
    LanguageZh => ("简体中文", "简体中文"),
    Quit => ("Quit", "退出"),
    LeaveOrStop => ("Leave, unpin or stop", "离开、取消固定或停止"),
    // Pictures in and out.
    DropTitle => ("Drop to place the picture", "松开以放置图片"),
    DropLine => ("PNG, JPEG, WebP, TIFF or OpenRaster", "PNG、JPEG、WebP、TIFF 或 OpenRaster"),
    PlacedPicture => ("Placed {0}", "已放置 {0}"),
    OpenedProject => ("Opened {0}", "已打开 {0}"),
    ProjectDamaged => ("The mask and the settings in {0} are damaged; its picture is here", "{0} 中的蒙版和设置已损坏，画面已打开"),
    PastedName => ("pasted picture", "粘贴的图片"),
    SavedPicture => ("Saved {0}", "已保存 {0}"),
    CopiedPicture => ("Copied the picture", "已复制画面"),
    ReadSettings => ("Read its settings", "读取其设置"),
    OfferHint => (
        "Tab takes its words and settings over, Enter paints it again",
        "Tab 采用其提示词和设置，Enter 重新绘制"
    ),
    PastedSettings => ("The pasted text holds settings", "粘贴的文本含有设置"),
    NotTaken => ("Not taken over: {0}", "未采用：{0}"),
    NotTakenMore => ("Not taken over: {0} and {1} more", "未采用：{0} 等，另有 {1} 项"),
    NothingToSave => ("There is no picture to save yet", "还没有可以保存的画面"),
    // Notices.
    DiscardedOne => ("Discarded 1 result", "已丢弃 1 个结果"),
    Undo => ("Undo", "撤销"),
    Dismiss => ("Dismiss", "关闭"),
    MoreNotices => ("+{0}", "+{0}"),
    SizeRounded => ("{0} × {1} was rounded to {2} × {3}, the model's grid", "{0} × {1} 已按模型网格调整为 {2} × {3}"),
    NotAWeight => ("“{0}” looks like a weight but is no number; it is read as words", "“{0}”像权重却不是数字，已作为文字读取"),
    WordsLost => ("The prompt is too long for the model; these words fall off: {0}", "提示词超出模型长度，以下内容被忽略：{0}"),
    PartBorrowed => ("The model's file holds no {0}; that of {1} is used", "模型文件不含{0}，改用 {1} 中的"),
    PartVae => ("autoencoder (VAE)", "自动编码器（VAE）"),
    PartText => ("text encoder", "文本编码器"),
    PartSecondText => ("second text encoder", "第二个文本编码器"),
    DecodedInFull => ("The model's autoencoder overflowed in 16-bit numbers; the picture was decoded again in 32-bit ones", "模型的自编码器在 16 位数值下溢出；图片已改用 32 位重新解码"),
    PredictionGuessed => ("Whether this model predicts noise or velocity was guessed from its name ({0})", "此模型预测噪声还是速度，是根据文件名推测的（{0}）"),
    // The welcome.
    SurpriseMe => ("Surprise me", "随便画画"),
    SurpriseTip => ("Rolls words that the model does well", "随机组合模型擅长的词"),
    ExampleTip => ("Fills the prompt and paints", "填入提示词并绘制"),
    // The palette.
    Palette => ("Find a command…", "查找命令…"),
    PaletteHint => ("Commands, settings, models, prompts", "命令、设置、模型、提示词"),
    PaletteNothing => ("Nothing called '{0}'", "没有名为“{0}”的项目"),
    KindCommand => ("Command", "命令"),
    KindSetting => ("Setting", "设置项"),
    SettingValue => ("{0}: {1}", "{0}：{1}"),
    // The settings page and the keys.
    SettingsPage => ("Settings…", "设置…"),
    SettingsSearch => ("Search the settings", "搜索设置"),
    SettingsNothing => ("No setting called '{0}'", "没有名为“{0}”的设置"),
    Close => ("Close", "关闭"),
    PartLook => ("Look", "外观"),
    PartCanvas => ("Canvas", "画布"),
    PartPainting => ("Painting", "绘制"),
    LanguageName => ("Language", "语言"),
    LanguageSystem => ("As the system", "跟随系统"),
    ThemeChoiceSystem => ("As the system", "跟随系统"),
    ThemeChoiceDark => ("Dark", "深色"),
    ThemeChoiceLight => ("Light", "浅色"),
    Surround => ("Colour around the picture", "画面周围的颜色"),
    SurroundTheme => ("As the theme", "跟随主题"),
    SurroundBlack => ("Black", "黑"),
    SurroundDark => ("Dark grey", "深灰"),
    SurroundMiddle => ("Middle grey", "中灰"),
    SurroundLight => ("Light grey", "浅灰"),
    InterfaceScale => ("Interface scale", "界面缩放"),
    LessMotion => ("Less motion", "减少动效"),
    LessMotionTip => ("Nothing moves to its place; it is there at once", "界面元素直接到位，不再移动"),
    Wayland => ("Wayland instead of X11", "使用 Wayland 而非 X11"),
    WaylandTip => ("Sharper at fractional scales, but files cannot be dropped on the window. From the next start on", "分数缩放更清晰，但无法拖放文件到窗口。下次启动生效"),
    AlwaysSharp => ("Always sharp pixels", "始终锐利像素"),
    AlwaysSharpTip => ("Enlarged pixels keep hard edges below 600 % too", "放大不到 600 % 时像素边缘也保持锐利"),
    PreviewsTip => ("Shows the picture while it emerges; without, painting is a little faster", "绘制时显示画面；关闭可稍快一些"),
    Threads => ("Threads that paint", "绘制线程数"),
    ThreadsAuto => ("One for each processor", "每个处理器一个"),
    ThreadsTip => ("From the next start on", "下次启动生效"),
    Memory => ("Memory for painting", "绘制可用内存"),
    MemoryAuto => ("What is free", "全部空闲内存"),
    MemoryTip => ("Models stay in memory while they fit. From the next start on", "模型在容量内常驻内存。下次启动生效"),
    InMemory => ("{0} in memory", "已占用内存 {0}"),
    On => ("on", "开"),
    Off => ("off", "关"),
    KeysResetAll => ("Reset all keys", "重置全部快捷键"),
    KeysReset => ("Reset to {0}", "重置为 {0}"),
    KeysResetNone => ("Reset to no key", "重置为无快捷键"),
    KeysNone => ("no key", "无"),
    KeysBind => ("Keys of {0}: {1}", "“{0}”的快捷键：{1}"),
    KeysPress => ("Press the new keys…", "请按下新的快捷键…"),
    KeysClash => ("{0} is taken by: {1}", "{0} 已用于：{1}"),
    KeysTake => ("Use it here", "改用于此"),
    KeysCancel => ("Cancel", "取消"),
    Messages => ("Messages", "消息"),
    MessagesNone => ("No messages yet", "还没有消息"),
    HelpMenu => ("Help", "帮助"),
    // Prompts, history, queue.
    GroupEdit => ("Edit", "编辑"),
    Redo => ("Redo", "重做"),
    Heavier => ("More weight on the word", "加大词语权重"),
    Lighter => ("Less weight on the word", "减小词语权重"),
    EarlierPrompt => ("Earlier prompt", "上一条提示词"),
    LaterPrompt => ("Later prompt", "下一条提示词"),
    RecentPrompts => ("Recent prompts", "最近的提示词"),
    Examples => ("Examples", "示例"),
    History => ("History", "历史"),
    HistoryEmpty => ("Nothing to undo yet", "还没有可以撤销的操作"),
    UntilIStop => ("Until I stop", "直到我停止"),
    PauseQueue => ("Pause the queue", "暂停队列"),
    ResumeQueue => ("Go on with the queue", "继续队列"),
    IntentPaused => ("{0} · the queue is paused", "{0} · 队列已暂停"),
    CompareHold => ("Compare with the original (hold)", "与原图对比（按住）"),
    // View and mask.
    CanvasOnly => ("Canvas only", "仅显示画布"),
    NextRegion => ("Next region", "下一个区域"),
    PreviousRegion => ("Previous region", "上一个区域"),
    RegionTopBar => ("Tool options", "工具选项"),
    RegionRail => ("Tools", "工具"),
    RegionCanvas => ("Canvas", "画布"),
    RegionResult => ("Shown result", "当前结果"),
    RegionDock => ("Words and button", "提示词与按钮"),
    ScaleLarger => ("Interface larger", "放大界面"),
    ScaleSmaller => ("Interface smaller", "缩小界面"),
    ScaleNormal => ("Interface at 100 %", "界面恢复 100 %"),
    MaskShapes => ("Shapes and opacity", "形状与不透明度"),
    MaskLeft => ("Mask the left half", "蒙版左半边"),
    MaskRight => ("Mask the right half", "蒙版右半边"),
    MaskTop => ("Mask the upper half", "蒙版上半边"),
    MaskBottom => ("Mask the lower half", "蒙版下半边"),
    MaskCentre => ("Mask the centre", "蒙版中央"),
    MaskBorder => ("Mask the border", "蒙版边缘"),
    MaskOpacity => ("Opacity", "不透明度"),
    // Models.
    AddModel => ("Add a model folder…", "添加模型文件夹…"),
    ModelSearch => ("Search the models", "搜索模型"),
    ModelNone => ("No model called '{0}'", "没有名为“{0}”的模型"),
    ModelForget => ("Take it out of the list", "从列表中移除"),
    ModelPick => ("Model: {0}, {1}", "模型：{0}，{1}"),
    Gigabytes => ("{0} GB", "{0} GB"),
    Megabytes => ("{0} MB", "{0} MB"),
    // Live announcements.
    SayStarted => ("Painting began: {0}", "开始绘制：{0}"),
    SayPart => ("{0} % painted", "已绘制 {0} %"),
    SayDone => ("Painted", "绘制完成"),
    SayStopped => ("Painting stopped", "绘制已停止"),
    // What is read aloud.
    SheetName => ("Empty sheet, {0} by {1}", "空白画纸，{0} 乘 {1}"),
    PictureName => ("Picture {0} by {1}", "画面 {0} 乘 {1}"),
    PictureMaskName => ("{0}, mask {1}", "{0}，蒙版 {1}"),
    PictureStepName => ("{0}, step {1} of {2}", "{0}，第 {1} 步，共 {2} 步"),
    // The window's title.
    TitleEmpty => ("Pentimento", "Pentimento"),
    TitleIdle => ("{0} – Pentimento", "{0} – Pentimento"),
    TitleUnsaved => ("{0} • – Pentimento", "{0} • – Pentimento"),
    TitleRunning => ("{0} % – {1} – Pentimento", "{0} % – {1} – Pentimento"),
}

impl Lang {
    /// The words of a text, placeholders as they stand.
    #[must_use]
    pub fn get(self, text: Text) -> &'static str {
        let (en, zh) = text.both();
        match self {
            Self::En => en,
            Self::Zh => zh,
        }
    }

    /// The words of a text with `{0}`, `{1}` … replaced.
    #[must_use]
    pub fn fill(self, text: Text, values: &[&str]) -> String {
        let mut filled = String::new();
        let mut rest = self.get(text);
        while let Some(at) = rest.find('{') {
            filled.push_str(&rest[..at]);
            let index = rest[at + 1..].chars().next().and_then(|c| c.to_digit(10));
            let value = index.and_then(|index| values.get(index as usize));
            filled.push_str(value.copied().unwrap_or(""));
            rest = rest[at..].find('}').map_or("", |end| &rest[at + end + 1..]);
        }
        filled.push_str(rest);
        filled
    }

    /// A duration as people say it: "0.6 s", "14 s", "3 min".
    #[must_use]
    pub fn duration(self, secs: f64) -> String {
        match secs {
            // With its digit, so that words around it keep their place while it counts down.
            s if s < 9.95 => self.fill(Text::Seconds, &[&format!("{:.1}", s.max(0.1))]),
            s if s < 90.0 => self.fill(Text::Seconds, &[&format!("{s:.0}")]),
            s => self.fill(Text::Minutes, &[&format!("{:.0}", s / 60.0)]),
        }
    }

    /// A size on disk: "340 MB", "4.3 GB".
    #[must_use]
    pub fn bytes(self, bytes: u64) -> String {
        let megabytes = bytes as f64 / 1e6;
        if megabytes < 1000.0 {
            self.fill(Text::Megabytes, &[&format!("{:.0}", megabytes.max(1.0))])
        } else {
            self.fill(Text::Gigabytes, &[&format!("{:.1}", megabytes / 1000.0)])
        }
    }

    /// A part of the whole as "12 %"; never "0 %" for something that is there.
    #[must_use]
    pub fn share(self, fraction: f32) -> String {
        let percent = fraction * 100.0;
        let number = match percent {
            p if p <= 0.0 => "0".to_owned(),
            p if p < 1.0 => "< 1".to_owned(),
            p => format!("{p:.0}"),
        };
        self.fill(Text::Percent, &[&number])
    }

    /// The language for a locale name such as `zh-CN` or `de_DE`.
    #[must_use]
    pub fn of_locale(locale: &str) -> Self {
        if locale.to_lowercase().starts_with("zh") { Self::Zh } else { Self::En }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fills_in_order_and_out_of_order() {
        assert_eq!(Lang::En.fill(Text::StepsSoFar, &["7", "20"]), "7 of 20");
        assert_eq!(
            Lang::En.fill(Text::IntentNewMany, &["512", "512", "4"]),
            "4 new 512 × 512 pictures"
        );
    }

    #[test]
    fn translations_have_the_same_placeholders() {
        for text in Text::ALL {
            let (en, zh) = text.both();
            for digit in 0..4 {
                let hole = format!("{{{digit}}}");
                assert_eq!(en.contains(&hole), zh.contains(&hole), "{text:?} {hole}");
            }
        }
    }

    #[test]
    fn durations_read_naturally() {
        for (secs, said) in
            [(0.04, "0.1 s"), (0.6, "0.6 s"), (1.2, "1.2 s"), (14.2, "14 s"), (200.0, "3 min")]
        {
            assert_eq!(Lang::En.duration(secs), said);
        }
    }
}

//! Chinese words and what they mean: the objects of the model's own list, and the few other words
//! that its captions have.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::words::{Object, is_place, vocabulary};

/// What a word is in a caption.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// A thing, by its English name.
    Object(&'static str),
    /// A colour; a plain backdrop where "background" follows.
    Colour(&'static str),
    /// A size.
    Size(&'static str),
    /// How many.
    Count(u8),
    /// Where all of it is.
    Place(&'static str),
    /// The word for a backdrop.
    Background,
    /// Where the thing before the last one is, seen from the last one.
    Relation(&'static str),
    /// Words in other letters.
    Foreign,
    /// Grammar.
    Nothing,
}

/// All words.
pub(super) struct Dictionary {
    /// By themselves.
    pub words: HashMap<&'static str, Meaning>,
    /// Letters of the longest.
    pub longest: usize,
}

/// Chinese words, apart by spaces, for each English one.
const COLOURS: [(&str, &str); 15] = [
    ("red", "红 红色 大红 鲜红"),
    ("orange", "橙 橙色 橘色 橘黄"),
    ("yellow", "黄 黄色 金色"),
    ("green", "绿 绿色 青绿"),
    ("teal", "青 青色 蓝绿 蓝绿色"),
    ("blue", "蓝 蓝色 深蓝 深蓝色"),
    ("light blue", "浅蓝 浅蓝色 天蓝 天蓝色"),
    ("purple", "紫 紫色"),
    ("pink", "粉 粉色 粉红 粉红色"),
    ("brown", "棕 棕色 褐色 咖啡色"),
    ("cream", "米色 奶油色 米白色"),
    ("white", "白 白色"),
    ("black", "黑 黑色"),
    ("gray", "灰 灰色"),
    ("light gray", "浅灰 浅灰色"),
];
const SIZES: [(&str, &str); 2] = [("small", "小 小小 微小"), ("big", "大 大大 巨大")];
const PLACES: [(&str, &str); 17] = [
    ("in a meadow", "草地 草原 草坪 田野 原野 绿草"),
    ("in a forest", "森林 树林 林中"),
    ("on the beach", "海滩 沙滩 海边"),
    ("in the snow", "雪地 雪 雪中 雪景 冬天"),
    ("at night", "夜晚 夜里 夜空 晚上 夜间 星空"),
    ("in space", "太空 宇宙 外太空"),
    ("under the sea", "海底 水下 海里 海中 水里"),
    ("at sunset", "日落 夕阳 黄昏 傍晚"),
    ("in the desert", "沙漠"),
    ("on a wooden table", "木桌 桌子 桌 桌面"),
    ("in a room", "房间 室内 屋里 屋内 客厅"),
    ("in the city", "城市 街上 街道"),
    ("in the rain", "雨中 雨里 下雨 雨天"),
    ("in the mountains", "山里 山中 群山"),
    ("in the sky", "天空 空中 天上 云中"),
    ("in a garden", "花园 园中"),
    ("on the ocean", "海上 大海 水面"),
];
const RELATIONS: [(&str, &str); 6] = [
    ("to the left of", "左边 左侧 左面"),
    ("to the right of", "右边 右侧 右面"),
    ("next to", "旁边 旁 身边"),
    ("above", "上方 上面 顶上"),
    ("below", "下方 下面"),
    ("in front of", "前面 前方"),
];
const COUNTS: [(u8, &str); 5] =
    [(1, "一"), (2, "二 两 俩 一对"), (3, "三 仨"), (4, "四"), (5, "五")];
/// Grammar and signs. "And" is put between things anyway.
const NOTHING: &str = "的 在 里 上 中 下 内 着 有 是 了 里面 放 站 坐 躺 飞 和 与 跟 及 还有 以及 一个 一幅 一张 画 图 \
                       图片 ， 、 。 ； ： ！ ？ “ ”";
const BACKGROUND: &str = "背景";

/// The Chinese word for a colour or a place that captions name so.
pub(super) fn chinese_for(english: &str) -> Option<&'static str> {
    let known = COLOURS.iter().chain(&PLACES).find(|(name, _)| *name == english);
    // A single letter is how it stands before a thing, not what it is called.
    known?.1.split_whitespace().find(|word| word.chars().count() > 1)
}

/// The dictionary.
pub(super) fn dictionary() -> &'static Dictionary {
    static DICTIONARY: LazyLock<Dictionary> = LazyLock::new(made);
    &DICTIONARY
}

fn made() -> Dictionary {
    let mut words = HashMap::new();
    // What names the thing itself goes before what it shares with others, and of those a plain thing
    // before a special one ("dog" before "dog face"): sorting is stable.
    let mut claims: Vec<(bool, &Object, &str)> = vocabulary()
        .objects
        .iter()
        .flat_map(|object| {
            let words = object.zh.iter().enumerate();
            words.map(move |(place, word)| (place > 0, object, word.as_str()))
        })
        .collect();
    claims.sort_by_key(|(shared, object, _)| (*shared, object.name.split(' ').count()));
    for (_, object, word) in claims {
        words.entry(word).or_insert(Meaning::Object(&object.name));
    }
    // These are about the whole picture, whatever else is called so.
    let mut add = |list: &'static str, meaning: Meaning| {
        for word in list.split_whitespace() {
            words.insert(word, meaning);
        }
    };
    // What no caption says is better told as unknown than painted as if it were.
    let colours = &vocabulary().colours;
    for (name, list) in COLOURS.iter().filter(|(name, _)| colours.iter().any(|c| c == name)) {
        add(list, Meaning::Colour(name));
    }
    for (name, list) in SIZES {
        add(list, Meaning::Size(name));
    }
    for (name, list) in PLACES.iter().filter(|(name, _)| is_place(name)) {
        add(list, Meaning::Place(name));
    }
    for (name, list) in RELATIONS {
        add(list, Meaning::Relation(name));
    }
    for (count, list) in COUNTS {
        add(list, Meaning::Count(count));
    }
    add(NOTHING, Meaning::Nothing);
    add(BACKGROUND, Meaning::Background);
    let longest = words.keys().map(|word| word.chars().count()).max().unwrap_or(1);
    Dictionary { words, longest }
}

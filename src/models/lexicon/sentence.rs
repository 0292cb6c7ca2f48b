//! Meanings in their order, put together as an English caption.

use super::dictionary::Meaning;

/// What was said so far.
#[derive(Default)]
pub(super) struct Sentence {
    things: Vec<String>,
    /// The place in `things` before which it stands, and the words.
    relation: Option<(usize, &'static str)>,
    places: Vec<String>,
    count: Option<u8>,
    size: Option<&'static str>,
    colour: Option<&'static str>,
}

impl Sentence {
    /// Takes the next word's meaning; `text` is as it was typed.
    pub(super) fn take(&mut self, meaning: Meaning, text: &str) {
        match meaning {
            Meaning::Object(name) => {
                let count = self.count.take().unwrap_or(1);
                let name = if count > 1 { plural(name) } else { name.to_owned() };
                // "A red red apple" says nothing more.
                let colour = self.colour.take().filter(|colour| !name.starts_with(colour));
                let words: Vec<&str> =
                    [self.size.take(), colour, Some(name.as_str())].into_iter().flatten().collect();
                self.things.push(counted(count, &words.join(" ")));
            }
            Meaning::Colour(colour) => self.colour = Some(colour),
            Meaning::Size(size) => self.size = Some(size),
            Meaning::Count(count) => self.count = Some(count),
            Meaning::Place(place) => self.place(place.to_owned()),
            Meaning::Background => {
                if let Some(colour) = self.colour.take() {
                    self.place(format!("on {} background", counted(1, colour)));
                }
            }
            Meaning::Relation(relation) => {
                if self.things.len() > 1 {
                    self.relation = Some((self.things.len() - 1, relation));
                }
            }
            Meaning::Foreign => self.things.push(text.trim().to_owned()),
            Meaning::Nothing => {}
        }
    }

    fn place(&mut self, place: String) {
        if !self.places.contains(&place) {
            self.places.push(place);
        }
    }

    /// The caption; empty if nothing was said.
    pub(super) fn finish(self) -> String {
        let mut caption = String::new();
        let last = self.things.len().saturating_sub(1);
        for (index, thing) in self.things.iter().enumerate() {
            match self.relation {
                _ if index == 0 => {}
                Some((before, relation)) if before == index => {
                    caption.push(' ');
                    caption.push_str(relation);
                    caption.push(' ');
                }
                _ if index == last => caption.push_str(" and "),
                _ => caption.push_str(", "),
            }
            caption.push_str(thing);
        }
        for place in self.places {
            if !caption.is_empty() {
                caption.push(' ');
            }
            caption.push_str(&place);
        }
        if caption.is_empty()
            && let Some(colour) = self.colour
        {
            caption = format!("{colour} background");
        }
        caption
    }
}

/// With its article or its number, as the captions have them.
fn counted(count: u8, name: &str) -> String {
    const NUMBERS: [&str; 10] =
        ["", "", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
    match (count, article(name)) {
        (2.., _) => format!("{} {name}", NUMBERS.get(usize::from(count)).unwrap_or(&"many")),
        (_, Some(article)) => format!("{article} {name}"),
        (_, None) => name.to_owned(),
    }
}

/// "a" or "an"; none before a plural.
pub(super) fn article(name: &str) -> Option<&'static str> {
    let vowel = name.starts_with(['a', 'e', 'i', 'o', 'u']);
    let spoken = ["uni", "eu", "one", "ufo"].iter().any(|start| name.starts_with(start));
    (!is_plural(name)).then_some(if vowel && !spoken { "an" } else { "a" })
}

fn is_plural(name: &str) -> bool {
    name.ends_with('s') && !name.ends_with("ss") && !name.ends_with("us")
}

/// More than one of them; of "man with turban" it is the man.
pub(super) fn plural(name: &str) -> String {
    const SAME: [&str; 4] = ["fish", "sheep", "deer", "bison"];
    const OTHERS: [(&str, &str); 11] = [
        ("mouse", "mice"),
        ("goose", "geese"),
        ("wolf", "wolves"),
        ("leaf", "leaves"),
        ("loaf", "loaves"),
        ("scarf", "scarves"),
        ("foot", "feet"),
        ("tooth", "teeth"),
        ("child", "children"),
        ("knife", "knives"),
        ("man", "men"),
    ];
    if let Some(at) = [" with ", " in "].iter().find_map(|word| name.find(word)) {
        return plural(&name[..at]) + &name[at..];
    }
    if is_plural(name) || SAME.iter().any(|end| name.ends_with(end)) {
        return name.to_owned();
    }
    if let Some((one, many)) = OTHERS.iter().find(|(one, _)| name.ends_with(one)) {
        return format!("{}{many}", &name[..name.len() - one.len()]);
    }
    let before_y = name.strip_suffix('y').filter(|stem| !stem.ends_with(['a', 'e', 'o', 'u']));
    match before_y {
        Some(stem) => format!("{stem}ies"),
        None if ["s", "x", "ch", "sh"].iter().any(|end| name.ends_with(end)) => format!("{name}es"),
        None => format!("{name}s"),
    }
}

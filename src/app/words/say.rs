//! Numbers and names filled into the texts of [`super`], and numbers as people say them.

use super::{Lang, Text};

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

    /// The same, or that there is none.
    #[must_use]
    pub fn share_or_off(self, fraction: Option<f32>) -> String {
        fraction.map_or_else(|| self.get(Text::Off).to_owned(), |fraction| self.share(fraction))
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

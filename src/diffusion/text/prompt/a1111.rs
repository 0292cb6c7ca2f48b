//! A1111's brackets: `(x)` 1.1-fold, `[x]` 1/1.1-fold, `(x:1.3)` 1.3-fold, BREAK, and a backslash
//! before `( ) [ ] \`. Written from its behaviour.
//!
//! Round and square brackets are matched apart from each other, and what is not closed reaches to
//! the end. Two things are meant better than there: BREAK counts inside brackets too, and a weight
//! that is no number is words instead of an error.

use super::{DEEPEST, Emphasis, Node, Prompt};

/// What a bracket without a number does.
const STEP: f64 = 1.1;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Round,
    Square,
}

impl Kind {
    fn usual(self) -> Emphasis {
        Emphasis::Times(match self {
            Self::Round => STEP,
            Self::Square => 1.0 / STEP,
        })
    }
}

/// A bracket that is open, and what stood before it.
struct Open {
    kind: Kind,
    bracket: usize,
    before: Vec<Node>,
}

#[derive(Default)]
struct Parser {
    prompt: Prompt,
    open: Vec<Open>,
    /// Brackets too deep to count that wait for their end: round, square.
    ignored: [usize; 2],
}

pub(super) fn parse(source: &str) -> Prompt {
    let mut parser = Parser::default();
    let mut at = 0;
    while let Some(letter) = source[at..].chars().next() {
        let end = match letter {
            '\\' => parser.escaped(source, at),
            '(' => parser.opened(Kind::Round, at),
            '[' => parser.opened(Kind::Square, at),
            ')' => parser.closed(Kind::Round, None, at..at + 1),
            ']' => parser.closed(Kind::Square, None, at..at + 1),
            ':' => parser.colon(source, at),
            _ => parser.run(source, at),
        };
        at = end;
    }
    while let Some(last) = parser.open.pop() {
        parser.fold(last);
    }
    parser.prompt
}

impl Parser {
    fn words(&mut self, range: std::ops::Range<usize>) {
        if !range.is_empty() {
            self.prompt.nodes.push(Node::Words(vec![range]));
        }
    }

    /// The backslash goes, and the bracket after it is a word.
    fn escaped(&mut self, source: &str, at: usize) -> usize {
        let next = source.as_bytes().get(at + 1);
        let is_sign = next.is_some_and(|next| b"()[]\\".contains(next));
        let end = at + 1 + usize::from(is_sign);
        self.words(at + 1..end);
        end
    }

    fn opened(&mut self, kind: Kind, at: usize) -> usize {
        if self.open.len() < DEEPEST {
            let bracket = self.prompt.brackets.len();
            self.prompt.brackets.push(kind.usual());
            let before = std::mem::take(&mut self.prompt.nodes);
            self.open.push(Open { kind, bracket, before });
        } else {
            self.ignored[kind as usize] += 1;
            self.words(at..at + 1);
        }
        at + 1
    }

    /// Ends the innermost bracket of a kind, at the bytes `sign`.
    fn closed(&mut self, kind: Kind, by: Option<f64>, sign: std::ops::Range<usize>) -> usize {
        let end = sign.end;
        let ignored = &mut self.ignored[kind as usize];
        let place = self.open.iter().rposition(|open| open.kind == kind);
        let Some(place) = place.filter(|_| *ignored == 0) else {
            *ignored = ignored.saturating_sub(1);
            self.words(sign);
            return end;
        };
        // Those of the other kind inside it go on behind its end.
        let mut go_on = Vec::new();
        while self.open.len() > place {
            let Some(last) = self.open.pop() else { break };
            if self.open.len() == place {
                if let Some(by) = by {
                    self.prompt.brackets[last.bracket] = Emphasis::Times(by);
                }
            } else {
                go_on.push((last.kind, last.bracket));
            }
            self.fold(last);
        }
        for (kind, bracket) in go_on.into_iter().rev() {
            let before = std::mem::take(&mut self.prompt.nodes);
            self.open.push(Open { kind, bracket, before });
        }
        end
    }

    /// What stands in a bracket becomes one node of what is around it.
    fn fold(&mut self, open: Open) {
        let nodes = std::mem::replace(&mut self.prompt.nodes, open.before);
        if !nodes.is_empty() {
            self.prompt.nodes.push(Node::Group { bracket: open.bracket, nodes });
        }
    }

    /// ":1.3)" ends a round bracket; any other colon is a word.
    fn colon(&mut self, source: &str, at: usize) -> usize {
        let inside = self.ignored[0] == 0 && self.open.iter().any(|open| open.kind == Kind::Round);
        if let Some((number, end)) = weight(source, at + 1).filter(|_| inside) {
            let value =
                source[number.clone()].parse::<f64>().ok().filter(|value| value.is_finite());
            if let Some(value) = value {
                return self.closed(Kind::Round, Some(value), at..end);
            }
            self.prompt.odd.push(number);
        }
        self.words(at..at + 1);
        at + 1
    }

    /// Words up to the next sign, cut at each BREAK.
    fn run(&mut self, source: &str, at: usize) -> usize {
        let signs = ['\\', '(', ')', '[', ']', ':'];
        let end = source[at..].find(signs).map_or(source.len(), |length| at + length);
        let mut begin = at;
        let mut look = at;
        while let Some(found) = source[look..end].find("BREAK") {
            let (from, to) = (look + found, look + found + "BREAK".len());
            look = to;
            let in_word = |letter: char| letter.is_alphanumeric() || letter == '_';
            let before = source[at..from].chars().next_back().is_some_and(in_word);
            let after = source[to..end].chars().next().is_some_and(in_word);
            if before || after {
                continue;
            }
            self.words(begin..begin + source[begin..from].trim_end().len());
            self.prompt.nodes.push(Node::Break);
            begin = end - source[to..end].trim_start().len();
            look = look.max(begin);
        }
        self.words(begin..end);
        end
    }
}

/// A number and a closing bracket, spaces around the number allowed: where the number stands, and
/// the end of it all.
fn weight(source: &str, at: usize) -> Option<(std::ops::Range<usize>, usize)> {
    let rest = &source[at..];
    let number = rest.trim_start();
    let begin = at + (rest.len() - number.len());
    let sign = usize::from(number.starts_with(['+', '-']));
    let digits = number[sign..].find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let behind = &number[sign + digits..];
    let closing = behind.trim_start();
    let end = begin + sign + digits + (behind.len() - closing.len()) + 1;
    (digits > 0 && closing.starts_with(')')).then_some((begin..begin + sign + digits, end))
}

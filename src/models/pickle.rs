//! An inert reader of Python pickles: it builds plain values and runs nothing.
//!
//! Used by [`super::tensors`] for the checkpoints that `torch.save` writes. Python's own reader
//! imports and calls whatever a file names; here a name stays a name. The few calls that make a
//! tensor or a dictionary are known and turned into values, every other one into
//! [`Node::Opaque`]. After CPython's `pickletools.py` (protocols 0 to 5) and torch's
//! `serialization.py` and `_utils.py`.

mod atoms;
mod calls;
mod walk;

#[cfg(test)]
mod tests;

use std::cell::Cell;
use std::collections::HashMap;

pub use walk::Entries;

/// Values that a pickle may hold; a large model with its optimizer has some hundred thousand.
const MOST_NODES: usize = 1 << 21;
/// Bytes that calls may copy out of values, and how many more for each byte of input: a tensor's
/// sizes take less than three times the bytes that name it.
const FREE_COPIES: usize = 1 << 20;
const COPIES_PER_BYTE: usize = 8;

/// A value's place in its pickle. Values are shared and may hold each other, as in Python.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Id(u32);

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// `None`.
    None,
    /// `True` or `False`.
    Bool(bool),
    /// A whole number of up to 64 bits.
    Int(i64),
    /// A larger one: two's complement, lowest byte first.
    Long(Vec<u8>),
    /// A floating point number.
    Float(f64),
    /// Text; also Python 2's byte strings, which served as text.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// A list or a set.
    List(Vec<Id>),
    /// A tuple.
    Tuple(Vec<Id>),
    /// Any kind of dictionary.
    Dict(Vec<(Id, Id)>),
    /// Something that Python would import: module and name.
    Global(String, String),
    /// Numbers in the checkpoint.
    Storage(Storage),
    /// A view of a storage.
    Tensor(View),
    /// What a call would have made that is not known here.
    Opaque,
}

/// Numbers that lie in the checkpoint beside the pickle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Storage {
    /// How they are stored, as torch calls the class: `Half`, `Float`, `BFloat16` …
    pub kind: String,
    /// Their name in the checkpoint.
    pub key: String,
    /// How many there are.
    pub count: u64,
    /// First number of the part that is meant; only very old checkpoints have parts.
    pub first: u64,
}

/// A tensor: where its numbers lie in a storage, counted in numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// The storage.
    pub storage: Id,
    /// Place of the first number.
    pub offset: u64,
    /// Length of each side.
    pub shape: Vec<usize>,
    /// Steps from one index to the next along each side.
    pub strides: Vec<usize>,
    /// How numbers are stored, where the storage does not say it: torch's name, such as `float16`.
    pub dtype: Option<String>,
}

/// Why a pickle cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PickleError {
    /// The bytes end before the pickle does.
    #[error("its pickle ends too early")]
    Ended,
    /// What stands there makes no sense.
    #[error("its pickle is wrong at byte {at}: {what}")]
    Bad {
        /// Place of the byte after which reading stopped.
        at: usize,
        /// What is wrong.
        what: &'static str,
    },
}

/// A pickle that was read.
#[derive(Debug)]
pub struct Pickle {
    nodes: Vec<Node>,
    root: Id,
    length: usize,
}

impl Pickle {
    /// Reads the pickle that `input` begins with.
    ///
    /// # Errors
    /// It is damaged, goes on after `input`, or is larger than anything that makes sense.
    pub fn read(input: &[u8]) -> Result<Self, PickleError> {
        let mut machine = Machine {
            input,
            at: 0,
            nodes: vec![Node::None, Node::Bool(false), Node::Bool(true)],
            stack: Vec::new(),
            marks: Vec::new(),
            memo: HashMap::new(),
            copied: Cell::new(0),
        };
        let root = loop {
            if let Some(root) = machine.step()? {
                break root;
            }
        };
        Ok(Self { nodes: machine.nodes, root, length: machine.at })
    }

    /// The value that was pickled.
    #[must_use]
    pub fn root(&self) -> &Node {
        self.node(self.root)
    }

    /// A value.
    #[must_use]
    pub fn node(&self, id: Id) -> &Node {
        &self.nodes[id.0 as usize]
    }

    /// All values, in the order in which they were made.
    pub fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter()
    }

    /// Bytes that it took.
    #[must_use]
    pub fn length(&self) -> usize {
        self.length
    }
}

const NONE: Id = Id(0);

/// The machine that a pickle is the program of.
struct Machine<'a> {
    input: &'a [u8],
    at: usize,
    nodes: Vec<Node>,
    stack: Vec<Id>,
    /// Heights of the stack at which lists of arguments begin.
    marks: Vec<usize>,
    memo: HashMap<u32, Id>,
    /// Bytes that were copied out of values: a kept one can be copied again by every few bytes of
    /// input.
    copied: Cell<usize>,
}

impl Machine<'_> {
    fn bad<T>(&self, what: &'static str) -> Result<T, PickleError> {
        Err(PickleError::Bad { at: self.at, what })
    }

    fn bytes(&mut self, count: u64) -> Result<&[u8], PickleError> {
        let rest = &self.input[self.at..];
        let count = usize::try_from(count).ok().filter(|count| *count <= rest.len());
        let count = count.ok_or(PickleError::Ended)?;
        self.at += count;
        Ok(&rest[..count])
    }

    /// An unsigned number of `count` bytes, at most 8.
    fn number(&mut self, count: u64) -> Result<u64, PickleError> {
        Ok(self.bytes(count)?.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte)))
    }

    /// The text up to the end of the line.
    fn line(&mut self) -> Result<String, PickleError> {
        let rest = &self.input[self.at..];
        let end = rest.iter().position(|byte| *byte == b'\n').ok_or(PickleError::Ended)?;
        self.at += end + 1;
        Ok(String::from_utf8_lossy(rest[..end].trim_ascii_end()).into_owned())
    }

    fn text(&mut self, length: u64) -> Result<Node, PickleError> {
        Ok(Node::Text(String::from_utf8_lossy(self.bytes(length)?).into_owned()))
    }

    fn make(&mut self, node: Node) -> Result<Id, PickleError> {
        if self.nodes.len() >= MOST_NODES {
            return self.bad("it holds more values than any model");
        }
        self.nodes.push(node);
        Ok(Id(self.nodes.len() as u32 - 1))
    }

    /// Counts bytes that are about to be copied.
    fn copies(&self, bytes: usize) -> Result<(), PickleError> {
        let copied = self.copied.get().saturating_add(bytes);
        self.copied.set(copied);
        if copied > FREE_COPIES.saturating_add(self.at.saturating_mul(COPIES_PER_BYTE)) {
            return self.bad("it copies its values more often than any model");
        }
        Ok(())
    }

    fn push_id(&mut self, id: Id) -> Result<(), PickleError> {
        if self.stack.len() >= MOST_NODES {
            return self.bad("it holds more values than any model");
        }
        self.stack.push(id);
        Ok(())
    }

    fn push(&mut self, node: Node) -> Result<(), PickleError> {
        let id = self.make(node)?;
        self.push_id(id)
    }

    /// The topmost value, which must lie above the last mark.
    fn pop(&mut self) -> Result<Id, PickleError> {
        let floor = self.marks.last().copied().unwrap_or(0);
        match self.stack.pop() {
            Some(id) if self.stack.len() >= floor => Ok(id),
            _ => self.bad("a value is missing"),
        }
    }

    fn top(&self) -> Result<Id, PickleError> {
        let floor = self.marks.last().copied().unwrap_or(0);
        match self.stack.last() {
            Some(id) if self.stack.len() > floor => Ok(*id),
            _ => self.bad("a value is missing"),
        }
    }

    /// The values above the last mark, which goes with them.
    fn pop_marked(&mut self) -> Result<Vec<Id>, PickleError> {
        match self.marks.pop() {
            Some(mark) if mark <= self.stack.len() => Ok(self.stack.split_off(mark)),
            _ => self.bad("a mark is missing"),
        }
    }

    fn node_mut(&mut self, id: Id) -> &mut Node {
        &mut self.nodes[id.0 as usize]
    }

    fn put(&mut self, key: u32) -> Result<(), PickleError> {
        if self.memo.len() >= MOST_NODES {
            return self.bad("it holds more values than any model");
        }
        let id = self.top()?;
        self.memo.insert(key, id);
        Ok(())
    }

    fn get(&mut self, key: u32) -> Result<(), PickleError> {
        match self.memo.get(&key).copied() {
            Some(id) => self.push_id(id),
            None => self.bad("it asks for a value that it did not keep"),
        }
    }

    fn numbered_line(&mut self) -> Result<u32, PickleError> {
        match self.line()?.parse() {
            Ok(number) => Ok(number),
            Err(_) => self.bad("a number is no number"),
        }
    }

    /// Puts values into a list, or into whatever Python would have let them be put into.
    fn append(&mut self, target: Id, values: Vec<Id>) -> Result<(), PickleError> {
        match self.node_mut(target) {
            Node::List(list) => list.extend(values),
            node @ Node::Opaque => *node = Node::List(values),
            _ => return self.bad("values are put into something that is no list"),
        }
        Ok(())
    }

    /// The same for pairs and a dictionary.
    fn set(&mut self, target: Id, values: &[Id]) -> Result<(), PickleError> {
        if !values.len().is_multiple_of(2) {
            return self.bad("a key has no value");
        }
        let pairs = values.chunks_exact(2).map(|pair| (pair[0], pair[1]));
        match self.node_mut(target) {
            Node::Dict(dict) => dict.extend(pairs),
            node @ Node::Opaque => *node = Node::Dict(pairs.collect()),
            _ => return self.bad("pairs are put into something that is no dictionary"),
        }
        Ok(())
    }

    /// Does one operation; the value of the whole once it is the last.
    fn step(&mut self) -> Result<Option<Id>, PickleError> {
        let code = self.number(1)? as u8;
        match code {
            b'.' => return self.pop().map(Some),
            // Protocol and frames: sizes of what follows, of no use here.
            0x80 => drop(self.number(1)?),
            0x95 => drop(self.number(8)?),
            b'(' => {
                if self.marks.len() >= MOST_NODES {
                    return self.bad("it holds more values than any model");
                }
                self.marks.push(self.stack.len());
            }
            b'0' => {
                // Taking away a mark is allowed as well.
                if self.marks.last() == Some(&self.stack.len()) {
                    self.marks.pop();
                } else {
                    self.pop()?;
                }
            }
            b'1' => drop(self.pop_marked()?),
            b'2' => {
                let id = self.top()?;
                self.push_id(id)?;
            }
            b'p' | b'q' | b'r' | 0x94 | b'g' | b'h' | b'j' => self.memory(code)?,
            b'N' => self.push_id(NONE)?,
            0x88 => self.push_id(Id(2))?,
            0x89 => self.push_id(Id(1))?,
            b'I' | b'J' | b'K' | b'M' | b'L' | 0x8a | 0x8b | b'F' | b'G' => self.numeral(code)?,
            b'S' | b'T' | b'U' | b'V' | b'X' | 0x8c | 0x8d | b'B' | b'C' | 0x8e | 0x96 => {
                self.string(code)?;
            }
            b']' | 0x8f => self.push(Node::List(Vec::new()))?,
            b'}' => self.push(Node::Dict(Vec::new()))?,
            b')' => self.push(Node::Tuple(Vec::new()))?,
            b'l' | 0x91 => {
                let values = self.pop_marked()?;
                self.push(Node::List(values))?;
            }
            b't' => {
                let values = self.pop_marked()?;
                self.push(Node::Tuple(values))?;
            }
            b'd' => {
                let values = self.pop_marked()?;
                let dict = self.make(Node::Dict(Vec::new()))?;
                self.set(dict, &values)?;
                self.push_id(dict)?;
            }
            0x85..=0x87 => {
                let mut values = Vec::new();
                for _ in 0x84..code {
                    values.push(self.pop()?);
                }
                values.reverse();
                self.push(Node::Tuple(values))?;
            }
            b'a' => {
                let value = self.pop()?;
                let target = self.top()?;
                self.append(target, vec![value])?;
            }
            b'e' | 0x90 => {
                let values = self.pop_marked()?;
                let target = self.top()?;
                self.append(target, values)?;
            }
            b's' => {
                let value = self.pop()?;
                let key = self.pop()?;
                let target = self.top()?;
                self.set(target, &[key, value])?;
            }
            b'u' => {
                let values = self.pop_marked()?;
                let target = self.top()?;
                self.set(target, &values)?;
            }
            _ => self.object(code)?,
        }
        Ok(None)
    }
}

//! Operations that make values without parts, numbers and texts, and the memory of values.

use super::{Machine, Node, PickleError};

impl Machine<'_> {
    /// Keeping values under a number and asking for them again.
    pub(super) fn memory(&mut self, code: u8) -> Result<(), PickleError> {
        match code {
            b'p' => {
                let key = self.numbered_line()?;
                self.put(key)
            }
            b'q' => {
                let key = self.number(1)? as u32;
                self.put(key)
            }
            b'r' => {
                let key = self.number(4)? as u32;
                self.put(key)
            }
            0x94 => self.put(self.memo.len() as u32),
            b'g' => {
                let key = self.numbered_line()?;
                self.get(key)
            }
            b'h' => {
                let key = self.number(1)? as u32;
                self.get(key)
            }
            _ => {
                let key = self.number(4)? as u32;
                self.get(key)
            }
        }
    }

    pub(super) fn numeral(&mut self, code: u8) -> Result<(), PickleError> {
        let node = match code {
            b'J' => Node::Int(i64::from(self.number(4)? as u32 as i32)),
            b'K' => Node::Int(self.number(1)? as i64),
            b'M' => Node::Int(self.number(2)? as i64),
            b'G' => Node::Float(f64::from_bits(self.number(8)?.swap_bytes())),
            b'I' => match self.line()?.as_str() {
                // Protocol 0 has no other way to say these.
                "00" => Node::Bool(false),
                "01" => Node::Bool(true),
                line => match line.parse() {
                    Ok(value) => Node::Int(value),
                    Err(_) => return self.bad("a number is no number"),
                },
            },
            // Larger ones than 64 bits are written by nobody who saves a model this way.
            b'L' => match self.line()?.trim_end_matches('L').parse() {
                Ok(value) => Node::Int(value),
                Err(_) => return self.bad("a number is no number"),
            },
            b'F' => match self.line()?.parse() {
                Ok(value) => Node::Float(value),
                Err(_) => return self.bad("a number is no number"),
            },
            _ => {
                let length = self.number(if code == 0x8a { 1 } else { 4 })?;
                let bytes = self.bytes(length)?;
                if bytes.len() > 8 {
                    Node::Long(bytes.to_vec())
                } else {
                    // The highest bit is the sign, whatever the length.
                    let sign = bytes.last().is_some_and(|byte| byte & 0x80 != 0);
                    let start = if sign { -1 } else { 0 };
                    let value = bytes.iter().rev().fold(start, |v, b| v << 8 | i64::from(*b));
                    Node::Int(value)
                }
            }
        };
        self.push(node)
    }

    pub(super) fn string(&mut self, code: u8) -> Result<(), PickleError> {
        let length_bytes = match code {
            b'U' | 0x8c | b'C' => 1,
            b'T' | b'X' | b'B' => 4,
            0x8d | 0x8e | 0x96 => 8,
            _ => 0,
        };
        let node = match code {
            // Quoted, with escapes that no tensor's name needs.
            b'S' => {
                let line = self.line()?;
                Node::Text(line.trim_matches(['\'', '"']).to_owned())
            }
            b'V' => Node::Text(self.line()?),
            b'B' | b'C' | 0x8e | 0x96 => {
                let length = self.number(length_bytes)?;
                Node::Bytes(self.bytes(length)?.to_vec())
            }
            _ => {
                let length = self.number(length_bytes)?;
                self.text(length)?
            }
        };
        self.push(node)
    }
}

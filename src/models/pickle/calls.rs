//! The calls in a pickle: a few that make tensors and dictionaries are known, the rest makes
//! [`Node::Opaque`].

use super::{Id, Machine, NONE, Node, PickleError, Storage, View};

impl Machine<'_> {
    /// Names, calls and what else makes objects.
    pub(super) fn object(&mut self, code: u8) -> Result<(), PickleError> {
        match code {
            b'c' => {
                let module = self.line()?;
                let name = self.line()?;
                self.push(Node::Global(module, name))
            }
            0x93 => {
                let name = self.pop()?;
                let module = self.pop()?;
                let node = match (self.node(module), self.node(name)) {
                    (Node::Text(module), Node::Text(name)) => {
                        self.copies(module.len() + name.len())?;
                        Node::Global(module.clone(), name.clone())
                    }
                    _ => return self.bad("a name is no text"),
                };
                self.push(node)
            }
            // Calls: function and arguments.
            b'R' | 0x81 => {
                let arguments = self.pop()?;
                let function = self.pop()?;
                let made = self.call(function, self.items(arguments), 0)?;
                self.push(made)
            }
            0x92 => {
                self.pop()?;
                let arguments = self.pop()?;
                let function = self.pop()?;
                let made = self.call(function, self.items(arguments), 0)?;
                self.push(made)
            }
            b'i' => {
                let module = self.line()?;
                let name = self.line()?;
                let arguments = self.pop_marked()?;
                let function = self.make(Node::Global(module, name))?;
                let made = self.call(function, &arguments, 0)?;
                self.push(made)
            }
            b'o' => {
                let arguments = self.pop_marked()?;
                let Some((function, arguments)) = arguments.split_first() else {
                    return self.bad("a value is missing");
                };
                let made = self.call(*function, arguments, 0)?;
                self.push(made)
            }
            // Attributes of an object: none that is known here has any that matter.
            b'b' => {
                self.pop()?;
                self.top().map(drop)
            }
            b'P' => {
                let key = self.line()?;
                let key = self.make(Node::Text(key))?;
                let made = self.persistent(key)?;
                self.push(made)
            }
            b'Q' => {
                let key = self.pop()?;
                let made = self.persistent(key)?;
                self.push(made)
            }
            // Numbered names, which only the program that wrote them knows.
            0x82..=0x84 => {
                self.number([1, 2, 4][usize::from(code - 0x82)])?;
                self.push(Node::Opaque)
            }
            _ => self.bad("there is no such operation"),
        }
    }

    fn node(&self, id: Id) -> &Node {
        &self.nodes[id.0 as usize]
    }

    fn items(&self, id: Id) -> &[Id] {
        match self.node(id) {
            Node::Tuple(items) | Node::List(items) => items,
            _ => &[],
        }
    }

    /// What the first argument holds.
    fn first_items(&self, arguments: &[Id]) -> &[Id] {
        match arguments {
            [first, ..] => self.items(*first),
            [] => &[],
        }
    }

    /// What a call makes. `depth` counts calls within a call.
    fn call(&self, function: Id, arguments: &[Id], depth: usize) -> Result<Node, PickleError> {
        let Node::Global(module, name) = self.node(function) else { return Ok(Node::Opaque) };
        let first = arguments.first().map(|id| self.node(*id));
        let made = match (module.as_str(), name.as_str()) {
            ("collections", "OrderedDict") => self.ordered(arguments)?,
            // Dictionaries by other names: their pairs are set afterwards.
            ("collections", "defaultdict" | "Counter") | ("builtins" | "__builtin__", "dict") => {
                Node::Dict(Vec::new())
            }
            ("torch._utils", "_rebuild_tensor" | "_rebuild_tensor_v2") => {
                self.view(arguments, None)?
            }
            ("torch._utils", "_rebuild_tensor_v3") => {
                let dtype = match arguments.get(6).map(|id| self.node(*id)) {
                    Some(Node::Global(_, dtype)) => Some(dtype.as_str()),
                    _ => None,
                };
                self.view(arguments, dtype)?
            }
            ("torch._utils", "_rebuild_parameter" | "_rebuild_parameter_with_state") => match first
            {
                Some(Node::Tensor(view)) => {
                    let dtype = view.dtype.as_ref().map_or(0, String::len);
                    self.copies(size_of_val(&view.shape[..]) * 2 + dtype)?;
                    Node::Tensor(view.clone())
                }
                _ => Node::Opaque,
            },
            // A subclass of a tensor: function, class, arguments, state.
            ("torch._tensor", "_rebuild_from_type_v2") if depth < 4 => {
                match (arguments.first(), arguments.get(2)) {
                    (Some(function), Some(arguments)) => {
                        self.call(*function, self.items(*arguments), depth + 1)?
                    }
                    _ => Node::Opaque,
                }
            }
            // Bytes, as protocol 2 writes them.
            ("_codecs", "encode") => match first {
                Some(Node::Text(text)) => {
                    self.copies(text.len())?;
                    Node::Bytes(text.chars().map(|c| c as u8).collect())
                }
                _ => Node::Opaque,
            },
            ("torch", "Size") => {
                let sizes = self.first_items(arguments);
                self.copies(size_of_val(sizes))?;
                Node::Tuple(sizes.to_vec())
            }
            _ => Node::Opaque,
        };
        Ok(made)
    }

    /// `OrderedDict()`, or one of a list of pairs as Python 2 wrote it.
    fn ordered(&self, arguments: &[Id]) -> Result<Node, PickleError> {
        let pairs = self.first_items(arguments);
        self.copies(size_of_val(pairs) * 2)?;
        let pairs = pairs.iter().filter_map(|pair| match self.items(*pair) {
            [key, value] => Some((*key, *value)),
            _ => None,
        });
        Ok(Node::Dict(pairs.collect()))
    }

    /// A view of a storage, if it is one.
    fn view(&self, arguments: &[Id], dtype: Option<&str>) -> Result<Node, PickleError> {
        let [storage, offset, shape, strides, ..] = *arguments else { return Ok(Node::Opaque) };
        let (shape, strides) = (self.items(shape), self.items(strides));
        let stored = matches!(self.node(storage), Node::Storage(_));
        if !stored || shape.len() != strides.len() {
            return Ok(Node::Opaque);
        }
        self.copies(shape.len() * 2 * size_of::<usize>() + dtype.map_or(0, str::len))?;
        let sizes = |ids: &[Id]| -> Option<Vec<usize>> {
            ids.iter().map(|id| self.size(*id)?.try_into().ok()).collect()
        };
        let (Some(offset), Some(shape), Some(strides)) =
            (self.size(offset), sizes(shape), sizes(strides))
        else {
            return Ok(Node::Opaque);
        };
        let dtype = dtype.map(str::to_owned);
        Ok(Node::Tensor(View { storage, offset, shape, strides, dtype }))
    }

    fn size(&self, id: Id) -> Option<u64> {
        match self.node(id) {
            Node::Int(value) => u64::try_from(*value).ok(),
            _ => None,
        }
    }

    /// `("storage", class, key, device, count)`, in old files with a part of it at the end:
    /// `(key of the part, first, count)`.
    fn persistent(&self, key: Id) -> Result<Node, PickleError> {
        let [tag, class, key, _, count, part @ ..] = self.items(key) else {
            return Ok(Node::Opaque);
        };
        let kind = match self.node(*class) {
            Node::Global(_, class) => {
                self.copies(class.len())?;
                class.strip_suffix("Storage").unwrap_or(class).to_owned()
            }
            _ => return Ok(Node::Opaque),
        };
        let key = match self.node(*key) {
            Node::Text(key) => {
                self.copies(key.len())?;
                key.clone()
            }
            Node::Int(key) => key.to_string(),
            _ => return Ok(Node::Opaque),
        };
        let part = part.first().filter(|part| **part != NONE).map(|part| self.items(*part));
        let first = match part {
            Some([_, first, ..]) => self.size(*first),
            Some(_) => None,
            None => Some(0),
        };
        Ok(match (self.node(*tag), self.size(*count), first) {
            (Node::Text(tag), Some(count), Some(first)) if tag == "storage" => {
                Node::Storage(Storage { kind, key, count, first })
            }
            _ => Node::Opaque,
        })
    }
}

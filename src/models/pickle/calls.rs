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
                let arguments = self.items(arguments);
                let made = self.call(function, &arguments, 0);
                self.push(made)
            }
            0x92 => {
                self.pop()?;
                let arguments = self.pop()?;
                let function = self.pop()?;
                let arguments = self.items(arguments);
                let made = self.call(function, &arguments, 0);
                self.push(made)
            }
            b'i' => {
                let module = self.line()?;
                let name = self.line()?;
                let arguments = self.pop_marked()?;
                let function = self.make(Node::Global(module, name))?;
                let made = self.call(function, &arguments, 0);
                self.push(made)
            }
            b'o' => {
                let arguments = self.pop_marked()?;
                let Some((function, arguments)) = arguments.split_first() else {
                    return self.bad("a value is missing");
                };
                let made = self.call(*function, arguments, 0);
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
                let made = self.persistent(key);
                self.push(made)
            }
            b'Q' => {
                let key = self.pop()?;
                let made = self.persistent(key);
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

    fn items(&self, id: Id) -> Vec<Id> {
        match self.node(id) {
            Node::Tuple(items) | Node::List(items) => items.clone(),
            _ => Vec::new(),
        }
    }

    /// What a call makes. `depth` counts calls within a call.
    fn call(&self, function: Id, arguments: &[Id], depth: usize) -> Node {
        let Node::Global(module, name) = self.node(function) else { return Node::Opaque };
        let first = arguments.first().map(|id| self.node(*id));
        match (module.as_str(), name.as_str()) {
            ("collections", "OrderedDict") => self.ordered(arguments),
            // Dictionaries by other names: their pairs are set afterwards.
            ("collections", "defaultdict" | "Counter") | ("builtins" | "__builtin__", "dict") => {
                Node::Dict(Vec::new())
            }
            ("torch._utils", "_rebuild_tensor" | "_rebuild_tensor_v2") => {
                self.view(arguments, None).map_or(Node::Opaque, Node::Tensor)
            }
            ("torch._utils", "_rebuild_tensor_v3") => {
                let dtype = match arguments.get(6).map(|id| self.node(*id)) {
                    Some(Node::Global(_, dtype)) => Some(dtype.clone()),
                    _ => None,
                };
                self.view(arguments, dtype).map_or(Node::Opaque, Node::Tensor)
            }
            ("torch._utils", "_rebuild_parameter" | "_rebuild_parameter_with_state") => match first
            {
                Some(tensor @ Node::Tensor(_)) => tensor.clone(),
                _ => Node::Opaque,
            },
            // A subclass of a tensor: function, class, arguments, state.
            ("torch._tensor", "_rebuild_from_type_v2") if depth < 4 => {
                match (arguments.first(), arguments.get(2)) {
                    (Some(function), Some(arguments)) => {
                        self.call(*function, &self.items(*arguments), depth + 1)
                    }
                    _ => Node::Opaque,
                }
            }
            // Bytes, as protocol 2 writes them.
            ("_codecs", "encode") => match first {
                Some(Node::Text(text)) => Node::Bytes(text.chars().map(|c| c as u8).collect()),
                _ => Node::Opaque,
            },
            ("torch", "Size") => first.cloned().unwrap_or(Node::Tuple(Vec::new())),
            _ => Node::Opaque,
        }
    }

    /// `OrderedDict()`, or one of a list of pairs as Python 2 wrote it.
    fn ordered(&self, arguments: &[Id]) -> Node {
        let pairs = arguments.first().map(|id| self.items(*id)).unwrap_or_default();
        let pairs = pairs.into_iter().filter_map(|pair| match self.items(pair)[..] {
            [key, value] => Some((key, value)),
            _ => None,
        });
        Node::Dict(pairs.collect())
    }

    fn view(&self, arguments: &[Id], dtype: Option<String>) -> Option<View> {
        let [storage, offset, shape, strides, ..] = *arguments else { return None };
        let sizes = |id: Id| -> Option<Vec<usize>> {
            self.items(id).into_iter().map(|id| self.size(id)?.try_into().ok()).collect()
        };
        let (shape, strides) = (sizes(shape)?, sizes(strides)?);
        let stored = matches!(self.node(storage), Node::Storage(_));
        (stored && shape.len() == strides.len()).then_some(View {
            storage,
            offset: self.size(offset)?,
            shape,
            strides,
            dtype,
        })
    }

    fn size(&self, id: Id) -> Option<u64> {
        match self.node(id) {
            Node::Int(value) => u64::try_from(*value).ok(),
            _ => None,
        }
    }

    /// `("storage", class, key, device, count)`, in old files with a part of it at the end:
    /// `(key of the part, first, count)`.
    fn persistent(&self, key: Id) -> Node {
        let items = self.items(key);
        let [tag, class, key, _, count, ref part @ ..] = items[..] else { return Node::Opaque };
        let kind = match self.node(class) {
            Node::Global(_, class) => class.strip_suffix("Storage").unwrap_or(class).to_owned(),
            _ => return Node::Opaque,
        };
        let key = match self.node(key) {
            Node::Text(key) => key.clone(),
            Node::Int(key) => key.to_string(),
            _ => return Node::Opaque,
        };
        let part = part.first().filter(|part| **part != NONE).map(|part| self.items(*part));
        let first = match part.as_deref() {
            Some([_, first, ..]) => self.size(*first),
            Some(_) => None,
            None => Some(0),
        };
        match (self.node(tag), self.size(count), first) {
            (Node::Text(tag), Some(count), Some(first)) if tag == "storage" => {
                Node::Storage(Storage { kind, key, count, first })
            }
            _ => Node::Opaque,
        }
    }
}

//! Pickles, good and bad, written by hand in the notation of `pickletools`.

use super::*;

fn read(bytes: &[u8]) -> Pickle {
    Pickle::read(bytes).unwrap()
}

fn refused(bytes: &[u8], word: &str) {
    let message = Pickle::read(bytes).unwrap_err().to_string();
    assert!(message.contains(word), "{message}");
}

#[test]
fn numbers_of_every_protocol() {
    let check = |bytes: &[u8], wanted: Node| assert_eq!(*read(bytes).root(), wanted);
    check(b"I42\n.", Node::Int(42));
    check(b"I01\n.", Node::Bool(true));
    check(b"L-7L\n.", Node::Int(-7));
    check(b"F0.5\n.", Node::Float(0.5));
    check(b"\x80\x02K\xFF.", Node::Int(255));
    check(b"\x80\x02M\x00\x01.", Node::Int(256));
    check(b"\x80\x02J\xFE\xFF\xFF\xFF.", Node::Int(-2));
    check(b"\x80\x02\x8a\x00.", Node::Int(0));
    check(b"\x80\x02\x8a\x02\x00\xFF.", Node::Int(-256));
    check(b"\x80\x02\x8a\x08\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x7F.", Node::Int(i64::MAX));
    check(b"\x80\x02\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x00\x01.", {
        Node::Long(vec![0, 0, 0, 0, 0, 0, 0, 0, 1])
    });
    check(b"\x80\x02G\x3F\xF0\x00\x00\x00\x00\x00\x00.", Node::Float(1.0));
    check(b"\x80\x04\x95\x02\x00\x00\x00\x00\x00\x00\x00\x89.", Node::Bool(false));
    check(b"N.", Node::None);
}

#[test]
fn texts_of_every_protocol() {
    for bytes in [
        &b"S'abc'\n."[..],
        b"Vabc\n.",
        b"U\x03abc.",
        b"T\x03\x00\x00\x00abc.",
        b"X\x03\x00\x00\x00abc.",
        b"\x8c\x03abc.",
        b"\x8d\x03\x00\x00\x00\x00\x00\x00\x00abc.",
    ] {
        assert_eq!(*read(bytes).root(), Node::Text("abc".to_owned()));
    }
    assert_eq!(*read(b"C\x02\x00\xFF.").root(), Node::Bytes(vec![0, 255]));
    // What protocol 2 makes of bytes.
    let bytes = b"c_codecs\nencode\nX\x03\x00\x00\x00a\xC3\xBFX\x06\x00\x00\x00latin1\x86R.";
    assert_eq!(*read(bytes).root(), Node::Bytes(vec![b'a', 255]));
}

#[test]
fn what_is_kept_is_shared_and_may_hold_itself() {
    // d = {}; [d, d], then d["k"] = [...].
    let pickle = read(b"](}q\x01h\x01eq\x020h\x01X\x01\x00\x00\x00kh\x02s0h\x02.");
    let Node::List(items) = pickle.root() else { panic!() };
    assert_eq!(items[0], items[1]);
    let Node::Dict(pairs) = pickle.node(items[0]) else { panic!() };
    assert_eq!(pickle.node(pairs[0].1), pickle.root());
    // Walking it comes to an end.
    assert!(pickle.entries().tensors.is_empty());
}

/// Tuple of a call to `torch._utils._rebuild_tensor_v2` with 6 halves from place 2 on, as 2 × 3.
const TENSOR: &[u8] = b"ctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storagectorch\nHalfStorage\n\
    X\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x09tQK\x02K\x02K\x03\x86K\x03K\x01\x86\x89ccollections\n\
    OrderedDict\n)RtR";

#[test]
fn tensors_are_found_wherever_they_are() {
    // {"epoch": 3, "state_dict": {"a": T, "b": {"c": Parameter(T)}, "d": [T]}}
    let mut bytes = b"\x80\x02}(X\x05\x00\x00\x00epochK\x03X\x0A\x00\x00\x00state_dict}(".to_vec();
    let mut named = |key: &str, value: &[u8]| {
        bytes.extend([b'X', key.len() as u8, 0, 0, 0]);
        bytes.extend(key.as_bytes());
        bytes.extend(value);
    };
    named("a", TENSOR);
    let parameter = [b"ctorch._utils\n_rebuild_parameter\n(", TENSOR, b"\x88NtR"].concat();
    named("b", &[&b"}X\x01\x00\x00\x00c"[..], &parameter, b"s"].concat());
    named("d", &[b"](", TENSOR, b"e"].concat());
    bytes.extend(b"uu.");
    let pickle = read(&bytes);
    let entries = pickle.entries();
    let names: Vec<&str> = entries.tensors.keys().map(String::as_str).collect();
    assert_eq!(names, ["a", "b.c", "d.0"]);
    assert_eq!(entries.notes["epoch"], "3");
    let view = entries.tensors["b.c"];
    assert_eq!((view.offset, &view.shape[..], &view.strides[..]), (2, &[2, 3][..], &[3, 1][..]));
    let Node::Storage(storage) = pickle.node(view.storage) else { panic!() };
    assert_eq!((storage.kind.as_str(), storage.key.as_str(), storage.count), ("Half", "0", 9));
}

#[test]
fn nothing_is_ever_run() {
    for bytes in [
        &b"cos\nsystem\n(X\x04\x00\x00\x00exittR."[..],
        b"\x8c\x02os\x8c\x06system\x93X\x04\x00\x00\x00exit\x85R.",
        b"(ios\nsystem\n.",
        b"(cos\nsystem\no.",
        b"c__builtin__\neval\n)\x81.",
        b"c__builtin__\neval\n)}\x92.",
        b"\x82\x01.",
    ] {
        assert_eq!(*read(bytes).root(), Node::Opaque, "{bytes:?}");
    }
    assert_eq!(*read(b"cos\nsystem\n.").root(), Node::Global("os".into(), "system".into()));
    // An unknown class whose pairs are set is as good as a dictionary.
    let bytes = b"cmine\nDict\n)\x81X\x01\x00\x00\x00kK\x01s}b.";
    assert!(matches!(read(bytes).root(), Node::Dict(pairs) if pairs.len() == 1));
}

#[test]
fn damage_is_an_error() {
    refused(b"", "too early");
    refused(b"K", "too early");
    refused(b"X\xFF\xFF\xFF\xFFabc", "too early");
    refused(b"\x8d\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", "too early");
    refused(b"I4", "too early");
    refused(b".", "a value is missing");
    refused(b"(.", "a value is missing");
    refused(b"t.", "a mark is missing");
    refused(b"K\x01(s.", "a value is missing");
    refused(b"}(K\x01u.", "a key has no value");
    refused(b"K\x01K\x02a.", "no list");
    refused(b"h\x07.", "did not keep");
    refused(b"Ix\n.", "no number");
    refused(b"\xFF.", "no such operation");
    refused(b"\x97.", "no such operation");
    for end in 0..TENSOR.len() {
        assert!(Pickle::read(&TENSOR[..end]).is_err());
    }
}

#[test]
fn its_size_is_bounded() {
    refused(&vec![b']'; MOST_NODES + 1], "more values");
    refused(&vec![b'N'; MOST_NODES + 1], "more values");
    refused(&vec![b'('; MOST_NODES + 1], "more values");
}

/// A value kept as 0, what is made of it, and many times a few bytes that copy it.
fn copying(value: &[u8], made: &[u8], again: &[u8]) -> Vec<u8> {
    [value, made, &again.repeat(5000), b"."].concat()
}

#[test]
fn copies_are_bounded() {
    let refused = |bytes: Vec<u8>| refused(&bytes, "copies its values");
    let pairs = [&b"]("[..], &b"K\x01K\x02\x86".repeat(1000), b"eq\x00"].concat();
    refused(copying(&pairs, b"ccollections\nOrderedDict\nq\x01", b"h\x01h\x00\x85R"));
    let sizes = [&b"("[..], &b"K\x01".repeat(1000), b"tq\x00"].concat();
    refused(copying(&sizes, b"ctorch\nSize\nq\x01", b"h\x01h\x00\x85R"));
    let text = [&b"X\x10\x27\x00\x00"[..], &b"a".repeat(10_000), b"q\x00"].concat();
    refused(copying(&text, b"c_codecs\nencode\nq\x01", b"h\x01h\x00\x85R"));
    refused(copying(&text, b"", b"h\x00h\x00\x93"));
    let key = b"(X\x07\x00\x00\x00storagectorch\nHalfStorage\nh\x00NK\x01tq\x01";
    refused(copying(&text, key, b"h\x01Q"));
    let view = b"(X\x07\x00\x00\x00storagectorch\nHalfStorage\nK\x00NK\x01tQq\x01\
        (h\x01K\x00h\x00h\x00tq\x02ctorch._utils\n_rebuild_tensor_v2\nq\x03";
    refused(copying(&sizes, view, b"h\x03h\x02R"));
    let parameter = [&view[..], b"h\x02Rq\x04ctorch._utils\n_rebuild_parameter\nq\x05"].concat();
    refused(copying(&sizes, &parameter, b"h\x05h\x04\x85R"));
}

#[test]
fn many_tensors_are_read_however_briefly_they_are_written() {
    let names = b"ctorch._utils\n_rebuild_tensor_v2\nq\x00X\x07\x00\x00\x00storageq\x01\
        ctorch\nHalfStorage\nq\x02X\x03\x00\x00\x00cpuq\x03ccollections\nOrderedDict\nq\x04";
    let tensor = b"h\x00((h\x01h\x02X\x01\x00\x00\x000h\x03K\x09tQK\x00(K\x01K\x01K\x01K\x01t\
        (K\x01K\x01K\x01K\x01t\x89h\x04)RtR";
    let pickle = read(&[&names[..], &tensor.repeat(20_000), b"."].concat());
    assert!(matches!(pickle.root(), Node::Tensor(view) if view.shape == [1; 4]));
}

#[test]
fn a_long_text_in_many_places_is_noted_nowhere() {
    let text = [&b"X\x10\x27\x00\x00"[..], &b"a".repeat(10_000), b"q\x000}("].concat();
    let notes = |value: &[u8]| {
        let pair = |key: u32| {
            let key = format!("{key:04}");
            [&b"X\x04\x00\x00\x00"[..], key.as_bytes(), value].concat()
        };
        let pairs: Vec<u8> = (0..5000).flat_map(pair).collect();
        read(&[&text[..], &pairs, b"u."].concat()).entries().notes.len()
    };
    assert_eq!(notes(b"h\x00"), 0);
    assert_eq!(notes(b"K\x01"), 4096);
}

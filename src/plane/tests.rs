//! Planes: bytes in and out, what clones share, what changed, halves.

use super::*;

fn noise(count: usize) -> Vec<u8> {
    (0..count as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

#[test]
fn flat_bytes_come_back() {
    for size in [(1, 1), (256, 256), (257, 255), (700, 300)] {
        let bytes = noise(size.0 as usize * size.1 as usize * 4);
        let plane = Plane::<4>::from_flat(size, &bytes);
        assert_eq!(plane.to_flat(), bytes, "{size:?}");
        let (x, y) = (size.0 - 1, size.1 - 1);
        assert_eq!(plane.pixel(x, y), bytes[bytes.len() - 4..]);
        assert_eq!(plane.pixel(size.0, 0), [0; 4]);
    }
}

#[test]
fn zeros_take_no_tile_and_one_colour_takes_one() {
    let mut bytes = vec![0; 600 * 300];
    bytes[599] = 9;
    let plane = Plane::<1>::from_flat((600, 300), &bytes);
    assert_eq!(plane.tiles().map(|(at, _)| at).collect::<Vec<_>>(), [(2, 0)]);
    let white = Plane::filled((600, 300), [255u8; 4]);
    let first = white.tile_key((0, 0));
    assert!(first != 0 && white.tiles().all(|(_, tile)| tile.key() == first));
    assert_eq!(white.tiles().count(), 6);
}

#[test]
fn clones_share_until_one_side_changes() {
    let before = Plane::<1>::from_flat((600, 600), &noise(360_000));
    let mut after = before.clone();
    let rect = PixelRect { x0: 250, y0: 10, x1: 260, y1: 12 };
    after.write(rect, &[7; 20]);
    let changed = |at| before.tile_key(at) != after.tile_key(at);
    let all: Vec<TileAt> = after.tiles_in(PixelRect::whole(after.size())).collect();
    assert_eq!(all.len(), 9);
    assert_eq!(all.into_iter().filter(|at| changed(*at)).collect::<Vec<_>>(), [(0, 0), (1, 0)]);
    assert_eq!(after.read(rect), [7; 20]);
    assert_ne!(before.read(rect), [7; 20]);
    assert_eq!(after.dirty_since(before.key()), Some(rect));
    assert_eq!(before.dirty_since(after.key()), None);
}

#[test]
fn restoring_brings_bytes_and_keys_back() {
    let before = Plane::<4>::from_flat((300, 300), &noise(360_000));
    let mut plane = before.clone();
    let rect = PixelRect { x0: 0, y0: 0, x1: 300, y1: 2 };
    plane.write(rect, &[1; 2400]);
    let middle = plane.key();
    plane.restore(&before, rect);
    assert_eq!(plane.key(), before.key());
    assert_eq!(plane.to_flat(), before.to_flat());
    assert!(plane.tiles().zip(before.tiles()).all(|(a, b)| a.1.key() == b.1.key()));
    assert_eq!(plane.dirty_since(middle), Some(rect));
}

#[test]
fn stored_tiles_make_the_same_plane_and_wrong_ones_none() {
    let plane = Plane::<1>::from_flat((300, 520), &noise(156_000));
    let stored = plane.tiles().map(|(at, tile)| {
        let tile = Tile::stored(tile.key(), tile.bytes().into()).expect("its own length");
        (at, Arc::new(tile))
    });
    let again = Plane::<1>::from_tiles((300, 520), stored).expect("a plane");
    assert_eq!(again.to_flat(), plane.to_flat());
    assert_eq!((again.bytes_apart(Some(&plane)), again.bytes_apart(None)), (0, 6 * 65_536));
    let check = |size, at, expected| {
        let tile = Arc::new(Tile::<1>::empty());
        assert_eq!(Plane::from_tiles(size, [(at, tile)]).err(), expected);
    };
    check((300, 300), (1, 1), None);
    check((300, 300), (2, 0), Some(PlaneError::Place(2, 0)));
    check((300, 300), (u32::MAX, u32::MAX), Some(PlaneError::Place(u32::MAX, u32::MAX)));
    check((0, 300), (0, 0), Some(PlaneError::Size(0, 300)));
    check((1 << 20, 1 << 20), (0, 0), Some(PlaneError::Size(1 << 20, 1 << 20)));
    let short = Tile::<1>::stored(1, vec![0; 65_535].into()).err();
    assert_eq!(short, Some(PlaneError::Length(65_535, 65_536)));
}

#[test]
fn rectangles_of_one_value_share_their_tiles() {
    let mut plane = Plane::<1>::new((1000, 700));
    let rect = PixelRect { x0: 100, y0: 0, x1: 900, y1: 600 };
    plane.fill_rect(rect, [7]);
    for (x, y) in [(100, 0), (899, 599), (512, 300), (256, 256)] {
        assert_eq!(plane.pixel(x, y), [7], "{x} {y}");
    }
    for (x, y) in [(99, 0), (900, 599), (512, 600), (999, 699)] {
        assert_eq!(plane.pixel(x, y), [0], "{x} {y}");
    }
    assert_eq!(plane.tile_key((1, 0)), plane.tile_key((2, 1)));
    plane.fill_rect(PixelRect::whole((1000, 700)), [0]);
    assert_eq!(plane.tiles().count(), 0);
}

#[test]
fn one_tile_in_many_places_stays_one_when_all_change() {
    let mut plane = Plane::<1>::filled((2000, 1000), [255]);
    plane.write(PixelRect { x0: 300, y0: 300, x1: 310, y1: 301 }, &[3; 10]);
    plane.map(|bytes| bytes.iter_mut().for_each(|value| *value = 255 - *value));
    assert_eq!((plane.pixel(305, 300), plane.pixel(0, 0)), ([252], [0]));
    let first = plane.tile_key((0, 0));
    assert_eq!(plane.tiles().filter(|(_, tile)| tile.key() == first).count(), 31);
}

#[test]
fn equal_planes_are_equal_whatever_their_keys() {
    let bytes = noise(300 * 300 * 4);
    let (plane, other) =
        (Plane::<4>::from_flat((300, 300), &bytes), Plane::from_flat((300, 300), &bytes));
    assert!(plane == other && plane.key() != other.key());
    let mut changed = other.clone();
    changed.write(PixelRect { x0: 299, y0: 299, x1: 300, y1: 300 }, &[0; 4]);
    assert!(changed != other);
    assert!(Plane::<1>::new((5, 5)) == Plane::filled((5, 5), [0]));
    assert!(Plane::<1>::new((5, 5)) != Plane::new((5, 6)));
}

#[test]
fn halves_stay_with_their_tile_until_it_changes() {
    let mut plane = Plane::<4>::from_flat((300, 300), &noise(360_000));
    assert!(plane.halves((0, 0)).is_none());
    plane.make_halves();
    let before = plane.clone();
    plane.write(PixelRect { x0: 0, y0: 0, x1: 1, y1: 1 }, &[9; 4]);
    assert!(plane.halves((0, 0)).is_none() && plane.halves((1, 0)).is_some());
    let levels = before.halves((1, 1)).expect("made");
    assert_eq!(levels.iter().map(|level| level.len()).collect::<Vec<_>>()[..2], [65_536, 16_384]);
    // A tile at the edge of one plane stands for other pixels in the middle of another.
    let tiles = [((0, 0), Arc::clone(before.tile((1, 1)).expect("there")))];
    let other = Plane::from_tiles((300, 300), tiles).expect("a plane");
    assert!(other.halves((0, 0)).is_none());
}

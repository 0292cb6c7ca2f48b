//! The journal: a crash-safe store of keys and bytes in one append-only file.
//!
//! The thread of `files::journal` owns the [`Journal`] and appends; the rest of the program reads
//! through [`Reader`]s, which may be on any thread. Knows keys and bytes only: what a picture, a
//! stroke or a setting is, its caller knows. Starts no threads and shows no messages.
//!
//! A key is a short text (`view`, `entry/42`, `blob/993`), a value is bytes. A [`Batch`] of puts and
//! deletes is one record: after a crash all of it is there or none of it, and what is there is the
//! state after some first so many batches.
//!
//! # On disk
//!
//! | file | what |
//! |---|---|
//! | `session.journal` | the records |
//! | `session.index` | where each key's value lies, up to some length; can be missing |
//! | `session.lock` | locked while a program has the journal open; always empty |
//! | `session.compact` | a compaction that has not come to its end; can be deleted |
//! | `session.….damaged` | bytes that could not be read, kept when they were taken out |
//!
//! Numbers are little-endian; `crc` is CRC-32 (IEEE). Offsets and lengths are in bytes.
//!
//! ## `session.journal`
//!
//! The file header, 32 bytes, stands there twice (at 0 and at 32), so that one damaged byte cannot
//! cost everything. Later formats keep its shape.
//!
//! | at | bytes | what |
//! |---|---|---|
//! | 0 | 8 | `PENTJRN` and a line feed |
//! | 8 | 4 | version of the format: 1 |
//! | 12 | 4 | zero |
//! | 16 | 8 | this file's number, drawn by lot when it was made |
//! | 24 | 4 | zero |
//! | 28 | 4 | crc of the 28 bytes before |
//!
//! From 64 on lie the records without gaps, each a header of 40 bytes, a directory, and data:
//!
//! | at | bytes | what |
//! |---|---|---|
//! | 0 | 4 | `E9` and `bat` |
//! | 4 | 4 | length of the directory, at most 16 MiB |
//! | 8 | 8 | length of the data, at most 16 GiB |
//! | 16 | 8 | number of the batch: one more than the record's before |
//! | 24 | 8 | length of this file that was surely on the disk when this record was written |
//! | 32 | 4 | crc of the directory |
//! | 36 | 4 | crc of: the file's number, this record's offset (8 bytes each), the 36 bytes before |
//!
//! The last crc makes a header true in one place of one file only: a value that holds a journal's
//! bytes is never taken for records.
//!
//! The directory lists the batch's changes in order:
//!
//! | bytes | what |
//! |---|---|
//! | 1 | kind: 0 delete, 1 small value, 2 large value, 3 large value compressed with LZ4 |
//! | 2 | length of the key, 1 to 512 |
//! | … | the key, UTF-8 |
//! | 4 | kind 1: length of the value; the value follows at once |
//! | 4, 4, 4 | kinds 2 and 3: length as stored, length of the value, crc of the stored bytes |
//!
//! The data are the large values as stored, in the directory's order, without gaps. An LZ4 value is
//! one block without a frame.
//!
//! ## `session.index`
//!
//! | at | bytes | what |
//! |---|---|---|
//! | 0 | 8 | `PENTIDX` and a line feed |
//! | 8 | 4 | version: 1 |
//! | 12 | 4 | number of keys |
//! | 16 | 8 | number of the journal's file |
//! | 24 | 8 | length of the journal that it covers |
//! | 32 | 8 | number of the next batch |
//! | 40 | 8 | offset of the last record covered; 0 if there is none |
//! | 48 | 4 | last crc of that record's header |
//! | 52 | 4 | crc of the rest of the file |
//! | 56 | 4 | crc of the 56 bytes before |
//!
//! Then each key as in a directory (kinds 1 to 3); a large value's three numbers are followed by 8
//! bytes: its offset in the journal. An index that does not fit its journal is not used.
//!
//! # Damage
//!
//! Scanning goes from header to header. Values are not read: their crc is looked at whenever they
//! are. Only at the end, where nothing proves that the disk had got everything, a record counts if
//! all of it is sound; the first that is not and everything after it is dropped, as it was never
//! more than a second's work. A place that is damaged although a later record proves that it had
//! been written well is skipped up to the next sound header. Both are told by [`Recovery`], and the
//! bytes are copied before the file is mended.
//!
//! # Compaction
//!
//! When more than half of the file is of no use any more, what is alive is copied, a few MiB at a
//! time between appends, to a new file, which then takes the old one's name. [`Reader`]s go on with
//! the old file until they ask again.

mod batch;
mod compact;
mod error;
mod format;
mod index;
mod place;
mod position;
mod reader;
mod scan;
mod store;
#[cfg(test)]
mod tests;

pub use batch::{Batch, EncodedBatch, Value};
pub use error::{BatchError, OpenError, ReadError, Trouble};
pub use reader::Reader;
pub use scan::Recovery;
pub use store::{Journal, Opened, left_behind, open_free};

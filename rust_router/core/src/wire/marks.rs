//! Where the bytes are that mean something in a header line.

use wide::u8x16;

/// Bytes that one step of [`Marks`] looks at: one bit of its mask for each.
const BLOCK: usize = 64;

/// Positions of all line feeds, colons and NUL bytes from a place on. An event has two of them in 40 bytes:
/// a search for each would cost three times as much as looking at 64 bytes at once.
pub(super) struct Marks<'a> {
    unread: &'a [u8],
    /// Position of the first byte that `mask` is about.
    block: usize,
    /// Where `unread` begins.
    next: usize,
    /// Marks not given yet, one bit a byte.
    mask: u64,
}

impl<'a> Marks<'a> {
    pub(super) fn new(buffer: &'a [u8], start: usize) -> Self {
        Self {
            unread: buffer.get(start..).unwrap_or_default(),
            block: start,
            next: start,
            mask: 0,
        }
    }
}

impl Iterator for Marks<'_> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        while self.mask == 0 {
            self.block = self.next;
            if let Some((block, unread)) = self.unread.split_first_chunk() {
                self.mask = marks(block);
                self.unread = unread;
                self.next += BLOCK;
            } else {
                if self.unread.is_empty() {
                    return None;
                }
                // Padded with a byte that is no mark.
                let mut block = [b' '; BLOCK];
                for (to, from) in block.iter_mut().zip(self.unread) {
                    *to = *from;
                }
                self.mask = marks(&block);
                self.next += self.unread.len();
                self.unread = &[];
            }
        }
        let at = self.block + self.mask.trailing_zeros() as usize;
        self.mask &= self.mask - 1;
        Some(at)
    }
}

/// One bit for each byte that is a line feed, a colon or NUL.
fn marks(block: &[u8; BLOCK]) -> u64 {
    let (line_feed, colon, nul) = (u8x16::splat(b'\n'), u8x16::splat(b':'), u8x16::splat(b'\0'));
    let (lanes, _) = block.as_chunks::<16>();
    lanes.iter().rev().fold(0, |mask, lane| {
        let lane = u8x16::new(*lane);
        let found = lane.simd_eq(line_feed) | lane.simd_eq(colon) | lane.simd_eq(nul);
        mask << 16 | u64::from(found.to_bitmask())
    })
}

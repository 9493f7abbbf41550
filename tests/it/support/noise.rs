//! Bytes without a pattern, and long flows of them that are checked on the way instead of kept.

/// So many bytes without a pattern.
pub(crate) fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64 ^ length as u64;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_be_bytes()[3]
    };
    std::iter::repeat_with(next).take(length).collect()
}

/// A flow of bytes, the same for whoever makes one, and a place in it. No two blocks of it are the same.
pub(crate) struct Flow {
    base: Vec<u8>,
    at: usize,
}

const BLOCK: usize = 64 * 1024;

impl Flow {
    /// Its beginning.
    pub(crate) fn new() -> Self {
        Self {
            base: noise(BLOCK),
            at: 0,
        }
    }

    /// How many bytes lie behind.
    pub(crate) const fn at(&self) -> usize {
        self.at
    }

    /// What comes next, up to `end` or the end of a block.
    pub(crate) fn piece(&self, end: usize) -> Vec<u8> {
        let mut block = self.base.clone();
        let number = (self.at / BLOCK).to_be_bytes();
        block[..number.len()].copy_from_slice(&number);
        let begin = self.at % BLOCK;
        let end = (begin + (end - self.at)).min(BLOCK);
        block[begin..end].to_vec()
    }

    /// Goes on behind so many bytes.
    pub(crate) const fn advance(&mut self, count: usize) {
        self.at += count;
    }

    /// Claims that these bytes come next.
    #[track_caller]
    pub(crate) fn expect(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let piece = self.piece(self.at + bytes.len());
            let (these, rest) = bytes.split_at(piece.len());
            assert!(these == piece, "other bytes from {} on", self.at);
            self.advance(piece.len());
            bytes = rest;
        }
    }
}

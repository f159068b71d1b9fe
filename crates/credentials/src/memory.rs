//! The memory in which Argon2 computes.

use argon2::Block;

/// Blocks of memory that one computation after another uses: the pages of new memory cost half as much time as a hash.
///
/// What a computation leaves in it is overwritten by the next one.
#[derive(Default)]
pub(crate) struct Argon2Memory(Vec<Block>);

impl Argon2Memory {
    /// So many blocks, with any content.
    pub(crate) fn blocks(&mut self, count: usize) -> &mut [Block] {
        if self.0.len() < count {
            self.0.resize(count, Block::default());
        }
        &mut self.0[..count]
    }
}

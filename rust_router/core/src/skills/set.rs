//! Sets of small numbers that are cheap when they are sparse and fast when they are dense.

/// A set of numbers: a sorted list while it is small for its range, else bits with a summary that says which
/// 64 of them aren't all zero.
#[derive(Debug, Clone, Default)]
pub struct IdSet {
    items: Items,
    len: usize,
}

#[derive(Debug, Clone)]
enum Items {
    Sparse(Vec<u32>),
    Dense { words: Vec<u64>, summary: Vec<u64> },
}

impl Default for Items {
    fn default() -> Self {
        Self::Sparse(Vec::new())
    }
}

/// Up to so many a list is never slower.
const FEW: usize = 32;

/// Bits when one number of so many is in it: up to four times a list's memory, and one step instead of a search.
const DENSE: usize = 128;

const fn split(at: u32) -> (usize, u64) {
    ((at / 64) as usize, 1 << (at % 64))
}

/// Numbers of the ones in a word that stands at `at`.
fn ones(at: u32, mut word: u64) -> impl Iterator<Item = u32> {
    std::iter::from_fn(move || {
        let bit = word.trailing_zeros();
        word &= word.checked_sub(1)?;
        Some(at * 64 + bit)
    })
}

impl IdSet {
    /// How many numbers are in it.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether it has none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Memory on the heap.
    #[must_use]
    pub fn bytes(&self) -> usize {
        match &self.items {
            Items::Sparse(list) => list.capacity() * 4,
            Items::Dense { words, summary } => (words.capacity() + summary.capacity()) * 8,
        }
    }

    /// Whether a number is in it.
    #[must_use]
    pub fn contains(&self, id: u32) -> bool {
        match &self.items {
            Items::Sparse(list) => list.binary_search(&id).is_ok(),
            Items::Dense { words, .. } => {
                let (at, bit) = split(id);
                words.get(at).is_some_and(|word| word & bit != 0)
            }
        }
    }

    /// Add a number; false when it was there.
    pub fn insert(&mut self, id: u32) -> bool {
        let added = match &mut self.items {
            Items::Sparse(list) => match list.binary_search(&id) {
                Ok(_) => false,
                Err(at) => {
                    list.insert(at, id);
                    true
                }
            },
            Items::Dense { words, summary } => set(words, summary, id),
        };
        self.len += usize::from(added);
        if added
            && let Items::Sparse(list) = &self.items
            && list.len() > FEW
            && list
                .last()
                .is_some_and(|last| list.len() * DENSE > *last as usize)
        {
            let (mut words, mut summary) = (Vec::new(), Vec::new());
            for id in list.iter().rev() {
                set(&mut words, &mut summary, *id);
            }
            self.items = Items::Dense { words, summary };
        }
        added
    }

    /// Take a number out; false when it wasn't there.
    pub fn remove(&mut self, id: u32) -> bool {
        let removed = match &mut self.items {
            Items::Sparse(list) => match list.binary_search(&id) {
                Ok(at) => {
                    list.remove(at);
                    true
                }
                Err(_) => false,
            },
            Items::Dense { words, summary } => clear(words, summary, id),
        };
        self.len -= usize::from(removed);
        // Far enough from where it became dense that a number going in and out doesn't convert each time.
        if removed
            && let Items::Dense { words, .. } = &self.items
            && (self.len < FEW / 2 || self.len * 4 < words.len())
        {
            self.items = Items::Sparse(self.iter().collect());
        }
        removed
    }

    /// The numbers in order.
    pub fn iter(&self) -> impl Iterator<Item = u32> {
        let (list, words) = match &self.items {
            Items::Sparse(list) => (list.as_slice(), [].as_slice()),
            Items::Dense { words, .. } => ([].as_slice(), words.as_slice()),
        };
        list.iter()
            .copied()
            .chain((0u32..).zip(words).flat_map(|(at, word)| ones(at, *word)))
    }

    /// Visit the numbers that are in both, in order.
    pub fn each_common(&self, other: &Self, mut visit: impl FnMut(u32)) {
        match (&self.items, &other.items) {
            (
                Items::Dense { words, summary },
                Items::Dense {
                    words: other_words,
                    summary: other_summary,
                },
            ) => {
                for (block, (mine, others)) in (0u32..).zip(summary.iter().zip(other_summary)) {
                    for at in ones(block, mine & others) {
                        let both = words.get(at as usize).zip(other_words.get(at as usize));
                        ones(at, both.map_or(0, |(a, b)| a & b)).for_each(&mut visit);
                    }
                }
            }
            (Items::Sparse(list), _) if self.len <= other.len || !other.is_sparse() => {
                list.iter()
                    .copied()
                    .filter(|id| other.contains(*id))
                    .for_each(visit);
            }
            (_, Items::Sparse(list)) => {
                list.iter()
                    .copied()
                    .filter(|id| self.contains(*id))
                    .for_each(visit);
            }
            (Items::Sparse(_), Items::Dense { .. }) => {}
        }
    }

    const fn is_sparse(&self) -> bool {
        matches!(self.items, Items::Sparse(_))
    }

    /// Set the set's bits in words that are long enough.
    pub(super) fn add_to(&self, target: &mut [u64]) {
        match &self.items {
            Items::Sparse(list) => {
                for id in list {
                    let (at, bit) = split(*id);
                    if let Some(word) = target.get_mut(at) {
                        *word |= bit;
                    }
                }
            }
            Items::Dense { words, .. } => {
                for (word, more) in target.iter_mut().zip(words) {
                    *word |= more;
                }
            }
        }
    }

    /// The set of the bits of words.
    pub(super) fn from_words(words: Vec<u64>) -> Self {
        let len = words.iter().map(|word| word.count_ones() as usize).sum();
        let items = if len <= FEW || len * DENSE <= words.len() * 64 {
            let all = (0u32..).zip(&words);
            Items::Sparse(all.flat_map(|(at, word)| ones(at, *word)).collect())
        } else {
            let summary = words
                .chunks(64)
                .map(|chunk| {
                    (0..)
                        .zip(chunk)
                        .fold(0, |sum, (at, word)| sum | u64::from(*word != 0) << at)
                })
                .collect();
            Items::Dense { words, summary }
        };
        Self { items, len }
    }
}

impl FromIterator<u32> for IdSet {
    fn from_iter<I: IntoIterator<Item = u32>>(ids: I) -> Self {
        let mut set = Self::default();
        for id in ids {
            set.insert(id);
        }
        set
    }
}

fn set(words: &mut Vec<u64>, summary: &mut Vec<u64>, id: u32) -> bool {
    let (at, bit) = split(id);
    if at >= words.len() {
        words.resize(at + 1, 0);
        summary.resize(at / 64 + 1, 0);
    }
    let (Some(word), Some(block)) = (words.get_mut(at), summary.get_mut(at / 64)) else {
        return false;
    };
    let added = *word & bit == 0;
    *word |= bit;
    *block |= 1 << (at % 64);
    added
}

fn clear(words: &mut [u64], summary: &mut [u64], id: u32) -> bool {
    let (at, bit) = split(id);
    let Some(word) = words.get_mut(at) else {
        return false;
    };
    let removed = *word & bit != 0;
    *word &= !bit;
    if *word == 0
        && let Some(block) = summary.get_mut(at / 64)
    {
        *block &= !(1 << (at % 64));
    }
    removed
}

//! Names as small numbers, for as long as somebody uses them.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::MAX_NAMES;
use super::error::{Result, SkillError};
use super::pool::Pool;

#[derive(Debug)]
struct Name {
    text: Arc<str>,
    uses: usize,
}

#[derive(Debug, Default)]
pub(super) struct Names {
    ids: FxHashMap<Arc<str>, u32>,
    items: Pool<Name>,
}

impl Names {
    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    /// The number of a name, counted as one more use.
    pub(super) fn acquire(&mut self, text: &str) -> Result<u32> {
        if let Some(id) = self.ids.get(text).copied() {
            if let Some(name) = self.items.get_mut(id) {
                name.uses += 1;
            }
            return Ok(id);
        }
        if self.items.len() >= MAX_NAMES {
            return Err(SkillError::Full("skills"));
        }
        let text: Arc<str> = text.into();
        let id = self.items.insert(Name {
            text: Arc::clone(&text),
            uses: 1,
        });
        self.ids.insert(text, id);
        Ok(id)
    }

    /// One use less; the last one frees the number.
    pub(super) fn release(&mut self, id: u32) {
        let Some(name) = self.items.get_mut(id) else {
            return;
        };
        name.uses = name.uses.saturating_sub(1);
        if name.uses == 0
            && let Some(name) = self.items.remove(id)
        {
            self.ids.remove(&name.text);
        }
    }

    /// The number of a name that somebody uses.
    pub(super) fn find(&self, text: &str) -> Option<u32> {
        self.ids.get(text).copied()
    }

    pub(super) fn text(&self, id: u32) -> &str {
        self.items.get(id).map_or("", |name| &name.text)
    }
}

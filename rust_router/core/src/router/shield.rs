//! Who of a queue is protected from being overtaken once more; see `caps.rs` for the rule.

use std::collections::{BTreeMap, VecDeque};

use super::{CallerKey, ClassIndex, DemandId};

/// As long as no more callers are open, whoever is protected is looked for among all of them in order: there is
/// nothing to keep then. Small in tests, so that small histories go both ways.
const FEW: usize = if cfg!(test) { 2 } else { 64 };

/// What the overtaking cap of one queue needs to know. Empty without a cap.
#[derive(Debug, Default)]
#[repr(C)]
pub(super) struct Shield {
    /// Callers up to this id are protected.
    up_to: u64,
    /// The newest caller's id at each of the last passings-over, as many as the cap; oldest first.
    passes: VecDeque<u64>,
    sorted: Option<Box<Sorted>>,
}

/// The protected open callers of one queue in order, and those who aren't by age.
///
/// Protection only grows while a cap stands, and each caller is moved once: O(log n) a caller.
#[derive(Debug, Default)]
struct Sorted {
    /// The protected ones by stage, as many stages as were needed.
    stages: Vec<ClassIndex<CallerKey>>,
    /// The others by id.
    young: BTreeMap<u64, (CallerKey, usize, DemandId)>,
}

impl Shield {
    /// Under this cap, with these passings-over, and nobody open.
    pub(super) fn after(cap: Option<i64>, passes: &[u64]) -> Self {
        let mut shield = Self {
            passes: passes.iter().copied().collect(),
            ..Self::default()
        };
        shield.up_to = shield.nth_last(cap);
        shield
    }

    pub(super) fn passes(&self) -> Vec<u64> {
        self.passes.iter().copied().collect()
    }

    /// Callers up to this id are protected.
    pub(super) const fn up_to(&self) -> u64 {
        self.up_to
    }

    /// The id of the passing-over that makes the cap full.
    fn nth_last(&self, cap: Option<i64>) -> u64 {
        match cap {
            None => 0,
            Some(0) => u64::MAX,
            Some(cap) => {
                let cap = usize::try_from(cap).unwrap_or(usize::MAX);
                let nth_last = self.passes.len().checked_sub(cap);
                let id = nth_last.and_then(|at| self.passes.get(at));
                id.copied().unwrap_or(0)
            }
        }
    }

    /// Note that everybody up to this id was overtaken once more, perhaps.
    pub(super) fn pass_over(&mut self, cap: Option<i64>, newest: u64) {
        let most = usize::try_from(cap.unwrap_or(0)).unwrap_or(usize::MAX);
        if most == 0 {
            return;
        }
        self.passes.push_back(newest);
        while self.passes.len() > most {
            self.passes.pop_front();
        }
        self.up_to = self.nth_last(cap);
        if let Some(sorted) = &mut self.sorted {
            sorted.protect_up_to(self.up_to);
        }
    }

    /// Whether so many open callers are to be kept sorted and aren't.
    pub(super) const fn wants_order(&self, open: usize) -> bool {
        self.sorted.is_none() && open > FEW
    }

    /// Keep these open callers sorted from now on: key, stage and demand of each.
    pub(super) fn sort(&mut self, open: impl Iterator<Item = (CallerKey, usize, DemandId)>) {
        let mut sorted = Sorted::default();
        for (key, stage, demand) in open {
            sorted.insert(self.up_to, key, stage, demand);
        }
        self.sorted = Some(Box::new(sorted));
    }

    /// A caller is open now.
    pub(super) fn insert(&mut self, key: CallerKey, stage: usize, demand: DemandId) {
        if let Some(sorted) = &mut self.sorted {
            sorted.insert(self.up_to, key, stage, demand);
        }
    }

    /// A caller is no longer open; so many are.
    pub(super) fn remove(&mut self, key: &CallerKey, stage: usize, open: usize) {
        // Far enough from where they were sorted that somebody who comes and goes doesn't do so each time.
        if open <= FEW / 2 {
            self.sorted = None;
        } else if let Some(sorted) = &mut self.sorted {
            sorted.remove(key, stage);
        }
    }

    /// Nobody is open; what was passed over stays.
    pub(super) fn clear(&mut self) {
        self.sorted = None;
    }

    /// The protected open callers of each stage; None when they aren't sorted.
    pub(super) fn stages(&self) -> Option<&[ClassIndex<CallerKey>]> {
        self.sorted.as_ref().map(|sorted| sorted.stages.as_slice())
    }
}

impl Sorted {
    fn protect_up_to(&mut self, up_to: u64) {
        while let Some(first) = self.young.first_entry()
            && *first.key() <= up_to
        {
            let (key, stage, demand) = first.remove();
            self.protect(key, stage, demand);
        }
    }

    fn protect(&mut self, key: CallerKey, stage: usize, DemandId(demand): DemandId) {
        if self.stages.len() <= stage {
            self.stages.resize_with(stage + 1, ClassIndex::default);
        }
        if let Some(callers) = self.stages.get_mut(stage) {
            callers.insert(key, demand);
        }
    }

    fn insert(&mut self, up_to: u64, key: CallerKey, stage: usize, demand: DemandId) {
        if key.id <= up_to {
            self.protect(key, stage, demand);
        } else {
            self.young.insert(key.id, (key, stage, demand));
        }
    }

    fn remove(&mut self, key: &CallerKey, stage: usize) {
        if self.young.remove(&key.id).is_none()
            && let Some(callers) = self.stages.get_mut(stage)
        {
            callers.remove(key);
        }
    }
}

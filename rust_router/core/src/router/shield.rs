//! Who of a queue is protected from being overtaken once more; see `caps.rs` for the rule.

use std::collections::{BTreeMap, VecDeque};

use super::{CallerKey, ClassIndex, DemandId};

/// The protected open callers of one queue in order, and those who aren't by age. Empty without a cap.
///
/// Protection only grows while a cap stands, and each caller is moved once: O(log n) a caller.
#[derive(Debug, Default)]
pub(super) struct Shield {
    /// The newest caller's id at each of the last passings-over, as many as the cap; oldest first.
    passes: VecDeque<u64>,
    /// The protected ones by stage, as many stages as were needed.
    stages: Vec<ClassIndex<CallerKey>>,
    /// The others by id.
    young: BTreeMap<u64, (CallerKey, usize, DemandId)>,
}

impl Shield {
    /// With these passings-over, and nobody open.
    pub(super) fn after(passes: &[u64]) -> Self {
        Self {
            passes: passes.iter().copied().collect(),
            ..Self::default()
        }
    }

    pub(super) fn passes(&self) -> Vec<u64> {
        self.passes.iter().copied().collect()
    }

    /// Callers up to this id are protected.
    pub(super) fn up_to(&self, cap: Option<i64>) -> u64 {
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
        let up_to = self.up_to(cap);
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

    /// A caller is open now.
    pub(super) fn insert(
        &mut self,
        cap: Option<i64>,
        key: CallerKey,
        stage: usize,
        demand: DemandId,
    ) {
        if cap.is_none() {
            return;
        }
        if key.id <= self.up_to(cap) {
            self.protect(key, stage, demand);
        } else {
            self.young.insert(key.id, (key, stage, demand));
        }
    }

    /// A caller is no longer open.
    pub(super) fn remove(&mut self, key: &CallerKey, stage: usize) {
        if self.young.remove(&key.id).is_none()
            && let Some(callers) = self.stages.get_mut(stage)
        {
            callers.remove(key);
        }
    }

    /// Nobody is open; what was passed over stays.
    pub(super) fn clear(&mut self) {
        self.stages.clear();
        self.young.clear();
    }

    /// The protected open callers of each stage.
    pub(super) fn stages(&self) -> &[ClassIndex<CallerKey>] {
        &self.stages
    }
}

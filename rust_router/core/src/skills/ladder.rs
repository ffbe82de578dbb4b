//! Demands that become easier while a caller waits.

use std::sync::Arc;

use super::catalogue::{Skills, Steps};
use super::error::{Result, SkillError};
use super::{Demand, DemandId, LadderId, MAX_STEPS};
use crate::router::MAX_US;

/// Demands by waited time. Steps with the same demand are one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Ladder {
    steps: Box<[(i64, DemandId)]>,
}

impl Ladder {
    /// Check the steps' times, and that nothing follows `any`.
    pub(super) fn check(steps: &[(i64, bool)]) -> Result<()> {
        if steps.is_empty() || steps.len() > MAX_STEPS {
            return Err(SkillError::BadSteps);
        }
        let times = steps.iter().map(|(after_us, _)| *after_us);
        let ordered = times.clone().zip(times.clone().skip(1)).all(|(a, b)| a < b);
        let in_range = times.clone().next() == Some(0) && times.clone().all(|at| at <= MAX_US);
        if !ordered || !in_range {
            return Err(SkillError::StepOrder);
        }
        if steps.iter().rev().skip(1).any(|(_, any)| *any) {
            return Err(SkillError::AfterAny);
        }
        Ok(())
    }

    pub(super) fn new(steps: &[(i64, DemandId)]) -> Self {
        let mut steps = steps.to_vec();
        steps.dedup_by_key(|(_, demand)| *demand);
        Self {
            steps: steps.into(),
        }
    }

    /// What a caller demands who has waited so long. Less than nothing counts as nothing.
    #[must_use]
    pub fn current(&self, waited_us: i64) -> DemandId {
        let begun = self.begun(waited_us).max(1);
        self.steps
            .get(begun - 1)
            .map_or(DemandId::ANY, |(_, demand)| *demand)
    }

    /// The demand of the only step; None when there are more.
    pub(super) const fn only(&self) -> Option<DemandId> {
        match &*self.steps {
            [(_, demand)] => Some(*demand),
            _ => None,
        }
    }

    /// The waited time at which the demand next changes; None in the last step.
    #[must_use]
    pub fn next_step_us(&self, waited_us: i64) -> Option<i64> {
        self.steps
            .get(self.begun(waited_us).max(1))
            .map(|(after_us, _)| *after_us)
    }

    /// All steps: from when on, and what.
    #[must_use]
    pub fn steps(&self) -> &[(i64, DemandId)] {
        &self.steps
    }

    fn begun(&self, waited_us: i64) -> usize {
        self.steps
            .partition_point(|(after_us, _)| *after_us <= waited_us)
    }
}

impl Skills {
    /// The ladder of these steps (waited time from which on, demand), one more use counted.
    ///
    /// # Errors
    /// `BadSteps`, `StepOrder`, `AfterAny`, `Full`; nothing is changed then.
    pub fn put_ladder(&mut self, steps: &[(i64, &Demand)]) -> Result<LadderId> {
        let times: Vec<(i64, bool)> = steps
            .iter()
            .map(|(after_us, demand)| (*after_us, demand.is_any()))
            .collect();
        Ladder::check(&times)?;
        self.put_each(steps, |skills, demand| skills.put_parsed((*demand).clone()))
    }

    /// The same of demands as written. Texts in canonical form that are known cost one look-up each.
    ///
    /// # Errors
    /// `Demand`, `BadSteps`, `StepOrder`, `AfterAny`, `Full`; nothing is changed then.
    pub fn put_steps(&mut self, steps: &[(i64, &str)]) -> Result<LadderId> {
        if let [(0, "any")] = steps {
            return Ok(LadderId::ANY);
        }
        if let [(0, text)] = steps
            && let Some(id) = self.ladder_alone(text)
        {
            return Ok(self.use_ladder(id));
        }
        self.put_each(steps, Self::put_demand)
    }

    fn put_each<D: Copy>(
        &mut self,
        steps: &[(i64, D)],
        put: impl Fn(&mut Self, D) -> Result<DemandId>,
    ) -> Result<LadderId> {
        let mut numbered = Vec::with_capacity(steps.len().min(MAX_STEPS));
        for (after_us, demand) in steps.iter().take(MAX_STEPS + 1) {
            match put(self, *demand) {
                Ok(id) => numbered.push((*after_us, id)),
                Err(error) => {
                    self.drop_demands(&numbered)?;
                    return Err(error);
                }
            }
        }
        let times: Vec<(i64, bool)> = numbered
            .iter()
            .map(|(after_us, id)| (*after_us, *id == DemandId::ANY))
            .collect();
        if let Err(error) = Ladder::check(&times) {
            self.drop_demands(&numbered)?;
            return Err(error);
        }
        let ladder = Ladder::new(&numbered);
        // Steps that fell together count once.
        for (_, id) in ladder.steps() {
            self.use_demand(id.0);
        }
        self.drop_demands(&numbered)?;
        if let Some(id) = self.ladder_ids.get(&ladder).copied() {
            self.drop_demands(ladder.steps())?;
            return Ok(self.use_ladder(id));
        }
        Ok(LadderId(self.add_ladder(ladder)))
    }

    /// The ladder of one demand for ever.
    ///
    /// # Errors
    /// `Full`; nothing is changed then.
    pub fn put_single(&mut self, demand: &Demand) -> Result<LadderId> {
        self.put_ladder(&[(0, demand)])
    }

    fn drop_demands(&mut self, steps: &[(i64, DemandId)]) -> Result<()> {
        steps.iter().try_for_each(|(_, id)| self.drop_demand(*id))
    }

    fn use_ladder(&mut self, id: u32) -> LadderId {
        if let Some(steps) = self.ladders.get_mut(id) {
            steps.uses += 1;
        }
        LadderId(id)
    }

    pub(super) fn add_ladder(&mut self, ladder: Ladder) -> u32 {
        let ladder = Arc::new(ladder);
        let only = ladder.only();
        let id = self.ladders.insert(Steps {
            ladder: Arc::clone(&ladder),
            uses: 1,
            only,
        });
        self.ladder_ids.insert(ladder, id);
        if let Some(demand) = only {
            self.note_alone(demand, Some(id));
        }
        id
    }

    /// One use less; the last one frees the id and the demands.
    ///
    /// # Errors
    /// `UnknownLadder`.
    pub fn drop_ladder(&mut self, id: LadderId) -> Result<()> {
        let steps = self
            .ladders
            .get_mut(id.0)
            .ok_or(SkillError::UnknownLadder)?;
        if id == LadderId::ANY {
            return Ok(());
        }
        steps.uses -= 1;
        if steps.uses == 0
            && let Some(steps) = self.ladders.remove(id.0)
        {
            self.ladder_ids.remove(&steps.ladder);
            if let Some(demand) = steps.only {
                self.note_alone(demand, None);
            }
            self.drop_demands(steps.ladder.steps())?;
        }
        Ok(())
    }

    /// What a caller demands who has waited so long, and the waited time at which that next changes, if ever.
    ///
    /// # Errors
    /// `UnknownLadder`.
    pub fn demanded(&self, id: LadderId, waited_us: i64) -> Result<(DemandId, Option<i64>)> {
        let steps = self.ladders.get(id.0).ok_or(SkillError::UnknownLadder)?;
        Ok(match steps.only {
            Some(demand) => (demand, None),
            None => (
                steps.ladder.current(waited_us),
                steps.ladder.next_step_us(waited_us),
            ),
        })
    }

    /// A ladder in use.
    ///
    /// # Errors
    /// `UnknownLadder`.
    pub fn ladder(&self, id: LadderId) -> Result<&Ladder> {
        let steps = self.ladders.get(id.0).ok_or(SkillError::UnknownLadder)?;
        Ok(&steps.ladder)
    }
}

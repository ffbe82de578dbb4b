//! Questions to the rows: one pair, one side, or which classes of an index match.

use super::catalogue::Skills;
use super::error::{Result, SkillError};
use super::matching::Test;
use super::rows::{ProfileRow, Rows};
use super::set::IdSet;
use super::{DemandId, ProfileId};

impl Skills {
    /// Whether agents of a profile may serve callers of a demand. O(1) for small and dense sets, else O(log n).
    /// False for ids that nobody uses.
    #[must_use]
    pub fn matches(&self, profile: ProfileId, demand: DemandId) -> bool {
        self.rows.matches(profile.0, demand.0)
    }

    /// Whether both are in use.
    ///
    /// # Errors
    /// `UnknownProfile`, `UnknownDemand`.
    pub fn check(&self, profile: ProfileId, demand: DemandId) -> Result<()> {
        self.entries(profile)?;
        self.demand(demand).map(|_| ())
    }

    /// The profiles that meet a demand, for a [`super::ClassIndex`] of agents by profile.
    #[must_use]
    pub fn profiles_for(&self, demand: DemandId) -> Filter<'_> {
        let side = match self.rows.demand(demand.0) {
            None => Side::Nothing,
            Some(_) if demand == DemandId::ANY => Side::Everything,
            Some(row) => match &row.profiles {
                Some(profiles) => Side::Known(profiles),
                None => Side::Profiles(&row.test),
            },
        };
        Filter {
            rows: &self.rows,
            side,
        }
    }

    /// The demands that a profile meets, for a [`super::ClassIndex`] of callers by demand.
    #[must_use]
    pub fn demands_for(&self, profile: ProfileId) -> Filter<'_> {
        let side = match self.rows.profile(profile.0) {
            None => Side::Nothing,
            Some(row) => Side::Demands(profile.0, row),
        };
        Filter {
            rows: &self.rows,
            side,
        }
    }

    /// The profiles in use that meet a demand, in order of their ids.
    ///
    /// # Errors
    /// `UnknownDemand`.
    pub fn matching_profiles(&self, demand: DemandId) -> Result<Vec<ProfileId>> {
        self.demand(demand)?;
        let mut out = Vec::new();
        self.profiles_for(demand)
            .each_in(&self.rows.live, |id| out.push(ProfileId(id)));
        Ok(out)
    }

    /// The demands in use that a profile meets, in order of their ids.
    ///
    /// # Errors
    /// `UnknownProfile`.
    pub fn matching_demands(&self, profile: ProfileId) -> Result<Vec<DemandId>> {
        let row = self
            .rows
            .profile(profile.0)
            .ok_or(SkillError::UnknownProfile)?;
        let mut out: Vec<DemandId> = row
            .demands
            .iter()
            .chain(self.rows.broad.iter())
            .map(DemandId)
            .filter(|id| self.demand(*id).is_ok() && self.matches(profile, *id))
            .collect();
        out.sort_unstable();
        Ok(out)
    }

    /// Bytes of remembered matches.
    #[must_use]
    pub fn memo_bytes(&self) -> usize {
        self.rows.bytes
    }
}

/// Classes that match one profile or one demand.
#[derive(Debug, Clone, Copy)]
pub struct Filter<'a> {
    rows: &'a Rows,
    side: Side<'a>,
}

#[derive(Debug, Clone, Copy)]
enum Side<'a> {
    Everything,
    Nothing,
    /// Classes are profiles, and it is known which.
    Known(&'a IdSet),
    /// Classes are profiles, and each must be asked.
    Profiles(&'a Test),
    /// Classes are demands: the selective ones that a profile meets, and those of the broad ones that it does.
    Demands(u32, &'a ProfileRow),
}

impl Filter<'_> {
    /// Whether all classes match.
    #[must_use]
    pub const fn is_everything(&self) -> bool {
        matches!(self.side, Side::Everything)
    }

    /// No more classes than this match. O(1).
    #[must_use]
    pub const fn at_most(&self) -> usize {
        match self.side {
            Side::Everything | Side::Profiles(_) => usize::MAX,
            Side::Nothing => 0,
            Side::Known(classes) => classes.len(),
            Side::Demands(_, row) => row.demands.len() + self.rows.broad.len(),
        }
    }

    /// Whether one class matches.
    #[must_use]
    pub fn test(&self, class: u32) -> bool {
        match self.side {
            Side::Everything => true,
            Side::Nothing => false,
            Side::Known(classes) => classes.contains(class),
            Side::Profiles(test) => self
                .rows
                .profile(class)
                .is_some_and(|row| test.holds(&row.entries)),
            // Everybody meets `any`, which most callers demand.
            Side::Demands(_, _) if class == DemandId::ANY.0 => true,
            Side::Demands(profile, row) => self.rows.meets(profile, row, class),
        }
    }

    /// Visit the classes of a set that match, in no order.
    pub fn each_in(&self, classes: &IdSet, mut visit: impl FnMut(u32)) {
        match self.side {
            Side::Everything => classes.iter().for_each(visit),
            Side::Nothing => {}
            Side::Known(known) => known.each_common(classes, visit),
            Side::Profiles(_) => classes
                .iter()
                .filter(|class| self.test(*class))
                .for_each(visit),
            Side::Demands(profile, row) => {
                row.demands.each_common(classes, &mut visit);
                self.rows.broad.each_common(classes, |class| {
                    if self.rows.meets(profile, row, class) {
                        visit(class);
                    }
                });
            }
        }
    }
}

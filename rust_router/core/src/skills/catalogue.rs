//! Profiles, demands and ladders: who shares what, and for how long.

use std::collections::BTreeSet;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::error::{Result, SkillError};
use super::ladder::Ladder;
use super::matching::{Entry, Failing, Test, level_of};
use super::names::Names;
use super::pool::Pool;
use super::rows::Rows;
use super::{
    Demand, DemandId, MAX_DEMANDS, MAX_ENTRIES, MAX_LEVEL, MAX_PROFILES, MAX_SKILLS, ProfileId,
    is_skill_name,
};

/// So many demands that nobody has any more are remembered: the next caller often brings one of them.
/// Small in tests, so that small histories forget.
const MAX_IDLE: usize = if cfg!(test) { 4 } else { 4096 };

#[derive(Debug)]
struct Profile {
    entries: Arc<[Entry]>,
    uses: usize,
}

#[derive(Debug)]
struct Stored {
    demand: Demand,
    test: Arc<Test>,
    uses: usize,
    /// Place among the idle ones; meaningless while in use.
    idle: u64,
    /// The ladder of this demand for ever, as long as somebody has it.
    alone: Option<u32>,
}

#[derive(Debug)]
pub(super) struct Steps {
    pub(super) ladder: Arc<Ladder>,
    pub(super) uses: usize,
    /// The demand of the only step.
    pub(super) only: Option<DemandId>,
}

/// All skill sets and demands in use, and who matches whom.
///
/// Everything that is put is counted and must be dropped as often; equal things share one id.
#[derive(Debug)]
pub struct Skills {
    names: Names,
    profiles: Pool<Profile>,
    profile_ids: FxHashMap<Arc<[Entry]>, u32>,
    /// Skills of all profiles together.
    entries: usize,
    demands: Pool<Stored>,
    demand_ids: FxHashMap<Box<str>, u32>,
    /// Demands that nobody has, oldest first.
    idle: BTreeSet<(u64, u32)>,
    idle_count: u64,
    pub(super) ladders: Pool<Steps>,
    pub(super) ladder_ids: FxHashMap<Arc<Ladder>, u32>,
    pub(super) rows: Rows,
}

impl Default for Skills {
    fn default() -> Self {
        Self::new()
    }
}

impl Skills {
    /// Nothing but the empty profile, `any`, and the ladder of `any` alone.
    #[must_use]
    pub fn new() -> Self {
        Self::with_budget(super::rows::BUDGET)
    }

    /// As `new`, with so many bytes at most for remembered matches; beyond them each question is worked out.
    #[must_use]
    pub fn with_budget(bytes: usize) -> Self {
        let mut skills = Self {
            names: Names::default(),
            profiles: Pool::default(),
            profile_ids: FxHashMap::default(),
            entries: 0,
            demands: Pool::default(),
            demand_ids: FxHashMap::default(),
            idle: BTreeSet::new(),
            idle_count: 0,
            ladders: Pool::default(),
            ladder_ids: FxHashMap::default(),
            rows: Rows::new(bytes),
        };
        skills.add_profile(Arc::new([]));
        let any = Demand {
            text: "any".into(),
            expr: super::Expr::all(Vec::new()),
        };
        skills.add_demand(any, Test::All(Box::new([])));
        let ladder = Ladder::new(&[(0, DemandId::ANY)]);
        skills.add_ladder(ladder);
        skills
    }

    // Profiles.

    /// The profile of a set of skills, one more use counted. Level 0 is the same as not having the skill.
    ///
    /// # Errors
    /// `ManySkills`, `BadName`, `BadLevel`, `Twice`, `Full`; nothing is changed then.
    pub fn put_profile(&mut self, skills: &[(&str, i64)]) -> Result<ProfileId> {
        if skills.len() > MAX_SKILLS {
            return Err(SkillError::ManySkills);
        }
        for (name, level) in skills {
            if !is_skill_name(name) {
                return Err(SkillError::BadName);
            }
            if !(0..=i64::from(MAX_LEVEL)).contains(level) {
                return Err(SkillError::BadLevel);
            }
        }
        let mut entries = Vec::with_capacity(skills.len());
        let found = self.find_profile(skills, &mut entries);
        match found {
            Ok(Some(id)) => {
                self.release_names(&entries);
                if let Some(profile) = self.profiles.get_mut(id) {
                    profile.uses += 1;
                }
                Ok(ProfileId(id))
            }
            Ok(None) => Ok(ProfileId(self.add_profile(entries.into()))),
            Err(error) => {
                self.release_names(&entries);
                Err(error)
            }
        }
    }

    /// Number the names into `entries`, each counted once; give the profile if it is there.
    fn find_profile(
        &mut self,
        skills: &[(&str, i64)],
        entries: &mut Vec<Entry>,
    ) -> Result<Option<u32>> {
        for (name, level) in skills {
            entries.push(Entry {
                skill: self.names.acquire(name)?,
                level: u8::try_from(*level).map_err(|_| SkillError::BadLevel)?,
            });
        }
        entries.sort_unstable();
        let skills = entries.iter().map(|entry| entry.skill);
        if skills.clone().zip(skills.skip(1)).any(|(a, b)| a == b) {
            return Err(SkillError::Twice);
        }
        // Skills at level 0 are no part of the profile.
        let (kept, absent): (Vec<Entry>, Vec<Entry>) =
            entries.iter().partition(|entry| entry.level > 0);
        self.release_names(&absent);
        *entries = kept;
        if let Some(id) = self.profile_ids.get(entries.as_slice()) {
            return Ok(Some(*id));
        }
        if self.profiles.len() >= MAX_PROFILES {
            return Err(SkillError::Full("different skill sets"));
        }
        if self.entries + entries.len() > MAX_ENTRIES {
            return Err(SkillError::Full("skills of agents"));
        }
        Ok(None)
    }

    fn release_names(&mut self, entries: &[Entry]) {
        for entry in entries {
            self.names.release(entry.skill);
        }
    }

    fn add_profile(&mut self, entries: Arc<[Entry]>) -> u32 {
        self.entries += entries.len();
        let id = self.profiles.insert(Profile {
            entries: Arc::clone(&entries),
            uses: 1,
        });
        self.profile_ids.insert(Arc::clone(&entries), id);
        self.rows.add_profile(id, entries);
        id
    }

    /// One use less; the last one frees the id.
    ///
    /// # Errors
    /// `UnknownProfile`.
    pub fn drop_profile(&mut self, id: ProfileId) -> Result<()> {
        let profile = self
            .profiles
            .get_mut(id.0)
            .ok_or(SkillError::UnknownProfile)?;
        if id == ProfileId::NONE {
            return Ok(());
        }
        profile.uses -= 1;
        if profile.uses == 0
            && let Some(profile) = self.profiles.remove(id.0)
        {
            self.profile_ids.remove(&profile.entries);
            self.entries -= profile.entries.len();
            self.rows.remove_profile(id.0, &profile.entries);
            self.release_names(&profile.entries);
        }
        Ok(())
    }

    /// The skills of a profile with their levels, sorted by name.
    ///
    /// # Errors
    /// `UnknownProfile`.
    pub fn profile(&self, id: ProfileId) -> Result<Vec<(&str, u8)>> {
        let mut out: Vec<(&str, u8)> = self
            .entries(id)?
            .iter()
            .map(|entry| (self.names.text(entry.skill), entry.level))
            .collect();
        out.sort_unstable();
        Ok(out)
    }

    pub(super) fn entries(&self, id: ProfileId) -> Result<&[Entry]> {
        let profile = self.profiles.get(id.0).ok_or(SkillError::UnknownProfile)?;
        Ok(&profile.entries)
    }

    // Demands.

    /// Read a demand; its id, one more use counted. A text in canonical form that is known costs one look-up.
    ///
    /// # Errors
    /// `Demand`, `Full`; nothing is changed then.
    pub fn put_demand(&mut self, text: &str) -> Result<DemandId> {
        match self.demand_ids.get(text).copied() {
            Some(id) => Ok(self.use_demand(id)),
            None => self.put_parsed(Demand::parse(text)?),
        }
    }

    /// The id of a demand that was read, one more use counted.
    ///
    /// # Errors
    /// `Full`; nothing is changed then.
    pub fn put_parsed(&mut self, demand: Demand) -> Result<DemandId> {
        if let Some(id) = self.demand_ids.get(demand.as_str()).copied() {
            return Ok(self.use_demand(id));
        }
        if self.demands.len() - self.idle.len() >= MAX_DEMANDS {
            return Err(SkillError::Full("different demands"));
        }
        let mut numbered = Vec::new();
        let names = &mut self.names;
        let test = Test::new(&demand.expr, &mut |name| {
            let id = names.acquire(name)?;
            numbered.push(id);
            Ok(id)
        });
        match test {
            Ok(test) => Ok(DemandId(self.add_demand(demand, test))),
            Err(error) => {
                for id in numbered {
                    self.names.release(id);
                }
                Err(error)
            }
        }
    }

    pub(super) fn use_demand(&mut self, id: u32) -> DemandId {
        if let Some(stored) = self.demands.get_mut(id) {
            if stored.uses == 0 {
                self.idle.remove(&(stored.idle, id));
            }
            stored.uses += 1;
        }
        DemandId(id)
    }

    /// The ladder of a demand as written, when it is known and somebody has it for ever.
    pub(super) fn ladder_alone(&self, text: &str) -> Option<u32> {
        let demand = self.demand_ids.get(text)?;
        self.demands.get(*demand)?.alone
    }

    /// Note the ladder that has a demand for ever.
    pub(super) fn note_alone(&mut self, demand: DemandId, ladder: Option<u32>) {
        if let Some(stored) = self.demands.get_mut(demand.0) {
            stored.alone = ladder;
        }
    }

    fn add_demand(&mut self, demand: Demand, test: Test) -> u32 {
        let test = Arc::new(test);
        let canonical = demand.text.clone();
        let id = self.demands.insert(Stored {
            demand,
            test: Arc::clone(&test),
            uses: 1,
            idle: 0,
            alone: None,
        });
        self.demand_ids.insert(canonical, id);
        self.rows.add_demand(id, test);
        id
    }

    /// One use less. After the last one the id is gone, or given again to an equal demand.
    ///
    /// # Errors
    /// `UnknownDemand`.
    pub fn drop_demand(&mut self, id: DemandId) -> Result<()> {
        self.stored(id)?;
        if id == DemandId::ANY {
            return Ok(());
        }
        let Some(stored) = self.demands.get_mut(id.0) else {
            return Err(SkillError::UnknownDemand);
        };
        stored.uses -= 1;
        if stored.uses > 0 {
            return Ok(());
        }
        stored.idle = self.idle_count;
        self.idle.insert((self.idle_count, id.0));
        self.idle_count += 1;
        if self.idle.len() > MAX_IDLE
            && let Some((_, oldest)) = self.idle.pop_first()
        {
            self.forget_demand(oldest);
        }
        Ok(())
    }

    fn forget_demand(&mut self, id: u32) {
        if let Some(stored) = self.demands.remove(id) {
            self.demand_ids.remove(&stored.demand.text);
            self.rows.remove_demand(id);
            stored
                .test
                .each_skill(&mut |skill| self.names.release(skill));
        }
    }

    /// A demand in use.
    ///
    /// # Errors
    /// `UnknownDemand`.
    pub fn demand(&self, id: DemandId) -> Result<&Demand> {
        Ok(&self.stored(id)?.demand)
    }

    fn stored(&self, id: DemandId) -> Result<&Stored> {
        self.demands
            .get(id.0)
            .filter(|stored| stored.uses > 0)
            .ok_or(SkillError::UnknownDemand)
    }

    // Why not.

    /// The first operand of the demand, in canonical order, that the profile doesn't meet; None when it meets
    /// the demand. For people: works it out anew.
    ///
    /// # Errors
    /// `UnknownProfile`, `UnknownDemand`.
    pub fn explain(&self, profile: ProfileId, demand: DemandId) -> Result<Option<Failing>> {
        let entries = self.entries(profile)?;
        let expr = &self.stored(demand)?.demand.expr;
        Ok(Failing::of(expr, &|name| {
            self.names
                .find(name)
                .map_or(0, |skill| level_of(entries, skill))
        }))
    }

    /// Names, profiles, demands and ladders in use, demands remembered for the next caller included.
    #[must_use]
    pub fn sizes(&self) -> [usize; 4] {
        let Self {
            names,
            profiles,
            demands,
            ladders,
            ..
        } = self;
        [names.len(), profiles.len(), demands.len(), ladders.len()]
    }
}

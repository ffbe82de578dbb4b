//! Who matches whom, kept as sets while profiles and demands come and go.
//!
//! Each demand has the set of profiles that meet it. A *selective* demand, met by few, is also in the set of
//! each of these profiles; a *broad* one, met by many, would cost too much there and is found quickly without.
//! A new demand is worked out by whole sets (or by asking the few that have a skill it needs), a new profile
//! is shown only to demands that need one of its skills, and to those that need none.

use std::sync::Arc;

use super::DemandId;
use super::expr::{ABSENT, Levels};
use super::matching::{Entry, Test};
use super::set::IdSet;

/// Bytes that the remembered matches may take.
pub(super) const BUDGET: usize = 128 << 20;
// Some are small in tests, so that small histories go all ways.

/// A demand that so many profiles meet is never broad…
const NEVER_BROAD: usize = if cfg!(test) { 3 } else { 64 };
/// …one that more meet always is…
const ALWAYS_BROAD: usize = 2048;
/// …and between them one that more than this part of all profiles meet.
const BROAD_PART: usize = 16;
/// A demand of so many terms is worked out for one profile sooner than a set is read from memory.
const SHORT: usize = if cfg!(test) { 1 } else { 4 };
/// Asking one profile costs about as much as so many words of whole sets.
const ASK_WORDS: usize = if cfg!(test) { 1 } else { 8 };

/// Who has a skill, and which demands wait for somebody who has it.
#[derive(Debug, Default)]
struct Posting {
    levels: Vec<(u8, IdSet)>,
    count: usize,
    anchored: IdSet,
}

#[derive(Debug)]
pub(super) struct ProfileRow {
    pub(super) entries: Arc<[Entry]>,
    /// The selective demands that it meets.
    pub(super) demands: IdSet,
}

#[derive(Debug)]
pub(super) struct DemandRow {
    pub(super) test: Arc<Test>,
    anchor: Option<Vec<u32>>,
    /// The profiles that meet it; None when there was no room: each question is worked out.
    pub(super) profiles: Option<IdSet>,
    broad: bool,
    short: bool,
}

#[derive(Debug, Default)]
pub(super) struct Rows {
    /// By number of the skill.
    postings: Vec<Posting>,
    profiles: Vec<Option<ProfileRow>>,
    demands: Vec<Option<DemandRow>>,
    pub(super) live: IdSet,
    pub(super) broad: IdSet,
    /// Demands that a profile without skills could meet.
    unanchored: IdSet,
    demand_count: usize,
    pub(super) bytes: usize,
    budget: usize,
}

/// Put an item where its number says.
fn place<T>(items: &mut Vec<Option<T>>, id: u32, item: T) {
    let at = id as usize;
    if at >= items.len() {
        items.resize_with(at + 1, || None);
    }
    if let Some(place) = items.get_mut(at) {
        *place = Some(item);
    }
}

/// Change a set and the count of bytes with it.
fn counted(bytes: &mut usize, set: &mut IdSet, change: impl FnOnce(&mut IdSet) -> bool) {
    let before = set.bytes();
    if change(set) {
        *bytes = (*bytes + set.bytes()).saturating_sub(before);
    }
}

impl Rows {
    pub(super) fn new(budget: usize) -> Self {
        Self {
            budget,
            ..Self::default()
        }
    }

    pub(super) fn profile(&self, id: u32) -> Option<&ProfileRow> {
        self.profiles.get(id as usize)?.as_ref()
    }

    pub(super) fn demand(&self, id: u32) -> Option<&DemandRow> {
        self.demands.get(id as usize)?.as_ref()
    }

    fn posting(&mut self, skill: u32) -> Option<&mut Posting> {
        let at = skill as usize;
        if at >= self.postings.len() {
            self.postings.resize_with(at + 1, Posting::default);
        }
        self.postings.get_mut(at)
    }

    fn anchors(&mut self, anchor: Option<&[u32]>, change: impl Fn(&mut IdSet)) {
        let Some(skills) = anchor else {
            return change(&mut self.unanchored);
        };
        for skill in skills {
            if let Some(posting) = self.posting(*skill) {
                change(&mut posting.anchored);
            }
        }
    }

    fn is_broad(&self, matches: usize) -> bool {
        matches > (self.live.len() / BROAD_PART).clamp(NEVER_BROAD, ALWAYS_BROAD)
    }

    // Profiles.

    pub(super) fn add_profile(&mut self, id: u32, entries: Arc<[Entry]>) {
        self.live.insert(id);
        for entry in entries.iter() {
            if let Some(posting) = self.posting(entry.skill) {
                posting.count += 1;
                match posting
                    .levels
                    .binary_search_by_key(&entry.level, |level| level.0)
                {
                    Ok(at) => {
                        if let Some((_, set)) = posting.levels.get_mut(at) {
                            set.insert(id);
                        }
                    }
                    Err(at) => posting
                        .levels
                        .insert(at, (entry.level, IdSet::from_iter([id]))),
                }
            }
        }
        let met: Vec<u32> = self
            .candidates(&entries)
            .into_iter()
            .filter(|demand| {
                self.demand(*demand)
                    .is_some_and(|row| row.test.holds(&entries))
            })
            .collect();
        let row = ProfileRow {
            entries,
            demands: IdSet::default(),
        };
        place(&mut self.profiles, id, row);
        for demand in met {
            self.link(id, demand);
        }
    }

    /// The demands that could be met by a profile with these skills.
    fn candidates(&self, entries: &[Entry]) -> Vec<u32> {
        let mut found: Vec<u32> = self.unanchored.iter().collect();
        for entry in entries {
            if found.len() > self.demand_count {
                // One demand can wait for several skills: then all of them once are fewer.
                return (0..)
                    .zip(&self.demands)
                    .filter_map(|(id, row)| row.as_ref().map(|_| id))
                    .collect();
            }
            if let Some(posting) = self.postings.get(entry.skill as usize) {
                found.extend(posting.anchored.iter());
            }
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    fn link(&mut self, profile: u32, id: u32) {
        let Some(Some(row)) = self.demands.get_mut(id as usize) else {
            return;
        };
        let Some(profiles) = &mut row.profiles else {
            return;
        };
        counted(&mut self.bytes, profiles, |set| set.insert(profile));
        let (matches, selective) = (profiles.len(), !row.broad);
        if selective && let Some(Some(row)) = self.profiles.get_mut(profile as usize) {
            counted(&mut self.bytes, &mut row.demands, |set| set.insert(id));
        }
        let full = self.bytes > self.budget;
        if selective && (full || self.is_broad(matches)) {
            self.widen(id);
        }
        if full && let Some(Some(row)) = self.demands.get_mut(id as usize) {
            self.bytes -= row.profiles.take().map_or(0, |set| set.bytes());
        }
    }

    /// A selective demand becomes broad.
    fn widen(&mut self, id: u32) {
        self.unlink(id);
        if let Some(Some(row)) = self.demands.get_mut(id as usize) {
            row.broad = true;
            self.broad.insert(id);
        }
    }

    /// Take a selective demand out of its profiles' sets.
    fn unlink(&mut self, id: u32) {
        if let Some(Some(row)) = self.demands.get(id as usize) {
            for profile in row.profiles.iter().flat_map(IdSet::iter) {
                if let Some(Some(profile)) = self.profiles.get_mut(profile as usize) {
                    counted(&mut self.bytes, &mut profile.demands, |set| set.remove(id));
                }
            }
        }
    }

    pub(super) fn remove_profile(&mut self, id: u32, entries: &[Entry]) {
        self.live.remove(id);
        for entry in entries {
            if let Some(posting) = self.posting(entry.skill)
                && let Ok(at) = posting
                    .levels
                    .binary_search_by_key(&entry.level, |level| level.0)
                && let Some((_, set)) = posting.levels.get_mut(at)
            {
                posting.count -= usize::from(set.remove(id));
                if set.is_empty() {
                    posting.levels.remove(at);
                }
            }
        }
        let Some(row) = self.profiles.get_mut(id as usize).and_then(Option::take) else {
            return;
        };
        self.bytes -= row.demands.bytes();
        for demand in row.demands.iter().chain(self.broad.iter()) {
            if let Some(Some(row)) = self.demands.get_mut(demand as usize)
                && let Some(profiles) = &mut row.profiles
            {
                counted(&mut self.bytes, profiles, |set| set.remove(id));
            }
        }
    }

    // Demands.

    pub(super) fn add_demand(&mut self, id: u32, test: Arc<Test>) {
        let count = |skill| {
            let posting = self.postings.get(skill as usize);
            posting.map_or(0, |posting: &Posting| posting.count)
        };
        let anchor = test.anchor(&count);
        // Everybody meets `any`: no set is needed.
        let known = id != DemandId::ANY.0;
        let profiles = known.then(|| self.who_meets(&test, anchor.as_ref()));
        let profiles = profiles.filter(|set| self.bytes + set.bytes() <= self.budget);
        let broad = profiles.as_ref().is_none_or(|set| self.is_broad(set.len()));
        let anchor = anchor.map(|(_, mut skills)| {
            skills.sort_unstable();
            skills.dedup();
            skills
        });
        self.anchors(anchor.as_deref(), |set| {
            set.insert(id);
        });
        if let Some(set) = &profiles {
            self.bytes += set.bytes();
            if !broad {
                for profile in set.iter() {
                    if let Some(Some(row)) = self.profiles.get_mut(profile as usize) {
                        counted(&mut self.bytes, &mut row.demands, |set| set.insert(id));
                    }
                }
            }
        }
        if broad {
            self.broad.insert(id);
        }
        let row = DemandRow {
            short: test.terms() <= SHORT,
            test,
            anchor,
            profiles,
            broad,
        };
        place(&mut self.demands, id, row);
        self.demand_count += 1;
    }

    pub(super) fn remove_demand(&mut self, id: u32) {
        if !self.broad.remove(id) {
            self.unlink(id);
        }
        if let Some(row) = self.demands.get_mut(id as usize).and_then(Option::take) {
            self.bytes -= row.profiles.map_or(0, |set| set.bytes());
            self.demand_count -= 1;
            self.anchors(row.anchor.as_deref(), |set| {
                set.remove(id);
            });
        }
    }

    fn who_meets(&self, test: &Test, anchor: Option<&(usize, Vec<u32>)>) -> IdSet {
        let words = self.profiles.len().div_ceil(64);
        if let Some((cost, skills)) = anchor
            && *cost * ASK_WORDS <= words * test.terms()
        {
            let postings = skills
                .iter()
                .filter_map(|skill| self.postings.get(*skill as usize));
            let mut found: Vec<u32> = postings
                .flat_map(|posting| &posting.levels)
                .flat_map(|(_, set)| set.iter())
                .filter(|id| {
                    self.profile(*id)
                        .is_some_and(|row| test.holds(&row.entries))
                })
                .collect();
            found.sort_unstable();
            return found.into_iter().collect();
        }
        IdSet::from_words(self.fill(test, words))
    }

    /// The profiles that meet a test, as bits.
    fn fill(&self, test: &Test, words: usize) -> Vec<u64> {
        let mut out = vec![0; words];
        match test {
            Test::Level { skill, levels } => self.fill_level(*skill, *levels, &mut out),
            Test::All(parts) => {
                self.live.add_to(&mut out);
                for part in parts {
                    if out.iter().all(|word| *word == 0) {
                        break;
                    }
                    for (word, also) in out.iter_mut().zip(self.fill(part, words)) {
                        *word &= also;
                    }
                }
            }
            Test::One(parts) => {
                for part in parts {
                    for (word, more) in out.iter_mut().zip(self.fill(part, words)) {
                        *word |= more;
                    }
                }
            }
        }
        out
    }

    fn fill_level(&self, skill: u32, levels: Levels, out: &mut [u64]) {
        let absent_too = levels & ABSENT != 0;
        if let Some(posting) = self.postings.get(skill as usize) {
            for (level, set) in &posting.levels {
                if (levels >> level & 1 == 0) == absent_too {
                    set.add_to(out);
                }
            }
        }
        if absent_too {
            let mut live = vec![0; out.len()];
            self.live.add_to(&mut live);
            for (word, live) in out.iter_mut().zip(live) {
                *word = live & !*word;
            }
        }
    }

    pub(super) fn matches(&self, profile: u32, demand: u32) -> bool {
        let skills = self.profile(profile);
        skills.is_some_and(|skills| self.meets(profile, skills, demand))
    }

    /// The same for a profile that was looked up.
    pub(super) fn meets(&self, profile: u32, skills: &ProfileRow, demand: u32) -> bool {
        let Some(row) = self.demand(demand) else {
            return false;
        };
        match &row.profiles {
            _ if row.short => row.test.holds(&skills.entries),
            _ if !row.broad => skills.demands.contains(demand),
            Some(profiles) => profiles.contains(profile),
            None => row.test.holds(&skills.entries),
        }
    }
}

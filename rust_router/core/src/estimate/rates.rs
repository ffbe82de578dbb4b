//! Measured rates: entries into service, abandonment, handling time. Each forgets, none grows.

use super::bytes::Reader;
use super::error::Result;
use super::lengths::{Lengths, Seen};

/// Memories, in entries, among which the entry rate is chosen. The shortest sees a change after a few dozen
/// calls; the longest keeps the error of a steady rate near 1/√(2·6400), 0.9 %, small beside chance.
const MEMORIES: [f64; 7] = [50.0, 100.0, 200.0, 400.0, 1000.0, 2500.0, 6400.0];
/// How many standard errors a shorter memory must differ before it is believed: 3.3 happen by chance in one look
/// of a thousand. A change of 10 % is seen within a thousand entries, one by half within some sixty.
const CONTRADICTION: f64 = 3.3;
/// Entries after which the handling time is no longer needed to guess the entry rate.
const OWN_EVIDENCE: f64 = 40.0;
/// Memory of the handling time, in calls.
const SERVICE_MEMORY: f64 = 400.0;
/// Memory of abandonment, in callers who left the queue.
const PATIENCE_MEMORY: f64 = 3200.0;
/// Abandoned calls that halve the belief in them: a wrong "they give up" makes announcements too short.
const PATIENCE_DOUBT: f64 = 4.0;

/// Weighted events against weighted exposure. The newest event weighs 1.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Fading {
    events: f64,
    exposure: f64,
    /// Sum of squared weights: `events² / squares` is the number of independent events.
    squares: f64,
}

impl Fading {
    fn fade(&mut self, memory: f64) {
        let keep = 1.0 - 1.0 / memory;
        self.events *= keep;
        self.exposure *= keep;
        self.squares *= keep * keep;
    }

    fn note(&mut self, memory: f64, exposure: f64) {
        self.fade(memory);
        self.events += 1.0;
        self.squares += 1.0;
        self.exposure += exposure;
    }

    /// With what has passed since the last event.
    fn seen(&self, open: f64) -> Seen {
        Seen {
            events: self.events,
            squares: self.squares,
            exposure: self.exposure + open,
        }
    }

    fn numbers(&self) -> [f64; 3] {
        [self.events, self.exposure, self.squares]
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self> {
        Ok(Self {
            events: reader.sum()?,
            exposure: reader.sum()?,
            squares: reader.sum()?,
        })
    }

    /// How many events it stands on.
    fn size(&self) -> f64 {
        if self.squares > 0.0 {
            self.events * self.events / self.squares
        } else {
            0.0
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "sixteen digits of an exposure")]
fn seconds(us: u64) -> f64 {
    us as f64 / 1e6
}

/// A rate and the number of events that it stands on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Rate {
    pub per_s: f64,
    pub events: f64,
}

/// Entries into service for each second of a staffed agent, while callers waited and nobody was free. In a queue
/// with its own agents this is the service rate; where agents are shared, ring, or tidy up, it is what is left
/// for this queue. Pauses change the staffing, not this.
///
/// What the passing of time changes stands first.
#[derive(Debug, Clone, Default, PartialEq)]
#[repr(C)]
pub(crate) struct EntryRate {
    /// Agent-microseconds since the last entry. Whole, so that it doesn't matter how often time is told.
    pub(super) open_us: u64,
    lengths: Lengths<{ MEMORIES.len() }>,
    memories: [Fading; MEMORIES.len()],
    /// All entries so far.
    entries: f64,
}

impl EntryRate {
    pub(super) fn numbers(&self) -> impl Iterator<Item = f64> {
        let memories = self.memories.iter().flat_map(Fading::numbers);
        memories.chain([self.entries])
    }

    /// What [`EntryRate::numbers`] gave.
    pub(super) fn read(&mut self, reader: &mut Reader<'_>) -> Result<()> {
        for fading in &mut self.memories {
            *fading = Fading::read(reader)?;
        }
        self.entries = reader.sum()?;
        Ok(())
    }

    pub(super) fn lengths(&self) -> &Lengths<{ MEMORIES.len() }> {
        &self.lengths
    }

    pub(super) fn lengths_mut(&mut self) -> &mut Lengths<{ MEMORIES.len() }> {
        &mut self.lengths
    }

    /// The lengths of the queue were not kept.
    pub(super) fn lengths_unknown(&mut self, waiting: u32) {
        let memories = self.memories.map(|fading| fading.seen(0.0));
        self.lengths.unknown(waiting, self.open_us, memories);
    }

    /// So much agent time has passed while so many waited.
    pub(crate) fn expose(&mut self, agent_us: u64, waiting: u32) {
        self.open_us = self.open_us.saturating_add(agent_us);
        self.lengths.open.expose(agent_us, waiting);
    }

    /// Somebody of so many who waited enters service.
    pub(crate) fn note(&mut self, waiting: u32) {
        let exposure = seconds(self.open_us);
        for (fading, memory) in self.memories.iter_mut().zip(MEMORIES) {
            fading.note(memory, exposure);
        }
        self.lengths.note(MEMORIES, waiting);
        self.open_us = 0;
        self.entries += 1.0;
    }

    /// The rate while `length` callers wait; `more_us`: agent-microseconds that have passed with so many as
    /// `waiting` and were not told.
    pub(crate) fn rate_at(
        &self,
        service: Option<Rate>,
        (more_us, waiting): (u64, u32),
        length: f64,
    ) -> Option<Rate> {
        let (rate, memory) = self.chosen(service, more_us)?;
        let open_s = seconds(self.open_us.saturating_add(more_us));
        let exposure = self.memories.get(memory)?.exposure + open_s;
        let longest = self.memories.last()?.seen(open_s);
        let mut open = self.lengths.open;
        open.expose(more_us, waiting);
        let factor = self
            .lengths
            .factor((memory, exposure), longest, open, length);
        Some(Rate {
            per_s: rate.per_s * factor,
            ..rate
        })
    }

    /// The mean rate.
    pub(crate) fn rate(&self, service: Option<Rate>) -> Option<Rate> {
        self.chosen(service, 0).map(|(rate, _)| rate)
    }

    /// The rate by the longest memory that no shorter one contradicts, and which that is; helped by the service
    /// rate at first. `more_us`: agent-microseconds that have passed and were not told.
    fn chosen(&self, service: Option<Rate>, more_us: u64) -> Option<(Rate, usize)> {
        let open_s = seconds(self.open_us.saturating_add(more_us));
        // Until there are enough entries, pretend that some happened at the service rate.
        let (given, given_s) = match service {
            Some(rate) if self.entries < OWN_EVIDENCE => {
                let events = rate.events.min(OWN_EVIDENCE - self.entries);
                (events, events / rate.per_s)
            }
            _ => (0.0, 0.0),
        };
        let mut chosen: Option<(Rate, usize)> = None;
        let mut shorter = [(0.0, 0.0); MEMORIES.len()];
        for (fading, seen) in self.memories.iter().zip(0..MEMORIES.len()) {
            let exposure = fading.exposure + open_s + given_s;
            let events = fading.events + given;
            if events <= 0.0 || exposure <= 0.0 {
                return None;
            }
            let size = fading.size() + given;
            let level = (events / exposure).ln();
            let contradicted = shorter
                .iter()
                .take(seen)
                .any(|&(other, error): &(f64, f64)| (other - level).abs() > CONTRADICTION * error);
            if contradicted {
                break;
            }
            if let Some(place) = shorter.get_mut(seen) {
                *place = (level, size.sqrt().recip());
            }
            let rate = Rate {
                per_s: events / exposure,
                events: size,
            };
            chosen = Some((rate, seen));
        }
        chosen
    }
}

/// Calls ended for each second that they held an agent.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct ServiceRate(Fading);

impl ServiceRate {
    pub(super) fn numbers(&self) -> [f64; 3] {
        self.0.numbers()
    }

    pub(super) fn read(&mut self, reader: &mut Reader<'_>) -> Result<()> {
        self.0 = Fading::read(reader)?;
        Ok(())
    }

    pub(crate) fn note(&mut self, seconds: f64) {
        self.0.note(SERVICE_MEMORY, seconds);
    }

    pub(crate) fn rate(&self) -> Option<Rate> {
        (self.0.exposure > 0.0).then(|| Rate {
            per_s: self.0.events / self.0.exposure,
            events: self.0.size(),
        })
    }
}

/// Abandoned calls for each second of waiting.
#[derive(Debug, Clone, Default, PartialEq)]
#[repr(C)]
pub(crate) struct Abandonment {
    seen: Fading,
    /// Caller-microseconds since the last caller left the queue.
    pub(super) open_us: u64,
}

impl Abandonment {
    pub(super) fn numbers(&self) -> [f64; 3] {
        self.seen.numbers()
    }

    pub(super) fn read(&mut self, reader: &mut Reader<'_>) -> Result<()> {
        self.seen = Fading::read(reader)?;
        Ok(())
    }

    pub(crate) fn expose(&mut self, waiting_us: u64) {
        self.open_us = self.open_us.saturating_add(waiting_us);
    }

    pub(crate) fn note(&mut self, abandoned: bool) {
        self.seen.fade(PATIENCE_MEMORY);
        self.seen.exposure += seconds(self.open_us);
        self.open_us = 0;
        if abandoned {
            self.seen.events += 1.0;
            self.seen.squares += 1.0;
        }
    }

    /// A second; smaller than observed while few gave up. `more_us`: waiting that was not told.
    pub(crate) fn per_s(&self, more_us: u64) -> f64 {
        let exposure = self.seen.exposure + seconds(self.open_us.saturating_add(more_us));
        if exposure <= 0.0 {
            return 0.0;
        }
        let belief = self.seen.events / (self.seen.events + PATIENCE_DOUBT);
        belief * self.seen.events / exposure
    }
}

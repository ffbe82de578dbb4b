//! The expected wait: what each queue's estimator is told, and what it answers.
//!
//! The estimator measures how often somebody of the queue enters service while callers are kept waiting. That
//! holds agents of several queues, skills, breaks and ringing in it, each with the part that this queue gets.
//! A caller is kept waiting while nobody rings for them, or while nobody is free after that was so.

use crate::estimate::{End, Estimate, Estimator, Rates, Score, Ticket};

use super::{Offer, Queue, Result, Router};

/// No queue is so long; a longer one's estimate would be years anyway.
pub(super) fn small(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

impl Queue {
    /// Tell how the queue stands from now on: who takes calls, who is free, for whom nobody rings. To be called
    /// when one of these has become none or more than none, or the first has changed.
    pub(super) fn tell(&mut self, now_us: i64) {
        // It asks for none or some; how many there were at the last call would be an accident.
        let free = u32::from(self.ready.len() > 0);
        self.estimator
            .line(now_us, self.takers, free, self.unserved);
    }

    /// The estimator as it stands at this moment, when so many are ready: the same for all who were told the same,
    /// however often.
    pub(super) fn told(&self, now_us: i64, ready: usize) -> Estimator {
        let mut estimator = self.estimator.clone();
        let free = u32::from(ready > 0);
        estimator.line(now_us, self.takers, free, self.unserved);
        estimator
    }
}

impl Router {
    /// A caller has just got a place in the queue.
    pub(super) fn expect(&mut self, slot: u32) -> Result<()> {
        let caller = self.callers.get_mut(slot)?;
        let queue = self.queues.get_mut(caller.queue)?;
        // Who might be served at once needs no estimate.
        let kept = queue.unserved > 0 || queue.ready.len() == 0;
        let ahead = if kept {
            queue.waiting.place(&caller.key).unwrap_or_default()
        } else {
            0
        };
        queue.estimator.pass(self.now_us);
        caller.ticket = queue.estimator.join(small(ahead), kept);
        Ok(())
    }

    /// So many phones ring for a caller.
    pub(super) fn expect_offers(&mut self, slot: u32, offers: usize) -> Result<()> {
        let caller = self.callers.get_mut(slot)?;
        let unserved = offers == 0;
        if unserved == caller.unserved {
            return Ok(());
        }
        caller.unserved = unserved;
        let queue = self.queues.get_mut(caller.queue)?;
        if unserved {
            queue.unserved += 1;
        } else {
            queue.unserved -= 1;
        }
        queue.tell(self.now_us);
        if !unserved {
            queue.estimator.offered(&mut caller.ticket);
        }
        Ok(())
    }

    /// A caller's wait in the queue is over.
    pub(super) fn expect_over(&mut self, slot: u32, how: End) -> Result<()> {
        let caller = self.callers.get_mut(slot)?;
        let queue = self.queues.get_mut(caller.queue)?;
        if std::mem::take(&mut caller.unserved) {
            queue.unserved -= 1;
        }
        queue.tell(self.now_us);
        let ticket = std::mem::replace(&mut caller.ticket, Ticket::NONE);
        queue.estimator.over(&ticket, how);
        Ok(())
    }

    /// A conversation has held its agent since the offer, and will until the wrap-up that is planned is over.
    pub(super) fn expect_held(&mut self, offer: &Offer, wrap_up_us: i64) {
        let (slot, id) = offer.queue;
        // The slot may be another queue's by now, or nobody's.
        if self.queues.id(slot) == Ok(id)
            && let Ok(queue) = self.queues.get_mut(slot)
        {
            queue
                .estimator
                .held((self.now_us - offer.made_us).max(0) + wrap_up_us);
        }
    }

    /// How long somebody who came now would wait, as a range; None: not known.
    ///
    /// # Errors
    /// `UnknownQueue`, `OutOfRange`.
    pub fn expected_wait(&self, now_us: i64, queue: u64) -> Result<Option<Estimate>> {
        Self::check_time(now_us)?;
        let slot = self.queue_slot(queue)?;
        let queue = self.queues.get(slot)?;
        if self.serves_at_once(slot)? {
            return Ok(Some(Estimate::NOW));
        }
        let now_us = now_us.max(self.now_us);
        Ok(queue.estimator.ask(now_us, small(queue.waiting.len())))
    }

    /// How long a caller will wait from now on, as a range; None: not known.
    ///
    /// # Errors
    /// `UnknownCaller`, `OutOfRange`.
    pub fn expected_wait_of(&self, now_us: i64, caller: u64) -> Result<Option<Estimate>> {
        Self::check_time(now_us)?;
        let caller = self.callers.get(self.caller_slot(caller)?)?;
        let queue = self.queues.get(caller.queue)?;
        let ahead = queue.waiting.place(&caller.key).unwrap_or_default();
        Ok(queue.estimator.ask(now_us.max(self.now_us), small(ahead)))
    }

    /// How good the queue's answers were, those not given included.
    ///
    /// # Errors
    /// `UnknownQueue`.
    pub fn wait_score(&self, queue: u64) -> Result<Score> {
        Ok(self.queues.get(self.queue_slot(queue)?)?.estimator.score())
    }

    /// What was measured in the queue.
    ///
    /// # Errors
    /// `UnknownQueue`.
    pub fn wait_rates(&self, queue: u64) -> Result<Rates> {
        Ok(self.queues.get(self.queue_slot(queue)?)?.estimator.rates())
    }
}

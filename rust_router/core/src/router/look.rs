//! What others look at: who changed, and copies that can be asked while the router goes on.

use super::expect::small;
use super::{Result, Router};
use crate::estimate::{Estimate, Estimator, Score};

/// A copy of what is known of one queue. It answers as the router would, had nothing happened since.
#[derive(Debug, Clone)]
pub struct QueueView {
    /// Callers in the queue, bridged ones excepted.
    pub waiting: usize,
    /// Agents who aren't logged out.
    pub staffed: usize,
    /// Agents who could take a call this instant.
    pub can_serve: usize,
    /// Who came now would be served at once.
    at_once: bool,
    now_us: i64,
    estimator: Estimator,
}

impl QueueView {
    /// How long somebody who came now would wait, as a range; None: not known.
    ///
    /// # Errors
    /// `OutOfRange`.
    pub fn expected_wait(&self, now_us: i64) -> Result<Option<Estimate>> {
        if self.at_once {
            Router::check_time(now_us)?;
            return Ok(Some(Estimate::NOW));
        }
        self.expected_wait_behind(now_us, self.waiting)
    }

    /// How long a caller with so many ahead will wait from now on, as a range; None: not known.
    ///
    /// # Errors
    /// `OutOfRange`.
    pub fn expected_wait_behind(&self, now_us: i64, ahead: usize) -> Result<Option<Estimate>> {
        Router::check_time(now_us)?;
        Ok(self.estimator.ask(now_us.max(self.now_us), small(ahead)))
    }

    /// How good the queue's answers were, those not given included.
    #[must_use]
    pub fn score(&self) -> Score {
        self.estimator.score()
    }
}

impl Router {
    /// A copy of what is known of one queue.
    ///
    /// # Errors
    /// `UnknownQueue`.
    pub fn queue(&self, queue: u64) -> Result<QueueView> {
        let slot = self.queue_slot(queue)?;
        let queue = self.queues.get(slot)?;
        let can_serve = self.ready_in(slot)?;
        Ok(QueueView {
            waiting: queue.waiting.len(),
            staffed: queue.staffed,
            can_serve,
            at_once: self.serves_at_once(slot)?,
            now_us: self.now_us,
            estimator: queue.told(self.now_us, can_serve),
        })
    }

    /// Agents of whom something may have changed since the last call, in no order; at the first, all whom
    /// anything happened to. Those who were removed aren't named.
    ///
    /// It is no call that decisions depend on, so no decision log notes it.
    pub fn changed_agents(&mut self) -> Vec<u64> {
        let mut found = Vec::with_capacity(self.changed.len());
        for slot in std::mem::take(&mut self.changed) {
            if let Ok(agent) = self.agents.get_mut(slot)
                && std::mem::take(&mut agent.changed)
                && let Ok(id) = self.agents.id(slot)
            {
                found.push(id);
            }
        }
        found
    }
}

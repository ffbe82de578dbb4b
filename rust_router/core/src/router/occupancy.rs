//! The order of `least-occupied`, which changes as work of agents leaves the window.

use super::{Result, Router, RouterError, work};

impl Router {
    /// Make a queue's order anew when the window has moved on since it was made.
    ///
    /// Of those who are ready nobody works, so each keeps the place but for work that left the window. Who isn't
    /// gets a place on becoming so.
    pub(super) fn sort_by_occupancy(&mut self, queue_slot: u32) -> Result<()> {
        let queue = self.queues.get_mut(queue_slot)?;
        let begin_us = work::begin_us(queue.settings.occupancy_window_us, self.now_us);
        if queue.sorted_us == begin_us {
            return Ok(());
        }
        queue.sorted_us = begin_us;
        let mut moved = Vec::new();
        for key in queue.ready.keys() {
            let work_us = self.agents.get(key.slot)?.work.after(begin_us);
            if work_us != key.first {
                moved.push((key, work_us));
            }
        }
        for (key, work_us) in moved {
            let agent = self.agents.get_mut(key.slot)?;
            let profile = agent.profile;
            let tier = agent
                .tier_mut(queue_slot)
                .ok_or(RouterError::Defect("ready without a tier"))?;
            queue
                .ready
                .remove(&queue.place(key.slot, key.id, profile, tier));
            tier.order.0 = work_us;
            queue
                .ready
                .insert(&queue.place(key.slot, key.id, profile, tier));
        }
        Ok(())
    }
}

//! Time: what opens or closes by waiting, and deadlines of agents and of the engine.

use super::{Result, Router, RouterError, timers, types};

impl Router {
    /// The clock after a checked call: never back. What opens or closes by waiting does so here.
    pub(super) fn clock(&mut self, now_us: i64) -> Result<i64> {
        self.put_fresh()?;
        self.now_us = self.now_us.max(now_us);
        while let Some((timer, due)) = self.wakes.pop(self.now_us) {
            let timers::Due::Caller(slot) = due else {
                return Err(RouterError::Defect("not a caller's timer"));
            };
            let caller = self.callers.get_mut(slot)?;
            if caller.wake == Some(timer) {
                caller.wake = None;
                self.refresh_caller(slot)?;
            }
        }
        Ok(self.now_us)
    }

    /// Arm or re-arm the engine's deadline.
    ///
    /// # Errors
    /// `OutOfRange`.
    pub fn set_timer(&mut self, deadline_us: i64, token: i64) -> Result<()> {
        types::duration("deadline_us", deadline_us)?;
        self.timers.arm_token(deadline_us, token);
        Ok(())
    }

    /// Disarm; an unknown token is no error.
    pub fn cancel_timer(&mut self, token: i64) {
        self.timers.cancel_token(token);
    }

    /// When `advance` next has something to do.
    #[must_use]
    pub fn next_deadline_us(&self) -> Option<i64> {
        let all = [
            self.timers.next_us(),
            self.wakes.next_us(),
            self.breaks.next_us(),
        ];
        all.into_iter().flatten().min()
    }

    /// End wrap-ups, delays, holds and breaks' limits that are due; give the engine's due tokens in order.
    ///
    /// # Errors
    /// `OutOfRange`.
    pub fn advance(&mut self, now_us: i64) -> Result<Vec<i64>> {
        Self::check_time(now_us)?;
        let now_us = self.clock(now_us)?;
        let mut tokens = Vec::new();
        while let Some((timer, due)) = self.timers.pop(now_us) {
            match due {
                timers::Due::Token(token) => tokens.push(token),
                timers::Due::Agent(slot) => {
                    let agent = self.agents.get_mut(slot)?;
                    // A key of an earlier arming must not end a rest that began since.
                    if agent.rest.is_some_and(|rest| rest.timer == timer) {
                        agent.rest = None;
                    } else if agent.hold == Some(timer) {
                        agent.hold = None;
                    } else {
                        continue;
                    }
                    self.put_fresh()?;
                    self.refresh_agent_last(slot)?;
                }
                timers::Due::Caller(_) => {
                    return Err(RouterError::Defect("a caller's timer among the agents'"));
                }
            }
        }
        self.pass_limits()?;
        Ok(tokens)
    }
}

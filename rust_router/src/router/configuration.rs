//! Queues, agents as they are set up, and tiers.

use super::Router;
use super::arguments::{Steps, id, number, refused, text};
use crate::skills;
use callcenter_core::router::{
    AgentSettings, Misses, QueueSettings, Status, Strategy, TierSettings,
};
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// `On Break` unless another is named.
fn status(word: Option<&Bound<'_, PyAny>>) -> PyResult<Status> {
    match word {
        Some(word) => Status::parse(&text(word)?).map_err(refused),
        None => Ok(Status::OnBreak),
    }
}

#[pymethods]
impl Router {
    #[pyo3(signature = (now_us, name, strategy, *, no_answer_status = None, busy_status = None,
                        reject_status = None, unregistered_status = None,
                        ring_progressively_delay_us = 10_000_000, ring_count = 2,
                        occupancy_window_us = 1_800_000_000, tier_rules_apply = false,
                        tier_rule_wait_us = 0, tier_rule_wait_multiply_level = false,
                        tier_rule_no_agent_no_wait = true, tier_rules_compatible = false,
                        skip_agents_with_external_calls = true, refusal_memory = true,
                        skills = None, queue_priority = 0, queue_weight = 1, service_level_us = 0,
                        overtaking_cap = None),
           text_signature = "($self, now_us, name, strategy, *, no_answer_status='On Break', busy_status='On Break', reject_status='On Break', unregistered_status='On Break', ring_progressively_delay_us=10000000, ring_count=2, occupancy_window_us=1800000000, tier_rules_apply=False, tier_rule_wait_us=0, tier_rule_wait_multiply_level=False, tier_rule_no_agent_no_wait=True, tier_rules_compatible=False, skip_agents_with_external_calls=True, refusal_memory=True, skills='any', queue_priority=0, queue_weight=1, service_level_us=0, overtaking_cap=None)")]
    #[expect(
        clippy::too_many_arguments,
        clippy::fn_params_excessive_bools,
        reason = "a queue has as many settings as it has"
    )]
    fn put_queue(
        &mut self,
        #[pyo3(from_py_with = number)] now_us: i64,
        #[pyo3(from_py_with = text)] name: String,
        #[pyo3(from_py_with = text)] strategy: String,
        no_answer_status: Option<Bound<'_, PyAny>>,
        busy_status: Option<Bound<'_, PyAny>>,
        reject_status: Option<Bound<'_, PyAny>>,
        unregistered_status: Option<Bound<'_, PyAny>>,
        #[pyo3(from_py_with = number)] ring_progressively_delay_us: i64,
        #[pyo3(from_py_with = number)] ring_count: i64,
        #[pyo3(from_py_with = number)] occupancy_window_us: i64,
        tier_rules_apply: bool,
        #[pyo3(from_py_with = number)] tier_rule_wait_us: i64,
        tier_rule_wait_multiply_level: bool,
        tier_rule_no_agent_no_wait: bool,
        tier_rules_compatible: bool,
        skip_agents_with_external_calls: bool,
        refusal_memory: bool,
        skills: Option<Bound<'_, PyAny>>,
        #[pyo3(from_py_with = number)] queue_priority: i64,
        #[pyo3(from_py_with = number)] queue_weight: i64,
        #[pyo3(from_py_with = number)] service_level_us: i64,
        overtaking_cap: Option<Bound<'_, PyAny>>,
    ) -> PyResult<u64> {
        let settings = QueueSettings {
            strategy: Strategy::parse(&strategy).map_err(refused)?,
            miss_status: Misses {
                no_answer: status(no_answer_status.as_ref())?,
                busy: status(busy_status.as_ref())?,
                reject: status(reject_status.as_ref())?,
                unregistered: status(unregistered_status.as_ref())?,
            },
            ring_progressively_delay_us,
            ring_count,
            occupancy_window_us,
            tier_rules_apply,
            tier_rule_wait_us,
            tier_rule_wait_multiply_level,
            tier_rule_no_agent_no_wait,
            tier_rules_compatible,
            skip_agents_with_external_calls,
            refusal_memory,
            queue_priority,
            queue_weight,
            service_level_us,
            overtaking_cap: overtaking_cap.as_ref().map(number).transpose()?,
        };
        let steps = match skills {
            Some(skills) => Steps::read(&skills)?,
            None => Steps::default(),
        };
        self.0
            .put_skilled_queue(now_us, &name, settings, &steps.borrowed())
            .map_err(refused)
    }

    fn remove_queue(
        &mut self,
        #[pyo3(from_py_with = number)] now_us: i64,
        #[pyo3(from_py_with = id)] queue: u64,
    ) -> PyResult<()> {
        self.0.remove_queue(now_us, queue).map_err(refused)
    }

    #[pyo3(signature = (now_us, name, *, wrap_up_us = 0, busy_delay_us = 0, reject_delay_us = 0,
                        no_answer_delay_us = 0, unregistered_delay_us = 5_000_000,
                        path_error_delay_us = 5_000_000, max_no_answer = 0, max_busy = 0,
                        max_reject = 0, max_unregistered = 0, reset_counters = false, skills = None),
           text_signature = "($self, now_us, name, *, wrap_up_us=0, busy_delay_us=0, reject_delay_us=0, no_answer_delay_us=0, unregistered_delay_us=5000000, path_error_delay_us=5000000, max_no_answer=0, max_busy=0, max_reject=0, max_unregistered=0, reset_counters=False, skills=None)")]
    #[expect(
        clippy::too_many_arguments,
        reason = "an agent has as many settings as it has"
    )]
    fn put_agent(
        &mut self,
        #[pyo3(from_py_with = number)] now_us: i64,
        #[pyo3(from_py_with = text)] name: String,
        #[pyo3(from_py_with = number)] wrap_up_us: i64,
        #[pyo3(from_py_with = number)] busy_delay_us: i64,
        #[pyo3(from_py_with = number)] reject_delay_us: i64,
        #[pyo3(from_py_with = number)] no_answer_delay_us: i64,
        #[pyo3(from_py_with = number)] unregistered_delay_us: i64,
        #[pyo3(from_py_with = number)] path_error_delay_us: i64,
        #[pyo3(from_py_with = number)] max_no_answer: i64,
        #[pyo3(from_py_with = number)] max_busy: i64,
        #[pyo3(from_py_with = number)] max_reject: i64,
        #[pyo3(from_py_with = number)] max_unregistered: i64,
        reset_counters: bool,
        skills: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<u64> {
        let settings = AgentSettings {
            wrap_up_us,
            busy_delay_us,
            reject_delay_us,
            no_answer_delay_us,
            unregistered_delay_us,
            path_error_delay_us,
            limits: Misses {
                no_answer: max_no_answer,
                busy: max_busy,
                reject: max_reject,
                unregistered: max_unregistered,
            },
            reset_counters,
        };
        let levels = match skills {
            Some(skills) => skills::levels(skills)?,
            None => Vec::new(),
        };
        self.0
            .put_skilled_agent(now_us, &name, settings, &skills::borrowed(&levels))
            .map_err(refused)
    }

    fn remove_agent(
        &mut self,
        #[pyo3(from_py_with = number)] now_us: i64,
        #[pyo3(from_py_with = id)] agent: u64,
    ) -> PyResult<()> {
        self.0.remove_agent(now_us, agent).map_err(refused)
    }

    #[pyo3(signature = (now_us, queue, agent, level, position, *, opening_delay_us = 0, weight = 1))]
    #[expect(
        clippy::too_many_arguments,
        reason = "a tier has as many settings as it has"
    )]
    fn put_tier(
        &mut self,
        #[pyo3(from_py_with = number)] now_us: i64,
        #[pyo3(from_py_with = id)] queue: u64,
        #[pyo3(from_py_with = id)] agent: u64,
        #[pyo3(from_py_with = number)] level: i64,
        #[pyo3(from_py_with = number)] position: i64,
        #[pyo3(from_py_with = number)] opening_delay_us: i64,
        #[pyo3(from_py_with = number)] weight: i64,
    ) -> PyResult<()> {
        let settings = TierSettings {
            level,
            position,
            opening_delay_us,
            weight,
        };
        self.0
            .put_tier(now_us, queue, agent, settings)
            .map_err(refused)
    }

    fn remove_tier(
        &mut self,
        #[pyo3(from_py_with = number)] now_us: i64,
        #[pyo3(from_py_with = id)] queue: u64,
        #[pyo3(from_py_with = id)] agent: u64,
    ) -> PyResult<()> {
        self.0.remove_tier(now_us, queue, agent).map_err(refused)
    }

    fn queue_id(&self, #[pyo3(from_py_with = text)] name: String) -> Option<u64> {
        self.0.queue_id(&name)
    }

    fn agent_id(&self, #[pyo3(from_py_with = text)] name: String) -> Option<u64> {
        self.0.agent_id(&name)
    }

    fn agent_skills(&self, #[pyo3(from_py_with = id)] agent: u64) -> PyResult<Vec<(&str, u8)>> {
        self.0.agent_skills(agent).map_err(refused)
    }
}

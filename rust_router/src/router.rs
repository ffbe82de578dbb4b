//! `Router`, `Proposal` and `AgentView` for Python.

use crate::error::{Raise, RouterError};
use crate::estimate::{Estimate, Rates, Score};
use crate::skills;
use callcenter_core::router::{
    self as core, AgentSettings, Arrival, Fault, QueueSettings, Remembered, Status, Strategy,
    TierSettings,
};
use pyo3::exceptions::{PyOverflowError, PyUnicodeEncodeError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyString};

fn refused(error: core::RouterError) -> PyErr {
    error.raise()
}

/// Any integer; one that no machine word holds is out of every range.
fn number(value: &Bound<'_, PyAny>) -> PyResult<i64> {
    value.extract().map_err(|error: PyErr| {
        if error.is_instance_of::<PyOverflowError>(value.py()) {
            RouterError::new_err("number out of range")
        } else {
            error
        }
    })
}

/// An id; a negative one was never handed out, and neither was 0.
fn id(value: &Bound<'_, PyAny>) -> PyResult<u64> {
    Ok(u64::try_from(number(value)?).unwrap_or(0))
}

/// A number of 64 bits without a sign.
fn seed(value: &Bound<'_, PyAny>) -> PyResult<u64> {
    value.extract().map_err(|error: PyErr| {
        if error.is_instance_of::<PyOverflowError>(value.py()) {
            RouterError::new_err("seed must be 0…18446744073709551615")
        } else {
            error
        }
    })
}

/// Any text that is valid Unicode.
fn text(value: &Bound<'_, PyAny>) -> PyResult<String> {
    value
        .cast::<PyString>()?
        .to_str()
        .map(str::to_owned)
        .map_err(|error: PyErr| {
            if error.is_instance_of::<PyUnicodeEncodeError>(value.py()) {
                RouterError::new_err("the text is not valid Unicode")
            } else {
                error
            }
        })
}

/// Demands by waited time: one text for all of the wait, or a list of steps.
struct Steps(Vec<(i64, String)>);

impl Default for Steps {
    fn default() -> Self {
        Self(vec![(0, "any".to_owned())])
    }
}

impl Steps {
    fn read(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        if value.is_instance_of::<PyString>() {
            return Ok(Self(vec![(0, skills::text(value)?)]));
        }
        let steps: Vec<(Bound<'_, PyAny>, Bound<'_, PyAny>)> = value.extract()?;
        steps
            .iter()
            .map(|(after_us, demand)| Ok((skills::number(after_us)?, skills::text(demand)?)))
            .collect::<PyResult<_>>()
            .map(Self)
    }

    fn borrowed(&self) -> Vec<(i64, &str)> {
        let steps = self.0.iter();
        steps
            .map(|(after_us, demand)| (*after_us, demand.as_str()))
            .collect()
    }
}

/// A reservation just made; documented in `py_callcenter/_router.pyi`.
#[pyclass(frozen, module = "py_callcenter._router")]
struct Proposal(core::Proposal);

#[pymethods]
impl Proposal {
    #[getter]
    fn offer(&self) -> u64 {
        self.0.offer
    }

    #[getter]
    fn caller(&self) -> u64 {
        self.0.caller
    }

    #[getter]
    fn agent(&self) -> u64 {
        self.0.agent
    }

    #[getter]
    fn queue(&self) -> u64 {
        self.0.queue
    }

    fn __repr__(&self) -> String {
        let core::Proposal {
            offer,
            caller,
            agent,
            queue,
        } = self.0;
        format!("Proposal(offer={offer}, caller={caller}, agent={agent}, queue={queue})")
    }
}

/// A copy of what the core knows of one agent; documented in `py_callcenter/_router.pyi`.
#[pyclass(frozen, module = "py_callcenter._router")]
struct AgentView(core::AgentView);

#[pymethods]
impl AgentView {
    #[getter]
    fn name(&self) -> &str {
        &self.0.name
    }

    #[getter]
    fn status(&self) -> &'static str {
        self.0.status.word()
    }

    #[getter]
    fn state(&self) -> &'static str {
        self.0.state.word()
    }

    #[getter]
    fn state_since_us(&self) -> i64 {
        self.0.state_since_us
    }

    #[getter]
    fn idle_since_us(&self) -> i64 {
        self.0.idle_since_us
    }

    #[getter]
    fn ready_at_us(&self) -> i64 {
        self.0.ready_at_us
    }

    #[getter]
    fn no_answer_count(&self) -> i64 {
        self.0.no_answer_count
    }

    #[getter]
    fn calls_answered(&self) -> u64 {
        self.0.calls_answered
    }

    #[getter]
    fn talk_us(&self) -> i64 {
        self.0.talk_us
    }

    #[getter]
    fn external_calls(&self) -> i64 {
        self.0.external_calls
    }
}

/// One agent, as one caller sees them; documented in `py_callcenter/_router.pyi`.
#[pyclass(frozen, module = "py_callcenter._router")]
struct Candidate(core::Candidate);

#[pymethods]
impl Candidate {
    #[getter]
    fn agent(&self) -> u64 {
        self.0.agent
    }

    #[getter]
    fn reason(&self) -> Option<&'static str> {
        self.0.reason.map(core::Reason::word)
    }

    #[getter]
    fn until_us(&self) -> Option<i64> {
        self.0.until_us
    }

    #[getter]
    fn other(&self) -> Option<u64> {
        self.0.other
    }

    #[getter]
    fn refused(&self) -> bool {
        self.0.refused
    }
}

/// Where a caller stands with each agent; documented in `py_callcenter/_router.pyi`.
#[pyclass(frozen, module = "py_callcenter._router")]
struct Explanation(core::Explanation);

#[pymethods]
impl Explanation {
    #[getter]
    fn now_us(&self) -> i64 {
        self.0.now_us
    }

    #[getter]
    fn caller(&self) -> u64 {
        self.0.caller
    }

    #[getter]
    fn queue(&self) -> u64 {
        self.0.queue
    }

    #[getter]
    fn closed(&self) -> Option<&'static str> {
        self.0.closed.map(core::Closed::word)
    }

    #[getter]
    fn wanted(&self) -> usize {
        self.0.wanted
    }

    #[getter]
    fn candidates(&self) -> Vec<Candidate> {
        self.0.candidates.iter().copied().map(Candidate).collect()
    }
}

/// The routing core; documented in `py_callcenter/_router.pyi`.
///
/// What changes it must go through the `Recorder`: a new call has its line in `core/src/router/log/calls.rs`.
#[pyclass(module = "py_callcenter._router")]
struct Router(core::Recorder);

#[pymethods]
impl Router {
    #[new]
    #[pyo3(signature = (*, seed = 0))]
    fn new(#[pyo3(from_py_with = seed)] seed: u64) -> Self {
        Self(core::Router::new(seed).into())
    }

    #[pyo3(signature = (now_us, name, strategy, *, no_answer_status = None,
                        ring_progressively_delay_us = 10_000_000, ring_count = 2,
                        occupancy_window_us = 1_800_000_000, tier_rules_apply = false,
                        tier_rule_wait_us = 0, tier_rule_wait_multiply_level = false,
                        tier_rule_no_agent_no_wait = true, tier_rules_compatible = false,
                        skip_agents_with_external_calls = true, refusal_memory = true,
                        skills = None, queue_priority = 0, queue_weight = 1, service_level_us = 0,
                        overtaking_cap = None),
           text_signature = "($self, now_us, name, strategy, *, no_answer_status='On Break', ring_progressively_delay_us=10000000, ring_count=2, occupancy_window_us=1800000000, tier_rules_apply=False, tier_rule_wait_us=0, tier_rule_wait_multiply_level=False, tier_rule_no_agent_no_wait=True, tier_rules_compatible=False, skip_agents_with_external_calls=True, refusal_memory=True, skills='any', queue_priority=0, queue_weight=1, service_level_us=0, overtaking_cap=None)")]
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
        let no_answer_status = match no_answer_status {
            Some(word) => Status::parse(&text(&word)?).map_err(refused)?,
            None => Status::OnBreak,
        };
        let settings = QueueSettings {
            strategy: Strategy::parse(&strategy).map_err(refused)?,
            no_answer_status,
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
                        path_error_delay_us = 5_000_000, max_no_answer = 0, reset_counters = false,
                        skills = None),
           text_signature = "($self, now_us, name, *, wrap_up_us=0, busy_delay_us=0, reject_delay_us=0, no_answer_delay_us=0, unregistered_delay_us=5000000, path_error_delay_us=5000000, max_no_answer=0, reset_counters=False, skills=None)")]
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
            max_no_answer,
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

    #[pyo3(signature = (now_us, queue, *, entered_us, priority = 0, base_score_us = 0,
                        preferred_agent = None, preferred_for_us = 0, skills = None))]
    #[expect(clippy::too_many_arguments, reason = "as much as is known of a caller")]
    fn enqueue(
        &mut self,
        #[pyo3(from_py_with = number)] now_us: i64,
        #[pyo3(from_py_with = id)] queue: u64,
        #[pyo3(from_py_with = number)] entered_us: i64,
        #[pyo3(from_py_with = number)] priority: i64,
        #[pyo3(from_py_with = number)] base_score_us: i64,
        preferred_agent: Option<Bound<'_, PyAny>>,
        #[pyo3(from_py_with = number)] preferred_for_us: i64,
        skills: Option<Bound<'_, PyAny>>,
    ) -> PyResult<u64> {
        let preferred = match preferred_agent {
            Some(agent) => Some((id(&agent)?, preferred_for_us)),
            None => None,
        };
        let arrival = Arrival {
            entered_us,
            priority,
            base_score_us,
            preferred,
        };
        let Some(skills) = skills else {
            return self.0.enqueue(now_us, queue, arrival).map_err(refused);
        };
        let steps = Some(Steps::read(&skills)?);
        let steps = steps.as_ref().map(Steps::borrowed);
        self.0
            .enqueue_demanding(now_us, queue, arrival, steps.as_deref())
            .map_err(refused)
    }

    fn set_skills(
        &mut self,
        #[pyo3(from_py_with = number)] now_us: i64,
        #[pyo3(from_py_with = id)] caller: u64,
        skills: Option<Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let steps = skills.as_ref().map(Steps::read).transpose()?;
        let steps = steps.as_ref().map(Steps::borrowed);
        self.0
            .set_skills(now_us, caller, steps.as_deref())
            .map_err(refused)
    }

    fn demand(&self, #[pyo3(from_py_with = id)] caller: u64) -> PyResult<&str> {
        self.0.demand(caller).map_err(refused)
    }

    fn agent_skills(&self, #[pyo3(from_py_with = id)] agent: u64) -> PyResult<Vec<(&str, u8)>> {
        self.0.agent_skills(agent).map_err(refused)
    }

    fn set_priority(
        &mut self,
        #[pyo3(from_py_with = number)] now_us: i64,
        #[pyo3(from_py_with = id)] caller: u64,
        #[pyo3(from_py_with = number)] priority: i64,
    ) -> PyResult<()> {
        self.0
            .set_priority(now_us, caller, priority)
            .map_err(refused)
    }

    fn set_base_score(
        &mut self,
        #[pyo3(from_py_with = number)] now_us: i64,
        #[pyo3(from_py_with = id)] caller: u64,
        #[pyo3(from_py_with = number)] base_score_us: i64,
    ) -> PyResult<()> {
        self.0
            .set_base_score(now_us, caller, base_score_us)
            .map_err(refused)
    }

    #[pyo3(name = "move", signature = (now_us, caller, queue, *, keep_entered = true))]
    fn move_caller(
        &mut self,
        #[pyo3(from_py_with = number)] now_us: i64,
        #[pyo3(from_py_with = id)] caller: u64,
        #[pyo3(from_py_with = id)] queue: u64,
        keep_entered: bool,
    ) -> PyResult<Vec<u64>> {
        self.0
            .move_caller(now_us, caller, queue, keep_entered)
            .map_err(refused)
    }

    #[pyo3(signature = (now_us, caller, *, abandoned = false))]
    fn leave(
        &mut self,
        #[pyo3(from_py_with = number)] now_us: i64,
        #[pyo3(from_py_with = id)] caller: u64,
        abandoned: bool,
    ) -> PyResult<Vec<u64>> {
        self.0.leave(now_us, caller, abandoned).map_err(refused)
    }

    fn position(&self, #[pyo3(from_py_with = id)] caller: u64) -> PyResult<usize> {
        self.0.position(caller).map_err(refused)
    }

    fn ahead(&self, #[pyo3(from_py_with = id)] caller: u64) -> PyResult<Option<u64>> {
        self.0.ahead(caller).map_err(refused)
    }

    fn callers(&self, #[pyo3(from_py_with = id)] queue: u64) -> PyResult<Vec<u64>> {
        self.0.callers(queue).map_err(refused)
    }

    fn calls_waiting(&self, #[pyo3(from_py_with = id)] queue: u64) -> PyResult<usize> {
        self.0.calls_waiting(queue).map_err(refused)
    }

    fn staffed(&self, #[pyo3(from_py_with = id)] queue: u64) -> PyResult<usize> {
        self.0.staffed(queue).map_err(refused)
    }

    fn can_serve(&self, #[pyo3(from_py_with = id)] queue: u64) -> PyResult<usize> {
        self.0.can_serve(queue).map_err(refused)
    }

    fn expected_wait(
        &self,
        #[pyo3(from_py_with = number)] now_us: i64,
        #[pyo3(from_py_with = id)] queue: u64,
    ) -> PyResult<Option<Estimate>> {
        let answer = self.0.expected_wait(now_us, queue).map_err(refused)?;
        Ok(answer.map(Estimate))
    }

    fn expected_wait_of(
        &self,
        #[pyo3(from_py_with = number)] now_us: i64,
        #[pyo3(from_py_with = id)] caller: u64,
    ) -> PyResult<Option<Estimate>> {
        let answer = self.0.expected_wait_of(now_us, caller).map_err(refused)?;
        Ok(answer.map(Estimate))
    }

    fn wait_score(&self, #[pyo3(from_py_with = id)] queue: u64) -> PyResult<Score> {
        self.0.wait_score(queue).map(Score).map_err(refused)
    }

    fn wait_rates(&self, #[pyo3(from_py_with = id)] queue: u64) -> PyResult<Rates> {
        self.0.wait_rates(queue).map(Rates).map_err(refused)
    }

    fn set_status(
        &mut self,
        #[pyo3(from_py_with = number)] now_us: i64,
        #[pyo3(from_py_with = id)] agent: u64,
        #[pyo3(from_py_with = text)] status: String,
    ) -> PyResult<Vec<u64>> {
        let status = Status::parse(&status).map_err(refused)?;
        let offer = self.0.set_status(now_us, agent, status).map_err(refused)?;
        Ok(offer.into_iter().collect())
    }

    fn set_wrap_up_end(
        &mut self,
        #[pyo3(from_py_with = number)] now_us: i64,
        #[pyo3(from_py_with = id)] agent: u64,
        #[pyo3(from_py_with = number)] end_us: i64,
    ) -> PyResult<()> {
        self.0
            .set_wrap_up_end(now_us, agent, end_us)
            .map_err(refused)
    }

    fn set_ready_at(
        &mut self,
        #[pyo3(from_py_with = number)] now_us: i64,
        #[pyo3(from_py_with = id)] agent: u64,
        #[pyo3(from_py_with = number)] ready_at_us: i64,
    ) -> PyResult<()> {
        self.0
            .set_ready_at(now_us, agent, ready_at_us)
            .map_err(refused)
    }

    fn set_external_calls(
        &mut self,
        #[pyo3(from_py_with = number)] now_us: i64,
        #[pyo3(from_py_with = id)] agent: u64,
        #[pyo3(from_py_with = number)] count: i64,
    ) -> PyResult<()> {
        self.0
            .set_external_calls(now_us, agent, count)
            .map_err(refused)
    }

    #[pyo3(signature = (now_us, agent, *, idle_since_us, state_since_us, no_answer_count = 0, calls_answered = 0,
                        talk_us = 0, served = false, rest_until_us = 0, wrap_up = false))]
    #[expect(
        clippy::too_many_arguments,
        reason = "as much as the books know of an agent"
    )]
    fn restore_agent(
        &mut self,
        #[pyo3(from_py_with = number)] now_us: i64,
        #[pyo3(from_py_with = id)] agent: u64,
        #[pyo3(from_py_with = number)] idle_since_us: i64,
        #[pyo3(from_py_with = number)] state_since_us: i64,
        #[pyo3(from_py_with = number)] no_answer_count: i64,
        #[pyo3(from_py_with = number)] calls_answered: i64,
        #[pyo3(from_py_with = number)] talk_us: i64,
        served: bool,
        #[pyo3(from_py_with = number)] rest_until_us: i64,
        wrap_up: bool,
    ) -> PyResult<()> {
        let was = Remembered {
            idle_since_us,
            state_since_us,
            no_answer_count,
            calls_answered,
            talk_us,
            served,
            rest_until_us,
            wrap_up,
        };
        self.0.restore_agent(now_us, agent, was).map_err(refused)
    }

    fn adopt_offer(
        &mut self,
        #[pyo3(from_py_with = number)] now_us: i64,
        #[pyo3(from_py_with = id)] caller: u64,
        #[pyo3(from_py_with = id)] agent: u64,
    ) -> PyResult<u64> {
        self.0.adopt_offer(now_us, caller, agent).map_err(refused)
    }

    #[pyo3(signature = (now_us, agent, *, since_us, counted))]
    fn adopt_conversation(
        &mut self,
        #[pyo3(from_py_with = number)] now_us: i64,
        #[pyo3(from_py_with = id)] agent: u64,
        #[pyo3(from_py_with = number)] since_us: i64,
        counted: bool,
    ) -> PyResult<u64> {
        self.0
            .adopt_conversation(now_us, agent, since_us, counted)
            .map_err(refused)
    }

    fn hold_caller(
        &mut self,
        #[pyo3(from_py_with = number)] now_us: i64,
        #[pyo3(from_py_with = id)] caller: u64,
        held: bool,
    ) -> PyResult<()> {
        self.0.hold_caller(now_us, caller, held).map_err(refused)
    }

    fn agent(&self, #[pyo3(from_py_with = id)] agent: u64) -> PyResult<AgentView> {
        self.0.agent(agent).map(AgentView).map_err(refused)
    }

    fn agents_by_state(&self) -> Vec<(&'static str, usize)> {
        self.0
            .agents_by_state()
            .into_iter()
            .map(|(state, count)| (state.word(), count))
            .collect()
    }

    fn decide(&mut self, #[pyo3(from_py_with = number)] now_us: i64) -> PyResult<Vec<Proposal>> {
        Ok(self
            .0
            .decide(now_us)
            .map_err(refused)?
            .into_iter()
            .map(Proposal)
            .collect())
    }

    fn ringing(
        &mut self,
        #[pyo3(from_py_with = number)] now_us: i64,
        #[pyo3(from_py_with = id)] offer: u64,
    ) -> PyResult<()> {
        self.0.ringing(now_us, offer).map_err(refused)
    }

    fn claim(
        &mut self,
        #[pyo3(from_py_with = number)] now_us: i64,
        #[pyo3(from_py_with = id)] offer: u64,
    ) -> PyResult<Option<Vec<u64>>> {
        self.0.claim(now_us, offer).map_err(refused)
    }

    fn bridged(
        &mut self,
        #[pyo3(from_py_with = number)] now_us: i64,
        #[pyo3(from_py_with = id)] offer: u64,
    ) -> PyResult<()> {
        self.0.bridged(now_us, offer).map_err(refused)
    }

    fn fail(
        &mut self,
        #[pyo3(from_py_with = number)] now_us: i64,
        #[pyo3(from_py_with = id)] offer: u64,
        #[pyo3(from_py_with = text)] fault: String,
    ) -> PyResult<Option<&'static str>> {
        let fault = Fault::parse(&fault).map_err(refused)?;
        Ok(self
            .0
            .fail(now_us, offer, fault)
            .map_err(refused)?
            .map(Status::word))
    }

    fn finish(
        &mut self,
        #[pyo3(from_py_with = number)] now_us: i64,
        #[pyo3(from_py_with = id)] offer: u64,
    ) -> PyResult<()> {
        self.0.finish(now_us, offer).map_err(refused)
    }

    fn set_timer(
        &mut self,
        #[pyo3(from_py_with = number)] deadline_us: i64,
        #[pyo3(from_py_with = number)] token: i64,
    ) -> PyResult<()> {
        self.0.set_timer(deadline_us, token).map_err(refused)
    }

    fn cancel_timer(&mut self, #[pyo3(from_py_with = number)] token: i64) {
        self.0.cancel_timer(token);
    }

    fn next_deadline_us(&self) -> Option<i64> {
        self.0.next_deadline_us()
    }

    fn advance(&mut self, #[pyo3(from_py_with = number)] now_us: i64) -> PyResult<Vec<i64>> {
        self.0.advance(now_us).map_err(refused)
    }

    fn explain(&self, #[pyo3(from_py_with = id)] caller: u64) -> PyResult<Explanation> {
        self.0.explain(caller).map(Explanation).map_err(refused)
    }

    fn snapshot(&self, py: Python<'_>) -> PyResult<Py<PyBytes>> {
        let bytes = self.0.snapshot().map_err(refused)?;
        Ok(PyBytes::new(py, &bytes).unbind())
    }

    #[staticmethod]
    #[pyo3(signature = (data, /))]
    fn restore(data: &[u8]) -> PyResult<Self> {
        core::Router::restore(data)
            .map(|router| Self(router.into()))
            .map_err(Raise::raise)
    }

    fn start_log(&mut self, py: Python<'_>) -> PyResult<Py<PyBytes>> {
        let rest = self.0.start_log().map_err(refused)?;
        Ok(PyBytes::new(py, &rest).unbind())
    }

    fn fetch_log(&mut self, py: Python<'_>) -> PyResult<Py<PyBytes>> {
        let bytes = self.0.fetch_log().map_err(refused)?;
        Ok(PyBytes::new(py, &bytes).unbind())
    }

    fn stop_log(&mut self, py: Python<'_>) -> Py<PyBytes> {
        PyBytes::new(py, &self.0.stop_log()).unbind()
    }

    fn keep_decisions(&mut self, #[pyo3(from_py_with = number)] length: i64) -> PyResult<()> {
        self.0.keep_decisions(length).map_err(refused)
    }

    fn explain_offer(&self, #[pyo3(from_py_with = id)] offer: u64) -> PyResult<Explanation> {
        self.0
            .explain_offer(offer)
            .map(Explanation)
            .map_err(refused)
    }

    #[getter]
    fn log_length(&self) -> Option<usize> {
        self.0.log_len()
    }
}

/// The decisions of a log again; documented in `py_callcenter/_router.pyi`.
#[pyclass(module = "py_callcenter._router")]
struct Replay(core::Replay);

#[pymethods]
impl Replay {
    #[new]
    #[pyo3(signature = (log, /))]
    fn new(log: &[u8]) -> PyResult<Self> {
        core::Replay::new(log.to_vec())
            .map(Self)
            .map_err(Raise::raise)
    }

    #[pyo3(signature = (entries = None))]
    fn run(&mut self, entries: Option<Bound<'_, PyAny>>) -> PyResult<u64> {
        let entries = entries.map(|entries| id(&entries)).transpose()?;
        self.0.run(entries).map_err(Raise::raise)
    }

    fn offers(&self) -> PyResult<Vec<(i64, Proposal)>> {
        let found = self.0.offers().map_err(Raise::raise)?;
        Ok(found
            .into_iter()
            .map(|(now_us, proposal)| (now_us, Proposal(proposal)))
            .collect())
    }

    fn explain_offer(
        &mut self,
        #[pyo3(from_py_with = id)] offer: u64,
    ) -> PyResult<Option<Explanation>> {
        let found = self.0.explain_offer(offer).map_err(Raise::raise)?;
        Ok(found.map(Explanation))
    }

    #[getter]
    fn entry(&self) -> u64 {
        self.0.entry()
    }

    #[getter]
    fn now_us(&self) -> i64 {
        self.0.router().now_us()
    }

    fn snapshot(&self, py: Python<'_>) -> PyResult<Py<PyBytes>> {
        let bytes = self.0.router().snapshot().map_err(refused)?;
        Ok(PyBytes::new(py, &bytes).unbind())
    }
}

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Proposal>()?;
    module.add_class::<AgentView>()?;
    module.add_class::<Candidate>()?;
    module.add_class::<Explanation>()?;
    module.add_class::<Replay>()?;
    module.add_class::<Router>()
}

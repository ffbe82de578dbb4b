-- Runs by itself, once, when no controller has renewed its word for 33 seconds (see docs/freeswitch.md, "When the controller stops").
-- Takes back cc_alive, so that new callers get the fallback, and sees to the legs the controller left behind:
--   a caller who waits            -> his exit (cc_exit_exten), or callcenter_fallback; cc_fallback_queue names his queue
--   a caller who was let go       -> where the controller was about to send him (cc_exit_to)
--   a caller who talks            -> talks on; the call ends with the conversation instead of parking in silence
--   a phone that rings for a call -> stops ringing
-- Legs that are not the controller's, and callers who have left the queue (cc_cancel_reason is set), are not touched.

local api = freeswitch.API()

local function run(command)
  return (api:executeString(command) or ""):gsub("%s+$", "")
end

local function variable(uuid, name)
  local value = run("uuid_getvar " .. uuid .. " " .. name)
  if value == "_undef_" or value:sub(1, 4) == "-ERR" then
    return nil
  end
  return value ~= "" and value or nil
end

-- exten or exten@context; anything else is refused, for it would become part of a command.
local function destination(value)
  local exten, context = (value or ""):match("^([%w_.+*#-]+)@?([%w_.-]*)$")
  if exten == nil then
    return "callcenter_fallback XML default"
  end
  return exten .. " XML " .. (context ~= "" and context or "default")
end

-- Whoever hears music while the agent consults, or whose agent has hung up since, was answered; all others gave up waiting.
-- The queue's name is left out when it can be none: it would become part of a command.
local function why(uuid, queue)
  local cause = variable(uuid, "cc_cause") == "answered" and "answered" or "cancel"
  local name = queue:match("^[%w_.@ -]+$")
  return "cc_cause=" .. cause .. ";cc_cancel_reason=NO_CONTROLLER" .. (name and ";cc_fallback_queue=" .. name or "")
end

-- signal_bond outlives the bridge it names: the other side must be there, name this leg, and neither be parked.
local function bridged(uuid)
  local other = variable(uuid, "signal_bond")
  if other == nil or variable(other, "signal_bond") ~= uuid then
    return false
  end
  return run("uuid_dump " .. uuid):match("Channel%-State: (%S+)") ~= "CS_PARK"
end

-- Out of the queue, and still in the park: the controller died before it could send him on. The application that is
-- named stays "playback" when the music is over. A later bridge is the controller's own only with its agent's leg.
local function let_go(uuid)
  local application = variable(uuid, "current_application")
  if not variable(uuid, "cc_queue_terminated_epoch") or (application ~= "park" and application ~= "playback") then
    return false
  end
  local mark, known = variable(uuid, "transfer_source") or "", variable(uuid, "cc_source")
  if known and mark:sub(1, #known + 1) == known .. ":" then
    return true
  end
  local other = mark:match(":uuid_br:(.+)$")
  local moved = mark:find(":bl_xfer:", 1, true) or (other and other ~= variable(uuid, "cc_agent_uuid"))
  return not moved and not bridged(uuid)
end

run("global_setvar cc_alive=false")

local moved, kept, stopped = 0, 0, 0
for line in run("show channels as delim |"):gmatch("[^\n]+") do
  local uuid = line:match("^(%x+%-%x+%-%x+%-%x+%-%x+)|")
  if uuid then
    local queue = variable(uuid, "cc_queue")
    -- A phone that was dialled a moment ago has cc_offer only.
    local agent = variable(uuid, "cc_side") == "agent" or variable(uuid, "cc_offer") ~= nil
    local talking = (queue or agent) and bridged(uuid)
    if agent and not talking and variable(uuid, "cc_offer") then
      run("uuid_kill " .. uuid .. " ORIGINATOR_CANCEL")
      stopped = stopped + 1
    elseif queue and not agent and talking then
      run("uuid_setvar " .. uuid .. " park_after_bridge false")
      kept = kept + 1
    elseif queue and not agent and not variable(uuid, "cc_cancel_reason") then
      run("uuid_setvar_multi " .. uuid .. " park_after_bridge=false;" .. why(uuid, queue))
      run("uuid_transfer " .. uuid .. " " .. destination(variable(uuid, "cc_exit_exten")))
      moved = moved + 1
    elseif not queue and variable(uuid, "cc_exit_to") and let_go(uuid) then
      local to = variable(uuid, "cc_exit_to")
      run(to == "hangup" and "uuid_kill " .. uuid or "uuid_transfer " .. uuid .. " " .. destination(to))
      moved = moved + 1
    end
  end
end

freeswitch.consoleLog("warning", string.format(
  "No call-centre controller is alive: %d callers sent to their exit, %d conversations left to end, %d ringing phones stopped\n",
  moved, kept, stopped))

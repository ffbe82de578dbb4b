"""API commands: what `api` and `bgapi` can run, with the replies (and lies) of the real switch."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

from py_callcenter.sim import sip, tables
from py_callcenter.sim.dialstrings import split_words
from py_callcenter.sim.headers import to_json
from py_callcenter.sim.legs import CAUSES, Leg, is_taken
from py_callcenter.sim.routing import Routing

NO_CHANNEL = "-ERR No such channel!\n"
MAX_PAIRS = 64
SQL_LAG_US = 50_000
VERSION = "1.11.1-release+git~20260526T204126Z~c2c59645f6~64bit"


class Api(Routing):
    """The API commands that a controller of calls uses, and some that people type."""

    def prepare_api(self) -> None:
        """State of a switch that has just started."""
        self.hashes: dict[str, str] = {}
        self.tasks: dict[int, tuple[str, str]] = {}
        self.task_number = 0
        self.departed: list[tuple[int, dict[str, str]]] = []
        self.hupalls: list[str] = []  # arguments of each `hupall`: no product may ever send it
        self.scripts: dict[str, Callable[[], None]] = {}
        self._words: dict[str, Callable[[str], str]] = {
            name.removeprefix("_api_"): getattr(self, name) for name in dir(self) if name.startswith("_api_")
        }

    def run_api(self, command: str, done: Callable[[str], None]) -> None:
        """Run one command; `done` gets the output, for `originate` only when that ends."""
        word, _, arguments = command.strip().partition(" ")
        arguments = arguments.strip()
        if word == "originate":
            self.dial(arguments, done)
            return
        function = self._words.get(word)
        done(function(arguments) if function is not None else f"-ERR {word} Command not found!\n")

    # -- legs

    def _api_uuid_exists(self, text: str) -> str:
        return "true" if self.find(text) is not None else "false"

    def _api_uuid_kill(self, text: str) -> str:
        uuid, _, cause = text.partition(" ")
        if not uuid:
            return "-USAGE: <uuid> [cause]\n"
        leg = self.find(uuid)
        if leg is None:
            return NO_CHANNEL
        self.after(0, self.hang_up, leg, cause if cause in CAUSES else "NORMAL_CLEARING")
        return "+OK\n"

    def _api_uuid_bridge(self, text: str) -> str:
        words = text.split()
        if len(words) < 2:
            return "-USAGE: <uuid> <other_uuid>\n"
        first, second = self.find(words[0]), self.find(words[1])
        if first is None or second is None:
            return "-ERR Invalid uuid\n"
        if first is second:
            return f"+OK {words[1]}\n"  # accepted like any other; nothing comes of it
        up = [leg.answer_state == "answered" for leg in (first, second)]
        if not any(up):
            return "-ERR Invalid uuid\n"
        if not up[0]:
            first, second = second, first
        self.request_bridge(first, second)
        return f"+OK {words[1]}\n"

    def _api_uuid_setvar(self, text: str) -> str:
        words = text.split(" ", 2)
        if len(words) < 2:
            return "-USAGE: <uuid> <var> [value]\n"
        leg = self.find(words[0])
        if leg is None:
            return NO_CHANNEL
        leg.set(words[1], words[2] if len(words) > 2 else "")
        return "+OK\n"

    def _api_uuid_setvar_multi(self, text: str) -> str:
        uuid, _, pairs = text.partition(" ")
        if not pairs:
            return "-USAGE: <uuid> <var>=<value>;<var>=<value>...\n"
        leg = self.find(uuid)
        if leg is None:
            return NO_CHANNEL + "-USAGE: <uuid> <var>=<value>;<var>=<value>...\n"
        given: dict[str, str] = {}
        for pair in pairs.split(";", MAX_PAIRS - 1):
            name, equals, value = pair.partition("=")
            if equals and name and is_taken(value):
                given.pop(name, None)  # the last one counts, and where it stands
                given[name] = value
        leg.set_all(given)
        return "+OK\n"

    def _api_uuid_getvar(self, text: str) -> str:
        uuid, _, name = text.partition(" ")
        leg = self.find(uuid)
        if leg is None:
            return NO_CHANNEL
        return leg.values.get(name, "_undef_")

    def _api_uuid_dump(self, text: str) -> str:
        uuid, _, form = text.partition(" ")
        leg = self.find(uuid)
        if leg is None:
            return NO_CHANNEL
        self.sequence += 1
        lines = self.letterhead.lines("dump", self.stamp_us, self.sequence)
        lines += leg.channel_lines() + leg.variable_lines()
        if form == "json":
            return to_json(lines)
        if form == "plain":  # the one format that is not encoded: switch_event_serialize(…, strcasecmp(…))
            return lines + "\n"
        return lines + "\n"

    def _api_uuid_broadcast(self, text: str) -> str:
        words = text.split(" ")
        if len(words) < 2:
            return "-USAGE: <uuid> <path> [aleg|bleg|holdb|both]\n"
        leg = self.find(words[0])
        if leg is None:
            return "-ERR invalid uuid\n"
        whom = words[-1] if words[-1] in {"aleg", "bleg", "both"} else "aleg"
        what = " ".join(words[1:-1] if words[-1] == whom and len(words) > 2 else words[1:])
        application, mark, data = what.partition("::")
        if not mark or application.startswith(("tone_stream:", "local_stream:")):
            application, data = "playback", what
        targets = [leg] if whom != "bleg" else []
        if whom != "aleg" and leg.partner is not None:
            targets.append(leg.partner)
        for target in targets:
            self.broadcast(target, application, data)
        return "+OK Message sent\n"

    def _api_uuid_break(self, text: str) -> str:
        uuid, _, scope = text.partition(" ")
        leg = self.find(uuid)
        if leg is None:
            return NO_CHANNEL
        self.break_playback(leg, everything=scope == "all")
        return "+OK\n"

    def _api_uuid_record(self, text: str) -> str:
        words = text.split(" ")
        if len(words) < 3:
            return "-USAGE: <uuid> [start|stop|mask|unmask] <path> [<limit>]\n"
        leg = self.find(words[0])
        if leg is None:
            return "-ERR Cannot locate session!\n"
        action, path = words[1], words[2]
        if action == "start":
            self.after(0, self._record, leg, path)
            return "+OK Success\n"
        if action == "stop":
            if path not in leg.recordings:
                return "-ERR Cannot stop record session!\n"
            self.after(0, self.stop_recording, leg, path)
            return "+OK Success\n"
        return "+OK Success\n" if action in {"mask", "unmask", "pause", "resume"} else "-USAGE\n"

    def _record(self, leg: Leg, path: str) -> None:
        if leg.alive:
            self.start_recording(leg, path)

    def _api_uuid_hold(self, text: str) -> str:
        off = text.startswith("off ")
        leg = self.find(text.removeprefix("off ").removeprefix("toggle ").strip())
        if leg is not None and leg.answer_state == "answered":
            self.after(0, self._hold, leg, off)
        return "+OK Success\n"  # also for a leg that doesn't exist

    def _hold(self, leg: Leg, off: bool) -> None:
        if not leg.alive or leg.holding is not off:
            return
        leg.sdp_version += 1
        sip.held_by_command(leg, leg.sdp_version)
        if off:
            self.unhold(leg, "unhold")
        else:
            self.hold(leg, "hold")

    def _api_uuid_transfer(self, text: str) -> str:
        words = text.split()
        if len(words) < 2:
            return "-USAGE: <uuid> [-bleg|-both] <dest-exten> [<dialplan>] [<context>]\n"
        leg = self.find(words.pop(0))
        if leg is None:
            return NO_CHANNEL
        targets = [leg]
        if words[0] in {"-bleg", "-both"}:
            both = words[0] == "-both"
            if len(words) < 2:
                return "-USAGE: <uuid> [-bleg|-both] <dest-exten> [<dialplan>] [<context>]\n"
            targets = [leg] if both else []
            if leg.partner is not None:
                targets.append(leg.partner)
            words.pop(0)
        extension = words[0]
        dialplan = words[1] if len(words) > 1 else "XML"
        context = words[2] if len(words) > 2 else ""
        went = [self.transfer(target, extension, context, dialplan) for target in targets]
        return "+OK\n" if all(went[:1]) else "-ERR\n"

    def _api_uuid_recv_dtmf(self, text: str) -> str:
        uuid, _, digits = text.partition(" ")
        leg = self.find(uuid)
        if leg is None:
            return "-ERR Cannot locate session!\n"
        self.digits_arrive(leg, digits.strip(), source="APP")
        return f"+OK {uuid} received DTMF {digits}.\n"

    def _api_uuid_send_dtmf(self, text: str) -> str:
        uuid, _, digits = text.partition(" ")
        if self.find(uuid) is None:
            return "-ERR Cannot locate session!\n"
        return f"+OK {uuid} sent DTMF {digits}.\n"

    def _api_hupall(self, text: str) -> str:
        """Hangs up every call when a value is missing; recorded, so that a test can prove its absence."""
        self.hupalls.append(text)
        words = text.split()
        cause = words[0] if words and words[0] in CAUSES else "MANAGER_REQUEST"
        for leg in list(self.legs.values()):
            if len(words) < 3 or leg.values.get(words[1]) == words[2]:
                self.after(0, self.hang_up, leg, cause)
        return f"+OK hangup all channels with cause {cause}\n"

    # -- views

    def note_departure(self, kind: str, leg: Leg) -> None:
        """Observer: the SQL view lists a dead leg a little longer."""
        if kind == "hangup":
            now = self.now_us
            self.departed = [entry for entry in self.departed if entry[0] > now]
            self.departed.append((now + SQL_LAG_US, tables.channel_row(leg, self.name)))

    def _api_show(self, text: str) -> str:
        words = text.split()
        if words[:1] == ["status"] or not words:
            return self._api_status("")
        known = self.now_us - SQL_LAG_US
        listed = [leg for leg in self.legs.values() if leg.alive and leg.created_us <= known]
        if words[0] == "channels":
            rows = [tables.channel_row(leg, self.name) for leg in listed]
            rows += [row for until, row in self.departed if until > self.now_us]
        elif words[0] == "calls":
            rows = [
                tables.call_row(leg, self.name) for leg in listed if leg.partner is None or leg.leads_bridge
            ]
        elif words[0] == "registrations":
            rows = []
        else:
            return "-USAGE: codec|endpoint|application|api|…|calls|channels|registrations [as json]\n"
        if words[1:] == ["as", "json"]:
            return tables.as_table(rows)
        if words[1:] == ["count"]:
            return f"\n{len(rows)} total.\n"
        body = "\n".join(",".join(row.values()) for row in rows)
        return f"{','.join(rows[0]) if rows else ''}\n{body}\n\n{len(rows)} total.\n"

    def _api_status(self, _text: str) -> str:
        return (
            f"UP {self.uptime_text()}\n"
            "FreeSWITCH (Version 1.11.1-release git c2c5964 2026-05-26 20:41:26Z 64bit) is ready\n"
            f"{self.sessions} session(s) since startup\n{len(self.legs)} session(s) - peak {self.peak}, "
            f"last 5min {self.peak} \n0 session(s) per Sec out of max {self.sessions_per_second}, peak 1, "
            f"last 5min 1 \n{self.max_sessions} session(s) max\nmin idle cpu 0.00/97.00\n"
            "Current Stack Size/Max 240K/8192K\n"
        )

    def uptime_text(self) -> str:
        """Up-Time as HEARTBEAT spells it."""
        up = self.now_us - self.booted_us
        seconds = up // 1_000_000
        return (
            f"0 years, {seconds // 86_400} days, {seconds // 3600 % 24} hours, {seconds // 60 % 60} minutes, "
            f"{seconds % 60} seconds, {up // 1000 % 1000} milliseconds, {up % 1000} microseconds"
        )

    def _api_uptime(self, _text: str) -> str:
        return f"{(self.now_us - self.booted_us) // 1_000_000}\n"

    def _api_version(self, _text: str) -> str:
        return f"FreeSWITCH Version {VERSION} (git c2c5964 2026-05-26 20:41:26Z 64bit)\n"

    def _api_hostname(self, _text: str) -> str:
        return self.name

    def _api_strftime(self, _text: str) -> str:
        return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(self.now_us // 1_000_000))

    def _api_create_uuid(self, _text: str) -> str:
        return self.new_uuid()

    def _api_module_exists(self, text: str) -> str:
        return (
            "true"
            if text in {"mod_commands", "mod_event_socket", "mod_sofia", "mod_hash", "mod_lua"}
            else "false"
        )

    def _api_fsctl(self, text: str) -> str:
        what, _, value = text.partition(" ")
        if what == "pause_check":
            return "false"
        if what == "sps" and value.isdecimal():
            self.sessions_per_second = int(value)
            return f"+OK sessions per second: {value}\n"
        if what == "max_sessions" and value.isdecimal():
            self.max_sessions = int(value)
            return f"+OK max sessions: {value}\n"
        return "+OK\n"

    def _api_sofia(self, text: str) -> str:
        if not text.startswith("status"):
            return "-ERR Unknown command!\n"
        rule = "=" * 80
        return f"                     Name\t   Type\t   Data\tState\n{rule}\n{rule}\n1 profile 0 aliases\n"

    def _api_sofia_contact(self, text: str) -> str:
        phone = self.find_phone(f"user/{text}")
        if phone is None or phone.unregistered or not phone.dial_string:
            return "error/user_not_registered"
        return f"sofia/internal/sip:{phone.address}"

    def _api_user_exists(self, text: str) -> str:
        words = text.split()
        known = len(words) == 3 and self.find_phone(f"user/{words[1]}@{words[2]}") is not None
        return "true" if known else "false"

    # -- variables of the switch, hashes, tasks

    def _api_global_getvar(self, text: str) -> str:
        variables = {"hostname": self.name, "core_uuid": self.letterhead.core_uuid, **self.globals}
        if text:
            return variables.get(text, "")
        return "".join(f"{name}={value}\n" for name, value in variables.items()) + "\n"

    def _api_global_setvar(self, text: str) -> str:
        name, _, rest = text.partition("=")
        value, compares, old = rest.partition("=")
        if not compares or self.globals.get(name, "") == old:
            self.globals[name] = value
        return "+OK"  # also when the comparison failed

    def _api_hash(self, text: str) -> str:
        words = text.split("/", 3)
        action, key = words[0], "/".join(words[1:3])
        value = words[3] if len(words) > 3 else ""
        if len(words) < 3:
            return "-USAGE: [insert|insert_ifempty|delete|delete_ifmatch|select]/<realm>/<key>[/<value>]\n"
        if action == "select":
            return self.hashes.get(key, "")
        if action == "insert_ifempty" and key in self.hashes:
            return "-ERR key already exists\n"
        if action.startswith("insert"):
            self.hashes[key] = value
            return "+OK\n"
        if key not in self.hashes:
            return "-ERR Not found\n"
        if action == "delete_ifmatch" and self.hashes[key] != value:
            return "-ERR Doesn't match\n"
        del self.hashes[key]
        return "+OK\n"

    def _api_sched_api(self, text: str) -> str:
        words = text.split(" ", 2)
        match = re.fullmatch(r"([+@]?)([0-9]+)", words[0])
        if len(words) < 3 or match is None:
            return "-USAGE: [+@]<time> <group_name> <command_string>[&]\n"
        self.task_number += 1
        number = self.task_number
        self.tasks[number] = (words[1], words[2])
        seconds = int(match[2])
        due = self.now_us + seconds * 1_000_000 if match[1] else seconds * 1_000_000
        self.at(due, self._task, number)
        return f"+OK Added: {number}\n"

    def _task(self, number: int) -> None:
        task = self.tasks.pop(number, None)
        if task is not None:
            self.run_api(task[1], lambda _output: None)

    def _api_sched_del(self, text: str) -> str:
        gone = [number for number, task in self.tasks.items() if text in {task[0], str(number)}]
        for number in gone:
            del self.tasks[number]
        return f"+OK Deleted: {len(gone)}\n"

    def _api_luarun(self, text: str) -> str:
        script = self.scripts.get(text)
        if script is not None:
            self.after(1_000, script)
        return "+OK\n"

    def _api_reloadxml(self, _text: str) -> str:
        return "+OK [Success]\n"

    def _api_expand(self, text: str) -> str:
        words = split_words(text)
        return " ".join(words)

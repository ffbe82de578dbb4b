"""A controller's desk in virtual time: one connection for events, one for commands."""

from sim.replay import Frame, read_frames

from py_callcenter.sim import Behaviour, Switch

START_US = 1_700_000_000_000_000
SECOND = 1_000_000
QUEUED = "park_after_bridge=true;uuid_bridge_park_on_cancel=true"


class Desk:
    """Writes commands to a switch and reads what comes back."""

    def __init__(self, events="ALL", *, seed=1, **options):
        self.switch = Switch(seed=seed, start_us=START_US, heartbeat_s=0, **options)
        self.events_line = self.login()
        self.commands_line = self.login()
        self.write(f"event plain {events}\n\n", self.events_line)
        self.switch.take_output(self.events_line)
        self.seen: list[Frame] = []

    def login(self):
        line = self.switch.connect()
        self.write("auth ClueCon\n\n", line)
        self.switch.take_output(line)
        return line

    def write(self, text, line=None):
        self.switch.receive(self.commands_line if line is None else line, text.encode())

    def api(self, command):
        """The output of an `api` command that answers at once."""
        self.write(f"api {command}\n\n")
        return self.replies()[-1].body

    def replies(self):
        return read_frames(self.switch.take_output(self.commands_line))

    def wait(self, seconds):
        self.switch.run_until(self.switch.now_us + int(seconds * SECOND))
        self.seen += read_frames(self.switch.take_output(self.events_line), self.switch.now_us)

    def story(self, uuid=None):
        """What was seen since the last time: `NAME` or `NAME application`, of one leg if one is named."""
        frames, self.seen = self.seen, []
        return [
            " ".join(filter(None, (f.get("Event-Name").removeprefix("CHANNEL_"), f.get("Application"))))
            for f in frames
            if uuid is None or f.get("Unique-ID") == uuid
        ]

    def last(self, name):
        return next(f for f in reversed(self.seen) if f.get("Event-Name") == name)

    def caller(self, extension="queue_support", *, kept=True):
        call = self.switch.place_call("+15550100", "Ann", extension)
        if kept:
            self.api(f"uuid_setvar_multi {call.uuid} {QUEUED}")
        return call

    def agent(self, name, *variables, behaviour=None):
        """A phone whose leg is called and parked under its own name."""
        phone = self.switch.add_phone(f"sofia/internal/{name}@127.0.0.1:5080", behaviour or Behaviour())
        self.ring(phone.contact, name, *variables)
        self.wait(0.2)
        return phone

    def ring(self, contact, uuid, *variables):
        settings = ",".join((f"origination_uuid={uuid}", "ignore_early_media=true", *variables))
        self.write(f"bgapi originate {{{settings}}}{contact} &park()\nJob-UUID: job-{uuid}\n\n")

    def bridge(self, call, uuid):
        self.api(f"uuid_bridge {call.uuid} {uuid}")
        self.wait(0.2)

    def conversation(self, *variables, kept=True):
        """A caller who talks to an agent whose leg is `a1`."""
        call = self.caller(kept=kept)
        phone = self.agent("a1", *variables)
        self.bridge(call, "a1")
        assert call.partner == "a1"
        self.seen.clear()
        return call, phone

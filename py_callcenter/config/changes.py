"""What differs between two configurations, for `apply` and its `--dry-run`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from py_callcenter.config.base import Model
from py_callcenter.config.models import Config
from py_callcenter.config.routing import Tier
from py_callcenter.value import value

Kind = Literal["controller", "node", "mail", "recipient", "queue", "agent", "tier", "breaks", "break"]


@value
class Change:
    """One entry added, changed or removed.

    `fields` names the keys of the file that differ, without values: some of them are secret.
    """

    kind: Kind
    name: str
    what: Literal["added", "changed", "removed"]
    fields: tuple[str, ...] = ()


def difference(old: Config, new: Config) -> list[Change]:
    """Changes that turn `old` into `new`, in the order in which they can be made.

    A tier goes before its queue and agent, and comes after them.
    """
    out: list[Change] = []
    fields = _differing(old.controller, new.controller)
    if fields:
        out.append(Change("controller", "controller", "changed", fields))
    out += _rows("node", {n.name: n for n in old.nodes}, {n.name: n for n in new.nodes})
    out += _rows("mail", _mail(old), _mail(new))
    out += _rows("recipient", {r.name: r for r in old.recipients}, {r.name: r for r in new.recipients})
    tiers = _rows("tier", {_tier(t): t for t in old.tiers}, {_tier(t): t for t in new.tiers})
    out += [change for change in tiers if change.what == "removed"]
    out += _rows("queue", {q.name: q for q in old.queues}, {q.name: q for q in new.queues})
    out += _rows("agent", {a.name: a for a in old.agents}, {a.name: a for a in new.agents})
    out += [change for change in tiers if change.what != "removed"]
    if old.breaks.quota != new.breaks.quota:
        out.append(Change("breaks", "breaks", "changed", ("quota",)))
    out += _rows("break", {b.name: b for b in old.breaks.reasons}, {b.name: b for b in new.breaks.reasons})
    return out


def _rows(kind: Kind, old: Mapping[str, Model], new: Mapping[str, Model]) -> list[Change]:
    out = [Change(kind, name, "removed") for name in old if name not in new]
    for name, row in new.items():
        if name not in old:
            out.append(Change(kind, name, "added"))
        elif fields := _differing(old[name], row):
            out.append(Change(kind, name, "changed", fields))
    return out


def _differing(old: Model, new: Model) -> tuple[str, ...]:
    names: dict[str, Any] = type(new).model_fields
    return tuple(
        field.alias or name for name, field in names.items() if getattr(old, name) != getattr(new, name)
    )


def _mail(config: Config) -> dict[str, Model]:
    return {} if config.mail is None else {"mail": config.mail}


def _tier(tier: Tier) -> str:
    return f"{tier.queue} / {tier.agent}"

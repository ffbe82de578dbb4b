"""What all models of the configuration have in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from py_callcenter import lazy

# The first model lets pydantic load what finds plugins, of which a start wants none (`cli.start`).
with lazy.without("importlib.metadata"):

    class Model(BaseModel):
        model_config = ConfigDict(
            frozen=True,
            extra="forbid",
            strict=True,
            validate_by_name=True,
            validate_by_alias=True,
            alias_generator=lambda field: field.replace("_", "-"),
            hide_input_in_errors=True,
        )

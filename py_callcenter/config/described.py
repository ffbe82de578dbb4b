"""The JSON Schema of the file, with each field's docstring as its description.

pydantic can read the docstrings itself, but then takes the sources apart whenever the program starts, while
callers wait. Only a schema has a use for them.
"""

from __future__ import annotations

import ast
import inspect
from typing import Any

from py_callcenter.config import mail, models, routing
from py_callcenter.config.base import Model


def json_schema() -> dict[str, Any]:
    """JSON Schema of the file, for editors."""
    schema = models.Config.model_json_schema(by_alias=True)
    told = _docstrings(mail) | _docstrings(models) | _docstrings(routing)
    for name, part in {**schema["$defs"], models.Config.__name__: schema}.items():
        fields = _aliases(name)
        for alias, value in part.get("properties", {}).items():
            text = told.get((name, fields.get(alias, "")))
            if text is not None:
                value["description"] = text
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "callcenter.toml"}


def _aliases(name: str) -> dict[str, str]:
    """Fields of a model by the name that they have in the file."""
    model = getattr(models, name, None) or getattr(routing, name, None)
    if not (isinstance(model, type) and issubclass(model, Model)):
        return {}
    return {info.alias or field: field for field, info in model.model_fields.items()}


def _docstrings(module: Any) -> dict[tuple[str, str], str]:
    """What stands below fields, by class and field."""
    found: dict[tuple[str, str], str] = {}
    for part in ast.parse(inspect.getsource(module)).body:
        if isinstance(part, ast.ClassDef):
            for field, below in zip(part.body, part.body[1:], strict=False):
                match field, below:
                    case (
                        ast.AnnAssign(target=ast.Name(id=name)),
                        ast.Expr(value=ast.Constant(value=str(text))),
                    ):
                        found[part.name, name] = inspect.cleandoc(text)
    return found

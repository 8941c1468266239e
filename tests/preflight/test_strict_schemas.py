"""Which schemas a request is held to."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from preflighting import SEARCH, an_object, ask, held
from unbroken.core.models.table import ModelInfo
from unbroken.preflight.request import Request
from unbroken.preflight.strict_schemas import all_schemas, formats, of_type, schemas, strict_tools

STRICT = {"name": "look", "input_schema": an_object(size={"type": "integer"}), "strict": True}


def seen(**changes: Any) -> Request:
    """The request."""
    return Request(ask(**changes), "m", ModelInfo(name="m"), None)


def test_the_output_and_strict_tools_are_held_to_schemas() -> None:
    """Tools that are not strict, and those of the API's own, are not; what is no schema is none."""
    loose = {**STRICT, "name": "loose", "strict": False}
    odd = {**STRICT, "name": "odd", "input_schema": 3}
    asked = seen(tools=[loose, SEARCH, STRICT, odd], **held(an_object()))
    assert [i for i, _ in strict_tools(asked)] == [2, 3]
    assert [path for path, _ in formats(asked)] == ["output_config.format.schema"]
    assert [path for path, _ in schemas(asked)] == ["output_config.format.schema", "tools[2].input_schema"]
    assert [path for path, _ in all_schemas(asked)] == [
        "output_config.format.schema",
        "tools[2].input_schema",
        "tools[2].input_schema.properties.size",
    ]


class Size(BaseModel):
    """What is asked for."""

    size: int


class Broken(BaseModel):
    """It has no schema."""

    @classmethod
    def model_json_schema(cls, *_: Any, **__: Any) -> Any:
        """Not today."""
        raise TypeError


class Odd:
    """No model of pydantic's."""

    @staticmethod
    def model_json_schema() -> int:
        """What is no schema."""
        return 3


def test_a_type_has_the_schema_of_its_model() -> None:
    """Made once; of other types there is none, and what is wrong with one the SDK says better."""
    first, second = (next(of_type(seen(output_format=Size))) for _ in range(2))
    assert first.path == "output_format"
    assert first.schema is second.schema
    for other in (Broken, Odd, int, list[int], None, {"type": "json_schema", "schema": {}}):
        assert list(of_type(seen(output_format=other))) == []

"""The types of blocks, against the SDK's."""

from __future__ import annotations

from typing import get_args, get_type_hints

from anthropic.types import ContentBlockParam

from unbroken.preflight.blocks import SERVER_CALLS, SERVER_RESULTS


def test_the_types_are_those_that_the_sdk_knows() -> None:
    """When the SDK learns one more, this is where it shows."""
    kinds = {kind for block in get_args(ContentBlockParam) for kind in get_args(get_type_hints(block)["type"])}
    assert {kind for kind in kinds if kind.endswith("_tool_result")} <= set(SERVER_RESULTS)
    assert {kind for kind in kinds if kind.endswith("_tool_use")} <= set(SERVER_CALLS)

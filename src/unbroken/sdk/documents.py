"""Whether a text is the document that a request demands (`output_format`, `output_config.format`)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import TypeAdapter

__all__ = ["validator"]


def validator(request: Mapping[str, Any]) -> Callable[[str], bool] | None:
    """Says of a text whether it is such a document; None for a request that demands none.

    A type is held against by pydantic, as the SDK does it. A JSON schema is held against by `jsonschema` where that is
    installed (the extra `schema`); without it, the text has to be JSON.
    """
    config = request.get("output_config")
    demanded = request.get("output_format") or (config.get("format") if isinstance(config, Mapping) else None)
    if not demanded:
        return None
    return lambda text: _is_document(demanded, text)


def _is_document(demanded: Any, text: str) -> bool:
    # Made here and not before: most documents are never cut, and a stream should not wait for what it will not need.
    check = _against_schema(demanded) if isinstance(demanded, Mapping) else TypeAdapter(demanded).validate_json
    try:
        check(text)
    except (ValueError, RecursionError):
        return False
    return True


def _against_schema(demanded: Mapping[str, Any]) -> Callable[[str], object]:
    schema = demanded.get("schema")
    try:
        from jsonschema.validators import validator_for
        from referencing import Registry
    except ImportError:
        return json.loads
    if not isinstance(schema, Mapping):
        return json.loads

    def check(text: str) -> None:
        document = json.loads(text)
        try:
            # A registry of our own, so that no `$ref` is fetched from the network.
            error = next(validator_for(schema)(schema, registry=Registry()).iter_errors(document), None)
        except Exception:  # a schema that the API took and this library cannot read rules nothing out
            return
        if error is not None:
            raise ValueError(error.message)

    return check

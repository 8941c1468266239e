"""Which citations of a text are the same."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["is_cited"]


def is_cited(citation: object, citations: Iterable[object]) -> bool:
    """Whether a citation is one of these, as the API has them in a text block."""
    return _place(citation) in map(_place, citations)


def _place(citation: object) -> object:
    """A citation without what is new each time that the same place is cited: `encrypted_index`."""
    fields = citation.items() if isinstance(citation, dict) else ()
    return {name: value for name, value in fields if not name.startswith("encrypted")} or citation

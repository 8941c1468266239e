"""What a request says of thinking; the budget that it leaves is tried in `test_resume.py`, on whole requests."""

from __future__ import annotations

from unbroken.core.models.table import lookup
from unbroken.core.requests.thinking import thinking_is_on

HAIKU = lookup("claude-haiku-4-5")
OPUS = lookup("claude-opus-5-5")  # always thinks
OPUS_OFF = lookup("claude-opus-4-8")  # thinks when told to


def test_whether_a_model_thinks() -> None:
    """What the request says; where it says nothing, the model's default."""
    assert thinking_is_on({}, OPUS)
    assert not thinking_is_on({}, HAIKU)
    assert thinking_is_on({"thinking": {"type": "between_tools"}}, OPUS)
    assert thinking_is_on({"thinking": {"type": "adaptive"}}, OPUS_OFF)
    assert not thinking_is_on({"thinking": {"type": "disabled"}}, OPUS)

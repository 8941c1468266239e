"""Signatures hold what was signed, and nothing else passes for one."""

from __future__ import annotations

import base64

import pytest

from unbroken.testing.signing import conversation, sign, signed_by, signed_in


def test_a_signature_names_its_model_and_its_conversation() -> None:
    """Until the text is changed."""
    before = conversation({}, [{"role": "user", "content": "Hi."}])
    signature = sign("claude-opus-5", "Hm.", before)
    assert (signed_by(signature, "Hm."), signed_in(signature)) == ("claude-opus-5", before)
    assert signed_by(signature, "Hm!") is None


@pytest.mark.parametrize(
    "signature", ["", "x", "é", base64.b64encode(b"a:b").decode(), base64.b64encode(b"\xff").decode()]
)
def test_what_is_no_signature(signature: str) -> None:
    """Nobody signed it."""
    assert (signed_by(signature, ""), signed_in(signature)) == (None, "")

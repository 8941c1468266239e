"""What a platform other than the first-party API does not take."""

from __future__ import annotations

import pytest

from preflighting import found

PICTURE = {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}}
SENT = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aaaa"}}


@pytest.mark.parametrize(
    "model",
    [
        "anthropic.claude-haiku-4-5-20251001-v1:0",
        "us.anthropic.claude-3-5-sonnet-20240620-v1:0",
        "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a",
    ],
)
def test_bedrock_fetches_no_image(model: str) -> None:
    """It takes the image itself."""
    assert found([SENT, PICTURE], model=model, version=None) == [
        ("image_url_on_bedrock", "messages[0].content[1].source")
    ]


@pytest.mark.parametrize("model", ["claude-haiku-4-5", "claude-haiku-4-5@20251001", "claude-opus-9"])
def test_others_do(model: str) -> None:
    """By the names that other platforms have for models."""
    assert found([PICTURE], model=model) == []

"""What a platform other than the first-party API does not take."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from .request import Request, get
from .rule import Complaint, Rule, rule

__all__ = ["RULES"]

#: What Bedrock calls its models, in `InvokeModel`: an id with the model's version, or the ARN of a profile.
_ON_BEDROCK: Final = re.compile(r"(?:[a-z]+\.)?anthropic\.claude-.*-v\d+(?::\d+)?|arn:aws[a-z-]*:bedrock:.*")


@rule("image_url_on_bedrock", "Send the image itself, as `base64`.", "image")
def image_url_on_bedrock(request: Request) -> Iterator[Complaint]:
    """An image that Amazon Bedrock would have to fetch from a URL.

    Source: recorded: a 400 of Bedrock's.
    """
    if not _ON_BEDROCK.fullmatch(request.model):
        return
    for part in request.of("image"):
        if get(get(part.block, "source"), "type") == "url":
            yield part.at("source"), "The image is given by its URL, which Amazon Bedrock does not fetch."


RULES: Final[tuple[Rule, ...]] = (image_url_on_bedrock,)

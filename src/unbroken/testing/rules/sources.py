"""What the Messages API rejects of search results and citations that are not as it wrote them."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final

from unbroken.testing.claude.signatures import content_of, is_index_of, plain
from unbroken.testing.rules.incoming import Incoming

__all__ = ["citations", "images", "search_results"]

#: What Bedrock calls its models in `InvokeModel`.
_ON_BEDROCK: Final = re.compile(r"(?:[a-z]+\.)?anthropic\.claude-.*-v\d+(?::\d+)?|arn:aws[a-z-]*:bedrock:.*")
#: After the SDK's types/text_citation_param.py, 2.12.0.
_CITATIONS: Final = (
    "char_location",
    "content_block_location",
    "page_location",
    "search_result_location",
    "web_search_result_location",
)


def images(request: Incoming) -> Iterator[str]:
    """Images that Bedrock would have to fetch; it knows no URL. The words are not known."""
    if not _ON_BEDROCK.fullmatch(request.body["model"]):
        return
    for path, _message, block in request.parts():
        if block["type"] == "image" and isinstance(block["source"], dict) and block["source"].get("type") == "url":
            yield f"{path}.image.source: Input tag 'url' found using 'type' does not match any of the expected tags"


def search_results(request: Incoming) -> Iterator[str]:
    """Results of a search whose `encrypted_content` is missing, or was changed, or belongs to another one."""
    scripted = [plain(result) for result in request.scripted_results()]
    for path, _message, block in request.parts():
        content = block.get("content")
        if block["type"] != "web_search_tool_result" or not isinstance(content, list):
            continue
        if plain(content) in scripted or request.is_scripted(block):
            continue
        for result in content:
            if result.get("encrypted_content") != content_of(result):
                yield f"{path}: Invalid `encrypted_content` in `search_result` block"


def citations(request: Incoming) -> Iterator[str]:
    """Citations of a kind that nobody knows, and such as the model did not write.

    The API itself can tell only by the `encrypted_index` of a search result's. Here the citations of a text that the
    script knows must be the script's, each of them once.
    """
    for path, message, block in request.parts():
        if block["type"] != "text" or message["role"] != "assistant":
            continue
        given = block.get("citations") or []
        known = request.citations_of(block["text"])
        left = Counter(map(_key, known or ()))
        for n, citation in enumerate(given):
            where = f"{path}.text.citations.{n}"
            yield from _citation(where, citation, is_known=known is not None and plain(citation) in known)
            left[_key(citation)] -= 1
            if known and left[_key(citation)] < 0:
                yield f"{where}: the citations of a text cannot be modified"


def _citation(where: str, citation: Mapping[str, Any], *, is_known: bool) -> Iterator[str]:
    kind = citation.get("type")
    if kind not in _CITATIONS and not is_known:
        tags = ", ".join(f"'{each}'" for each in _CITATIONS)
        yield f"{where}: Input tag '{kind}' found using 'type' does not match any of the expected tags: {tags}"
    if kind == "web_search_result_location" and not is_known and not is_index_of(citation):
        yield f"{where}: Invalid `encrypted_index` in `web_search_result_location` block"


def _key(citation: Mapping[str, Any]) -> str:
    """What a citation says; its index is another one each time."""
    told = {name: value for name, value in plain(dict(citation)).items() if name != "encrypted_index"}
    return json.dumps(told, sort_keys=True)

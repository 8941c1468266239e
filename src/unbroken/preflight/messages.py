"""Messages, blocks and texts that the API does not take for what they are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import product
from typing import Final

from ..core.message.blocks import THINKING
from .blocks import SERVER_CALLS, SERVER_RESULTS
from .request import Request, get, is_object, listed
from .rule import Complaint, Rule, rule

__all__ = ["RULES"]

#: Arguments that are lists, and such as are objects.
_LISTS: Final = ("tools", "stop_sequences")
_OBJECTS: Final = ("output_config", "metadata")
_ROLES: Final = ("user", "assistant", "system")
#: Of the API reference, in the SDK's own words: types/message_create_params.py, 2.12.0.
_MOST_MESSAGES: Final = 100_000
#: The fields that a block must have, and of which type.
_FIELDS: Final[Mapping[str, Mapping[str, type]]] = {
    "text": {"text": str},
    "image": {"source": object},
    "document": {"source": object},
    "search_result": {"source": str, "title": str, "content": object},
    "thinking": {"thinking": str},
    "redacted_thinking": {"data": str},
    "tool_use": {"id": str, "name": str, "input": Mapping},
    "tool_result": {"tool_use_id": str},
    "server_tool_use": {"id": str, "name": str, "input": Mapping},
}
#: Blocks that only the model writes.
_THE_MODELS: Final = (*THINKING, "tool_use", *SERVER_CALLS, *SERVER_RESULTS)
_NEWER: Final = "2026-10-21"


@rule("field_missing", "Give it.")
def field_missing(request: Request) -> Iterator[Complaint]:
    """A request without its model, `max_tokens` or messages.

    Source: Messages API reference (the SDK's `types/message_create_params.py`, 2.12.0: `Required`).
    """
    if not request.model:
        yield "model", "A request needs the name of a model."
    for name in ("max_tokens", "messages"):
        if get(request.params, name) is None:
            yield name, f"A request needs `{name}`."


@rule("argument_invalid", "Give it as the API's reference has it.", *_LISTS, *_OBJECTS)
def argument_invalid(request: Request) -> Iterator[Complaint]:
    """An argument that is no list, or no object, where the API takes nothing else.

    Source: Messages API reference (the SDK's `types/message_create_params.py`, 2.12.0).
    """
    for name in (*_LISTS, *_OBJECTS):
        value = get(request.params, name)
        if value is not None and not (_may_be_a_list(value) if name in _LISTS else is_object(value)):
            yield name, f"`{name}` is not {'a list' if name in _LISTS else 'an object'}."


@rule("messages_invalid", "Give a list of messages, each with a `role` and its `content`.")
def messages_invalid(request: Request) -> Iterator[Complaint]:
    """Messages, or content, of a shape that the API does not know.

    Source: Messages API reference (the SDK's `types/message_param.py`, 2.12.0).
    """
    messages = get(request.params, "messages")
    if messages is not None and not _may_be_a_list(messages):
        yield "messages", "The messages are not a list."
    for i, (message, (role, content)) in enumerate(zip(listed(messages), request.messages or (), strict=True)):
        if not is_object(message):
            yield f"messages[{i}]", "The message is not an object with `role` and `content`."
        elif role not in _ROLES:
            yield f"messages[{i}].role", "The role is neither user nor assistant nor system."
        elif not isinstance(content, str) and not _may_be_a_list(content):
            yield f"messages[{i}].content", "The content is neither a string nor a list of blocks."
    for part in request.of(""):
        yield part.path, "The block is not an object with a `type`."


def _may_be_a_list(value: object) -> bool:
    return isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping)


@rule("messages_empty", "Give at least one message, from the user.")
def messages_empty(request: Request) -> Iterator[Complaint]:
    """No message at all.

    Source: the API's own words: "messages: at least one message is required".
    """
    if request.messages is not None and not request.messages:
        yield "messages", "There is no message."


@rule("messages_too_many", "Summarise or leave out the oldest.")
def messages_too_many(request: Request) -> Iterator[Complaint]:
    """More messages than a request may have.

    Source: Messages API reference: "There is a limit of 100,000 messages in a single request".
    """
    if len(request.messages or ()) > _MOST_MESSAGES:
        yield "messages", f"There are {len(request.messages or ())} messages; a request may have {_MOST_MESSAGES}."


@rule("first_message_not_user", "Begin with what the user says; instructions belong in `system`.")
def first_message_not_user(request: Request) -> Iterator[Complaint]:
    """A conversation that a system message begins; the assistant may.

    Source: the API's own words: 'messages: first message must use the "user" role'. Since May 2026 at the latest it
    takes conversations that the assistant begins (recorded, Haiku 4.5 to Opus 4.8).
    """
    if request.messages and request.messages[0][0] == "system":
        yield "messages[0].role", "The first message is the system's."


@rule("content_empty", "Leave the message out, or say something in it.")
def content_empty(request: Request) -> Iterator[Complaint]:
    """A message without content; only the last one may have none, if it is the assistant's.

    Source: the API's own words: "all messages must have non-empty content except for the optional final assistant
    message".
    """
    messages = request.messages or ()
    for i, (role, content) in enumerate(messages):
        if content in ("", [], ()) and not (role == "assistant" and i == len(messages) - 1):
            yield f"messages[{i}].content", "The message has no content."


@rule("text_empty", "Leave the block out.", "text")
def text_empty(request: Request) -> Iterator[Complaint]:
    """A text block without text.

    Source: the API's own words: "text content blocks must be non-empty".
    """
    for part in request.of("text"):
        if part.place is not None and part.text == "":
            yield part.at("text"), "The text block is empty."


@rule("text_blank", "Leave it out, or say something in it.", "text")
def text_blank(request: Request) -> Iterator[Complaint]:
    """A text of the user's that is nothing but white space.

    Source: the API's own words: "text content blocks must contain non-whitespace text". In the assistant's messages it
    takes them (recorded, April and August 2026): it writes such blocks itself.
    """
    for part in request.of("text"):
        if part.role != "assistant" and (part.text or "").isspace():
            yield part.at("text"), "The text is nothing but white space."


@rule("system_empty", "Leave `system` out, or say something in it.", "system")
def system_empty(request: Request) -> Iterator[Complaint]:
    """A block of a system prompt without text; an empty string is none, and taken.

    Source: the API's own words: "system: text content blocks must be non-empty"; of a string: recorded, Haiku 4.5, May
    2026.
    """
    for i, block in enumerate(listed(get(request.params, "system"))):
        if get(block, "text") == "":
            yield f"system[{i}].text", "The block of the system prompt is empty."


@rule("system_invalid", "Give a string, or a list of text blocks.", "system")
def system_invalid(request: Request) -> Iterator[Complaint]:
    """A system prompt of a shape that the API does not know.

    Source: Messages API reference (the SDK's `types/message_create_params.py`, 2.12.0).
    """
    system = get(request.params, "system")
    if system is not None and not isinstance(system, str) and not _may_be_a_list(system):
        yield "system", "The system prompt is neither a string nor a list of text blocks."
    for i, block in enumerate(listed(system)):
        if get(block, "type") != "text" or not isinstance(get(block, "text"), str):
            yield f"system[{i}]", "The block of the system prompt is not a text block."


@rule("block_field_missing", "Give it, as the API's reference has it.")
def block_field_missing(request: Request) -> Iterator[Complaint]:
    """A block without a field of its type, or with one of another type.

    Source: Messages API reference (the SDK's `types/*_block_param.py`, 2.12.0: `Required`).
    """
    for kind in request.has & _FIELDS.keys():
        for part, (name, type_) in product(request.of(kind), _FIELDS[kind].items()):
            value = part.block if part.place is None else get(part.block, name)
            if value is None or not (isinstance(value, type_) or (type_ is Mapping and is_object(value))):
                yield (
                    part.at(name),
                    f"A block of type `{part.kind}` needs `{name}`, which is missing or no {_noun(type_)}.",
                )


def _noun(type_: type) -> str:
    return {str: "string", object: "value"}.get(type_, "object")


@rule("block_not_users", "Give it back in the assistant's message that it came in.", *_THE_MODELS)
def block_not_users(request: Request) -> Iterator[Complaint]:
    """A block that only the model writes, in another's message.

    Source: Messages API reference (the SDK's `types/content_block.py`, 2.12.0).
    """
    for part in request.of(*_THE_MODELS):
        if part.role in ("user", "system"):
            yield part.path, f"A block of type `{part.kind}` stands in a message that is not the assistant's."


@rule("document_in_assistant", "Move it to a user message.", "document")
def document_in_assistant(request: Request) -> Iterator[Complaint]:
    """A document in an assistant's message.

    Source: migration guide to version 2026-10-21, October 2026: a 400.
    """
    if not request.since(_NEWER):
        return
    for part in request.of("document"):
        if part.role == "assistant":
            yield part.path, "A document stands in an assistant's message."


@rule("citations_in_user_text", "Leave the citations out: they may stay on the assistant's own texts only.", "text")
def citations_in_user_text(request: Request) -> Iterator[Complaint]:
    """A text of the user's with citations.

    Source: migration guide to version 2026-10-21, October 2026: a 400.
    """
    if not request.since(_NEWER):
        return
    for part in request.of("text"):
        if part.role == "user" and part.place is not None and listed(get(part.block, "citations")):
            yield part.at("citations"), "A text in a user message has citations."


@rule("stop_sequence_blank", "Leave it out; a stop sequence needs something that is not white space.", "stop_sequences")
def stop_sequence_blank(request: Request) -> Iterator[Complaint]:
    """A stop sequence of nothing but white space, or that is no string.

    Source: the API's own words: "stop_sequences: each stop sequence must contain non-whitespace".
    """
    for i, sequence in enumerate(listed(get(request.params, "stop_sequences"))):
        if not isinstance(sequence, str) or not sequence.strip():
            yield f"stop_sequences[{i}]", "The stop sequence is no string, or nothing but white space."


RULES: Final[tuple[Rule, ...]] = (
    field_missing,
    argument_invalid,
    messages_invalid,
    messages_empty,
    messages_too_many,
    first_message_not_user,
    content_empty,
    text_empty,
    text_blank,
    system_empty,
    system_invalid,
    block_field_missing,
    block_not_users,
    document_in_assistant,
    citations_in_user_text,
    stop_sequence_blank,
)

"""What each model accepts: the rows of claude-api's table, and the names under which clouds know the models."""

from __future__ import annotations

import pytest

from unbroken.core.models.table import EFFORTS, MODELS, NOT_IN_THE_TABLE, THINKING_TYPES, family, lookup

ADAPTIVE = {"adaptive"}
ENABLED = {"enabled", "disabled"}

TABLE = [
    # name, prefill, thinking, thinks by default, max output, context
    ("claude-fable-5-2", False, ADAPTIVE, True, 128_000, 1_000_000),
    ("claude-mythos-5-2", False, ADAPTIVE, True, 128_000, 1_000_000),
    ("claude-fable-5-1", False, ADAPTIVE, True, 128_000, 1_000_000),
    ("claude-mythos-5-1", False, ADAPTIVE, True, 128_000, 1_000_000),
    ("claude-fable-5", False, ADAPTIVE, True, 128_000, 1_000_000),
    ("claude-mythos-5", False, ADAPTIVE, True, 128_000, 1_000_000),
    ("claude-opus-5-5", False, ADAPTIVE, True, 128_000, 1_000_000),
    ("claude-opus-5", False, ADAPTIVE | {"disabled"}, True, 128_000, 1_000_000),
    ("claude-opus-4-8", False, ADAPTIVE | {"disabled"}, False, 128_000, 1_000_000),
    ("claude-opus-4-7", False, ADAPTIVE | {"disabled"}, False, 128_000, 1_000_000),
    ("claude-opus-4-6", False, ADAPTIVE | ENABLED, False, 128_000, 1_000_000),
    ("claude-opus-4-5", True, ENABLED, False, 64_000, 200_000),
    ("claude-sonnet-5-5", False, ADAPTIVE | {"between_tools"}, True, 128_000, 1_000_000),
    ("claude-sonnet-5", False, ADAPTIVE | {"disabled"}, True, 128_000, 1_000_000),
    ("claude-sonnet-4-6", False, ADAPTIVE | ENABLED, False, 128_000, 1_000_000),
    ("claude-sonnet-4-5", True, ENABLED, False, 64_000, 200_000),
    ("claude-haiku-5-5", False, ADAPTIVE | {"disabled"}, True, 128_000, 1_000_000),
    ("claude-haiku-4-5", True, ENABLED, False, 64_000, 200_000),
    ("claude-mythos-preview", False, ADAPTIVE | {"enabled"}, True, 128_000, None),
]


@pytest.mark.parametrize(("name", "prefill", "thinking", "by_default", "max_output", "context"), TABLE)
def test_each_model_that_can_be_called(
    name: str, prefill: bool, thinking: set[str], by_default: bool, max_output: int, context: int | None
) -> None:
    """Row by row as the vendor's pages have it."""
    info = lookup(name)
    assert info.name == name
    assert info.prefill is prefill
    assert info.thinking == thinking
    assert info.thinks_by_default is by_default
    assert (info.max_output, info.context) == (max_output, context)


def test_prefill_ends_with_the_generation_of_4_5() -> None:
    """4.6 and later reject it, and so does Mythos Preview."""
    assert [name for name, prefill, *_ in TABLE if prefill] == [
        "claude-opus-4-5",
        "claude-sonnet-4-5",
        "claude-haiku-4-5",
    ]
    assert {info.name for info in MODELS if info.prefill} == {info.name for info in MODELS if info.context == 200_000}


def test_the_newest_models_cannot_be_forced_to_call_a_tool() -> None:
    """`tool_choice` `any` or `tool` is a 400 on 5.1, 5.2 and 5.5."""
    unforced = {info.name for info in MODELS if not info.forced_tool_choice}
    assert unforced >= {info.name for info in MODELS if info.name.endswith(("-5-1", "-5-2", "-5-5"))}
    assert not unforced & {info.name for info in MODELS if info.prefill}


ALIASES = [
    ("claude-haiku-4-5-20251001", "claude-haiku-4-5"),
    ("claude-sonnet-4-5-20250929", "claude-sonnet-4-5"),
    ("claude-opus-4-5@20251101", "claude-opus-4-5"),
    ("claude-sonnet-4-5@default", "claude-sonnet-4-5"),
    ("anthropic.claude-opus-5-5", "claude-opus-5-5"),
    ("us.anthropic.claude-haiku-4-5-20251001-v1:0", "claude-haiku-4-5"),
    ("global.anthropic.claude-opus-4-6-v1", "claude-opus-4-6"),
    ("arn:aws:bedrock:eu-west-1:1:inference-profile/eu.anthropic.claude-sonnet-4-5-20250929-v1:0", "claude-sonnet-4-5"),
    ("anthropic/claude-sonnet-5", "claude-sonnet-5"),
    ("claude-opus-4-20250514", "claude-opus-4"),
    ("claude-opus-4-0", "claude-opus-4"),
    ("claude-opus-4-1-20250805", "claude-opus-4-1"),
    ("claude-3-7-sonnet-latest", "claude-3-7-sonnet"),
    ("claude-3-5-haiku@20241022", "claude-3-5-haiku"),
    ("claude-3-5-sonnet-20241022-v2:0", "claude-3-5-sonnet"),
    ("claude-3-opus-20240229", "claude-3-opus"),
]


@pytest.mark.parametrize(("alias", "name"), ALIASES)
def test_a_model_is_known_by_all_its_names(alias: str, name: str) -> None:
    """Dates, regions, versions and vendors are left aside."""
    assert family(alias) == lookup(alias).name == name
    assert lookup(alias).source != NOT_IN_THE_TABLE


@pytest.mark.parametrize("model", ["claude-sonata-9", "claude-opus-5-6-20270101", "my-gateway/best", ""])
def test_a_model_that_is_not_in_the_table_is_taken_for_a_new_one(model: str) -> None:
    """No prefill, which only costs the *continue* form; nothing else is ruled out, and no limit is known."""
    info = lookup(model)
    assert not info.prefill
    assert info.thinks_by_default
    assert info.thinking == THINKING_TYPES
    assert info.effort == set(EFFORTS)
    assert info.forced_tool_choice
    assert info.speed
    assert (info.max_output, info.context, info.source) == (None, None, NOT_IN_THE_TABLE)
    assert family(model) == info.name


def test_a_model_stands_in_the_table_once_and_says_where_it_comes_from() -> None:
    """Two rows for one name would be one too many."""
    names = [info.name for info in MODELS]
    assert len(names) == len(set(names))
    assert all(info.source for info in MODELS)
    assert all(lookup(name).name == name for name in names)


BUCKETS = [
    {"claude-opus-4-5-20251101", "claude-opus-4-6", "global.anthropic.claude-opus-4-7-v1", "claude-opus-4-8@default"},
    {"claude-sonnet-4-5", "claude-sonnet-4-6", "us.anthropic.claude-sonnet-4-5-20250929-v1:0"},
    {"claude-opus-5", "anthropic/claude-opus-5"},
    {"claude-opus-5-5"},
    {"claude-sonnet-5"},
    {"claude-haiku-4-5", "claude-haiku-4-5-20251001", "claude-haiku-4-5@20251001"},
    {"claude-opus-4-1", "claude-opus-4-1-20250805"},
    {"my-gateway/best"},
]


def test_models_that_share_a_rate_limit_share_a_bucket() -> None:
    """All names of a model draw from one; every model that the page does not name has its own."""
    buckets = [{lookup(name).rate_limit for name in names} for names in BUCKETS]
    assert [len(bucket) for bucket in buckets] == [1] * len(BUCKETS)
    assert len(set().union(*buckets)) == len(BUCKETS)


def test_a_shared_bucket_has_no_models_name_and_more_than_one_model() -> None:
    """A slip of the pen would leave one out."""
    shared = [info.bucket for info in MODELS if info.bucket]
    assert not set(shared) & {info.name for info in MODELS}
    assert all(shared.count(bucket) > 1 for bucket in shared)


EFFORT = [
    # the levels, and the models that take no others
    ((), {"claude-sonnet-4-5", "claude-haiku-4-5"}),
    (("low", "medium", "high"), {"claude-opus-4-5"}),
    (("low", "medium", "high", "max"), {"claude-opus-4-6", "claude-sonnet-4-6", "claude-mythos-preview"}),
]


@pytest.mark.parametrize(("levels", "names"), EFFORT)
def test_the_levels_of_effort(levels: tuple[str, ...], names: set[str]) -> None:
    """`max` came with 4.6, `xhigh` with Opus 4.7; every later model has all."""
    assert {info.name for info in MODELS if info.effort == set(levels)} & {row[0] for row in TABLE} == names
    limited = {name for _, names in EFFORT for name in names}
    assert all(lookup(row[0]).effort == set(EFFORTS) for row in TABLE if row[0] not in limited)


def test_thinking_goes_without_the_highest_efforts() -> None:
    """Three models reject `xhigh` and `max` when thinking is turned off, and all three can turn it off."""
    quiet = {info.name for info in MODELS if info.quiet_effort is not None}
    assert quiet == {"claude-opus-5", "claude-sonnet-5-5", "claude-haiku-5-5"}
    assert all(lookup(name).thinking & {"disabled", "between_tools"} for name in quiet)


def test_a_token_is_shorter_from_opus_4_7_on() -> None:
    """About 30 % more tokens for the same text; which of the two a model has is a matter of its generation."""
    longer = {info.name for info in MODELS if info.chars_per_token == lookup("claude-haiku-4-5").chars_per_token}
    assert {row[0] for row in TABLE} & longer == {
        "claude-opus-4-6",
        "claude-sonnet-4-6",
        "claude-mythos-preview",
        "claude-opus-4-5",
        "claude-sonnet-4-5",
        "claude-haiku-4-5",
    }
    text = 10_000
    older, newer = lookup("claude-haiku-4-5"), lookup("claude-opus-4-7")
    assert older.least_tokens(text, 0) == 2_000
    assert newer.least_tokens(text, 0) == 2_600
    assert older.least_tokens(0, text) == 5_000
    assert newer.least_tokens(0, text) == 6_500
    assert older.least_tokens(9, 3) == 1 + 1

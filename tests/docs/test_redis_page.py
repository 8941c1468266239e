"""The page about Redis says what the code says."""

from __future__ import annotations

import re

from snippets import ROOT

from unbroken.journal.redis import RedisJournal

PAGE = (ROOT / "docs" / "pages" / "how-to" / "redis.md").read_text("utf-8")


def test_the_rights_are_those_that_are_tested() -> None:
    """`test_a_user_of_few_rights_is_enough` tries those of the docstring."""
    rights = re.search(r"needs `(~\S+)`, `(&\S+)` and `([^`]+)`", RedisJournal.__doc__ or "")
    assert rights is not None
    told = re.search(r"`ACL SETUSER chat on >PASSWORD resetchannels ([^`]+)`", PAGE)
    assert told is not None
    assert told[1] == " ".join(" ".join(rights.groups()).replace("prefix", "chat").split())

"""A journal in Redis 7 or Valkey, for many machines (extra `redis`)."""

from __future__ import annotations

from .journal import RedisJournal

__all__ = ["RedisJournal"]

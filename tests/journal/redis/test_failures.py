"""What a client of Redis raises becomes a journal's error, in a sentence, without anybody's words."""

from __future__ import annotations

import ssl

import pytest
from coredis import exceptions
from coredis.parser import Parser

from unbroken.journal import JournalError, JournalFull, JournalUnavailable
from unbroken.journal.redis.failures import is_moved, is_unknown_script, is_worth_a_new_connection, translate

#: As servers of version 7 say it, and what it becomes.
SAID = [
    ("OOM command not allowed when used memory > 'maxmemory'.", JournalFull, "has no memory left"),
    ("LOADING Redis is loading the dataset in memory", JournalUnavailable, "still loading"),
    ("READONLY You can't write against a read only replica.", JournalUnavailable, "is a replica by now"),
    ("CLUSTERDOWN The cluster is down", JournalUnavailable, "cluster that is down"),
    ("CLUSTERDOWN Hash slot not served", JournalUnavailable, "cluster that is down"),
    ("MASTERDOWN Link with MASTER is down", JournalUnavailable, "lost its primary"),
    ("NOREPLICAS Not enough good replicas to write.", JournalUnavailable, "too few replicas"),
    ("MISCONF Redis is configured to save RDB snapshots, but", JournalUnavailable, "cannot write its data"),
    ("BUSY Redis is busy running a script.", JournalUnavailable, "busy with a script"),
    ("TRYAGAIN Multiple keys request during rehashing of slot", JournalUnavailable, "moving the keys"),
    ("UNBLOCKED force unblock from blocking operation", JournalUnavailable, "become a replica"),
    ("MOVED 1234 127.0.0.1:7001", JournalUnavailable, "given the keys to another"),
    ("ASK 1234 127.0.0.1:7001", JournalUnavailable, "moving the keys"),
    ("ERR max number of clients reached", JournalUnavailable, "as many clients as it takes"),
    ("NOAUTH Authentication required.", JournalError, "does not accept the user"),
    ("WRONGPASS invalid username-password pair", JournalError, "does not accept the user"),
    ("NOPERM this user has no permissions to run the 'evalsha' command", JournalError, "does not let this user"),
    ("NOPERM No permissions to access a key", JournalError, "does not let this user"),
    ("DENIED Redis is running in protected mode because", JournalError, "does not serve other hosts"),
    ("WRONGTYPE Operation against a key", JournalError, "something else under the journal's prefix"),
    ("ERR unknown command 'X', with args beginning with: 'words of somebody'", JournalError, "refused a command: ERR"),
    ("ERR words of somebody script: 0725, on @user_script:1.", JournalError, "refused a command: ERR"),
    ("NEWCODE words of somebody", JournalError, "refused a command: NEWCODE"),
]


@pytest.mark.parametrize(("said", "kind", "sentence"), SAID)
def test_each_error_of_the_server_has_its_kind_and_its_sentence(
    said: str, kind: type[JournalError], sentence: str
) -> None:
    error = translate(Parser().parse_error(said), "redis://localhost:6379/0")
    assert type(error) is kind
    assert sentence in str(error)
    assert str(error).startswith("Redis at redis://localhost:6379/0 ")
    assert "words of somebody" not in str(error)


def _caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (
            _caused(OSError("all failed"), ConnectionRefusedError(111, "no")),
            "cannot be reached (ConnectionRefusedError)",
        ),
        (
            _caused(OSError("all failed"), ExceptionGroup("", [ConnectionRefusedError(111, "no")])),
            "cannot be reached (ConnectionRefusedError)",
        ),
        (ssl.SSLCertVerificationError("no"), "cannot be reached (SSLCertVerificationError)"),
        (TimeoutError(), "does not answer in time"),
        (TimeoutError("EVALSHA timed out"), "does not answer in time"),
        (exceptions.ConnectionError("Connection lost!"), "has closed the connection"),
        (OSError("x"), "cannot be reached (OSError)"),
        (ConnectionResetError(), "has closed the connection"),
    ],
)
def test_what_the_network_does_passes(error: Exception, sentence: str) -> None:
    translated = translate(error, "redis://h:1/0")
    assert type(translated) is JournalUnavailable
    assert sentence in str(translated)
    assert is_worth_a_new_connection(error)


def test_an_error_of_the_journals_own_stays() -> None:
    error = JournalFull("full")
    assert translate(error, "") is error


def test_only_what_another_server_may_do_better_costs_the_connection() -> None:
    said = [line for line, *_ in SAID if is_worth_a_new_connection(Parser().parse_error(line))]
    assert {line.split(" ")[0] for line in said} == {
        "READONLY",
        "CLUSTERDOWN",
        "MASTERDOWN",
        "UNBLOCKED",
        "NOAUTH",
        "ERR",  # too many clients: it closes the connection itself
    }


def test_where_the_keys_have_gone_is_read() -> None:
    assert is_moved(Parser().parse_error("MOVED 866 127.0.0.1:7001")) == ("127.0.0.1", 7001)
    assert is_moved(Parser().parse_error("MOVED 866 :7001")) == ("", 7001)
    assert is_moved(Parser().parse_error("ASK 866 127.0.0.1:7001")) is None
    assert is_moved(None) is None


def test_an_unknown_script_is_told_from_all_else() -> None:
    assert is_unknown_script(Parser().parse_error("NOSCRIPT No matching script. Please use EVAL."))
    assert not is_unknown_script(Parser().parse_error("ERR no"))
    assert not is_unknown_script([b"NOSCRIPT"])

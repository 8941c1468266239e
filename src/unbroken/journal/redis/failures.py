"""What a client of Redis raises, as errors of journals.

Of what the server says only the first word is kept, its code: some of its sentences have the arguments of commands in
them, and those are what people write.
"""

from __future__ import annotations

import re
from typing import Final

from ..errors import JournalError, JournalFull, JournalUnavailable

__all__ = ["is_moved", "is_unknown_script", "is_worth_a_new_connection", "translate"]

#: The code with which the server begins what it says.
_CODE: Final = re.compile(r"[A-Z]{2,20}\b")
#: Codes of what passes by itself, or by a fail-over.
_PASSING: Final = {
    "BUSY": "is busy with a script",
    "CLUSTERDOWN": "is of a cluster that is down",
    "LOADING": "is still loading its data",
    "MASTERDOWN": "has lost its primary",
    "MISCONF": "cannot write its data to its disk, and takes nothing until it can",
    "NOREPLICAS": "has too few replicas to take anything",
    "READONLY": "is a replica by now",
    "TRYAGAIN": "is moving the keys to another",
    "ASK": "is moving the keys to another",
    "MOVED": "has given the keys to another",
    "UNBLOCKED": "has become a replica",
}
#: By the name of coredis' class, where it takes the code off the text.
_CODES: Final = {
    "AskError": "ASK",
    "AuthenticationFailureError": "WRONGPASS",
    "AuthenticationRequiredError": "NOAUTH",
    "AuthorizationError": "NOPERM",
    "BusyLoadingError": "LOADING",
    "ClusterDownError": "CLUSTERDOWN",
    "MovedError": "MOVED",
    "NoScriptError": "NOSCRIPT",
    "ReadOnlyError": "READONLY",
    "TryAgainError": "TRYAGAIN",
    "UnblockedError": "UNBLOCKED",
    "WrongTypeError": "WRONGTYPE",
}


def translate(error: BaseException, server: str) -> JournalError:
    """The journal's error for one of the client's, or of the network's.

    Args:
        error: What a call has raised, or returned.
        server: Its address, without a password.
    """
    if isinstance(error, JournalError):
        return error
    code = _code(error)
    if code in _PASSING:
        return JournalUnavailable(f"Redis at {server} {_PASSING[code]}")
    match code:
        case "OOM":
            return JournalFull(f"Redis at {server} has no memory left (maxmemory)")
        case "NOAUTH" | "WRONGPASS":
            return JournalError(f"Redis at {server} does not accept the user or the password")
        case "NOPERM":
            return JournalError(f"Redis at {server} does not let this user do what a journal needs")
        case "DENIED":
            return JournalError(f"Redis at {server} does not serve other hosts (protected-mode)")
        case "WRONGTYPE":
            return JournalError(f"Redis at {server} has something else under the journal's prefix")
        case "":
            return JournalUnavailable(f"Redis at {server} {_network(error)}")
        case _:
            return JournalError(f"Redis at {server} has refused a command: {code}")


def is_unknown_script(error: object) -> bool:
    """Whether the server has to be sent the script itself."""
    return type(error).__name__ == "NoScriptError"


def is_moved(error: object) -> tuple[str, int] | None:
    """Which server of the cluster has the keys, as this one says; None: it says something else."""
    if type(error).__name__ != "MovedError":
        return None
    return str(getattr(error, "host", "")), int(getattr(error, "port", 0))


def is_worth_a_new_connection(error: BaseException) -> bool:
    """Whether another connection may lead to a server that does it: the name leads elsewhere after a fail-over."""
    return _code(error) in ("", "READONLY", "MASTERDOWN", "CLUSTERDOWN", "UNBLOCKED", "NOAUTH")


def _code(error: BaseException) -> str:
    """The server's code; empty: it is not the server that speaks."""
    from coredis.exceptions import ConnectionError as Lost
    from coredis.exceptions import RedisError

    name = type(error).__name__
    if name in _CODES:
        return _CODES[name]
    if isinstance(error, Lost) or not isinstance(error, RedisError):
        return ""
    # "OOM command not allowed …", "NOPERM this user …"; what has no code of its own begins with a small letter, for
    # coredis takes `ERR` away.
    found = _CODE.match(str(error))
    return found.group() if found else "ERR"


def _network(error: BaseException) -> str:
    cause: BaseException = error
    seen = 0
    while (deeper := cause.__cause__) is not None and seen < 10:
        cause, seen = deeper, seen + 1
        if isinstance(cause, BaseExceptionGroup):
            cause = cause.exceptions[0]
    if isinstance(error, TimeoutError) or isinstance(cause, TimeoutError):
        return "does not answer in time"
    if isinstance(error, OSError) and not isinstance(error, ConnectionResetError):
        return f"cannot be reached ({type(cause).__name__})"
    if "max number of clients" in str(error):
        return "has as many clients as it takes (maxclients)"
    return "has closed the connection"

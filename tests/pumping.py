"""Runs patterns against texts that are made to cost them the most, and tells which of them cannot cope.

`python pumping.py LIMIT` takes the patterns of the package, `python pumping.py LIMIT PATTERN...` those that are given,
and `python pumping.py LIMIT --scans` what else the package goes over such a text with. It prints the name and the
beginning of the text for each that spent more than LIMIT seconds of CPU on one text, and at last how many were tried.

A text is what leads to a repetition in the pattern, then some hundred thousand characters that may be repeated there,
then something that does not fit. At that length what is linear needs milliseconds, and a splitter that gets it by the
character less than a second; what goes over the text again for each of its characters takes ten seconds and more, and
what is exponential would never end. Each has a process of its own, with a timer of the system's that counts its CPU
time alone: a match cannot be interrupted otherwise, and what else the machine does makes no difference.
"""

from __future__ import annotations

import ast
import importlib
import os
import pkgutil
import re
import re._compiler as compiler  # type: ignore[import-not-found]  # where the parser is since 3.11
import re._constants as kinds  # type: ignore[import-not-found]
import re._parser as parser  # type: ignore[import-not-found]
import signal
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any, Final

#: A text has so many characters, or so many times what is repeated in it, if that is more.
SIZE: Final = 1 << 17
REPEATS: Final = 1 << 15
#: The most texts for one pattern.
ENOUGH: Final = 200

_REPEATS: Final = (kinds.MAX_REPEAT, kinds.MIN_REPEAT, kinds.POSSESSIVE_REPEAT)
#: The characters of which a class is shown: what people write, and what patterns are about.
_ALPHABET: Final = " a1-.\t\nA_*`\"'/:,0;=<>|#~!?()[]{}\\$&%@+^éß。…は\u00a0\r\x0b\0"
#: Calls that try to match at one place, and not at each.
_ANCHORED: Final = frozenset({"match", "fullmatch"})


# -- the patterns of the package


def modules() -> Iterator[Any]:
    """Every module of the package that can be imported."""
    import unbroken

    yield unbroken
    for found in pkgutil.walk_packages(unbroken.__path__, "unbroken."):
        if not found.name.endswith("__main__"):
            yield importlib.import_module(found.name)


def patterns(module: Any) -> Iterator[tuple[str, re.Pattern[str], str]]:
    """The patterns at a module's level: their names, and the call of theirs that has most to do."""
    calls = _calls(Path(module.__file__))
    others = [_calls(each) for each in sorted(Path(module.__file__).parent.glob("*.py"))]
    for name, value in vars(module).items():
        for pattern in _patterns_in(value):
            # What has no underscore is for the modules beside it.
            used = calls.get(name, set()).union(*(each.get(name, set()) for each in others if name[0] != "_"))
            call = min(used) if used and used <= _ANCHORED else "finditer"
            yield f"{module.__name__}.{name}", pattern, call


@cache
def _calls(path: Path) -> dict[str, set[str]]:
    """By name, what is called of what has that name in a file."""
    calls: dict[str, set[str]] = {}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            calls.setdefault(node.value.id, set()).add(node.attr)
    return calls


def _patterns_in(value: object) -> Iterator[re.Pattern[str]]:
    if isinstance(value, re.Pattern):
        if isinstance(value.pattern, str):
            yield value
    elif isinstance(value, tuple | list):
        for each in value:
            yield from _patterns_in(each)
    elif type(value) is dict:
        for each in value.values():
            yield from _patterns_in(each)


# -- the texts


def texts(pattern: re.Pattern[str]) -> Iterator[str]:
    """Texts that may cost a pattern much, the likeliest first, each once."""
    tree = parser.parse(pattern.pattern, pattern.flags)
    alphabet = _alphabet(tree, pattern.flags)
    places = list(dict.fromkeys(_places(tree, "", pattern.flags)))
    befores = list(dict.fromkeys(["", *(before for before, _ in places)]))
    bodies = list(dict.fromkeys([*(body for _, body in places), *(before for before in befores if before)]))
    ends = ["\0", "", *alphabet[:4]]
    tried = [("", body, "\0") for body in bodies if body]
    tried += [(before, body, end) for before, body in places if body for end in ends[:2]]
    more = [(before, one, end) for before in befores for one in alphabet[:4] for end in ends if end != one]
    more += [("", one + other, "\0") for one in alphabet[:6] for other in alphabet[:6] if one != other]
    step = -(-len(more) // max(1, ENOUGH - len(tried)))  # some of each kind, where there are too many
    for before, body, end in islice(dict.fromkeys([*tried, *more[::step]]), ENOUGH):
        yield before + body * max(SIZE // len(body), REPEATS) + end


def _alphabet(tree: Any, flags: int) -> list[str]:
    """Characters that the pattern tells from others."""
    found: dict[str, None] = {}
    for kind, argument in _nodes(tree):
        if kind is kinds.LITERAL:
            found[chr(argument)] = None
        elif kind in (kinds.IN, kinds.NOT_LITERAL, kinds.ANY):
            found |= dict.fromkeys(_members((kind, argument), flags)[:3])
    return [character for character in found if character][:10] or ["a"]


def _nodes(tree: Any) -> Iterator[tuple[Any, Any]]:
    for node in tree:
        yield node
        for below in _below(node):
            yield from _nodes(below)


def _below(node: tuple[Any, Any]) -> list[Any]:
    """The patterns within a node."""
    kind, argument = node
    if kind in _REPEATS:
        return [argument[2]]
    if kind is kinds.SUBPATTERN:
        return [argument[-1]]
    if kind is kinds.BRANCH:
        return list(argument[1])
    if kind is kinds.ATOMIC_GROUP:
        return [argument]
    if kind in (kinds.ASSERT, kinds.ASSERT_NOT):
        return [argument[1]]
    return []


def _members(node: tuple[Any, Any], flags: int) -> list[str]:
    """Characters of a class."""
    one = parser.SubPattern(parser.State(), [node])
    one.state.flags = flags
    matches = compiler.compile(one, flags).match
    return [character for character in _ALPHABET if matches(character)] or [""]


def _examples(tree: Any, flags: int) -> list[str]:
    """A few texts that a pattern matches, but for what it looks ahead or behind to."""
    found = [""]
    for node in tree:
        kind, argument = node
        if kind is kinds.LITERAL:
            parts = [chr(argument)]
        elif kind in (kinds.IN, kinds.NOT_LITERAL, kinds.ANY):
            parts = _members(node, flags)[:2]
        elif kind in _REPEATS:
            least, most, body = argument
            parts = [each * min(least, 300) for each in _examples(body, flags)[:2]]
            parts += [] if least or not most else _examples(body, flags)[:2]
        elif kind is kinds.BRANCH:
            parts = [each for branch in argument[1] for each in _examples(branch, flags)[:1]][:4]
        elif kind in (kinds.SUBPATTERN, kinds.ATOMIC_GROUP):
            parts = _examples(_below(node)[0], flags)
        else:
            continue
        found = [before + part for part in dict.fromkeys(parts) for before in found][:6]
    return found


def _places(tree: Any, before: str, flags: int) -> Iterator[tuple[str, str]]:
    """Where something is repeated without an end: what leads there, and what may be repeated."""
    for index, node in enumerate(tree):
        kind, argument = node
        for lead in _examples(tree[:index], flags)[:2]:
            if kind in _REPEATS:
                least, most, body = argument
                if most > 100:
                    for example in _examples(body, flags):
                        yield before + lead, example
                whole = _examples(body, flags)[-1]
                for repeated in {lead, lead + whole * min(least, 300), lead + whole * min(max(least - 1, 0), 300)}:
                    yield from _places(body, before + repeated, flags)
            else:
                for below in _below(node):
                    yield from _places(below, before + lead, flags)


# -- what else goes over a text


def scans() -> Iterator[tuple[str, Callable[[str], object], Iterable[str]]]:
    """What the package does with a text that comes from somebody else, and not by a pattern alone."""
    from unbroken.core.models.corrections import correction
    from unbroken.core.models.table import lookup
    from unbroken.core.printable import escaped, for_terminal, printable
    from unbroken.diagnosis.codes import about
    from unbroken.health.incidents import parse
    from unbroken.pipe.markdown import Blocks
    from unbroken.pipe.speech import Sentences

    yield "printable", printable, bits(SIZE)
    yield "escaped", lambda text: escaped(for_terminal(text)), bits(SIZE)
    yield "parse", lambda text: parse({"status": {"description": text}}, {"incidents": [{"name": text}]}), bits(SIZE)
    yield "about", lambda text: about("context_exceeded", text), bits(SIZE)
    yield "correction", lambda text: correction(lookup("claude-opus-5-5"), text), bits(SIZE)
    yield "lookup", lookup, bits(SIZE)
    yield "Blocks", lambda text: _split(Blocks(), [text]), (*bits(SIZE), *markdown(4 * SIZE))
    yield "Sentences", lambda text: _split(Sentences(), [text]), (*bits(SIZE), *speech(4 * SIZE))
    yield "Blocks, by the character", lambda text: _split(Blocks(), text), markdown(2 * SIZE)
    yield "Sentences, by the character", lambda text: _split(Sentences(), text), speech(2 * SIZE)


def _split(splitter: Any, pieces: Iterable[str]) -> None:
    for piece in pieces:
        splitter.push(piece)
    splitter.finish()


#: What is repeated, after what: it means something to Markdown, to sentences, to a terminal, or to the table of models.
_BITS: Final = (
    "\n",
    " ",
    ".",
    "a",
    "-",
    "- ",
    "1. ",
    "> ",
    "`",
    "* ",
    "Mr. ",
    "a\n",
    "- a\n",
    "\x1b]",
    "\x9d",
    "claude-",
)
_BEFORE: Final = ("", "a\n", "- a\n", "***")


def bits(size: int) -> Iterator[str]:
    """Texts of so many characters."""
    return (before + bit * (size // len(bit)) + "\0x" for before in _BEFORE for bit in _BITS)


def markdown(size: int) -> Iterator[str]:
    """Lines that have no end, lines that are many, and nesting."""
    lines = ("a", " ", "- ", "> - ", "- - -8", "a\n\n")
    return (
        before + line * (size // len(line)) + " 8<"
        for before, line in zip(("- a\n", "- a\n", *[""] * 4), lines, strict=True)
    )


def speech(size: int) -> Iterator[str]:
    """Ends that are not decided, and sentences that have none."""
    before = ("A", "A", "A. ", "A.", "", "", "1")
    again = (".", '."', " ", "(", "\n", "Mr. ", "a\n")
    return (first + each * (size // len(each)) + " B" for first, each in zip(before, again, strict=True))


# -- the trial


def trial(work: Callable[[str], object], texts: Iterable[str], limit: float) -> str | None:
    """The beginning of the text for which `work` needs more CPU than `limit` seconds; None: there is none."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            for text in texts:
                os.write(write, ascii(text[:60]).encode() + b"\n")
                signal.setitimer(signal.ITIMER_VIRTUAL, limit)  # nobody handles its signal, which then ends the process
                work(text)
                signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        except BaseException as error:  # a child never goes on as its parent
            os.write(write, f"{error!r}\n".encode())
            os._exit(1)
        os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as told:
        last = b"nothing"
        for line in told:
            last = line
    _, status = os.waitpid(child, 0)
    return None if status == 0 else last.decode().strip()


def _try(pattern: re.Pattern[str], call: str) -> Callable[[str], object]:
    if call == "finditer":
        return lambda text: deque(pattern.finditer(text), maxlen=0)
    attempt: Callable[[str], object] = getattr(pattern, call)
    return attempt


def main(limit: float, given: Sequence[str]) -> None:
    """Print what cannot cope, and how much was tried."""
    tried: list[tuple[str, Callable[[str], object], Iterable[str]]]
    if given == ["--scans"]:
        tried = list(scans())
    elif given:
        tried = [(each, _try(re.compile(each), "finditer"), texts(re.compile(each))) for each in given]
    else:
        found = [each for module in modules() for each in patterns(module)]
        tried = [(name, _try(pattern, call), texts(pattern)) for name, pattern, call in found]
    for name, work, of in tried:
        if (text := trial(work, of, limit)) is not None:
            print(f"{name}: {text}", flush=True)
    print(f"{len(tried)} tried")


if __name__ == "__main__":
    main(float(sys.argv[1]), sys.argv[2:])

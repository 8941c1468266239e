"""What became of each stream: whether it is lost, doubled, or hung, or was asked for more often than it had to be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from benchmarks.kill_soak.logs import Log
from benchmarks.kill_soak.seen import Seen
from benchmarks.soak.judge import difference
from benchmarks.soak.model import Asked

__all__ = ["FAULTS", "Judge"]

#: What a stream can be accused of.
FAULTS: Final = ("lost", "doubled", "hung", "asked twice")
#: How many of the streams that went wrong are described.
_EXAMPLES: Final = 12


@dataclass(slots=True)
class Judge:
    """Judges streams, one after the other.

    Attributes:
        streams: How many.
        whole: How many of them are, for everybody who has read them, what the model wrote.
        faults: How many streams are what they should not be, by its name.
        examples: The first few of those, described.
        takeovers: How often another went on.
        poisoned: How often a stream had ended as poison, and was asked for once more.
        requests: How many requests the server got.
        mishaps: How many of them went wrong there.
        readings: How many times a stream was read from its beginning to its end.
        passing: How often readers and callers were told of an error after which they came back, by who and its words.
    """

    streams: int = 0
    whole: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)
    takeovers: int = 0
    poisoned: int = 0
    requests: int = 0
    mishaps: int = 0
    readings: int = 0
    passing: Counter[str] = field(default_factory=Counter)

    def judge(
        self,
        name: str,
        text: str,
        log: Log | None,
        seen: Sequence[Seen],
        asked: Sequence[Asked],
        *,
        pauses: int = 0,
    ) -> None:
        """Judge a stream.

        Args:
            name: For whoever reads what is wrong.
            text: What the model wrote.
            log: What the journal has of it.
            seen: What each of its readers has.
            asked: What the server was asked for.
            pauses: How many processes stood still while it was written: whoever wakes may find that the server has been
                silent, and has to ask again.
        """
        said = [
            *_of_the_log(text, log),
            *(what for each in seen for what in _of_a_reader(text, log, each)),
            *_of_requests(log, asked, pauses),
        ]
        self.streams += 1
        self.whole += not said
        if log is not None:
            self.takeovers += log.takeovers
            self.poisoned += len(log.ends[:-1])
        self.requests += len(asked)
        self.mishaps += sum(each.mishap is not None for each in asked)
        self.readings += sum(each.ended == "complete" for each in seen)
        for each in seen:
            self.passing.update({f"{each.who}: {what}": count for what, count in each.passing.items()})
        self.faults.update({fault for fault, _ in said})
        if said and len(self.examples) < _EXAMPLES:
            self.examples.append(
                f"{name}: {'; '.join(f'{fault}: {what}' for fault, what in said)} [{_history(log, asked)}]"
            )


Accusation = tuple[str, str]


def _of_the_log(text: str, log: Log | None) -> list[Accusation]:
    if log is None:
        return [("lost", "the journal does not have it")]
    said: list[Accusation] = [("doubled", gap) for gap in log.gaps]
    if log.status == "live":
        said.append(("hung", "it has not ended"))
    elif log.status != "complete":
        said.append(("lost", f"it has ended as {log.ends[-1] if log.ends else log.status}"))
    said += _of_text("the journal", text, log.text, whole=log.status == "complete")
    if log.status == "complete" and log.stopped < 1:
        said.append(("lost", "the journal has no message_stop"))
    said += [
        ("doubled", f"the journal has {count} {what}")
        for what, count in (("message_start", log.begun), ("message_stop", log.stopped))
        if count > 1
    ]
    if any(end != "failed (poison)" for end in log.ends[:-1]):
        said.append(("doubled", f"the journal has its end more than once: {', '.join(log.ends)}"))
    return said


def _of_a_reader(text: str, log: Log | None, seen: Seen) -> list[Accusation]:
    said = _of_text(seen.who, text, seen.text, whole=seen.ended == "complete")
    if seen.rewinds:
        said.append(("lost", f"{seen.who} was told that the journal had lost what it had been given"))
    if seen.begun > 1 or seen.stopped > 1:
        said.append(("doubled", f"{seen.who} had {seen.begun} message_start and {seen.stopped} message_stop"))
    if seen.ended is None and log is not None and log.status != "live":
        said.append(("hung", f"{seen.who} did not get to its end"))
    elif seen.ended not in (None, "complete") and (log is None or log.status == "complete"):
        said.append(("lost", f"{seen.who} was told: {seen.ended}"))
    return said


def _of_text(who: str, text: str, got: str, *, whole: bool) -> list[Accusation]:
    missing, extra = difference(text, got)
    said: list[Accusation] = []
    if missing and (whole or extra):
        said.append(("lost", f"{who} lacks {missing} characters"))
    if extra:
        said.append(("doubled", f"{who} has {extra} characters too many"))
    return said


def _of_requests(log: Log | None, asked: Sequence[Asked], pauses: int) -> list[Accusation]:
    if log is None:
        return []
    said: list[Accusation] = []
    mishaps = sum(each.mishap is not None for each in asked)
    woken = min(pauses, log.told["stalled"])
    most = 1 + log.takeovers + mishaps + woken
    if len(asked) > most:
        said.append(("asked twice", f"{len(asked)} requests, where {most} are accounted for"))
    if len(asked) > log.attempts:
        said.append(("asked twice", f"{len(asked)} requests, of which {log.attempts} were written down"))
    if log.late:
        said.append(("asked twice", f"{log.late} requests behind its last event"))
    return said


def _history(log: Log | None, asked: Sequence[Asked]) -> str:
    told = "nothing" if log is None else f"{log.takeovers} takeovers, {dict(log.told)}, {', '.join(log.ends)}"
    return f"{told}; requests: {', '.join(f'{each.begun}: {each.mishap}' for each in asked) or 'none'}"

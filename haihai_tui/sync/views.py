"""What is kept of an address's clicks and visits, and which of them count.

Every event is kept, so that a rule about programs that open links (mail scanners,
preview robots) is a judgement that can be taken back: another rule, and all events are
judged anew.  What is suspected is marked, counted apart and never written.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

_FIELD, _EVENT, _PART = b"\t", b"\x1e", b"\x1d"


class ViewEvent(NamedTuple):
    """`moment` is UTC to the second; the agent is no part of an event's identity."""

    moment: str
    url: str
    kind: str
    agent: str

    @property
    def identity(self) -> tuple[str, str, str]:
        return self.moment, self.url, self.kind


@dataclass(frozen=True, slots=True)
class BotRule:
    """Suspected: `urls` different URLs within `seconds` (0: never), or a user agent
    that holds one of the words of `agents`."""

    urls: int = 4
    seconds: int = 5
    agents: tuple[str, ...] = ()

    @property
    def written(self) -> str:
        """The rule as a text; another text, another judgement."""
        return f"{self.urls}/{self.seconds}/{','.join(self.agents).lower()}"

    def suspects(self, events: Sequence[ViewEvent]) -> set[int]:
        """Places of the suspected among one address's events, ascending by moment."""
        words = [word.lower() for word in self.agents]
        found = {
            at
            for at, event in enumerate(events)
            if any(word in event.agent.lower() for word in words)
        }
        return found | self._bursts(events)

    def _bursts(self, events: Sequence[ViewEvent]) -> set[int]:
        found: set[int] = set()
        if not self.urls:
            return found
        times = [datetime.fromisoformat(event.moment).timestamp() for event in events]
        first = 0
        for last in range(len(events)):
            while times[last] - times[first] > self.seconds:
                first += 1
            window = events[first : last + 1]
            if len({event.url for event in window}) >= self.urls and not _by_minute(
                window
            ):
                found.update(range(first, last + 1))
        return found


def _by_minute(events: Iterable[ViewEvent]) -> bool:
    """Whether the service tells no seconds: then nothing says that it was a burst."""
    return all(event.moment[17:19] == "00" for event in events)


@dataclass(frozen=True, slots=True)
class Viewed:
    """One address's line: the events that count summed up, and all events."""

    address: str
    count: int
    marked: int
    at: str
    url: str
    events: tuple[ViewEvent, ...]

    @classmethod
    def judged(cls, address: str, events: Iterable[ViewEvent], rule: BotRule) -> Viewed:
        known = {event.identity: event for event in events}
        ordered = tuple(sorted(known.values()))
        marked = rule.suspects(ordered)
        counted = [event for at, event in enumerate(ordered) if at not in marked]
        last = counted[-1] if counted else ViewEvent("", "", "", "")
        return cls(address, len(counted), len(marked), last.moment, last.url, ordered)

    def line(self, key: bytes) -> bytes:
        events = _EVENT.join(
            _PART.join(part.encode() for part in event) for event in self.events
        )
        numbers = (str(self.count).encode(), str(self.marked).encode())
        shown = (self.address.encode(), *numbers, self.at.encode(), self.url.encode())
        return _FIELD.join((key, *shown, events))

    @classmethod
    def read(cls, line: bytes) -> Viewed:
        _, address, count, marked, at, url, events = line.split(_FIELD, 6)
        return cls(
            address.decode(),
            int(count),
            int(marked),
            at.decode(),
            url.decode(),
            tuple(
                ViewEvent(*(part.decode() for part in event.split(_PART)))
                for event in events.split(_EVENT)
            ),
        )

    def log(self, rule: BotRule, longest: int) -> str:
        """The events that count as lines of time and URL, newest first, as many whole
        lines as fit into `longest` characters (0: all)."""
        marked = rule.suspects(self.events)
        lines: list[str] = []
        size = -1
        for at in reversed(range(len(self.events))):
            if at in marked:
                continue
            event = self.events[at]
            line = f"{event.moment} {event.url}"
            size += len(line) + 1
            if longest and size > longest:
                break
            lines.append(line)
        return "\n".join(lines)


def marked_in(line: bytes) -> int:
    """How many events of a line are marked."""
    return int(line.split(_FIELD, 4)[3])

"""One item made ahead: while a file is on its way, the next one is packed.

The service takes its time to accept a file; packing costs about as much of ours.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

_Item = TypeVar("_Item")


def one_ahead(
    items: Iterator[_Item], discard: Callable[[_Item], None]
) -> Generator[_Item, None, None]:
    """`items` in order, each begun when the one before it is handed out.

    An error is raised where its item would have come.  What was made and is not
    wanted any more, because the caller went away, is given to `discard`.
    """

    def following() -> list[_Item]:
        return [item for item in (next(items, None),) if item is not None]

    with ThreadPoolExecutor(1, thread_name_prefix="pack") as pool:
        coming = pool.submit(following)
        try:
            while made := coming.result():
                coming = pool.submit(following)
                yield made[0]
        finally:
            # Done already, or given up by the caller: then it is waited for.
            if coming.exception() is None:
                for item in coming.result():
                    discard(item)

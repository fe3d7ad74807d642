"""What the outside world is to this program; no screen is known here."""

import sys

# httpx offers a command line of its own and loads it with everything else where Rich
# is installed, which takes a run 60 ms.  Told that it is missing, it goes without.
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]

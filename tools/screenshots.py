"""Pictures of every screen for the docs, from the running console on sandboxes.

    python -m tools.screenshots [--out docs/pictures] [--only home,run] [--png]

An evening is played first (runs, rejects, changes that wait), then each screen is
opened in a console without a terminal and exported as SVG at 80x24 and 120x40.
User and host are made up, so that no picture tells whose machine made it.
`--png` also converts them with `rsvg-convert`, for looking at.
"""

from __future__ import annotations

import argparse
import asyncio
import html
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path

from rich.cells import cell_len

from haihai_tui.sandbox.world import World
from tests.e2e.stage import Stage
from tools.alias import disguise

SIZES = ((80, 24), (120, 40))
OPERATOR = "yamada"
PASSWORD = "kasumi-tobira-4-mikan"
# What another screen leads to, and by which key.
_LED_TO = {
    "help": ("home", "f1"),
    "palette": ("home", "ctrl+p"),
    "lock": ("home", "f12"),
    "alerts": ("admin", "f7"),
    "differences": ("plan", ""),
}
_REMOTE_FONTS = re.compile(r"@font-face\s*\{.*?\}", re.DOTALL)
_FONTS = 'Menlo, Consolas, "DejaVu Sans Mono", "Noto Sans Mono CJK JP", monospace'
_RUN = re.compile(
    r'<text class="(?P<class>[^"]*)" x="(?P<x>[^"]*)" y="(?P<y>[^"]*)" '
    r'textLength="[^"]*" (?P<rest>[^>]*)>(?P<text>[^<]*)</text>'
)
CELL = 12.2  # what Rich makes a cell wide, in pixels


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("docs/pictures"))
    parser.add_argument("--only", default="", metavar="NAME,NAME")
    parser.add_argument("--lang", choices=("ja", "en"), default="ja")
    parser.add_argument("--theme", default="")
    parser.add_argument("--png", action="store_true")
    arguments = parser.parse_args(argv)
    os.environ["TZ"] = "Asia/Tokyo"
    time.tzset()
    disguise()
    arguments.out.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="haihai-pictures-") as folder,
        evening(Path(folder)) as stage,
    ):
        play(stage)
        for name in chosen(arguments.only):
            if name == "differences":
                compare(stage)
            for size in SIZES:
                picture(Path(folder), name, size, arguments)
    return 0


def chosen(only: str) -> list[str]:
    """The screens to take, in the order of the registry."""
    from haihai_tui import screens

    names = [name for name in screens.SCREENS if screens.exists(name)]
    names += ["palette", "alerts", "differences"]
    wanted = [name for name in only.split(",") if name]
    return [name for name in names if not wanted or name in wanted]


class _Disguised(Stage):
    """The real command, run by somebody made up."""

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "tools.alias", *arguments],
            env=self.environment | {"PYTHONPATH": os.pathsep.join(sys.path)},
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )


@contextmanager
def evening(folder: Path) -> Iterator[Stage]:
    """Sandboxes with customers, and a home whose profile leads to them."""
    with World.start(customers=400, seed=1) as world:
        stage = _Disguised(world, folder)
        try:
            yield stage
        finally:
            stage.http.close()


def play(stage: Stage) -> None:
    """An evening: runs, people who changed, stopped, and cannot be written."""
    from haihai_tui.services.operators import Operators
    from haihai_tui.services.paths import home_at
    from haihai_tui.services.store.database import open_database

    database = open_database(home_at(stage.folder))
    Operators(database).add_first(OPERATOR, PASSWORD, "renkei@renkei01")
    database.close()
    for _ in range(3):
        stage.run()
    people = stage.query(
        "SELECT Id, Email FROM Contact WHERE HasOptedOutOfEmail = false "
        "AND Email != null ORDER BY Id LIMIT 12"
    )
    for person in people[:3]:
        stage.update(person["Id"], LastName="寿司🍣")
    for person in people[3:6]:
        stage.stop(person["Email"])
    for name in ("山田", "佐藤"):
        stage.create("Contact", LastName=name, Email="info@example.jp")
    stage.run()
    for person in people[6:12]:
        stage.update(person["Id"], LastName="改姓", Phone="0300000000")
    stage.run("--plan")


def compare(stage: Stage) -> None:
    """What differs between both sides, kept for the screen of the plans."""
    finished = stage.command("--reconcile", "--json")
    assert finished.code in (0, 1), finished.err


def picture(
    folder: Path, name: str, size: tuple[int, int], arguments: argparse.Namespace
) -> None:
    """One screen at one size as SVG."""
    from haihai_tui.app import ConsoleApp
    from haihai_tui.services.console import ConsoleContext
    from haihai_tui.services.paths import home_at

    context = ConsoleContext(home_at(folder), os.environ, arguments.lang)
    first, key = _LED_TO.get(name, (name, ""))
    if name not in ("login", "first_run"):
        context.operator = context.operators().get(OPERATOR)
    app = ConsoleApp(context, first=first, theme=arguments.theme)
    app.title = "haihai-tui"

    async def take() -> str:
        async with app.run_test(size=size) as pilot:
            await quiet(app)
            if key:
                await pilot.press(key)
                await quiet(app)
            return app.export_screenshot(title="haihai-tui")

    try:
        svg = local(asyncio.run(take()))
    finally:
        context.close()
    path = arguments.out / f"{name}-{size[0]}x{size[1]}.svg"
    path.write_text(svg, "utf-8")
    print(path)
    if arguments.png:
        convert(path)


async def quiet(app: object) -> None:
    """Wait until nothing is under way and all is drawn."""
    from haihai_tui.app import ConsoleApp

    assert isinstance(app, ConsoleApp)
    still = 0
    for _ in range(1000):
        await asyncio.sleep(0.02)
        # What one piece of work brings may start the next.
        still = 0 if app.background.count else still + 1
        if still == 20:
            break


def local(svg: str) -> str:
    """The same picture without fonts from elsewhere, every run at its cell."""
    svg = _REMOTE_FONTS.sub("", svg)
    svg = re.sub(r"font-family:\s*Fira Code[^;]*;", f"font-family: {_FONTS};", svg)
    svg = _RUN.sub(_aligned, svg)
    return "\n".join(line.rstrip() for line in svg.splitlines()) + "\n"


def _aligned(run: re.Match[str]) -> str:
    """The run in pieces of one width, each at its own cell.

    Rich counts characters where it means cells, renderers trim blanks, and a browser
    spreads what a font is short of evenly over wide and narrow characters.
    """
    written = html.unescape(run["text"]).replace("\xa0", " ")
    pieces, cell = [], 0
    for width, characters in groupby(written, cell_len):
        piece = "".join(characters)
        shown = piece.strip(" ")
        if shown:
            begin = cell + len(piece) - len(piece.lstrip(" "))
            x = float(run["x"]) + begin * CELL
            pieces.append(_piece(run, x, shown, wide=width == 2))
        cell += width * len(piece)
    return "".join(pieces)


def _piece(run: re.Match[str], x: float, shown: str, *, wide: bool) -> str:
    escaped = html.escape(shown, quote=False).replace(" ", "&#160;")
    # A wide character is as wide as its size: this one nearly fills two cells.
    size = 'font-size="23px" ' if wide else ""
    return (
        f'<text class="{run["class"]}" {size}x="{x:g}" y="{run["y"]}" '
        f'textLength="{cell_len(shown) * CELL:g}" {run["rest"]}>{escaped}</text>'
    )


def convert(path: Path) -> None:
    if shutil.which("rsvg-convert") is None:
        sys.exit("rsvg-convert is not installed (librsvg2-bin)")
    png = str(path.with_suffix(".png"))
    subprocess.run(["rsvg-convert", "--output", png, str(path)], check=True)


if __name__ == "__main__":
    sys.exit(main())

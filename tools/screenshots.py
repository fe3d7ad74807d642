"""Pictures of every screen for the docs, from the running console on sandboxes.

    python -m tools.screenshots [--out docs/pictures] [--only home,run] [--png]

An evening is played first (runs, rejects, changes that wait), then each screen is
opened in a console without a terminal and exported as SVG at 80x24 and 120x40.
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
from collections.abc import Sequence
from pathlib import Path

from rich.cells import cell_len

from tests.e2e.stage import Stage, staged

SIZES = ((80, 24), (120, 40))
OPERATOR = "yamada"
PASSWORD = "kasumi-tobira-4-mikan"
# Over another screen, by the key that opens them there.
_OVER_HOME = {"help": "f1", "palette": "ctrl+p", "lock": "f12"}
_REMOTE_FONTS = re.compile(r"@font-face\s*\{.*?\}", re.DOTALL)
_FONTS = '"Noto Sans Mono CJK JP", Menlo, Consolas, monospace'
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
    arguments.out.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="haihai-pictures-") as folder,
        staged(Path(folder), customers=400) as stage,
    ):
        play(stage)
        for name in chosen(arguments.only):
            for size in SIZES:
                picture(Path(folder), name, size, arguments)
    return 0


def chosen(only: str) -> list[str]:
    """The screens to take, in the order of the registry."""
    from haihai_tui import screens

    names = [name for name in screens.SCREENS if screens.exists(name)] + ["palette"]
    wanted = [name for name in only.split(",") if name]
    return [name for name in names if not wanted or name in wanted]


def play(stage: Stage) -> None:
    """An evening: runs, people who changed, stopped, and cannot be written."""
    from haihai_tui.services.operators import Operators
    from haihai_tui.services.paths import home_at
    from haihai_tui.services.store.database import open_database

    database = open_database(home_at(stage.folder))
    Operators(database).add_first(OPERATOR, PASSWORD, "root@host")
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
    stage.run()
    for person in people[6:12]:
        stage.update(person["Id"], LastName="改姓", Phone="0300000000")
    stage.run("--plan")


def picture(
    folder: Path, name: str, size: tuple[int, int], arguments: argparse.Namespace
) -> None:
    """One screen at one size as SVG."""
    from haihai_tui.app import ConsoleApp
    from haihai_tui.services.console import ConsoleContext
    from haihai_tui.services.paths import home_at

    context = ConsoleContext(home_at(folder), os.environ, arguments.lang)
    over_home = _OVER_HOME.get(name)
    if name not in ("login", "first_run"):
        context.operator = context.operators().get(OPERATOR)
    app = ConsoleApp(
        context, first="home" if over_home else name, theme=arguments.theme
    )
    app.title = "haihai-tui"

    async def take() -> str:
        async with app.run_test(size=size) as pilot:
            await quiet(app)
            if over_home:
                await pilot.press(over_home)
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
        convert(path, svg)


async def quiet(app: object) -> None:
    """Wait until nothing is under way and all is drawn."""
    from haihai_tui.app import ConsoleApp

    assert isinstance(app, ConsoleApp)
    for _ in range(1000):
        await asyncio.sleep(0.02)
        if not app.background.count:
            break
    await asyncio.sleep(0.4)


def local(svg: str) -> str:
    """The same picture without fonts from elsewhere, every run at its cell."""
    svg = _REMOTE_FONTS.sub("", svg)
    svg = re.sub(r"font-family:\s*Fira Code[^;]*;", f"font-family: {_FONTS};", svg)
    svg = _RUN.sub(_aligned, svg)
    return "\n".join(line.rstrip() for line in svg.splitlines()) + "\n"


def _aligned(run: re.Match[str]) -> str:
    """Rich counts characters where it means cells, and renderers trim blanks."""
    written = html.unescape(run["text"]).replace("\xa0", " ")
    shown = written.strip()
    if not shown:
        return ""
    blanks = len(written) - len(written.lstrip())
    start = float(run["x"]) + blanks * CELL
    escaped = html.escape(shown, quote=False).replace(" ", "&#160;")
    return (
        f'<text class="{run["class"]}" x="{start:g}" y="{run["y"]}" '
        f'textLength="{cell_len(shown) * CELL:g}" {run["rest"]}>{escaped}</text>'
    )


def convert(path: Path, svg: str) -> None:
    """As PNG; a Japanese font's half width is half its size, hence the other size."""
    if shutil.which("rsvg-convert") is None:
        sys.exit("rsvg-convert is not installed (librsvg2-bin)")
    subprocess.run(
        ["rsvg-convert", "--output", str(path.with_suffix(".png"))],
        input=svg.replace("font-size: 20px", "font-size: 24.4px").encode(),
        check=True,
    )


if __name__ == "__main__":
    sys.exit(main())

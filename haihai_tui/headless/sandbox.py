"""`--sandbox`: both imitations in the foreground until interrupted."""

from __future__ import annotations

import signal
import threading

from haihai_tui.arguments import Arguments
from haihai_tui.errors import ExitCode, text
from haihai_tui.headless.demo import write_profile
from haihai_tui.headless.output import Output
from haihai_tui.headless.worlds import served_world
from haihai_tui.services.paths import Home


def run(arguments: Arguments, output: Output, home: Home, profile: str) -> ExitCode:
    """Print one JSON line when ready; end on SIGINT, SIGTERM or SIGHUP with code 0.

    A state folder is written at the end, so that a closed terminal keeps it too.
    """
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: ended.set())
    output.say(
        text("模擬サーバーを準備しています (顧客 {n} 件)。", n=arguments.customers)
    )
    with served_world(arguments) as world:
        if arguments.write_profile:
            write_profile(home, profile, world)
            output.say(
                text(
                    "プロファイル「{profile}」を書き込みました: {file}",
                    profile=profile,
                    file=str(home.profile_file(profile)),
                )
            )
        # Credentials of the imitations, which their clients need.
        output.record(world.ready, reveal=True)
        output.say(text("準備ができました。Ctrl-C で終了します。"))
        while not ended.wait(0.2):
            pass
    return ExitCode.OK

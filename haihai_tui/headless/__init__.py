"""Every mode that has no screen.

One module a concern; this one picks it and turns whatever goes wrong into a
message with its remedy and an exit code, never a traceback on an operator's
terminal.  `output` is the only writer of the two streams.
"""

from __future__ import annotations

import os
from importlib import import_module

from haihai_tui.arguments import Arguments
from haihai_tui.errors import ConnectorError, ExitCode, exit_code_for
from haihai_tui.headless.output import Output
from haihai_tui.locales import Catalogue, choose_language

_MODULES = {
    "run_sync": "sync",
    "retry": "sync",
    "authorize": "authorize",
    "check": "check",
    "support_bundle": "check",
    "diagnose": "diagnose",
    "status": "status",
    "add_operator": "operators",
    "import_settings": "settings",
    "export_settings": "settings",
    "set": "settings",
    "sandbox": "sandbox",
}


def run(arguments: Arguments) -> int:
    """Run one mode; the process's exit code."""
    # Everything made here belongs to its user alone.
    os.umask(0o077)
    language = choose_language(arguments.lang, os.environ)
    output = Output(Catalogue(language), as_json=arguments.json)
    try:
        return int(_run(arguments, output))
    except ConnectorError as error:
        output.error(error)
        return int(exit_code_for(error))
    except KeyboardInterrupt:
        return int(ExitCode.INTERRUPTED)
    except BrokenPipeError:
        output.close_broken()
        return int(ExitCode.OK)
    except Exception as error:
        output.defect(error)
        return int(ExitCode.DEFECT)


def _run(arguments: Arguments, output: Output) -> ExitCode:
    if not arguments.mode:
        output.no_console()
        return ExitCode.USAGE
    # Deferred: a mode loads just what it needs (`--status` no HTTP client).
    module = import_module(f"haihai_tui.headless.{_MODULES[arguments.mode]}")
    if arguments.demo and arguments.mode != "sandbox":
        demo = import_module("haihai_tui.headless.demo")
        with demo.demo_home(arguments, output) as (home, profile):
            return ExitCode(module.run(arguments, output, home, profile))
    # Deferred: `--diagnose` needs no home.
    from haihai_tui.services.paths import find_home

    home = find_home(os.environ)
    return ExitCode(module.run(arguments, output, home, arguments.profile))

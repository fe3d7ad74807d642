"""Starts both sandboxes as the command line asks, and words what can go wrong."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from haihai_tui.arguments import Arguments
from haihai_tui.errors import SettingsError, text
from haihai_tui.sandbox.world import World
from haihai_tui.services.atomic import storage_error


@contextmanager
def served_world(arguments: Arguments) -> Iterator[World]:
    """Both services under way; SettingsError for a port or folder that will not do."""
    world = _start(arguments)
    try:
        yield world
    finally:
        _stop(world, arguments)


def _start(arguments: Arguments) -> World:
    try:
        return World.start(
            customers=arguments.customers,
            seed=arguments.seed,
            salesforce_port=arguments.salesforce_port,
            haihai_port=arguments.haihai_port,
            state=arguments.state,
        )
    except OSError as error:
        if arguments.state is not None and error.filename is not None:
            raise storage_error(Path(os.fsdecode(error.filename)), error) from error
        raise _port_error(arguments, error) from error
    except ValueError as error:
        # A file of the state folder that another version wrote, or that was cut.
        raise SettingsError(
            text(
                "{folder} のデータを読めません: {reason}",
                folder=str(arguments.state),
                reason=str(error),
            ),
            text("別のフォルダーを指定するか、そのフォルダーを空にしてください。"),
        ) from error


def _stop(world: World, arguments: Arguments) -> None:
    try:
        world.stop()
    except OSError as error:
        place = error.filename or arguments.state or "."
        raise storage_error(Path(os.fsdecode(place)), error) from error


def _port_error(arguments: Arguments, error: OSError) -> SettingsError:
    asked = (arguments.salesforce_port, arguments.haihai_port)
    ports = ", ".join(str(port) for port in asked if port) or "0"
    remedy = text("--salesforce-port と --haihai-port に別の番号を指定してください。")
    if error.errno == errno.EADDRINUSE:
        what = text("ポート {ports} は他のプログラムが使っています。", ports=ports)
        return SettingsError(what, remedy)
    return SettingsError(
        text(
            "ポート {ports} を使えません: {reason}",
            ports=ports,
            reason=error.strerror or type(error).__name__,
        ),
        remedy,
    )

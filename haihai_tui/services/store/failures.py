"""What an operator can do when the state database refuses.

Judged by the error codes of SQLite and PostgreSQL alone, so that callers with and
without SQLAlchemy share it.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from haihai_tui.errors import (
    ConnectorError,
    LockHeld,
    ServiceUnreachable,
    SettingsError,
    text,
)

_MEBIBYTE = 1 << 20
_POSTGRES_BUSY = ("55P03", "40001", "40P01")
_POSTGRES_DENIED = ("42501", "28000", "28P01", "3D000")
_POSTGRES_FULL = ("53100",)


def translate(error: BaseException, place: str) -> ConnectorError | None:
    """The operator's version of a driver's error; None where it is a defect.

    `place` is the file or the URL without credentials.
    """
    if isinstance(error, sqlite3.Error):
        return _of_sqlite(error, place)
    state = getattr(error, "sqlstate", None)
    if state in _POSTGRES_BUSY:
        return busy(place)
    if state in _POSTGRES_FULL:
        return full(place)
    if state in _POSTGRES_DENIED:
        return denied(place)
    if type(error).__name__ in ("OperationalError", "ConnectionTimeout"):
        return _unreachable(place, error)
    return None


def busy(place: str) -> LockHeld:
    return LockHeld(
        text("状態データベース {place} が使用中のままです。", place=place),
        text("ほかの処理が終わってから、もう一度実行してください。"),
    )


def damaged(place: str, reason: str) -> SettingsError:
    return SettingsError(
        text(
            "状態データベース {place} が壊れています（{reason}）。",
            place=place,
            reason=reason,
        ),
        text(
            "控えから戻してください。控えが無ければファイルを退け、"
            "--plan --full で内容を確かめてから --full で実行してください。"
        ),
    )


def denied(place: str) -> SettingsError:
    return SettingsError(
        text("状態データベース {place} を読み書きする権限がありません。", place=place),
        text("所有者、モード、接続先の利用者を確認してください。"),
    )


def full(place: str) -> SettingsError:
    return SettingsError(
        text(
            "ディスクに空きがないため {path} に書き込めません"
            "（必要な容量: {needed} バイト）。",
            path=place,
            needed=_room_for(place),
        ),
        text("空き容量を増やしてから、もう一度実行してください。"),
    )


def newer(place: str, found: int, known: int) -> SettingsError:
    return SettingsError(
        text(
            "状態データベース {place} は新しい版（{found}）のものです。"
            "このプログラムが扱えるのは版 {known} までです。",
            place=place,
            found=found,
            known=known,
        ),
        text("haihai-tui を更新するか、HAIHAI_HOME で別の場所を指定してください。"),
    )


def _of_sqlite(error: sqlite3.Error, place: str) -> ConnectorError | None:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return busy(place)
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return damaged(place, str(error))
    if code == sqlite3.SQLITE_FULL:
        return full(place)
    if code in (
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_AUTH,
    ):
        return denied(place)
    if code == sqlite3.SQLITE_IOERR:
        return SettingsError(
            text(
                "{path} を読み書きできません: {reason}", path=place, reason=str(error)
            ),
            text("パスとファイルシステムの状態を確認してください。"),
        )
    return None


def _unreachable(place: str, error: BaseException) -> ServiceUnreachable:
    return ServiceUnreachable(
        text(
            "状態データベース {place} に接続できません: {reason}",
            place=place,
            reason=(str(error).splitlines() or [""])[0],
        ),
        text("store.url とデータベースサーバーの状態を確認してください。"),
        cause="no_answer",
    )


def _room_for(place: str) -> int:
    """Bytes that let the next commits through: the log may grow to the file's size."""
    try:
        return max(Path(place).stat().st_size, _MEBIBYTE)
    except OSError:
        return _MEBIBYTE

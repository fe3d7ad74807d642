"""The command line: modes, options, and the checks that need no settings."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from haihai_tui import __version__

FLOWS = ("customers", "suppressions", "page-views")
CUSTOMERS = 1000
SEED = 1

_FOR_ALL = ("run_sync", "retry", "status", "check")
_STATUS = ("alert", "test_alert", "verify_audit")
_RUN = ("plan", "full")
_RUN_OR_RECONCILE = ("from_file", "confirm")
_SERVED = ("customers", "seed", "salesforce_port", "haihai_port", "state")


@dataclass(frozen=True, slots=True)
class Arguments:
    """One parsed command line; `mode` is the name of the chosen mode."""

    mode: str
    value: str | None
    flows: tuple[str, ...]
    settings: tuple[str, ...]
    profile: str
    json: bool
    demo: bool
    lang: str | None
    plan: bool
    full: bool
    fix: bool
    from_file: Path | None
    confirm: str | None
    write_profile: bool
    customers: int
    seed: int
    salesforce_port: int
    haihai_port: int
    state: Path | None
    role: str | None
    as_in_manual: bool
    contact_email: str | None
    revoke: bool
    alert: bool
    test_alert: bool
    all_profiles: bool
    verify_audit: bool


_MODES = (
    "run_sync",
    "retry",
    "reconcile",
    "authorize",
    "check",
    "support_bundle",
    "diagnose",
    "status",
    "add_operator",
    "import_settings",
    "export_settings",
    "export_setup",
    "set",
    "replace_key",
    "sandbox",
)


class _Parser(argparse.ArgumentParser):
    """Tells what is wrong with a command line in the operator's language."""

    arguments: Sequence[str] = ()

    def error(self, message: str) -> NoReturn:
        # Deferred: only a wrong command line needs words other than the help's.
        from haihai_tui.headless.usage import report

        self.exit(report(message, self.arguments))


def _parser() -> _Parser:
    parser = _Parser(
        prog="haihai-tui",
        description="配配メールと Salesforce の連携コンソール / "
        "Keeps HaiHai Mail and Salesforce in step.",
        epilog="終了コード / exit codes: 0 ok, 1 rejects, 2 settings, 3 unreachable, "
        "4 authorise again, 5 locked, 6 paused, 7 halted, 70 defect, "
        "130/143 interrupted",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=__version__)
    _add_modes(parser)
    _add_options(parser)
    return parser


def _add_modes(parser: argparse.ArgumentParser) -> None:
    modes = parser.add_argument_group("モード / modes").add_mutually_exclusive_group()
    modes.add_argument(
        "--run-sync",
        nargs="*",
        metavar="FLOW",
        help=f"連携を実行 / run flows: {', '.join(FLOWS)} (default: all enabled)",
    )
    modes.add_argument(
        "--retry", action="store_true", help="エラーの再実行 / try rejects again"
    )
    modes.add_argument(
        "--reconcile",
        action="store_true",
        help="両サービスの突き合わせ / compare both sides",
    )
    modes.add_argument(
        "--authorize",
        action="store_true",
        help="連携トークンの更新 / authorise with Salesforce (OAuth)",
    )
    modes.add_argument(
        "--check",
        action="store_true",
        help="設定と接続の確認 / all preflight and troubleshooting checks",
    )
    modes.add_argument(
        "--support-bundle",
        metavar="FILE",
        help="問い合わせ用の資料 (zip) / archive for support, without secrets",
    )
    modes.add_argument(
        "--diagnose",
        metavar="TEXT",
        help="エラーの診断 (- で標準入力) / explain a URL or an error (-: stdin)",
    )
    modes.add_argument("--status", action="store_true", help="状態 / status")
    modes.add_argument(
        "--add-operator", metavar="NAME", help="運用担当者の追加 / new operator"
    )
    modes.add_argument(
        "--import-settings",
        metavar="FILE",
        help="設定の取り込み (- で標準入力) / import a profile (-: stdin)",
    )
    modes.add_argument(
        "--export-settings",
        metavar="FILE",
        help="設定の書き出し (- で標準出力) / export a profile (-: stdout)",
    )
    modes.add_argument(
        "--export-setup",
        metavar="DIR",
        help="Salesforce の設定 (sf project deploy 用) / Salesforce metadata to deploy",
    )
    modes.add_argument(
        "--set",
        nargs="+",
        metavar="KEY=VALUE",
        help="設定の変更 / change settings by dotted key",
    )
    modes.add_argument(
        "--replace-key",
        action="store_true",
        help="鍵の交換と再暗号化 / new key, all secrets encrypted anew",
    )
    modes.add_argument(
        "--sandbox",
        action="store_true",
        help="両サービスの模擬サーバー / serve both sandboxes until interrupted",
    )


def _add_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("共通 / common")
    group.add_argument("--profile", default="default", metavar="NAME")
    group.add_argument(
        "--all-profiles",
        action="store_true",
        help="全プロファイルを順に (--run-sync, --retry, --status, --check) / "
        "every profile in turn",
    )
    group.add_argument("--json", action="store_true", help="JSON で出力 / JSON output")
    group.add_argument(
        "--demo", action="store_true", help="模擬環境で実行 / run on the sandboxes"
    )
    group.add_argument("--lang", choices=("ja", "en"))
    group = parser.add_argument_group("--reconcile")
    group.add_argument(
        "--fix", action="store_true", help="不一致を反映 / write the differences"
    )
    group = parser.add_argument_group("--run-sync")
    group.add_argument(
        "--plan", action="store_true", help="計画のみ / plan, write nothing"
    )
    group.add_argument("--full", action="store_true", help="全件読み取り / read all")
    group.add_argument(
        "--from-file", type=Path, metavar="FILE", help="書き出した CSV から / from CSV"
    )
    group.add_argument(
        "--confirm", metavar="RUN_ID", help="安全停止の確認 / confirm a halted run"
    )
    group = parser.add_argument_group("--status")
    group.add_argument(
        "--alert",
        action="store_true",
        help="未完了を調べて通知する / find what is overdue, send alerts that are due",
    )
    group.add_argument(
        "--test-alert",
        action="store_true",
        help="通知の送信テスト / send a test by mail and webhook",
    )
    group.add_argument(
        "--verify-audit",
        action="store_true",
        help="監査ログの改ざんを調べる / check the audit log's chain",
    )
    group = parser.add_argument_group("--sandbox, --demo")
    group.add_argument(
        "--write-profile",
        action="store_true",
        help="接続済みのプロファイルを作る (--sandbox) / write a ready profile",
    )
    group.add_argument(
        "--customers",
        type=_within(20_000_000),
        metavar="N",
        help=f"顧客の数 / customers (default: {CUSTOMERS:,})",
    )
    group.add_argument(
        "--seed", type=_whole, metavar="S", help="乱数の種 / seed (default: 1)"
    )
    for service in ("salesforce", "haihai"):
        group.add_argument(
            f"--{service}-port",
            type=_within(65535),
            metavar="P",
            help="ポート番号 / port (default: any free one)",
        )
    group.add_argument(
        "--state", type=Path, metavar="DIR", help="データの保存先 / keeps the data"
    )
    group = parser.add_argument_group("--authorize")
    group.add_argument(
        "--revoke",
        action="store_true",
        help="連携トークンの取り消し / log out from Salesforce, give the token back",
    )
    group = parser.add_argument_group("--export-setup")
    group.add_argument(
        "--as-in-manual",
        action="store_true",
        help="マニュアルどおりの設定 / the manual's own settings (no PKCE demanded)",
    )
    group.add_argument(
        "--contact-email",
        type=_address,
        metavar="ADDRESS",
        help="アプリの連絡先 / the app's contact address",
    )
    group = parser.add_argument_group("--add-operator")
    group.add_argument(
        "--role",
        choices=("viewer", "operator", "administrator"),
        help="権限 / role (default: operator; the first one: administrator)",
    )


def _whole(written: str) -> int:
    try:
        return int(written)
    except ValueError:
        raise argparse.ArgumentTypeError(f"invalid int value: {written!r}") from None


def _address(written: str) -> str:
    if not re.fullmatch(r"[!-?A-~]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+", written):
        raise argparse.ArgumentTypeError(f"invalid address value: {written!r}")
    return written


def _within(most: int) -> Callable[[str], int]:
    def number(written: str) -> int:
        found = _whole(written)
        if not 0 <= found <= most:
            raise argparse.ArgumentTypeError(f"not within 0 and {most}: {written!r}")
        return found

    return number


def parse(argv: Sequence[str]) -> Arguments:
    """Parse, or end the process with exit code 2 and a message on stderr."""
    parser = _parser()
    parser.arguments = argv
    found = parser.parse_args(argv)
    mode = next((name for name in _MODES if _chosen(getattr(found, name))), "")
    flows = tuple(dict.fromkeys(found.run_sync or ()))
    _check(parser, found, mode, flows)
    value = getattr(found, mode) if mode else None
    return Arguments(
        mode=mode,
        value=value if isinstance(value, str) else None,
        flows=tuple(flow for flow in FLOWS if flow in flows),
        settings=tuple(found.set or ()),
        profile=found.profile,
        json=found.json,
        demo=found.demo,
        lang=found.lang,
        plan=found.plan,
        full=found.full,
        fix=found.fix,
        from_file=found.from_file,
        confirm=found.confirm,
        write_profile=found.write_profile,
        customers=CUSTOMERS if found.customers is None else found.customers,
        seed=SEED if found.seed is None else found.seed,
        salesforce_port=found.salesforce_port or 0,
        haihai_port=found.haihai_port or 0,
        state=found.state,
        role=found.role,
        as_in_manual=found.as_in_manual,
        contact_email=found.contact_email,
        revoke=found.revoke,
        alert=found.alert,
        test_alert=found.test_alert,
        all_profiles=found.all_profiles,
        verify_audit=found.verify_audit,
    )


def _chosen(value: object) -> bool:
    return value is not None and value is not False


def _check(
    parser: argparse.ArgumentParser,
    found: argparse.Namespace,
    mode: str,
    flows: tuple[str, ...],
) -> None:
    for flow in flows:
        if flow not in FLOWS:
            choices = ", ".join(repr(each) for each in FLOWS)
            parser.error(
                f"argument --run-sync: invalid choice: {flow!r} (choose from {choices})"
            )
    _belongs(parser, found, _RUN, "--run-sync", mode == "run_sync")
    _belongs(parser, found, _STATUS, "--status", mode == "status")
    everywhere = mode in _FOR_ALL and not found.demo
    names = ", ".join(f"--{name.replace('_', '-')}" for name in _FOR_ALL)
    _belongs(parser, found, ("all_profiles",), names, everywhere)
    for option in ("confirm", "from_file"):
        if found.all_profiles and _chosen(getattr(found, option)):
            name = option.replace("_", "-")
            parser.error(f"argument --{name}: not allowed with argument --all-profiles")
    runs = mode in ("run_sync", "reconcile")
    _belongs(parser, found, _RUN_OR_RECONCILE, "--run-sync, --reconcile", runs)
    _belongs(parser, found, ("fix",), "--reconcile", mode == "reconcile")
    served = mode == "sandbox" or found.demo
    _belongs(parser, found, _SERVED, "--sandbox, --demo", served)
    _belongs(parser, found, ("write_profile",), "--sandbox", mode == "sandbox")
    _belongs(parser, found, ("role",), "--add-operator", mode == "add_operator")
    _belongs(parser, found, ("revoke",), "--authorize", mode == "authorize")
    exported = mode == "export_setup"
    _belongs(parser, found, ("as_in_manual",), "--export-setup", exported)
    _belongs(parser, found, ("contact_email",), "--export-setup", exported)
    one_flow = flows in (("suppressions",), ("page-views",))
    if found.from_file and not (one_flow or mode == "reconcile"):
        parser.error(
            "argument --from-file: belongs to "
            "--run-sync suppressions, --run-sync page-views, --reconcile"
        )
    if found.confirm and mode == "reconcile" and not found.fix:
        parser.error("argument --confirm: belongs to --reconcile --fix")
    if found.plan and found.confirm:
        parser.error("argument --confirm: not allowed with argument --plan")


def _belongs(
    parser: argparse.ArgumentParser,
    found: argparse.Namespace,
    options: Sequence[str],
    modes: str,
    given: bool,
) -> None:
    """Refuse an option without the mode that it belongs to."""
    for option in options:
        if not given and _chosen(getattr(found, option)):
            name = option.replace("_", "-")
            parser.error(f"argument --{name}: belongs to {modes}")

"""Requests to HaiHai Mail: where credentials go, what is repeated, what is counted.

A call is counted once, before its first attempt, however often it has to be
repeated: registering, leaving and stopping change nothing when done twice, so a
lost answer is simply asked for again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Literal

import httpx

from haihai_tui.errors import SettingsError, text
from haihai_tui.services.atomic import storage_errors
from haihai_tui.services.haihai import answers
from haihai_tui.services.haihai.answers import Answer
from haihai_tui.services.haihai.csvtext import append, new_file
from haihai_tui.services.haihai.wire import Wire
from haihai_tui.services.http import Channel, Transient, retry_after
from haihai_tui.services.secret import Secret

Api = Literal["import", "retrieval"]
"""The APIs that the service counts apart, each with its own daily limit."""

OnCall = Callable[[Api], None]
"""Asked before each counted call; raises BudgetUsedUp when there is none left."""

_ANSWER_BYTES = 1 << 16
_BLOCK = 1 << 18


@dataclass(frozen=True, slots=True)
class Account:
    """Where the account is and how it is entered.

    `plan_id` is set only where a step-mail plan stands in place of a group.
    """

    base_url: str
    aid: str
    login_id: str
    token: Secret
    plan_id: str = ""


def account_of(
    wire: Wire,
    *,
    contract_id: str,
    base_url: str,
    login_id: str,
    token: Secret,
    group_id: str = "",
    plan_id: str = "",
) -> Account:
    """An account from the profile's values (`a01-24`: server a01, account 24).

    Raises SettingsError for a contract ID of another form.
    """
    server, dash, aid = contract_id.partition("-")
    if not (server.isalnum() and dash and aid.isdecimal()):
        raise SettingsError(
            text("契約 ID「{id}」の形が正しくありません。", id=contract_id),
            text("「a01-24」のような形で指定してください。"),
        )
    url = base_url or wire.host_pattern.format(server=server)
    return Account(url.rstrip("/"), aid, login_id, token, "" if group_id else plan_id)


@dataclass(frozen=True, slots=True)
class Download:
    """A table on disk that was received whole; `at` is the service's own time."""

    path: Path
    at: datetime | None


class Connection:
    """One account over one channel."""

    def __init__(
        self,
        channel: Channel,
        account: Account,
        wire: Wire,
        *,
        on_call: OnCall | None = None,
        download_s: float = 600.0,
    ) -> None:
        self.wire = wire
        self.calls = 0
        self._channel = channel
        self._account = account
        self._on_call = on_call
        self._download_s = download_s

    def target(self, group: str) -> dict[str, str]:
        """The part that names a delivery group or the profile's plan."""
        if not group:
            return {}
        is_plan = group == self._account.plan_id
        return {self.wire.plan_part if is_plan else self.wire.group_part: group}

    def upload(self, fields: Mapping[str, str], file: Path) -> Answer:
        """Have one import file accepted; raises what any other answer means."""
        self._count("import")
        wire = self.wire
        form = {**self._credentials(), **fields}
        self._require_no_presence(form)

        def attempt() -> Answer:
            with storage_errors(file), file.open("rb") as content:
                request = self._channel.client.build_request(
                    "POST",
                    self._account.base_url + wire.import_path,
                    headers=self._headers(),
                    data=form,
                    files={wire.file_part: (file.name, content, wire.file_type)},
                )
                response = self._channel.once(request)
            return self._accepted(response)

        return self._channel.repeat("POST " + wire.import_path, attempt)

    def fetch(self, action: str, fields: Mapping[str, str]) -> str | None:
        """The text of a small table, or None where the service says "pending"."""
        self._count("retrieval")

        def attempt() -> str | None:
            response = self._channel.once(self._retrieval(action, fields))
            body = answers.decode(response.content)
            answer = answers.read_answer(body, self.wire)
            if answer is not None and answer.code in self.wire.pending_codes:
                return None
            self._require_table(response, body)
            return body

        return self._channel.repeat(f"POST /?ac={action}", attempt)

    def download(self, action: str, fields: Mapping[str, str], path: Path) -> Download:
        """Stream a retrieval to `path`; it is read again until it came whole."""
        self._count("retrieval")

        def attempt() -> Download:
            request = self._retrieval(action, fields)
            with self._channel.stream(request, deadline_s=self._download_s) as answer:
                if _is_markup(answer) or answer.status_code != 200:
                    answer.read()
                    body = answers.decode(answer.content[:_ANSWER_BYTES])
                    self._require_table(answer, body)
                _store(answer, path)
            _require_whole(path, self.wire)
            return Download(path, _date(answer))

        return self._channel.repeat(f"POST /?ac={action}", attempt)

    # ---------------------------------------------------------------- requests

    def _count(self, api: Api) -> None:
        if self._on_call is not None:
            self._on_call(api)
        self.calls += 1

    def _retrieval(self, action: str, fields: Mapping[str, str]) -> httpx.Request:
        wire = self.wire
        return self._channel.client.build_request(
            "POST",
            self._account.base_url + "/",
            params={"ac": action},
            headers=self._headers(),
            data={
                **self._credentials(),
                wire.charset_part: wire.charset_value,
                wire.format_part: wire.format_value,
                **fields,
            },
        )

    def _headers(self) -> dict[str, str]:
        # Uncompressed: a cut gzip stream would pass for a shorter table.
        headers = {"Accept": "text/csv, */*", "Accept-Encoding": "identity"}
        if self.wire.token_place in ("header", "both"):
            headers[self.wire.token_header] = self._account.token.reveal()
        return headers

    def _credentials(self) -> dict[str, str]:
        wire = self.wire
        form = {
            wire.aid_part: self._account.aid,
            wire.login_part: self._account.login_id,
        }
        if wire.token_place in ("form", "both"):
            form[wire.token_part] = self._account.token.reveal()
        return form

    def _require_no_presence(self, form: Mapping[str, str]) -> None:
        """That part can stop every customer who is not in the file."""
        if self.wire.presence_part in form:
            raise SettingsError(
                text(
                    "haihai.wire.presence_part の項目名「{part}」が別の項目と同じ"
                    "です。",
                    part=self.wire.presence_part,
                ),
                text(
                    "ファイルに無い顧客の配信状態が変わるおそれがあるため送信しません。"
                ),
            )

    # ----------------------------------------------------------------- answers

    def _accepted(self, response: httpx.Response) -> Answer:
        body = answers.decode(response.content)
        answer = answers.read_answer(body, self.wire)
        if answer is not None:
            answers.require_success(answer, self.wire)
        answers.require_status(response.status_code, retry_after(response.headers))
        if answer is None:
            raise answers.no_answer(body)
        return answer

    def _require_table(self, response: httpx.Response, body: str) -> None:
        """Raise what `body` means where it is an answer, a page or nothing."""
        answers.require_no_answer(body, self.wire)
        answers.require_status(response.status_code, retry_after(response.headers))
        if _is_markup(response):
            raise answers.no_answer(body)


def _is_markup(response: httpx.Response) -> bool:
    return "html" in response.headers.get("Content-Type", "").lower()


def _store(response: httpx.Response, path: Path) -> None:
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise Transient(text("配配メールの応答が、求めていない圧縮形式です。"))
    with new_file(path) as file:
        for block in response.iter_raw(_BLOCK):
            append(file, path, block)


def _require_whole(path: Path, wire: Wire) -> None:
    """What came must be a table whose last line ends, and no answer."""
    with path.open("rb") as file:
        head = answers.decode(file.read(_ANSWER_BYTES))
        size = file.seek(0, 2)
        file.seek(max(0, size - 1))
        last = file.read(1)
    answers.require_no_answer(head, wire)
    if last != b"\n":
        raise Transient(text("配配メールの応答が途中で切れています。"))


def _date(response: httpx.Response) -> datetime | None:
    try:
        return parsedate_to_datetime(response.headers.get("Date", "")).astimezone(UTC)
    except ValueError:
        return None

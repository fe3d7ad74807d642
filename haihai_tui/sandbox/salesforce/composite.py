"""`/composite` and `/composite/batch`: several calls in one request."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from haihai_tui.sandbox.salesforce.calls import Call, Reply, Route
from haihai_tui.sandbox.salesforce.errors import ApiError
from haihai_tui.sandbox.salesforce.journal import Rollback
from haihai_tui.sandbox.salesforce.org import Org

MOST = 25
_REFERENCE = re.compile(r"@\{([^}]+)\}")
_HALTED = [
    {
        "errorCode": "PROCESSING_HALTED",
        "message": "The transaction was rolled back since another operation in the "
        "same transaction failed.",
    }
]


class _NoReference(Exception):
    """A reference names nothing."""


class Composite:
    """Calls inside a call; `dispatch` answers each of them."""

    def __init__(self, org: Org, dispatch: Callable[[Call], Reply]) -> None:
        self._org = org
        self._dispatch = dispatch

    def routes(self) -> list[Route]:
        return [
            ("GET", "composite", self.resources),
            ("POST", "composite", self.composite),
            ("POST", "composite/batch", self.batch),
        ]

    def resources(self, call: Call) -> Reply:
        names = ("sobjects", "batch")
        return Reply(body={name: call.url(f"composite/{name}") for name in names})

    # ---------------------------------------------------------------- composite

    def composite(self, call: Call) -> Reply:
        body = call.object()
        requests = _requests(body, "compositeRequest")
        answers: list[dict[str, Any]] = []
        known: dict[str, Any] = {}
        failed: set[int] = set()

        def run() -> None:
            for place, request in enumerate(requests):
                answer = self._one(call, request, known)
                answers.append(answer)
                if answer["httpStatusCode"] >= 300:
                    failed.add(place)
                else:
                    known[answer["referenceId"]] = answer["body"]

        with self._org.lock:
            if body.get("allOrNone") is not True:
                run()
            else:
                with self._org.journal.transaction():
                    run()
                    if failed:
                        raise Rollback
                if failed:
                    _halt(answers, failed)
        return Reply(body={"compositeResponse": answers})

    def _one(
        self, call: Call, request: Mapping[str, Any], known: Mapping[str, Any]
    ) -> dict[str, Any]:
        try:
            filled = _filled(request, known)
        except _NoReference as error:
            body = [{"errorCode": "PROCESSING_HALTED", "message": str(error)}]
            reply = Reply(400, body)
        else:
            reply = self._answer(call, filled, filled.get("body"))
        headers = {k: v for k, v in reply.headers.items() if k == "Location"}
        return {
            "body": reply.value(),
            "httpHeaders": headers,
            "httpStatusCode": reply.status,
            "referenceId": request.get("referenceId"),
        }

    # -------------------------------------------------------------------- batch

    def batch(self, call: Call) -> Reply:
        body = call.object()
        results = []
        halted = False
        for request in _requests(body, "batchRequests"):
            if halted:
                reply = Reply(
                    412,
                    [
                        {
                            "errorCode": "BATCH_PROCESSING_HALTED",
                            "message": "Batch processing halted per request",
                        }
                    ],
                )
            else:
                reply = self._answer(call, request, request.get("richInput"))
                halted = reply.status >= 300 and body.get("haltOnError") is True
            results.append({"statusCode": reply.status, "result": reply.value()})
        failed = any(result["statusCode"] >= 300 for result in results)
        return Reply(body={"hasErrors": failed, "results": results})

    # ------------------------------------------------------------------- a call

    def _answer(self, call: Call, request: Mapping[str, Any], body: Any) -> Reply:
        url = urlsplit(str(request.get("url", "")))
        path = url.path.strip("/").removeprefix("services/data/")
        version, _, rest = path.partition("/")
        headers = {**call.headers}
        for name, value in _headers(request).items():
            headers[str(name).lower()] = str(value)
        if not re.fullmatch(r"v\d+\.\d", version) or rest.startswith("composite/batch"):
            return Reply(
                404,
                ApiError(
                    404, "NOT_FOUND", "The requested resource does not exist"
                ).body(),
            )
        inner = Call(
            method=str(request.get("method", "GET")).upper(),
            path=rest,
            version=version[1:],
            user_id=call.user_id,
            query=dict(parse_qsl(url.query, keep_blank_values=True)),
            headers={**headers, "x-prettyprint": "0"},
            body=b"" if body is None else json.dumps(body).encode(),
        )
        try:
            return self._dispatch(inner)
        except ApiError as error:
            return Reply(error.status, error.body(), error.headers)


def _headers(request: Mapping[str, Any]) -> dict[str, Any]:
    headers = request.get("httpHeaders")
    return headers if isinstance(headers, dict) else {}


def _requests(body: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    requests = body.get(name)
    if (
        not isinstance(requests, list)
        or not requests
        or not all(isinstance(each, dict) for each in requests)
    ):
        raise ApiError(400, "JSON_PARSER_ERROR", f"Missing required field: {name}")
    if len(requests) > MOST:
        message = f"Limit exceeded: maximum number of subrequests is {MOST}"
        raise ApiError(400, "LIMIT_EXCEEDED", message)
    return requests


def _halt(answers: list[dict[str, Any]], failed: set[int]) -> None:
    for place, answer in enumerate(answers):
        if place not in failed:
            answer.update(body=_HALTED, httpHeaders={}, httpStatusCode=400)


def _filled(value: Any, known: Mapping[str, Any]) -> Any:
    """`value` with every `@{ref.path}` replaced by what that call answered."""
    if isinstance(value, Mapping):
        return {key: _filled(each, known) for key, each in value.items()}
    if isinstance(value, list):
        return [_filled(each, known) for each in value]
    if not isinstance(value, str):
        return value
    whole = _REFERENCE.fullmatch(value)
    if whole is not None:
        return _looked_up(whole[1], known)
    return _REFERENCE.sub(lambda match: str(_looked_up(match[1], known)), value)


def _looked_up(path: str, known: Mapping[str, Any]) -> Any:
    reference, _, rest = path.partition(".")
    if reference not in known:
        raise _NoReference(
            f"Invalid reference specified. No value for {path} found in {reference}"
        )
    found: Any = known[reference]
    for name, place in re.findall(r"(\w+)|\[(\d+)\]", rest):
        try:
            found = found[int(place)] if place else found[name]
        except (KeyError, IndexError, TypeError):
            raise _NoReference(
                f"Invalid reference specified. No value for {path} found in {reference}"
            ) from None
    return found

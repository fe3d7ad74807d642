"""Faults, log, switches and clock of a sandbox, over real connections."""

from __future__ import annotations

import socket
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import timedelta
from email.utils import parsedate_to_datetime

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from haihai_tui.sandbox.control import Clock, Control, Switches
from haihai_tui.sandbox.faults import Fault, Faults
from haihai_tui.sandbox.serve import Served, listen


@dataclass
class Server:
    control: Control
    http: httpx.Client
    port: int
    worked: list[bytes]

    def fault(self, match: str, do: str, **more: object) -> None:
        body = [{"match": match, "do": do, **more}]
        assert self.http.post("/_sandbox/faults", json=body).status_code == 200


@pytest.fixture(scope="module")
def shared() -> Iterator[Server]:
    worked: list[bytes] = []

    async def work(request: Request) -> Response:
        worked.append(await request.body())
        return PlainTextResponse("0123456789")

    async def stream(request: Request) -> Response:
        async def chunks() -> AsyncIterator[bytes]:
            for _ in range(10):
                yield b"x" * 100

        return StreamingResponse(chunks())

    control = Control(
        clock=Clock(),
        switches=Switches(
            {"colour": "red", "door": "off", "rows": 10, "held": False, "names": []},
            {"colour": ("red", "blue"), "door": ("off", "on")},
        ),
        error_body=lambda code: (418, "text/x-code", f"no: {code}".encode()),
    )
    routes = [
        Route("/work", work, methods=["GET", "POST"]),
        Route("/stream", stream),
        *control.routes(),
    ]
    app = control.wrap(Starlette(routes=routes))
    with (
        Served(app) as served,
        httpx.Client(base_url=served.url, timeout=5) as client,
    ):
        yield Server(control, client, served.port, worked)


@pytest.fixture
def server(shared: Server) -> Server:
    shared.control.faults.add(())
    shared.control.clear_requests()
    shared.worked.clear()
    return shared


def exchange(port: int, sent: bytes) -> bytes:
    """All that comes back until the server closes."""
    with socket.create_connection(("127.0.0.1", port), 5) as connection:
        connection.sendall(sent)
        received = b""
        while part := connection.recv(65536):
            received += part
        return received


def test_both_loopback_families_answer_under_one_port() -> None:
    listeners = listen()
    ports = {listener.getsockname()[1] for listener in listeners}
    families = {listener.family for listener in listeners}
    for listener in listeners:
        listener.close()
    assert len(ports) == 1
    assert socket.AF_INET in families


def test_log_has_one_row_a_request_with_path_query_status_and_length(
    server: Server,
) -> None:
    server.http.post("/work?a=1&b=%20", content=b"12345")
    server.http.get("/nothing")
    server.http.get("/_sandbox/switches")
    rows = server.http.get("/_sandbox/requests").json()
    assert [(r["method"], r["path"], r["status"], r["body_length"]) for r in rows] == [
        ("POST", "/work?a=1&b=%20", 200, 5),
        ("GET", "/nothing", 404, 0),
    ]
    assert server.http.delete("/_sandbox/requests").status_code == 204
    assert server.http.get("/_sandbox/requests").json() == []


def test_status_fault_hits_after_n_matches_then_n_times(server: Server) -> None:
    server.fault("GET /work", "status:503", after=1, times=2)
    statuses = [server.http.get("/work").status_code for _ in range(5)]
    assert statuses == [200, 503, 503, 200, 200]
    assert server.http.get("/_sandbox/faults").json() == []


def test_status_fault_carries_given_headers_and_body(server: Server) -> None:
    server.fault("GET /work", "status:429", headers={"Retry-After": "7"})
    server.fault(
        "GET /work",
        "status:200",
        after=1,
        headers={"Content-Type": "text/html"},
        body="<html>",
    )
    first, second = server.http.get("/work"), server.http.get("/work")
    assert (first.status_code, first.headers["retry-after"]) == (429, "7")
    assert (second.headers["content-type"], second.text) == ("text/html", "<html>")


def test_fault_spares_other_methods_and_paths(server: Server) -> None:
    server.fault(r"POST /work\?only$", "status:500")
    assert server.http.get("/work?only").status_code == 200
    assert server.http.post("/work?other").status_code == 200
    assert server.http.post("/work?only").status_code == 500


def test_empty_list_clears_what_is_left(server: Server) -> None:
    server.fault("GET /work", "status:500", times=None)
    server.fault("GET /work", "delay:0", after=3)
    assert [f["do"] for f in server.http.get("/_sandbox/faults").json()] == [
        "status:500",
        "delay:0",
    ]
    server.http.post("/_sandbox/faults", json=[])
    assert server.http.get("/work").status_code == 200


def test_reset_breaks_the_connection_and_does_no_work(server: Server) -> None:
    server.fault("POST /work", "reset")
    with pytest.raises(ConnectionResetError):
        exchange(
            server.port, b"POST /work HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n"
        )
    assert server.worked == []
    assert server.control.requests()[0]["status"] is None


def test_lose_reply_does_the_work_and_answers_nothing(server: Server) -> None:
    server.fault("POST /work", "lose_reply")
    with pytest.raises(httpx.TransportError):
        server.http.post("/work", content=b"payload")
    assert server.worked == [b"payload"]
    assert server.http.post("/work").text == "0123456789"


def test_truncate_promises_the_whole_body(server: Server) -> None:
    server.fault("GET /work", "truncate:4")
    received = exchange(server.port, b"GET /work HTTP/1.1\r\nHost: h\r\n\r\n")
    head, _, body = received.partition(b"\r\n\r\n")
    assert b"content-length: 10" in head.lower()
    assert body == b"0123"


def test_truncate_cuts_a_stream_without_its_end(server: Server) -> None:
    server.fault("GET /stream", "truncate:250")
    with pytest.raises(httpx.RemoteProtocolError, match="incomplete chunked read"):
        server.http.get("/stream")
    received = exchange(
        server.port, b"GET /stream HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
    )
    assert received.count(b"x") == 1000


def test_delay_is_waited_then_answered(server: Server) -> None:
    server.fault("GET /work", "delay:0.15")
    begun = time.monotonic()
    assert server.http.get("/work").status_code == 200
    assert time.monotonic() - begun >= 0.15


def test_error_fault_speaks_the_services_own_form(server: Server) -> None:
    server.fault("GET /work", "error:E42")
    answer = server.http.get("/work")
    assert (answer.status_code, answer.headers["content-type"], answer.text) == (
        418,
        "text/x-code",
        "no: E42",
    )


@pytest.mark.parametrize(
    "fault",
    [
        {"match": "GET (", "do": "reset"},
        {"match": "GET /", "do": "explode"},
        {"match": "GET /", "do": "status:many"},
        {"match": "GET /", "do": "delay:"},
        {"do": "reset"},
        {"match": "GET /", "do": "reset", "often": 1},
    ],
)
def test_malformed_faults_are_refused_and_none_is_taken(
    server: Server, fault: dict[str, object]
) -> None:
    good = {"match": "GET /", "do": "reset"}
    answer = server.http.post("/_sandbox/faults", json=[good, fault])
    assert answer.status_code == 400
    assert server.http.get("/_sandbox/faults").json() == []


def test_each_fault_counts_every_match() -> None:
    faults = Faults()
    faults.add(
        [
            {"match": "GET /a", "do": "status:500"},
            {"match": "GET /a", "do": "reset", "after": 1},
        ]
    )
    taken = [faults.take("GET", "/a") for _ in range(3)]
    assert [fault and fault.do for fault in taken] == ["status:500", "reset", None]


def test_a_fault_without_method_meets_any() -> None:
    fault = Fault.parse({"match": "/a$", "do": "reset"})
    assert fault.matches("PATCH", "/x/a")
    assert not fault.matches("PATCH", "/x/ab")


def test_clock_moves_the_date_header(server: Server) -> None:
    before = parsedate_to_datetime(server.http.get("/work").headers["date"])
    server.http.post("/_sandbox/clock", json={"advance_s": 86_400})
    after = parsedate_to_datetime(server.http.get("/work").headers["date"])
    server.http.post("/_sandbox/clock", json={"advance_s": -86_400})
    assert timedelta(0) <= after - before - timedelta(days=1) < timedelta(minutes=1)


def test_switches_refuse_unknown_names_and_change_nothing_then(
    server: Server,
) -> None:
    answer = server.http.put("/_sandbox/switches", json={"colour": "blue", "shape": 1})
    assert answer.status_code == 400
    assert server.http.get("/_sandbox/switches").json() == {
        "colour": "red",
        "door": "off",
        "rows": 10,
        "held": False,
        "names": [],
    }
    server.http.put("/_sandbox/switches", json={"colour": "blue"})
    assert server.control.switches["colour"] == "blue"


@pytest.mark.parametrize(
    ("name", "value", "held"),
    [
        ("door", True, "on"),
        ("door", "on", "on"),
        ("rows", 25, 25),
        ("rows", "25", 25),
        ("rows", 0.5, 0.5),
        ("held", "on", True),
        ("held", False, False),
        ("names", ["a"], ["a"]),
    ],
)
def test_switches_take_what_means_a_value(
    server: Server, name: str, value: object, held: object
) -> None:
    answer = server.http.put("/_sandbox/switches", json={name: value})
    assert answer.status_code == 200
    assert answer.json()[name] == held


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("colour", "green"),
        ("colour", True),
        ("colour", None),
        ("door", "ajar"),
        ("door", 1),
        ("rows", "many"),
        ("rows", -1),
        ("rows", True),
        ("held", "maybe"),
        ("held", 1),
        ("names", "a"),
        ("names", [1]),
    ],
)
def test_switches_refuse_values_that_mean_nothing(
    server: Server, name: str, value: object
) -> None:
    before = server.control.switches.as_dict()
    answer = server.http.put("/_sandbox/switches", json={name: value})
    assert answer.status_code == 400
    assert name in answer.json()["error"]
    assert server.control.switches.as_dict() == before


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/_sandbox/nothing", 404), ("PATCH", "/_sandbox/clock", 405)],
)
def test_a_control_call_that_is_not_there_is_refused_in_json(
    server: Server, method: str, path: str, status: int
) -> None:
    answer = server.http.request(method, path)
    assert answer.status_code == status
    assert answer.json()["error"]


@pytest.mark.parametrize("more", [{"times": 0}, {"times": -1}, {"after": -1}])
def test_faults_that_could_never_happen_are_refused(
    server: Server, more: dict[str, int]
) -> None:
    body = [{"match": "GET /work", "do": "reset", **more}]
    assert server.http.post("/_sandbox/faults", json=body).status_code == 400
    assert server.http.get("/work").status_code == 200


@pytest.mark.parametrize("stray", [b"\r\n", b"--", b"--\r\n", b"\r\n--\r\n"])
def test_stray_bytes_after_a_body_do_not_poison_the_connection(
    server: Server, stray: bytes
) -> None:
    request = b"POST /work HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc"
    last = request.replace(b"Host: h", b"Host: h\r\nConnection: close")
    received = exchange(server.port, request + stray + request + stray + last)
    assert received.count(b"HTTP/1.1 200 OK") == 3
    assert server.worked == [b"abc"] * 3

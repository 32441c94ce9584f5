"""The server of the page: it answers this machine's browser alone, and only who has the address.

A request needs the token of the address, comes from the page itself, is small, and cannot name a
file but for a new one in the folder that the explorer was started in.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any, Final

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from sim.analyses.shared.store import progress_of
from sim.errors import UserError
from sim.explore.answer import Desk, Superseded, fragment, page_text, patient_fragment
from sim.explore.controls import State, as_scenario, changed, checked_name, read_state

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

MOST_BYTES: Final = 64 * 1024
MOST_AT_ONCE: Final = 32
TOKEN_HEADER: Final = "x-token"
MOST_FIGURE_NAME: Final = 64
LAST_LINES: Final = 3
PATIENCE_SECONDS: Final = 5.0
Handler = Callable[["Session", Mapping[str, Any]], Any]


class Job:
    """A command of the program, running or ended.

    Parameters
    ----------
    name
        Of the command.
    arguments
        The words after it.
    folder
        The folder that it works in.
    results
        The folder into which it writes results, whose chunks show how far it is.
    done
        What to say once it has ended well.
    """

    def __init__(
        self, name: str, arguments: Sequence[str], folder: Path, results: Path | None, done: str
    ) -> None:
        self.name = name
        self.results = results
        self.done = done
        self.is_cancelled = False
        self._errors = TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 - until `close`
        self._process = subprocess.Popen(
            [sys.executable, "-m", "sim", name, *arguments],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._errors,
        )

    @property
    def is_running(self) -> bool:
        """Whether it is not yet at its end."""
        return self._process.poll() is None

    def status(self) -> dict[str, Any]:
        """Return the name, the state, the share done if known, and a line for the reader."""
        if self.is_running:
            share = None if self.results is None else progress_of(self.results)
            return {"name": self.name, "state": "running", "share": share, "text": ""}
        if self.is_cancelled:
            return {"name": self.name, "state": "cancelled", "share": None, "text": "Cancelled."}
        if self._process.returncode == 0:
            return {"name": self.name, "state": "done", "share": 1.0, "text": self.done}
        self._errors.seek(0)
        lines = self._errors.read().strip().splitlines()[-LAST_LINES:]
        return {"name": self.name, "state": "failed", "share": None, "text": " ".join(lines)}

    def cancel(self) -> None:
        """End it; results are written whole or not at all."""
        if self.is_running:
            self.is_cancelled = True
            self._process.terminate()
            try:
                self._process.wait(PATIENCE_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def close(self) -> None:
        """End it, and forget what it said."""
        self.cancel()
        self._errors.close()


class Session:
    """What the requests of a page share.

    Parameters
    ----------
    desk
        Answers them.
    home
        The folder that the explorer was started in, where files are saved.
    """

    def __init__(self, desk: Desk, home: Path) -> None:
        self.desk = desk
        self.home = home
        self.jobs: dict[str, Job] = {}

    def state(self, asked: Mapping[str, Any]) -> State:
        """Return the state that a request is about."""
        return read_state(asked.get("state", {}), self.desk.controls)

    def check(self, kind: str, asked: Mapping[str, Any]) -> Callable[[], None]:
        """Return the check by which a request ends once there is a later one."""
        # Each page that is open counts its own requests.
        of = f"{_whole(asked, 'page', 0)} {kind}"
        return self.desk.wanted(of, _whole(asked, "number", 0))

    def begin(self, job: Job) -> dict[str, Any]:
        """Note a job that was started, and return its state."""
        self.jobs[job.name] = job
        return job.status()

    def free(self, name: str) -> None:
        """Refuse to start a job of which one is running.

        Raises
        ------
        UserError
            When it is.
        """
        if name in self.jobs:
            if self.jobs[name].is_running:
                raise UserError("is running; cancel it first", key=name)
            self.jobs.pop(name).close()

    def close(self) -> None:
        """End all jobs."""
        for job in self.jobs.values():
            job.close()


def _whole(asked: Mapping[str, Any], key: str, least: int) -> int:
    value = asked.get(key, least)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value < 2**53:
        raise UserError(f"must be a whole number from {least}", key=key, value=str(value)[:40])
    return value


def _answer(session: Session, asked: Mapping[str, Any]) -> Response:
    state, exact = session.state(asked), asked.get("exact") is True
    # An exact answer is no longer wanted as soon as something else is asked.
    check = session.check("answer", asked)
    desk = session.desk
    found = desk.answer(state, exact=True, check=check) if exact else desk.best(state, check)
    return JSONResponse(fragment(desk, state, found))


def _figure(session: Session, asked: Mapping[str, Any]) -> Response:
    name = str(asked.get("name"))[:MOST_FIGURE_NAME]
    check = session.check(f"figure {name}", asked)
    drawn = session.desk.drawing(session.state(asked), name, check)
    return PlainTextResponse(drawn, media_type="image/svg+xml")


def _figures(session: Session, asked: Mapping[str, Any]) -> Response:
    found = session.desk.best(session.state(asked), session.check("figures", asked))
    return JSONResponse(
        [{"name": name, "title": each.title} for name, each in found.drawings().items()]
    )


def _patient(session: Session, asked: Mapping[str, Any]) -> Response:
    number = _whole(asked, "patient", 0)
    return HTMLResponse(patient_fragment(session.desk, session.state(asked), number))


def _table(session: Session, asked: Mapping[str, Any]) -> Response:
    found = session.desk.best(session.state(asked), session.check("table", asked))
    tables, name = found.result.tables, str(asked.get("name"))
    if name not in tables:
        raise UserError("no such table", key="table", value=name[:40], choices=tuple(tables))
    return PlainTextResponse(tables[name].to_csv(index=False), media_type="text/csv")


def _psa(session: Session, asked: Mapping[str, Any]) -> Response:
    """Draw all uncertain inputs together, for the state that the page shows."""
    state = session.state(asked)
    changed(session.desk.scenario, state)
    session.free("psa")
    folder = session.desk.folder_of(state)
    folder.mkdir(exist_ok=True)
    path = _write(session, folder / "state.yaml", state)
    done = "The probabilities are those of these draws."
    # The page goes on answering beside it.
    threads = str(max((os.cpu_count() or 1) - 1, 1))
    seed = str(session.desk.scenario.seed)
    arguments = (str(path), "--out", str(folder), "--threads", threads, "--seed", seed)
    job = Job("psa", arguments, session.home, folder, done)
    return JSONResponse(session.begin(job))


def _save(session: Session, asked: Mapping[str, Any]) -> Response:
    state, name = session.state(asked), checked_name(asked.get("name"))
    changed(session.desk.scenario, state)
    path = _write(session, session.home / f"{name}.yaml", state)
    return JSONResponse(
        {"text": f"Saved: {path.name}", "command": f"python -m sim run {path.name}"}
    )


def _report(session: Session, asked: Mapping[str, Any]) -> Response:
    state, name = session.state(asked), checked_name(asked.get("name"))
    changed(session.desk.scenario, state)
    page = session.home / f"{name}.html"
    if page.exists():
        raise UserError("is there already; choose another name", key="name", value=page.name)
    session.free("report")
    folder = session.desk.folder_of(state)
    folder.mkdir(exist_ok=True)
    path = _write(session, folder / "state.yaml", state)
    asked_for = session.desk.scenario
    sizes = ("--patients", str(asked_for.patients), "--seed", str(asked_for.seed))
    arguments = (str(path), "--out", page.name, *sizes)
    job = Job("report", arguments, session.home, None, f"Report: {page.name}")
    return JSONResponse(session.begin(job))


def _write(session: Session, path: Path, state: State) -> Path:
    """Write a state as a scenario that can be run; never over a file of the user's."""
    from sim.files.results_folder import write_file
    from sim.files.shipped import SCENARIOS, find_file, shipped_files

    found, _ = find_file(Path(session.desk.scenario.file), SCENARIOS)
    is_shipped = shipped_files(SCENARIOS).get(found.stem) == found.resolve()
    base = found.stem if is_shipped else os.path.relpath(found, path.parent)
    text = as_scenario(base, session.desk.scenario.title, state)
    if path.parent == session.home and path.exists():
        raise UserError("is there already; choose another name", key="name", value=path.name)
    write_file(path, text, "name")
    return path


def _jobs(session: Session, asked: Mapping[str, Any]) -> Response:  # noqa: ARG001 - a handler
    return JSONResponse([job.status() for job in session.jobs.values()])


def _cancel(session: Session, asked: Mapping[str, Any]) -> Response:
    job = session.jobs.get(str(asked.get("name")))
    if job is not None:
        job.cancel()
    return _jobs(session, asked)


HANDLERS: Final[Mapping[str, Handler]] = {
    "/answer": _answer,
    "/figure": _figure,
    "/figures": _figures,
    "/patient": _patient,
    "/table": _table,
    "/psa": _psa,
    "/save": _save,
    "/report": _report,
    "/jobs": _jobs,
    "/cancel": _cancel,
}


def application(session: Session, token: str, hosts: frozenset[str]) -> ASGIApp:
    """Return the application.

    Parameters
    ----------
    session
        Shared by the requests.
    token
        Part of the address of the page, and sent with each request.
    hosts
        Names and ports by which the page may be reached, as in the header ``Host``.
    """
    text, policy = page_text(session.desk, token)
    slots = asyncio.Semaphore(MOST_AT_ONCE)

    async def show(request: Request) -> Response:  # noqa: ARG001 - the signature of a route
        return HTMLResponse(text, headers={"content-security-policy": policy})

    def endpoint(handler: Handler) -> Callable[[Request], Any]:
        async def answer(request: Request) -> Response:
            if slots.locked():
                return _problem("too many requests at once", 503)
            async with slots:
                return await _handled(handler, session, request)

        return answer

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:  # noqa: ARG001 - its signature
        yield
        session.close()

    routes = [Route("/", show)]
    routes += [Route(path, endpoint(each), methods=["POST"]) for path, each in HANDLERS.items()]
    return _Guard(Starlette(routes=routes, lifespan=lifespan), token, hosts)


async def _handled(handler: Handler, session: Session, request: Request) -> Response:
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > MOST_BYTES:
            return _problem("the request is too large", 413)
    try:
        asked = json.loads(bytes(body) or b"{}", parse_constant=_no_constant)
    except (ValueError, RecursionError):
        asked = None
    if not isinstance(asked, dict):
        return _problem("the request is not an object in JSON", 400)
    try:
        found: Response = await run_in_threadpool(handler, session, asked)
    except UserError as error:
        return _problem(str(error.original), 422)
    except Superseded:
        # Nothing went wrong: the page has asked for something else since.
        return Response(status_code=204)
    return found


def _no_constant(name: str) -> float:
    raise ValueError(name)


def _problem(text: str, status: int) -> Response:
    return JSONResponse({"problem": text}, status_code=status)


class _Guard:
    """Refuses what does not come from the page: by name of the host, origin, token and size."""

    def __init__(self, app: ASGIApp, token: str, hosts: frozenset[str]) -> None:
        self.app = app
        self.token = token
        self.hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it with its refusal."""
        refused = self._refused(scope) if scope["type"] == "http" else None
        await (self.app if refused is None else refused)(scope, receive, _hardened(send))

    def _refused(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if host not in self.hosts:
            # Another name that leads here is another site's page in this browser.
            return _problem("this address is not served", 421)
        origin = headers.get("origin")
        if origin is not None and origin != f"http://{host}":
            return _problem("requests of other pages are refused", 403)
        given = headers.get(TOKEN_HEADER) or dict(_query(scope)).get("token", "")
        if not hmac.compare_digest(given.encode(), self.token.encode()):
            return _problem("the token of the address is missing or wrong", 403)
        if not headers.get("content-length", "0").isdigit() or (
            int(headers.get("content-length", "0")) > MOST_BYTES
        ):
            return _problem("the request is too large", 413)
        return None


def _query(scope: Scope) -> list[tuple[str, str]]:
    from urllib.parse import parse_qsl

    return parse_qsl(scope["query_string"].decode("latin-1"))


def _hardened(send: Send) -> Send:
    """Add the headers that keep answers out of caches, frames and other pages."""

    async def sent(message: Any) -> None:  # noqa: ANN401 - a message of ASGI
        if message["type"] == "http.response.start":
            message["headers"] = [
                *message["headers"],
                (b"cache-control", b"no-store"),
                (b"x-content-type-options", b"nosniff"),
                (b"x-frame-options", b"DENY"),
                (b"referrer-policy", b"no-referrer"),
                (b"cross-origin-resource-policy", b"same-origin"),
            ]
        await send(message)

    return sent

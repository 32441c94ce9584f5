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
from starlette.datastructures import Headers, QueryParams
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
    """A command of the program that works in `folder`, running or ended.

    The chunks in the folder of `results` show how far it is; `done` is said once it has ended well.
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
        state, share, text = "failed", None, ""
        if self.is_running:
            state, share = "running", None if self.results is None else progress_of(self.results)
        elif self.is_cancelled:
            state, text = "cancelled", "Cancelled."
        elif self._process.returncode == 0:
            state, share, text = "done", 1.0, self.done
        else:
            self._errors.seek(0)
            text = " ".join(self._errors.read().strip().splitlines()[-LAST_LINES:])
        return {"name": self.name, "state": state, "share": share, "text": text}

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
    """What the requests of a page share: their answers, jobs, and the folder where files are saved."""

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

    def begin(
        self, name: str, state: State, arguments: Sequence[str], results: Path | None, done: str
    ) -> Response:
        """Start the job of a name for a state; refused while one is running."""
        if name in self.jobs:
            if self.jobs[name].is_running:
                raise UserError("is running; cancel it first", key=name)
            self.jobs.pop(name).close()
        folder = self.desk.folder_of(state)
        folder.mkdir(exist_ok=True)
        path = _write(self, folder / "state.yaml", state)
        job = Job(name, (str(path), *arguments), self.home, results, done)
        self.jobs[name] = job
        return JSONResponse(job.status())

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
    scenario = session.desk.scenario
    changed(scenario, state)
    folder = session.desk.folder_of(state)
    # The page goes on answering beside it.
    threads = str(max((os.cpu_count() or 1) - 1, 1))
    arguments = ("--out", str(folder), "--threads", threads, "--seed", str(scenario.seed))
    done = "The probabilities are those of these draws."
    return session.begin("psa", state, arguments, folder, done)


def _save(session: Session, asked: Mapping[str, Any]) -> Response:
    state, name = session.state(asked), checked_name(asked.get("name"))
    changed(session.desk.scenario, state)
    path = _write(session, session.home / f"{name}.yaml", state)
    command = f"python -m sim run {path.name}"
    return JSONResponse({"text": f"Saved: {path.name}", "command": command})


def _report(session: Session, asked: Mapping[str, Any]) -> Response:
    state, name = session.state(asked), checked_name(asked.get("name"))
    scenario = session.desk.scenario
    changed(scenario, state)
    page = f"{name}.html"
    _refuse_existing(session.home / page)
    sizes = ("--patients", str(scenario.patients), "--seed", str(scenario.seed))
    return session.begin("report", state, ("--out", page, *sizes), None, f"Report: {page}")


def _refuse_existing(path: Path) -> None:
    if path.exists():
        raise UserError("is there already; choose another name", key="name", value=path.name)


def _write(session: Session, path: Path, state: State) -> Path:
    """Write a state as a scenario that can be run; never over a file of the user's."""
    from sim.files.results_folder import write_file
    from sim.files.shipped import SCENARIOS, find_file, shipped_files

    found, _ = find_file(Path(session.desk.scenario.file), SCENARIOS)
    is_shipped = shipped_files(SCENARIOS).get(found.stem) == found.resolve()
    base = found.stem if is_shipped else os.path.relpath(found, path.parent)
    text = as_scenario(base, session.desk.scenario.title, state)
    if path.parent == session.home:
        _refuse_existing(path)
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
    f"/{handler.__name__.strip('_')}": handler
    for handler in (
        *(_answer, _figure, _figures, _patient, _table),
        *(_psa, _save, _report, _jobs, _cancel),
    )
}


def application(session: Session, token: str, hosts: frozenset[str]) -> ASGIApp:
    """Return the application, reached with the `token` under these names and ports of ``Host``."""
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
        given = headers.get(TOKEN_HEADER) or QueryParams(scope["query_string"]).get("token", "")
        if not hmac.compare_digest(given.encode(), self.token.encode()):
            return _problem("the token of the address is missing or wrong", 403)
        length = headers.get("content-length", "0")
        if not length.isdigit() or int(length) > MOST_BYTES:
            return _problem("the request is too large", 413)
        return None


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

"""``explore``: a page in the browser whose controls move the inputs of a scenario."""

from __future__ import annotations

import secrets
import signal
import socket
import tempfile
import webbrowser
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import click

from sim.analyses.shared.arguments import Option, Patients, Seed, Whole
from sim.errors import UserError

if TYPE_CHECKING:
    import uvicorn
    from starlette.types import ASGIApp

LOOPBACK: Final = "127.0.0.1"
LOCAL_NAMES: Final = (LOOPBACK, "localhost")
MOST_PORT: Final = 65535
NEEDED: Final = ("starlette", "uvicorn")


def explore(
    scenario: Path,
    *,
    patients: Patients = None,
    seed: Seed = None,
    host: str = LOOPBACK,
    port: Annotated[int, Option("N", Whole(0, MOST_PORT))] = 0,
    no_browser: bool = False,
) -> None:
    """Open a page with the answer to SCENARIO and controls that move its inputs.

    The page answers at once with few patients and then with all of them, with the same numbers as
    the command run. It is served to this machine alone, at an address with a token; closing the terminal or
    Ctrl-C ends it.

    Parameters
    ----------
    patients, seed
        As for `run`.
    host
        Address to serve at. Another than the loopback address opens the page to other machines.
    port
        To serve at; 0 takes a free one.
    no_browser
        Print the address, and leave it to you to open it.
    """
    _check_server()
    from sim.analyses.shared.scenario import asked
    from sim.explore.answer import Desk
    from sim.explore.controls import controls, screened
    from sim.explore.server import Session, application

    question = asked(scenario, patients=patients, seed=seed)
    click.echo("Looking which inputs matter most …", err=True)
    found = controls(question, screened(question))
    token = secrets.token_urlsafe()
    with tempfile.TemporaryDirectory() as folder, _listening(host, port) as listening:
        desk = Desk(question, found, Path(folder))
        number = listening.getsockname()[1]
        names = {f"{name}:{number}" for name in (host, *LOCAL_NAMES)}
        session = Session(desk, Path.cwd())
        server = _server(application(session, token, frozenset(names)))
        address = f"http://{host}:{number}/?token={token}"
        click.echo(f"Explorer: {address}\nIt ends with this terminal, or with Ctrl-C.")
        if not no_browser:
            webbrowser.open(address)
        try:
            server.run(sockets=[listening])
        finally:
            session.close()


def _check_server() -> None:
    """Refuse to start without the packages that serve the page; say how they are installed."""
    if any(find_spec(name) is None for name in NEEDED):
        raise UserError(
            "needs starlette and uvicorn: python -m pip install 'starlette>=1.0' 'uvicorn>=0.40'",
            key="explore",
        )


def _listening(host: str, port: int) -> socket.socket:
    """Return a socket that listens at an address; a `UserError` where none can."""
    listening = socket.socket()
    try:
        listening.bind((host, port))
        # Requests wait until the server is up.
        listening.listen()
    except (OSError, UnicodeError) as error:
        listening.close()
        reason = getattr(error, "strerror", None) or str(error)
        raise UserError(f"cannot serve at {host}:{port}: {reason}", key="--port") from None
    return listening


def _server(application: ASGIApp) -> uvicorn.Server:
    """Return the server, which ends with its terminal too."""
    import uvicorn

    settings = uvicorn.Config(
        application, log_level="error", lifespan="on", access_log=False, timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(settings)
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, lambda *_: setattr(server, "should_exit", True))
    return server

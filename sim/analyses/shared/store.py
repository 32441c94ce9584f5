"""A folder of results, filled chunk by chunk, so that nothing finished is ever lost.

Chunks of draws are in ``DIR/chunks`` until all are there, each a Parquet file behind a checksum
(`sim.files.cache_folder`) that binds it to its analysis and its number. Files come into place complete
and flushed to the disk (`sim.files.atomic`), so that only whole files are left however the program
ends. The results of an earlier analysis in DIR stay until those of this one are complete.
"""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sim.analyses.psa.draws_run import chunk_draws, chunks_of
from sim.analyses.shared.arguments import PartDone
from sim.analyses.shared.large_table import parquet, read_parquet
from sim.errors import UserError
from sim.files.atomic import DRAFT, Content, blocks_of, write_file, write_files
from sim.files.cache_folder import Damaged, delete, verified, with_checksum
from sim.files.results_folder import OPTION, check_folder, refused_as
from sim.simulation.provenance import fingerprint, source_hash
from sim.simulation.question import Question
from sim.version import __version__

if TYPE_CHECKING:
    import pandas as pd

CHUNKS: Final = "chunks"
LOCK: Final = ".lock"
SUFFIX: Final = ".parquet"
RESUME: Final = "--resume"
PART: Final = "--part"
SHARED_SECONDS: Final = 60.0
"""Parts that begin at the same time wait so long for each other to look into their folder."""
KEPT: Final = f"finished work is stored: continue with {RESUME}"
NUMBERS: Final = ("draws", "patients", "seed")
"""Optional entries of a manifest that are whole numbers."""


class Part(NamedTuple):
    """A part of the work, for one of many jobs: every `of`-th chunk, the first is `number`."""

    number: int
    of: int

    @classmethod
    def read(cls, text: str | None) -> Part | None:
        """Read ``K/N``; None is no part, but the whole."""
        if text is None:
            return None
        number, _, of = text.partition("/")
        return cls(int(number), int(of))

    def has(self, chunk: int) -> bool:
        """Whether a chunk is in this part."""
        return chunk % self.of == self.number - 1


class Chunks:
    """The finished chunks of an analysis in a folder; open it with `opened`."""

    def __init__(
        self, folder: Path, asked: Mapping[str, Any], *, resume: bool, part: Part | None = None
    ) -> None:
        self.folder = folder
        self.resume = resume
        self.part = part
        self.place = folder / CHUNKS
        self.asked = asked

    def done(self) -> set[int]:
        """Return the numbers of the chunks that are not to be simulated: finished or of other parts."""
        found = _finished(self.place)
        if self.part is not None:
            found |= {each for each in range(self.asked["chunks"]) if not self.part.has(each)}
        return found

    def keep(self, chunk: int, outcomes: pd.DataFrame) -> None:
        """Store the outcomes of a chunk.

        Raises
        ------
        UserError
            When it cannot be written; the other chunks stay.
        """
        content = with_checksum(self._name(chunk), parquet(outcomes))
        with refused_as(OPTION, self.folder, KEPT):
            write_file(self._path(chunk), content, lasting=True)

    def read(self, chunk: int) -> pd.DataFrame:
        """Return the outcomes of a chunk.

        Raises
        ------
        UserError
            When the file is damaged, or is that of another chunk or analysis.
        PartDone
            When it is the work of another part and not there yet, or nothing is left for any part.
        """
        if self.part is not None:
            stored = _finished(self.place)
            if chunk not in stored or len(stored) == self.asked["chunks"]:
                raise PartDone(self._told(self.part, len(stored)))
        try:
            return read_parquet(verified(self._name(chunk), self._path(chunk).read_bytes()))
        except (OSError, Damaged):
            problem = f"is damaged; remove it and continue with {RESUME}"
            raise UserError(problem, file=self._path(chunk)) from None

    def finish(self, files: Mapping[str, Content]) -> None:
        """Put the files of the complete results into the folder, and drop the chunks.

        The manifest comes last: with it the results are complete.

        Raises
        ------
        UserError
            When they cannot be written; the folder's earlier results are then as they were.
        """
        everything = {**files, MANIFEST: manifest_text(self.asked, files)}
        with refused_as(OPTION, self.folder, KEPT):
            write_files(self.folder, everything, lasting=True, place=self.place)
            self.drop()

    def drop(self) -> None:
        """Remove the chunks: the lock last, and the manifest before it."""
        names = [path.name for path in self.place.iterdir()]
        last = [MANIFEST, *sorted((n for n in names if n.startswith(LOCK)), reverse=True)]
        for name in [*sorted(set(names) - set(last)), *(n for n in last if n in names)]:
            (self.place / name).unlink()
        self.place.rmdir()

    def _told(self, part: Part, stored: int) -> str:
        """Say that a part is done."""
        return (
            f"part {part.number} of {part.of} is done; {self.folder} holds {stored:,} of "
            f"{self.asked['chunks']:,} chunks: when all parts are done, join them with {RESUME} in place of {PART}"
        )

    def _name(self, chunk: int) -> str:
        return f"{self.asked['key']}/{chunk}"

    def _path(self, chunk: int) -> Path:
        return self.place / f"{chunk:05d}{SUFFIX}"


def check_unfinished(folder: Path, names: tuple[str, ...], *, resume: bool) -> None:
    """Refuse a folder that cannot take the results, or holds the beginning of others.

    Raises
    ------
    UserError
        When it cannot be written, or holds an unfinished analysis and `resume` is false.
    """
    check_folder(folder, names)
    place = folder / CHUNKS
    if not place.exists():
        return
    found = _manifest(place)
    if found is None:
        if not place.is_dir() or any(not path.name.startswith(".") for path in place.iterdir()):
            raise UserError("is in the way of unfinished results", key=OPTION, value=str(place))
    elif not resume and not _is_complete(folder, found):
        raise UserError(
            f"holds an unfinished analysis: {len(_finished(place))} of "
            f"{found['chunks']} chunks of {_described(found['asked'])}; continue it with {RESUME}, "
            f"or remove its folder '{CHUNKS}'",
            key=OPTION,
            value=str(folder),
        )


@contextmanager
def opened(
    folder: Path,
    asked: Mapping[str, Any],
    names: tuple[str, ...],
    *,
    resume: bool,
    part: str | None = None,
) -> Iterator[Chunks]:
    """Open a folder for the chunks of an analysis, and lock it; parts share it.

    Parameters
    ----------
    folder
        Made when it is not there.
    asked
        The manifest of the analysis (`sim.analyses.shared.store.manifest`).
    names
        Files that the results will have.
    resume
        Go on with the folder's chunks of the same analysis.
    part
        ``K/N``: simulate only the chunks of part K of N, at the same time as other parts.

    Raises
    ------
    UserError
        When it cannot be written, is in use, or holds the beginning of another analysis.
    PartDone
        When the results of all parts are there.
    """
    check_unfinished(folder, names, resume=resume or part is not None)
    chunks = Chunks(folder, asked, resume=resume, part=Part.read(part))
    with refused_as(OPTION, folder):
        chunks.place.mkdir(parents=True, exist_ok=True)
    if chunks.part is not None:
        if _is_complete(folder, asked):
            raise PartDone(f"{folder} holds the results of all parts")
        with _locked(chunks.place / f"{LOCK}-{chunks.part.number}", folder):
            with _locked(chunks.place / LOCK, folder, seconds=SHARED_SECONDS):
                _begin(chunks)
            yield chunks
        return
    with _locked(chunks.place / LOCK, folder), ExitStack() as parts:
        for path in sorted(chunks.place.glob(f"{LOCK}-*")):
            parts.enter_context(_locked(path, folder))
        _begin(chunks)
        yield chunks


def _begin(chunks: Chunks) -> None:
    """Write the manifest into a new folder of chunks; keep those of the same analysis.

    Raises
    ------
    UserError
        When it cannot be written, or holds the beginning of another analysis.
    """
    folder, asked = chunks.folder, chunks.asked
    found = _manifest(chunks.place)
    if found is not None and found["key"] != asked["key"]:
        if not _is_complete(folder, found):
            raise UserError(
                f"holds an unfinished analysis that is not this one; remove its folder '{CHUNKS}'",
                key=OPTION,
                value=str(folder),
            )
        found = None
    with refused_as(OPTION, folder):
        for path in chunks.place.iterdir():
            is_lock = path.name.startswith(LOCK)
            is_draft = chunks.part is None and path.name.startswith(DRAFT)
            if not is_lock and (found is None or is_draft):
                delete(path)
        if found is None:
            text = json.dumps(asked, indent=INDENT) + "\n"
            write_file(chunks.place / MANIFEST, text, lasting=True)


def progress_of(folder: Path) -> float | None:
    """Return the share of the chunks that is done; None where no analysis is at work."""
    found = _manifest(folder / CHUNKS)
    if found is None or not isinstance(found["chunks"], int) or found["chunks"] < 1:
        return None
    return len(_finished(folder / CHUNKS)) / found["chunks"]


def _finished(place: Path) -> set[int]:
    """Return the numbers of the chunks in a folder; copies under other names are none."""
    names = (path.stem for path in place.glob(f"*{SUFFIX}"))
    return {int(name) for name in names if name.isdecimal()}


@contextmanager
def _locked(path: Path, folder: Path, *, seconds: float = 0.0) -> Iterator[None]:
    # Imported here, because it would delay the start of every command.
    from filelock import FileLock, Timeout

    lock = FileLock(path)
    with refused_as(OPTION, folder):
        try:
            lock.acquire(timeout=seconds)
        except Timeout:
            problem = "is in use: another analysis is writing into it"
            raise UserError(problem, key=OPTION, value=str(folder)) from None
    try:
        yield
    finally:
        lock.release()


def _described(asked: Mapping[str, Any]) -> str:
    """Describe an analysis in words."""
    of = f"{asked['draws']:,} draws of " if "draws" in asked else ""
    analysis = f"{asked['analysis']}, " if "analysis" in asked else ""
    return (
        f"{asked['scenario']}, {analysis}{of}{asked['patients']:,} patients, seed {asked['seed']}"
    )


def _manifest(folder: Path) -> dict[str, Any] | None:
    try:
        found = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    whole = (
        isinstance(found, dict)
        and {"key", "asked", "chunks"} <= found.keys()
        and isinstance(found["asked"], dict)
        and {"scenario", "patients", "seed"} <= found["asked"].keys()
        and all(isinstance(found["asked"].get(name, 0), int) for name in NUMBERS)
    )
    return found if whole else None


def _is_complete(folder: Path, unfinished: Mapping[str, Any]) -> bool:
    """Whether the chunks are left from results that are complete in the folder."""
    results = _manifest(folder)
    return results is not None and results["key"] == unfinished["key"]


MANIFEST: Final = "manifest.json"
INDENT: Final = 2
PACKAGES: Final = ("numpy", "numba", "scipy", "pandas", "pyarrow")
"""A new version of one of these may change the last digit of a result or the bytes of a file."""


def content_key(question: Question, draws: int, base_patients: int) -> str:
    """Return a hash of all inputs of a result.

    The resolved scenario with its parameter values, its seed and patients per draw; the number
    of draws; patients of the base case; every source file of the program and of its catalogue;
    versions of packages.
    """
    content = {
        "scenario": fingerprint(question),
        "thresholds": question.thresholds,
        "draws": draws,
        "base_patients": base_patients,
        "source": source_hash(),
        "version": __version__,
        "python": platform.python_version(),
        "packages": {name: metadata.version(name) for name in PACKAGES},
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def manifest(question: Question, draws: int, base_patients: int) -> dict[str, Any]:
    """Return the manifest that identifies a results folder."""
    return {
        "program": "blinsim",
        "version": __version__,
        "key": content_key(question, draws, base_patients),
        "asked": {
            "scenario": Path(question.loaded.file).name,
            "draws": draws,
            "patients": question.patients,
            "seed": question.seed,
        },
        "chunk_draws": chunk_draws(draws),
        "chunks": chunks_of(draws),
    }


def analysis_manifest(
    question: Question, analysis: str, settings: Mapping[str, object], *, chunks: int, chunk: int
) -> dict[str, Any]:
    """Return the manifest of an analysis other than a probabilistic one.

    The key hashes all inputs of its results: the question, the program, the analysis
    and its settings.

    Parameters
    ----------
    question
        The question.
    analysis
        Its name.
    settings
        Everything else that decides the results.
    chunks, chunk
        Number of chunks of finished work, and of parameter sets in each.
    """
    found = manifest(question, 0, 0)
    del found["asked"]["draws"]
    asked = {**found["asked"], "analysis": analysis, **settings}
    text = json.dumps({"asked": asked, "key": found["key"]}, sort_keys=True)
    return {
        **found,
        "key": hashlib.sha256(text.encode()).hexdigest(),
        "asked": asked,
        "chunk_draws": chunk,
        "chunks": chunks,
    }


def manifest_text(content: Mapping[str, Any], files: Mapping[str, Content]) -> bytes:
    """Return the manifest of finished results, with the hash of each file."""
    hashes = {name: digest_of(files[name]) for name in sorted(files)}
    return (json.dumps({**content, "files": hashes}, indent=INDENT) + "\n").encode()


def digest_of(content: Content) -> str:
    """Return the SHA-256 of a file as it is written."""
    digest = hashlib.sha256()
    for block in blocks_of(content):
        digest.update(block)
    return digest.hexdigest()

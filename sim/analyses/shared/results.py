"""The results of a probabilistic analysis as files, and the key of its inputs."""

from __future__ import annotations

import hashlib
import io
import json
import platform
import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from importlib import metadata
from pathlib import Path
from typing import IO, Any, Final

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from sim.analyses.psa.draws_run import PARAMETER, Psa, chunk_draws, chunks_of
from sim.analyses.shared.large_table import MOST_ROWS, Table, filling, fits, joined, parts
from sim.files.atomic import Blocks, Content, blocks_in, blocks_of
from sim.simulation.provenance import fingerprint, source_hash
from sim.simulation.question import Question
from sim.version import __version__

TABLE: Final = "psa.parquet"
DETERMINISTIC: Final = "deterministic.parquet"
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
    hashes = {name: _digest(files[name]) for name in sorted(files)}
    return (json.dumps({**content, "files": hashes}, indent=INDENT) + "\n").encode()


def _digest(content: Content) -> str:
    digest = hashlib.sha256()
    for block in blocks_of(content):
        digest.update(block)
    return digest.hexdigest()


def result_files(psa: Psa) -> dict[str, Content]:
    """Return the tables of the results by file name."""
    return {TABLE: _draws_file(psa), DETERMINISTIC: parquet(psa.deterministic)}


def _draws_file(psa: Psa) -> Content:
    """Return the table of the draws as a Parquet file; of many in row groups, from the disk."""
    rows = len(psa.outcomes)
    if fits(rows):
        return parquet(draws_table(psa))
    file = tempfile.TemporaryFile()  # noqa: SIM115 - its blocks close it
    with filling(), ExitStack() as closing:
        writer: pq.ParquetWriter | None = None
        for part in parts(rows, len(psa.strategies)):
            table = _plain(draws_table(psa, part))
            if writer is None:
                writer = closing.enter_context(pq.ParquetWriter(file, table.schema, **FORMAT))
            writer.write_table(table, row_group_size=len(table))
            psa.forget()
    return Blocks(file)


def read_results(
    opened: Callable[[str], IO[bytes]],
    question: Question,
    draws: int,
    base_patients: int,
) -> Psa | None:
    """Read the results of this question from files, by a function that opens the file of a name.

    None where there are none, where they are those of another question, or where a file is not
    as it was written.
    """
    try:
        with ExitStack() as files:

            def content_of(name: str) -> IO[bytes]:
                return files.enter_context(opened(name))

            found = json.loads(content_of(MANIFEST).read())
            if found["key"] != content_key(question, draws, base_patients):
                return None
            content = {name: content_of(name) for name in found["files"]}
            for name, file in content.items():
                if _digest(blocks_in(file)) != found["files"][name]:
                    return None
            table, deterministic = (read_table(content[name]) for name in (TABLE, DETERMINISTIC))
    except (OSError, ValueError, LookupError, TypeError, AttributeError, pa.ArrowException):
        return None
    return psa_of(question, table, deterministic.frame, base_patients)


def psa_of(
    question: Question, table: Table, deterministic: pd.DataFrame, base_patients: int
) -> Psa:
    """Return the results of the tables of `result_files`."""
    drawn = [name for name in table.frame.columns if name.startswith(PARAMETER)]
    parameters = table.frame.iloc[:: len(question.scenario.strategies)][drawn]
    parameters.columns = parameters.columns.str.removeprefix(PARAMETER)
    parameters.index = pd.RangeIndex(len(parameters), name="draw")
    outcomes = table.frame.drop(columns=drawn)
    return Psa(question, parameters, outcomes, deterministic, base_patients, table.on_disk)


FORMAT: Final[Any] = {"compression": "zstd", "write_page_checksum": True}


def parquet(table: pd.DataFrame) -> bytes:
    """Return a table as the bytes of a Parquet file: the same table, the same bytes."""
    stream = io.BytesIO()
    pq.write_table(_plain(table), stream, **FORMAT)
    return stream.getvalue()


def _plain(table: pd.DataFrame) -> pa.Table:
    return pa.Table.from_pandas(table, preserve_index=False).replace_schema_metadata(None)


def read_parquet(content: bytes | memoryview) -> pd.DataFrame:
    """Return the table of a Parquet file whose bytes have been verified."""
    found: pd.DataFrame = pq.read_table(pa.BufferReader(content)).to_pandas()
    return found


def read_table(file: IO[bytes]) -> Table:
    """Return the table of an open Parquet file."""
    found = pq.ParquetFile(file)
    rows = found.metadata.num_rows
    return joined((each.to_pandas() for each in found.iter_batches(MOST_ROWS)), rows)


def draws_table(psa: Psa, rows: slice = slice(None)) -> pd.DataFrame:
    """Return outcomes with the drawn parameters, the columns of psa.parquet."""
    outcomes = psa.outcomes.iloc[rows].reset_index(drop=True)
    drawn = psa.parameters.add_prefix(PARAMETER)
    beside = drawn.loc[outcomes["draw"]].reset_index(drop=True)
    return pd.concat([outcomes, beside], axis=1)

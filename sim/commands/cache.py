"""``cache``: list the files cached between runs, and remove them."""

from __future__ import annotations

from typing import Final

import click

MEGABYTE: Final = 1e6
SHOWN: Final = 12


@click.command()
@click.option("--clear", is_flag=True, help="Remove everything that is kept.")
def cache(clear: bool) -> None:
    """List the results and the compiled code that are kept so that nothing is done twice.

    Results are found again by a hash of all that they depend on: scenario, catalogue, program,
    seed, draws and patients. Removing them costs nothing but time.
    """
    from sim.analyses.psa import cache as kept
    from sim.errors import UserError
    from sim.files.cache_folder import cache_folder

    folder = cache_folder()
    if folder is None:
        click.echo("Nothing is kept: there is no home folder, and XDG_CACHE_HOME is not set.")
        return
    results = list(kept.entries())
    for result in results:
        click.echo(
            f"{result.key[:SHOWN]}  {result.scenario}: {result.draws:,} draws of "
            f"{result.patients:,} patients, seed {result.seed}, version {result.version}, "
            f"{result.bytes / MEGABYTE:.1f} MB"
        )
    total = sum(result.bytes for result in results) / MEGABYTE
    code = kept.compiled_size() / MEGABYTE
    what = f"{len(results)} results ({total:.1f} MB) and compiled code ({code:.1f} MB) in {folder}"
    if not clear:
        click.echo(what)
        return
    try:
        kept.clear()
    except OSError as error:
        raise UserError(
            f"cannot be removed: {error.strerror}", key="cache", value=str(folder)
        ) from None
    click.echo(f"Removed {what}")

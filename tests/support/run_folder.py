"""The files of a run that a test has simulated itself."""

from sim.analyses.run.tables import NAMES, run_files
from sim.files.results_folder import write_analysis
from sim.layout.run_tables import run_tables


def write(simulation, summary, folder, flow=None):
    """Write all files of the run into a folder, as `run` does."""
    tables = run_tables(simulation, summary, flow)
    write_analysis(folder, "run", run_files(simulation, summary, tables), NAMES)

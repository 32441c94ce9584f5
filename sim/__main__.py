"""Run the program: ``python -m sim``."""

from sim.cli import main

main()

"""Settings of the property tests: the same examples on every run, and more of them where CI is set."""

import os

from hypothesis import settings

settings.register_profile("dev", max_examples=100, derandomize=True, deadline=None)
settings.register_profile("ci", max_examples=200, derandomize=True, deadline=None, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "dev")

"""What a benchmark file may hold: no name of a machine, a user or a branch."""

KEPT = ("python_version", "python_implementation", "cpu")
KEPT_OF_CPU = ("arch", "bits", "count", "brand_raw")


def pytest_benchmark_update_machine_info(machine_info):
    for key in [key for key in machine_info if key not in KEPT]:
        del machine_info[key]
    cpu = machine_info.get("cpu") or {}
    machine_info["cpu"] = {key: cpu[key] for key in KEPT_OF_CPU if key in cpu}


def pytest_benchmark_update_commit_info(commit_info):
    for key in ("branch", "author_time", "project"):
        commit_info.pop(key, None)

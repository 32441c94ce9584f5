"""Print CPU time per patient and arm of every implementation, each checked first.

The implementations take turns, round by round, so that a processor which is slower for a while is
slower for all of them.
"""

import statistics

from bench.__main__ import cpu_seconds
from bench.illness_death.engines import (
    ARMS,
    ENGINES,
    MANY_SETS,
    check_many_sets,
    check_one_run,
    many_sets,
    one_run,
    size,
)

ROUNDS = 7
OURS = "blinsim"


def take_turns(works):
    """Return CPU ns per patient and arm by name, a list of rounds each.

    `works` holds the work and its patients by name.
    """
    for work, _ in works.values():
        work()
    times = {name: [] for name in works}
    for _ in range(ROUNDS):
        for name, (work, patients) in works.items():
            times[name].append(cpu_seconds(work) / patients / ARMS * 1e9)
    return times


def table(times, shapes):
    """Print medians, quartiles and how many times as long as ours; turns are compared in pairs."""
    for name, rounds in times.items():
        low, median, high = statistics.quantiles(rounds, n=4)
        ratio = statistics.median(
            theirs / ours for theirs, ours in zip(rounds, times[OURS], strict=True)
        )
        spread = f"[{low:,.0f}, {high:,.0f}]"
        print(f"  {name:14} {shapes[name]:>30}  {median:9,.0f}  {spread:18} x {ratio:6.2f}")


def main():
    print(
        f"CPU time per patient and arm, ns: median [quartiles] of {ROUNDS} rounds in turns, one"
        f" thread; x {OURS}"
    )
    print("\nOne run")
    for name in ENGINES:
        check_one_run(name)
    table(
        take_turns({name: (one_run(name), size(name).patients) for name in ENGINES}),
        {name: f"{size(name).patients:,} patients" for name in ENGINES},
    )
    print("\nMany parameter sets")
    for name in MANY_SETS:
        check_many_sets(name)
    table(
        take_turns(
            {
                name: (many_sets(name), size(name).sets * size(name).set_patients)
                for name in MANY_SETS
            }
        ),
        {
            name: f"{size(name).sets:,} sets x {size(name).set_patients:,} patients"
            for name in MANY_SETS
        },
    )


if __name__ == "__main__":
    main()

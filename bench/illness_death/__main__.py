"""Print CPU time per patient and arm of every implementation, each checked first."""

from bench.__main__ import per_patient
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


def line(name, work, patients, shape):
    median, low, high = per_patient(work, patients, ARMS, ROUNDS)
    print(f"  {name:14} {shape:>26}  {median:9,.0f}  [{low:,.0f}, {high:,.0f}]")


def main():
    print(f"CPU time per patient and arm, ns: median [quartiles] of {ROUNDS} rounds, one thread")
    print("\nOne run")
    for name in ENGINES:
        check_one_run(name)
        patients = size(name).patients
        line(name, one_run(name), patients, f"{patients:,} patients")
    print("\nMany parameter sets")
    for name in MANY_SETS:
        check_many_sets(name)
        _, sets, patients = size(name)
        shape = f"{sets:,} sets x {patients:,} patients"
        line(name, many_sets(name), sets * patients, shape)


if __name__ == "__main__":
    main()

"""Script mode: ``python -m helpers reference | results | bench``."""

from __future__ import annotations

import argparse
import sys

from helpers.env import device_name


def bench(arguments) -> None:
    from helpers.bench import bench_table, run_bench
    from helpers.data import describe, load_cifar
    from helpers.experiments import new_record, save_record
    from helpers.train import TrainConfig

    train = load_cifar("cifar10", "train")
    print(f"{describe(train)}, {device_name()}, {arguments.repeats} repeats in turn; about two minutes on two cores")
    rates = run_bench(train, steps=arguments.steps, repeats=arguments.repeats)
    record = new_record("bench", train, TrainConfig(num_epochs=1), rates=rates)
    print(bench_table(rates))
    print(f"record: {save_record(record, reader=not arguments.write).name}")


def reference(arguments) -> None:
    from helpers.experiments import run_reference

    path = run_reference(arguments.seeds)
    print(f"wrote {path.name}; copy it to figures/records/ to make it the series' reference")


def results(arguments) -> None:
    from helpers.experiments import ROOT, load_record, results_table, write_between

    table = results_table()
    if arguments.write:
        from helpers.bench import bench_table

        readme = ROOT / "README.md"
        text = write_between(readme.read_text(), "results", table)
        record = load_record("bench")
        where = f"Measured on {record['device']}, torch {record['versions']['torch']}."
        measured = f"{bench_table(record['rates'])}\n\n{where}"
        readme.write_text(write_between(text, "bench", measured))
    print(table)


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m helpers", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("reference", help="train the reference recipe; minutes on a GPU, hours on a laptop")
    one.add_argument("--seeds", type=int, nargs="+", default=[0], help="one run each (default: 0)")
    one.set_defaults(run=reference)
    one = commands.add_parser("results", help="print the results table from the committed records")
    one.add_argument("--write", action="store_true", help="also write it, and the bench table, into README.md")
    one.set_defaults(run=results)
    one = commands.add_parser("bench", help="images per second, the plain way and ours, in one run")
    one.add_argument("--steps", type=int, default=4, help="optimizer updates a measurement (default: 4)")
    one.add_argument("--repeats", type=int, default=3, help="counted measurements of each, in turn (default: 3)")
    one.add_argument("--write", action="store_true", help="write the committed record instead of runs/records/")
    one.set_defaults(run=bench)
    return parser


def main(argv: list[str] | None = None) -> int:
    arguments = make_parser().parse_args(argv)
    try:
        arguments.run(arguments)
    except (ValueError, FileNotFoundError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())

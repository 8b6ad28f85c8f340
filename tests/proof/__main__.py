"""Prove that Holdfast keeps its promises under faults: `make proof`."""

import argparse
import shutil
import sys

from booking.dev.servers import BASE_DIR, claim
from tests.proof.prove import prove
from tests.proof.report import write_page, write_report

FOLDER = BASE_DIR / ".data" / "proof"


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.proof", description=__doc__)
    parser.add_argument("--requests", type=int, default=20_000, help="how many the clients send (20000)")
    parser.add_argument("--seed", type=int, default=1, help="decides what clients want and which faults come when")
    parser.add_argument("--page", action="store_true", help="write the report into docs/reliability.md")
    options = parser.parse_args()
    with claim(FOLDER):
        evidence = FOLDER / "runs"
        shutil.rmtree(evidence, ignore_errors=True)
        evidence.mkdir()
        result, controls = prove(
            evidence, requests=options.requests, seed=options.seed, report_progress=lambda text: print(text, flush=True)
        )
    report = write_report(result, controls, seed=options.seed)
    print(f"\n{report}")
    for name, found in result.violations.items():
        for text in found[:10]:
            print(f"VIOLATED: {name}: {text}")
    if any(result.violations.values()):
        sys.exit(f"The history and the rows are in {evidence}/run.")
    if options.page:
        write_page(report)


if __name__ == "__main__":
    main()

"""How costs grow from ten thousand visits to millions: what patients, staff and beat do all day, at each size.

``GROWTH_SIZES`` has the sizes, in visits. What is compared is CPU time, this process's and its PostgreSQL backend's:
it stays the same on a busy machine. The figures go to docs/plots/growth.json, the curves beside it.
"""

import json
import os
import statistics
import time
from pathlib import Path

from django.db import connection
from django.utils import timezone

from booking.dev.servers import BASE_DIR
from tests.bench.growth_clinic import ROWS, make_group
from tests.bench.growth_measures import OF_PATIENTS, make_measures
from tests.bench.line_plots import draw_lines
from tests.measured_on import describe_machine, get_commit

PLOTS = BASE_DIR / "docs" / "plots"
SIZES = "10000 1000000"
WARM_UP = 9  # psycopg prepares the third time, and five times later PostgreSQL settles on a plan
ROUNDS = 41


def print_growth():
    """Measure at each size, print the costs and how large the tables are, and write both down with their plots."""
    figures = {
        "machine": describe_machine(),
        "commit": get_commit(),
        "measured_on": f"{timezone.now():%Y-%m-%d}",
        "sizes": {},
    }
    for size in map(int, os.environ.get("GROWTH_SIZES", SIZES).split()):
        started = time.monotonic()
        service = make_group(size)
        print(f"{size:,} visits, written in {time.monotonic() - started:.0f} s", flush=True)
        figures["sizes"][size] = measure_size(service)
    write_figures(figures)


def measure_size(service):
    """Return what everything costs in a group of clinics, and how large its tables are."""
    costs = measure(make_measures(service))
    for name, cost in costs.items():
        print(f"  {name:<34} {cost['web']:8.2f} ms here   {cost['postgres']:8.2f} ms in PostgreSQL", flush=True)
    tables = measure_tables()
    for name, table in tables.items():
        print(f"  {name:<34} {table['rows']:>12,} rows {table['heap']:8.1f} MB, indexes {table['indexes']:8.1f} MB")
    return {"costs": costs, "tables": tables}


def write_figures(figures):
    """Write the figures to docs/plots, draw them, and print their table."""
    PLOTS.mkdir(exist_ok=True)
    (PLOTS / "growth.json").write_text(json.dumps(figures, indent=1) + "\n")
    sizes = figures["sizes"]
    costs = {name: {size: sizes[size]["costs"][name] for size in sizes} for name in next(iter(sizes.values()))["costs"]}
    for whom, names in {"patients": OF_PATIENTS, "staff": costs.keys() - OF_PATIENTS}.items():
        plot = draw_lines(
            f"CPU time of what {whom} do, as the group grows",
            {name: [(size, cost["web"] + cost["postgres"]) for size, cost in costs[name].items()] for name in names},
            x_name="visits",
            y_name="ms, here and in PostgreSQL",
            is_log=True,
        )
        (PLOTS / f"growth-{whom}.svg").write_text(plot)
    print(f"| ms of CPU: here + in PostgreSQL | {' | '.join(f'{size:,}' for size in sizes)} |")
    print(f"|---|{'---:|' * len(sizes)}")
    for name, by_size in costs.items():
        shown = [f"{cost['web']:.1f} + {cost['postgres']:.1f}" for cost in by_size.values()]
        print(f"| {name} | {' | '.join(shown)} |")


def measure(measures):
    """Call the functions in turns and return the median milliseconds of each, here, in PostgreSQL and by the clock."""
    connection.ensure_connection()
    read_postgres = get_backend_clock(connection.connection.info.backend_pid)
    clocks = {"web": time.process_time, "postgres": read_postgres, "clock": time.perf_counter}
    taken = {name: [] for name in measures}
    for turn in range(WARM_UP + ROUNDS):
        for name, prepare in measures.items():
            run = prepare()
            before = [read() for read in clocks.values()]
            run()
            if turn >= WARM_UP:
                taken[name].append([read() - start for read, start in zip(clocks.values(), before, strict=True)])
    return {
        name: {clock: round(statistics.median(row[n] for row in rows) * 1000, 3) for n, clock in enumerate(clocks)}
        for name, rows in taken.items()
    }


def get_backend_clock(pid):
    """Return a function that tells how many seconds a backend on this machine has computed; where it cannot, none."""
    path = Path(f"/proc/{pid}/schedstat")
    if not path.exists():
        return lambda: 0.0
    return lambda: int(path.read_text().split()[0]) / 1e9


SIZES_OF_TABLES = """
    SELECT relname, (SELECT reltuples::bigint FROM pg_class WHERE oid = relid), pg_table_size(relid) / 1e6,
           pg_indexes_size(relid) / 1e6
      FROM pg_stat_user_tables WHERE relname = ANY(%s) ORDER BY 4 DESC
"""


def measure_tables():
    """Return the rows of the tables that grow, and the megabytes of each table and its indexes."""
    with connection.cursor() as cursor:
        cursor.execute(SIZES_OF_TABLES, [[*ROWS, "patients_patient"]])
        return {
            name: {"rows": rows, "heap": round(float(heap), 1), "indexes": round(float(indexes), 1)}
            for name, rows, heap, indexes in cursor
        }

"""Start PostgreSQL with safe settings, and print the figures of all sections, or of those that are named."""

import argparse
import logging
import os
from contextlib import contextmanager

from booking.dev.servers import BASE_DIR, claim, servers
from tests.bench.settings import SETTINGS


def main():
    folder = BASE_DIR / ".data" / "bench"
    with claim(folder), servers(folder) as urls:
        os.environ.update(SETTINGS | urls)
        import django

        django.setup()
        logging.disable()
        from tests.bench.figures import SECTIONS

        parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
        parser.add_argument("section", nargs="*", help=f"any of: {', '.join(SECTIONS)}")
        named = parser.parse_args().section or list(SECTIONS)
        if unknown := set(named) - set(SECTIONS):
            parser.error(f"no section {' '.join(unknown)}; there are {', '.join(SECTIONS)}")
        print("Medians. Whatever stands in one block was measured in turns.")
        for name in named:
            print(f"\n== {name} ==", flush=True)
            with empty_database():
                SECTIONS[name]()


@contextmanager
def empty_database():
    """Have an empty database in use inside."""
    from django.db import connection

    connection.creation.create_test_db(verbosity=0, autoclobber=True)
    try:
        yield
    finally:
        connection.creation.destroy_test_db(connection.settings_dict["NAME"], verbosity=0)


main()

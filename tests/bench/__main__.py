"""Start PostgreSQL with safe settings, create a database, and print the figures."""

import logging
import os

from booking.dev.servers import BASE_DIR, claim, servers
from tests.bench.settings import SETTINGS


def main():
    folder = BASE_DIR / ".data" / "bench"
    with claim(folder), servers(folder) as urls:
        os.environ.update(SETTINGS | urls)
        import django

        django.setup()
        logging.disable()
        from django.db import connection

        connection.creation.create_test_db(verbosity=0, autoclobber=True)
        try:
            from tests.bench.figures import print_all

            print_all()
        finally:
            connection.creation.destroy_test_db(connection.settings_dict["NAME"], verbosity=0)


main()

"""Run manage.py with the demo's servers, whether or not the demo runs: `python -m booking.dev.manage shell`.

Where there was no demo yet, its clinic is made first.
"""

import json
import os
import sys

from booking.dev.demo import ENVIRONMENT, prepare, running_servers
from booking.dev.servers import FolderInUse


def main():
    from django.core.management import execute_from_command_line

    try:
        with running_servers():
            prepare()
            execute_from_command_line(["manage.py", *sys.argv[1:]])
    except FolderInUse:
        os.environ.update(json.loads(ENVIRONMENT.read_text()))
        execute_from_command_line(["manage.py", *sys.argv[1:]])


if __name__ == "__main__":
    main()

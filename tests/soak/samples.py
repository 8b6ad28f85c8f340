"""What the programs use, looked at again and again."""

import statistics
from contextlib import suppress
from typing import NamedTuple

import psutil

MEGABYTE = 1 << 20
# What the last sixth may have more than the second: caches fill, and worker processes are replaced now and then.
MAX_GROWTH = {"megabytes": 0.1, "files": 0.1, "connections": 0.1}
MAX_STEP = {"megabytes": 20, "files": 10, "connections": 4}


class Sample(NamedTuple):
    """What a program and its children use; ``connections`` are those to PostgreSQL, of all programs together."""

    megabytes: float
    files: int
    connections: int = 0


def sample(installation):
    """Return a Sample of each program by name, and of PostgreSQL and Redis."""
    programs = {name: program.all_processes() for name, program in installation.programs.items()}
    postgres = psutil.Process(installation.cluster.primary.process.pid)
    programs |= {"redis": installation.redis.server.all_processes()}
    found = {name: Sample(*add_up(processes)) for name, processes in programs.items()}
    [[connections]] = installation.ask("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'")
    megabytes, files = add_up([postgres, *postgres.children(recursive=True)])
    return found | {"postgres": Sample(megabytes, files, connections)}


def add_up(processes):
    """Return the megabytes and the open files of processes, what they share divided among those who share it."""
    megabytes = files = 0
    for process in processes:
        with suppress(psutil.NoSuchProcess):  # it ends just now
            megabytes += process.memory_full_info().pss / MEGABYTE
            files += process.num_fds()
    return megabytes, files


def compare(samples):
    """Return a table of the second and the last sixth of all samples, and whether anything has grown."""
    length = max(1, len(samples) // 6)
    early, late = samples[length : 2 * length] or samples, samples[-length:]
    lines, has_grown = [f"  {'program':<12}{'':<14}{'early':>10}{'late':>10}"], False
    for program in samples[-1][1]:
        for figure in Sample._fields:
            before, after = (
                statistics.median(getattr(found[program], figure) for _, found in part if program in found)
                for part in (early, late)
            )
            if before or after:
                grows = after - before > max(MAX_STEP[figure], MAX_GROWTH[figure] * before)
                has_grown |= grows
                lines.append(f"  {program:<12}{figure:<14}{before:>10.0f}{after:>10.0f}{'   GROWS' if grows else ''}")
    return lines, has_grown

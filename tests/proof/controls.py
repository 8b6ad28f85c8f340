"""Negative controls: each takes one defence away, and the checker must find what comes of that."""

import time
from typing import NamedTuple

from tests.proof.check_answers import check_kept, check_one_answer
from tests.proof.check_ledger import check_expiry, check_overlaps, check_stories
from tests.proof.check_messages import check_messages
from tests.proof.checker import NAMES
from tests.proof.nemesis import BY_NAME, Fault


class Control(NamedTuple):
    """What is taken away, by SQL and by the application that is served, and the invariant that must be broken."""

    name: str
    breaks: str
    sql: str = ""
    application: str | None = None
    faults: tuple = ()
    with_workers: bool = False


DROP_CONSTRAINT = """
    DO $$ DECLARE name text; BEGIN
        FOR name IN SELECT conname FROM pg_constraint
                     WHERE conrelid = 'scheduling_slot'::regclass AND contype = 'x' LOOP
            EXECUTE 'ALTER TABLE scheduling_slot DROP CONSTRAINT ' || quote_ident(name);
        END LOOP;
    END $$
"""
# Every twentieth row is not written, or written otherwise.
LOSE_ROWS = """
    CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS
        'BEGIN IF random() < 0.05 THEN RETURN NULL; END IF; RETURN NEW; END';
    CREATE TRIGGER lose BEFORE INSERT ON {} FOR EACH ROW EXECUTE FUNCTION lose()
"""
# The log says until when a hold lasts, and the tables an hour later.
IGNORE_EXPIRY = """
    CREATE FUNCTION last_longer() RETURNS trigger LANGUAGE plpgsql AS
        'BEGIN NEW.expires_at := NEW.expires_at + interval ''1 hour''; RETURN NEW; END';
    CREATE TRIGGER last_longer BEFORE INSERT ON booking_hold FOR EACH ROW EXECUTE FUNCTION last_longer();
    CREATE TRIGGER last_longer BEFORE INSERT ON scheduling_slot FOR EACH ROW EXECUTE FUNCTION last_longer()
"""
LAG = 10  # acknowledgements that an asynchronous standby lags behind
BEFORE = 60  # acknowledgements until a fault begins


def await_acknowledgements(installation, number):
    """Return when clients have been acknowledged so many more changes, or after a minute."""
    wanted, deadline = installation.history.acknowledged + number, time.monotonic() + 60
    while installation.history.acknowledged < wanted and time.monotonic() < deadline:
        time.sleep(0.02)


def promote_lagging_standby(installation, rng):
    """Promote a standby that has not been sent the last changes."""
    cluster = installation.cluster
    await_acknowledgements(installation, BEFORE)
    cluster.detach_standby()
    installation.links.cut("replication")
    await_acknowledgements(installation, LAG)
    cluster.fail_over()

    def mend():
        installation.links.mend("replication")
        cluster.attach_standby()

    return mend


def kill_postgres_that_acknowledges_early(installation, rng):
    primary = installation.cluster.primary
    await_acknowledgements(installation, BEFORE)
    primary.set("wal_writer_delay", "10s")
    primary.set("wal_writer_flush_after", "1GB")
    primary.set("synchronous_commit", "off")
    await_acknowledgements(installation, LAG)
    start = BY_NAME["PostgreSQL: killed, started again"].begin(installation, rng)

    def mend():
        start()
        for name in ("synchronous_commit", "wal_writer_flush_after", "wal_writer_delay"):
            primary.reset(name)

    return mend


CONTROLS = [
    Control(
        "the clinician's lock and the exclusion constraint off",
        NAMES[check_overlaps],
        sql=DROP_CONSTRAINT,
        application="tests.proof.sabotage:without_locks()",
    ),
    Control(
        "the outbox loses every twentieth message",
        NAMES[check_messages],
        sql=LOSE_ROWS.format("booking_outboxmessage"),
        with_workers=True,
    ),
    Control("Idempotency-Keys ignored", NAMES[check_one_answer], application="tests.proof.sabotage:without_keys()"),
    Control("holds last longer than they say", NAMES[check_expiry], sql=IGNORE_EXPIRY),
    Control("the log loses every twentieth event", NAMES[check_stories], sql=LOSE_ROWS.format("booking_event")),
    Control(
        "PostgreSQL acknowledges before it writes, and is killed",
        NAMES[check_kept],
        faults=(Fault("PostgreSQL: killed with synchronous_commit off", kill_postgres_that_acknowledges_early),),
    ),
    Control(
        "an asynchronous standby promoted, ten acknowledgements behind",
        NAMES[check_kept],
        faults=(Fault("PostgreSQL: asynchronous standby promoted", promote_lagging_standby),),
    ),
]

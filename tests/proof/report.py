"""What a proof has found, in Markdown."""

from datetime import UTC, datetime

from booking.dev.servers import BASE_DIR
from tests.measured_on import describe_machine, get_commit
from tests.proof.history import OK, REFUSED, UNKNOWN
from tests.proof.run import CLIENTS

PAGE = BASE_DIR / "docs" / "reliability.md"
BEGIN, END = "<!-- written by make proof -->\n", "<!-- until here -->\n"
VERBS = {
    "hold": "hold a time",
    "move": "move a hold",
    "release": "release a hold",
    "confirm": "confirm a hold",
    "reschedule": "move an appointment",
    "cancel": "cancel an appointment",
}


def write_report(result, controls, *, seed):
    """Return the report of a Result, and of the Results of controls, which are pairs of a Control and its Result."""
    lines = [
        f"{result.requests:,} requests of {CLIENTS} clients in {result.seconds / 60:.1f} minutes, "
        f"{result.faults.total()} faults; seed {seed}, commit {get_commit()}, {describe_machine()}, "
        f"{datetime.now(UTC):%d %B %Y}.",
        "",
        *table(["taken away", "broken invariant that the checker found", "times"], map(write_control, controls)),
        "",
        *table(["requests", "acknowledged", "refused", "no answer, or later"], write_outcomes(result)),
        "",
        f"{result.retries:,} of them were sent again with their key. The longest time without any acknowledgement was "
        f"{result.pause:.1f} seconds. {result.twice['mails']} mails and {result.twice['deliveries']} webhooks arrived "
        "once more, under the same id.",
        "",
        *table(["fault", "times"], [[name, number] for name, number in sorted(result.faults.items())]),
        "",
        *table(
            ["invariant", "violations"],
            [[name, len(found) or "none"] for name, found in result.violations.items()],
        ),
    ]
    if lost := describe_lost(controls):
        lines += ["", lost]
    return "\n".join(lines) + "\n"


def table(head, rows):
    yield f"| {' | '.join(head)} |"
    yield "|---" * len(head) + "|"
    for row in rows:
        yield f"| {' | '.join(map(str, row))} |"


def write_control(pair):
    control, result = pair
    return [control.name, control.breaks, len(result.violations[control.breaks])]


def write_outcomes(result):
    for verb, name in VERBS.items():
        yield [name, *(f"{result.outcomes[verb, outcome]:,}" for outcome in (OK, REFUSED, UNKNOWN))]


def describe_lost(controls):
    """Say what an asynchronous failover has lost, of what was acknowledged."""
    for control, result in controls:
        if "asynchronous" in control.name:
            found = result.violations[control.breaks]
            verbs = [(name, sum(text.startswith(f"{verb} ") for text in found)) for verb, name in VERBS.items()]
            parts = ", ".join(f"{number} × {name}" for name, number in verbs if number)
            return f"What the asynchronous standby had not been sent, and so was lost: {parts or 'nothing'}."
    return ""


def write_page(report):
    """Put the report into the documentation, in place of the one before."""
    text = PAGE.read_text()
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    PAGE.write_text(f"{before}{BEGIN}\n{report}\n{END}{after}")

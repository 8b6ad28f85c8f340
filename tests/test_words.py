"""The field's words: identifiers that were replaced do not come back."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ["booking", "patients", "scheduling", "tests"]

MODULES = """
    answering asking buttons changing choosing confirming following holding keeping kept look_alikes
    loading made_once moves moving net outbound page_buttons paging people placing problem_json refused refusing
    retry_after rotation rows shown_once signing to_confirm unread who zones
    """
FUNCTIONS = """
    address_in asked_of base_of book_order booked_of booked_with change_if choice_of connected_to contract_of cursor_of
    entries_of entry_for_clinician entry_for_patient error_for expire_holds family_of find_placed_before find_twin
    follow found_by given_up_within heeds_if_match hidden_network_of hold_and_ask hold_of holder_of home_zone host_of
    in_bulk in_queue is_outside key_of kind_of lapse_unanswered latest_sequence links_of listed_as lock_booking
    lock_ours log_of modules_of moved_to moves_of name_of network_of new_id_of note_failure note_reading note_speed
    note_success number_of offer_of opening_of origin_of outside_hours owner_in page_of page_urls path_of placed_before
    placing_for prolong_slot provider_of push_coming queue_of refer_to refusals_of request_of reread rules_of scopes_of
    secrets_of service_called show_once signer_for staff_provider_of standing state_of status_of story_of take_answer
    take_back theirs times_of told_apart value_of wait_asked_for wait_for warn_of_look_alikes warn_of_time_off
    warn_of_unreachable wish_like wish_of with_first_free with_names with_sequence writer_for zone_called zone_for
    zone_of_time_off zone_short zone_where
    """
CLASSES = """
    AskingView AtDesk Chooser GiveUp HowFilter KeptAdmin LooksUpAddress MadeOnce Moving MustAsk OutOfTheWay PageButtons
    Patience PatienceInput SharedForm TryAgain WarnsOfCalendars WhoForm
    """
CONSTANTS = """
    ANSWER_WITHIN COMING DEEPEST DUE_WITHIN EVERY FAILING_FOR FEWEST_DIGITS FEWEST_LAST_DIGITS FOR_ITS_NAME
    FURTHEST_OFFSET GOOD_FOR JUST_BEFORE JUST_NOW KEPT KEPT_FOR KEPT_WHEN_MOVING LEAVE_ALONE_SECONDS LINK_LASTS LONGEST
    LONGEST_NAME LONGEST_OVERLAP LONGEST_PAUSE LONGEST_WAIT MOST MOVES NOW_WITHIN OFF PASSING PATIENCE PATIENCE_SECONDS
    PORTION READING_IS_NOTED_EVERY READ_EVERY READ_WITHIN SECONDS_KEPT SOON STAFF_MOVES TRIES USE_IS_NOTED_EVERY WAITS
    WITHIN
    """
ARGUMENTS = """
    by clerk heed_cutoff if_unchanged instead_of is_news lasting least most most_a_minute most_live_holds only_once
    patience tell within
    """
# Path of a module and the old word in it, where the word is a wire name, a stored value or another library's keyword.
EXCEPTIONS = set()


def list_modules():
    """Yield each Python file with its path relative to the repository; migrations name what they store."""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            if "migrations" not in path.parts and path != Path(__file__):
                yield path, path.relative_to(ROOT)


def list_identifiers(tree):
    """Yield the kind, the name and the line of what a module defines, imports and passes by keyword."""
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                yield "function", node.name, node.lineno
            case ast.ClassDef():
                yield "class", node.name, node.lineno
            case ast.Name(ctx=ast.Store()) if node.id.isupper():
                yield "constant", node.id, node.lineno
            case ast.arg():
                yield "argument", node.arg, node.lineno
            case ast.keyword() if node.arg:
                yield "argument", node.arg, node.value.lineno
            case ast.ImportFrom() if (node.module or "").partition(".")[0] in PACKAGES:
                for alias in node.names:
                    for kind in ("function", "class", "constant"):
                        yield kind, alias.name, node.lineno


OLD = {
    "module": set(MODULES.split()),
    "function": set(FUNCTIONS.split()),
    "class": set(CLASSES.split()),
    "constant": set(CONSTANTS.split()),
    "argument": set(ARGUMENTS.split()),
}


def list_old_words():
    """Return what is called by an old word, as (path, word, description)."""
    found = []
    for path, relative in list_modules():
        found += [
            (str(relative), part, f"{relative} is a module")
            for part in relative.with_suffix("").parts
            if part in OLD["module"]
        ]
        for kind, name, line in list_identifiers(ast.parse(path.read_text())):
            if name in OLD[kind]:
                found.append((str(relative), name, f"{relative}:{line} {kind} {name}"))
    return found


def test_old_identifiers_do_not_come_back():
    assert [description for path, word, description in list_old_words() if (path, word) not in EXCEPTIONS] == []


def test_exceptions_that_nothing_uses_are_removed():
    assert {(path, word) for path, word, _ in list_old_words()} >= EXCEPTIONS


@pytest.mark.parametrize(
    ("source", "kind", "name"),
    [
        ("def hold_of(booking): ...", "function", "hold_of"),
        ("class GiveUp(Exception): ...", "class", "GiveUp"),
        ("EVERY = 1", "constant", "EVERY"),
        ("def cancel(*, by): ...", "argument", "by"),
        ("cancel(appointment, by=actor)", "argument", "by"),
        ("from booking.outbox import GiveUp", "class", "GiveUp"),
    ],
)
def test_old_identifier_is_found_wherever_it_stands(source, kind, name):
    found = {(kind, name) for kind, name, _ in list_identifiers(ast.parse(source))}
    assert (kind, name) in found
    assert name in OLD[kind]


def test_local_variable_may_have_an_old_word():
    assert list(list_identifiers(ast.parse("within = 5"))) == []

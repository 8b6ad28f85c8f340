"""Private attributes and inner workings of other libraries, with the version that each was tried with."""

import ast
from importlib.metadata import version

from booking.dev.servers import BASE_DIR

# Public in spite of the underscore: Django's model API and named tuples.
DOCUMENTED = {"_asdict", "_base_manager", "_default_manager", "_fields", "_meta", "_replace", "_state"}

DRF_SPECTACULAR = {"_get_parameters", "_map_basic_serializer"}  # booking/api/openapi/autoschema.py overrides them
# scheduling/admin/clinicians.py overrides it; tests/booking/admin/test_schedule.py tries it.
# patients/admin/patients.py overrides the other; tests/booking/admin/test_patients.py tries it.
# scheduling/lib/edit_conflicts.py overrides _post_clean; tests/booking/admin/test_edit_conflicts.py tries it.
# booking/admin/strands_visits.py empties the other; tests/booking/admin/test_stranded_visits.py tries it.
DJANGO = {"_create_formsets", "_get_validation_exclusions", "_post_clean", "_queued_messages"}
# scheduling/lib/pipelined_postgresql/base.py overrides them; tests/scheduling/lib/test_pipelined_postgresql.py tries.
DJANGO |= {"_close", "_commit", "_rollback", "_savepoint_rollback"}
# What psycopg has prepared, and forgets by itself only in its own rollback().
PSYCOPG = {"_prepared"}
# The pipeline that sends in one packet; tests/scheduling/lib/test_pipelined_postgresql.py tries it.
PSYCOPG |= {"_communicate_gen", "_exit_gen", "_pipeline"}
# TracebackException._str in booking/ops/logs.py; tests/booking/ops/test_middleware.py tries it.
PYTHON = {"_str"}
# What django-csp's decorators set on a response; booking/ops/middleware.py does, where a view knows whom to allow.
DJANGO_CSP = {"_csp_replace"}


def find_private_attributes():
    """Return the private attributes that production code reads or sets on anything but self and cls."""
    found = set()
    for folder in ("booking", "patients", "scheduling"):
        for path in (BASE_DIR / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.startswith("__"):
                    is_own = isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")
                    found |= set() if is_own else {node.attr}
    return found


def test_private_attributes_used_in_production_code_are_listed():
    assert find_private_attributes() - DOCUMENTED == DRF_SPECTACULAR | DJANGO | PSYCOPG | PYTHON | DJANGO_CSP


def test_drf_spectacular_has_version_whose_private_methods_were_reviewed():
    """On failure: review the overridden methods in the new version, then change the number here."""
    assert version("drf-spectacular").startswith("0.30.")


def test_django_has_version_whose_private_methods_were_reviewed():
    """On failure: review the overridden methods in the new version, then change the number here."""
    assert version("django").startswith("5.2.")


def test_psycopg_has_version_whose_private_attributes_were_reviewed():
    """On failure: review what the new version prepares and forgets, then change the number here."""
    assert version("psycopg").startswith("3.3.")


def test_gunicorn_has_version_whose_threaded_worker_was_reviewed():
    """On failure: compare what web_worker.py and web_connections.py override with the new version, then change this."""
    assert version("gunicorn").startswith("27.0.")

import pytest

pytest.register_assert_rewrite("tests.ledger")  # so that a failure there shows the difference

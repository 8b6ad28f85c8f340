import pytest
from django.core.management import CommandError, call_command


def test_it_stands_in_for_a_provider_that_is_there(lab):
    for slug in ("nobody", ""):
        with pytest.raises(CommandError, match="Add one in admin"):
            call_command("upstream", slug)

import json
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from django.core.management import CommandError, call_command

from booking.providers.stand_in import BEHAVIOURS


def test_it_stands_in_for_a_provider_that_is_there(lab):
    for slug in ("nobody", ""):
        with pytest.raises(CommandError, match="Add one in admin"):
            call_command("upstream", slug)


def test_how_it_behaves_can_be_changed_while_it_runs(lab):
    def ask(behaviour):
        request = Request(f"{lab.url}/behaviour", json.dumps({"behaviour": behaviour}).encode())
        with urlopen(request) as response:
            return json.load(response)

    assert ask("slow") == {"behaviour": "slow"}
    with pytest.raises(HTTPError) as refused:
        ask("solw")
    assert (refused.value.code, json.load(refused.value)) == (400, {"behaviours": [*BEHAVIOURS, "mixed"]})
    assert lab.behaviour == "slow"
    assert ask("mixed") == {"behaviour": "mixed"}

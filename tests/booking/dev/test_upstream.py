import json
import sys
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from booking.dev.upstream import BEHAVIOURS, main


def test_upstream_without_provider_of_that_slug_exits_with_advice(lab, monkeypatch):
    for slug in ("nobody", ""):
        monkeypatch.setattr(sys, "argv", ["upstream", slug])
        with pytest.raises(SystemExit, match="Add one in admin"):
            main()


def test_upstream_behaviour_can_be_changed_while_running(lab):
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

"""What results were made with."""

from importlib.metadata import version

import torch

from regen.training import environment


def test_versions_are_said_of_what_there_is(monkeypatch):
    monkeypatch.setattr(environment, "PACKAGES", ("torch", "no-such-package"))
    found = environment.environment(torch.device("cpu"))
    assert found["torch"] == version("torch")
    assert found["no-such-package"] == "not installed"
    assert found["device"] == "cpu"

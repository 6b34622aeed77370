"""The value head of GPU runs: seeded, and chosen by verl for NVIDIA GPUs."""

import pytest

pytestmark = pytest.mark.engine


def test_the_head_is_drawn_from_the_cell_s_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    from harness.extensions.value_head import SEED_VARIABLE, seeded

    def head() -> torch.Tensor:
        return torch.nn.Linear(4, 1).weight.detach().clone()

    monkeypatch.setenv(SEED_VARIABLE, "7")
    torch.manual_seed(0)
    first, between = seeded(head), torch.rand(1)
    torch.manual_seed(0)
    untouched = torch.rand(1)
    again = seeded(head)
    monkeypatch.setenv(SEED_VARIABLE, "8")
    assert torch.equal(first, again)
    assert not torch.equal(first, seeded(head))
    assert torch.equal(between, untouched)


def test_a_head_without_a_seed_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from harness.extensions.value_head import SEED_VARIABLE, seeded

    monkeypatch.delenv(SEED_VARIABLE, raising=False)
    with pytest.raises(KeyError, match=SEED_VARIABLE):
        seeded(lambda: None)


def test_verl_takes_the_seeded_engine_on_nvidia_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    import verl.workers.engine  # noqa: F401 - registers verl's own engines
    from verl.workers.engine.base import EngineRegistry

    import harness.extensions.cuda  # noqa: F401 - registers ours
    from harness.extensions.value_head import SeededValueEngine

    monkeypatch.setenv("VERL_ENGINE_DEVICE", "cuda")
    monkeypatch.setenv("VERL_ENGINE_VENDOR", "nvidia")
    assert EngineRegistry.get_engine_cls("value_model", "fsdp2") is SeededValueEngine
    assert EngineRegistry.get_engine_cls("language_model", "fsdp2") is not SeededValueEngine
    monkeypatch.setenv("VERL_ENGINE_VENDOR", "other")
    assert EngineRegistry.get_engine_cls("value_model", "fsdp2") is not SeededValueEngine

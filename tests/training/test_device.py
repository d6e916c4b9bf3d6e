import pytest
import torch

from regen.errors import InputError
from regen.training.device import autocast, select_device


@pytest.fixture
def machine(monkeypatch):
    """Return a function that decides which accelerators this machine has."""

    def has(*kinds):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: "cuda" in kinds)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: "mps" in kinds)

    return has


@pytest.fixture(autouse=True)
def precision_restored():
    before = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    yield
    torch.set_float32_matmul_precision(before[0])
    torch.backends.cudnn.allow_tf32 = before[1]


@pytest.mark.parametrize(
    ("kinds", "name", "chosen"),
    [
        ((), "auto", "cpu"),
        ((), "cpu", "cpu"),
        (("cuda",), "auto", "cuda"),
        (("cuda",), "cpu", "cpu"),
        (("cuda",), "cuda", "cuda"),
        (("mps",), "auto", "mps"),
    ],
)
def test_auto_takes_an_accelerator_and_a_name_is_obeyed(machine, kinds, name, chosen):
    machine(*kinds)
    assert select_device(name).type == chosen


@pytest.mark.parametrize(
    ("kinds", "name", "allowed"),
    [((), "cuda", "auto, cpu"), ((), "mps", "auto, cpu"), (("cuda",), "mps", "auto, cuda, cpu")],
)
def test_a_device_that_is_not_there_is_an_input_error(machine, kinds, name, allowed):
    machine(*kinds)
    with pytest.raises(InputError) as caught:
        select_device(name)
    message = f"params.yaml: device: '{name}': not on this machine; allowed: {allowed}"
    assert str(caught.value) == message


@pytest.mark.parametrize("precision", ["auto", "float32", "tf32"])
def test_products_are_exact_on_the_cpu_unless_bfloat16_is_asked_for(precision):
    torch.set_float32_matmul_precision("high")
    a = torch.full((4, 4), 1 + 2**-12)
    with autocast(precision, torch.device("cpu")):
        product = a @ torch.eye(4)
    assert product.dtype == torch.float32
    assert torch.equal(product, a)
    assert torch.get_float32_matmul_precision() == "highest"


def test_bfloat16_is_of_products_only():
    a = torch.full((4, 4), 1 + 2**-12)
    with autocast("bfloat16", torch.device("cpu")):
        assert (a @ a).dtype == torch.bfloat16
        assert a.exp().dtype == torch.float32
    assert (a @ a).dtype == torch.float32


@pytest.mark.parametrize(
    ("precision", "tf32", "bfloat16"),
    [
        ("auto", True, False),
        ("tf32", True, False),
        ("float32", False, False),
        ("bfloat16", False, True),
    ],
)
def test_on_cuda_auto_is_tf32(machine, monkeypatch, precision, tf32, bfloat16):
    machine("cuda")
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: True)
    context = autocast(precision, torch.device("cuda"))
    assert (torch.get_float32_matmul_precision() == "high") == tf32
    assert torch.backends.cudnn.allow_tf32 == tf32
    assert context.device == "cuda"
    assert context._enabled == bfloat16
    assert context.fast_dtype == torch.bfloat16

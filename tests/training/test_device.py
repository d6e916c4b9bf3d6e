import pytest
import torch

from regen.errors import InputError
from regen.training.device import (
    autocast,
    cast,
    exact,
    for_convolutions,
    full_products,
    in_words,
    select_device,
    set_precision,
)

CPU = torch.device("cpu")


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
    torch.set_default_dtype(torch.float64)  # for fixtures of the next module, made before those of its tests


@pytest.mark.parametrize(
    ("kinds", "name", "precision", "chosen"),
    [
        ((), "auto", "float32", "cpu"),
        ((), "cpu", "float32", "cpu"),
        ((), "auto", "float64", "cpu"),
        (("cuda",), "auto", "float32", "cuda"),
        (("cuda",), "auto", "float64", "cuda"),
        (("cuda",), "cpu", "float32", "cpu"),
        (("cuda",), "cuda", "float64", "cuda"),
        (("mps",), "auto", "float32", "mps"),
        (("mps",), "auto", "auto", "mps"),
        (("mps",), "auto", "float64", "cpu"),
        (("mps",), "cpu", "float64", "cpu"),
        (("mps",), "mps", "bfloat16", "mps"),
        (("mps", "cuda"), "auto", "float64", "cuda"),
    ],
)
def test_auto_takes_an_accelerator_that_has_the_precision_and_a_name_is_obeyed(
    machine, kinds, name, precision, chosen
):
    machine(*kinds)
    assert select_device(name, precision).type == chosen


@pytest.mark.parametrize("precision", ["float64", "float32"])
@pytest.mark.parametrize(
    ("kinds", "name", "allowed"),
    [((), "cuda", "auto, cpu"), ((), "mps", "auto, cpu"), (("cuda",), "mps", "auto, cuda, cpu")],
)
def test_a_device_that_is_not_there_is_an_input_error(machine, kinds, name, allowed, precision):
    machine(*kinds)
    with pytest.raises(InputError) as caught:
        select_device(name, precision)
    message = f"params.yaml: device: '{name}': not on this machine; allowed: {allowed}"
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("kinds", "allowed"), [(("mps",), "device: cpu"), (("mps", "cuda"), "device: cuda or cpu")]
)
def test_a_device_without_float64_is_an_input_error(machine, kinds, allowed):
    machine(*kinds)
    with pytest.raises(InputError) as caught:
        select_device("mps", "float64")
    assert str(caught.value) == (
        "params.yaml: precision: 'float64': the device 'mps' has none; allowed: another precision, "
        f"or {allowed}"
    )


@pytest.mark.parametrize(
    ("precision", "kind"),
    [
        ("float64", torch.float64),
        ("auto", torch.float32),
        ("float32", torch.float32),
        ("tf32", torch.float32),
        ("bfloat16", torch.float32),
    ],
)
def test_the_precision_is_of_all_numbers_made_from_there_on(precision, kind):
    set_precision("float32" if precision == "float64" else "float64", CPU)
    set_precision(precision, CPU)
    assert torch.get_default_dtype() == kind
    assert torch.nn.Linear(2, 2).weight.dtype == torch.randn(2).dtype == kind
    assert exact(precision) == str(kind).removeprefix("torch.")
    for given in (torch.uint8, torch.bfloat16, torch.float32, torch.float64):
        assert cast(torch.ones(2, dtype=given)).dtype == kind
    x = torch.ones(2)
    assert cast(x) is x


@pytest.mark.parametrize("precision", ["auto", "float64", "float32", "tf32"])
def test_products_are_exact_on_the_cpu_unless_bfloat16_is_asked_for(precision):
    torch.set_float32_matmul_precision("high")
    set_precision(precision, CPU)
    a = torch.full((4, 4), 1 + 2**-12)
    with autocast(precision, CPU):
        product = a @ torch.eye(4)
    assert product.dtype == torch.get_default_dtype()
    assert torch.equal(product, a)
    assert torch.get_float32_matmul_precision() == "highest"


def test_bfloat16_is_of_products_only():
    set_precision("bfloat16", CPU)
    a = torch.full((4, 4), 1 + 2**-12)
    with autocast("bfloat16", CPU):
        assert (a @ a).dtype == torch.bfloat16
        assert a.exp().dtype == torch.float32
    assert (a @ a).dtype == torch.float32


@pytest.mark.parametrize(
    ("precision", "tf32", "bfloat16"),
    [
        ("auto", True, False),
        ("tf32", True, False),
        ("float64", False, False),
        ("float32", False, False),
        ("bfloat16", False, True),
    ],
)
def test_on_cuda_auto_is_tf32(machine, monkeypatch, precision, tf32, bfloat16):
    machine("cuda")
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: True)
    set_precision(precision, torch.device("cuda"))
    before = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    context = autocast(precision, torch.device("cuda"))
    assert before == ("high" if tf32 else "highest", tf32)
    assert (torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32) == before
    assert context.device == "cuda"
    assert context._enabled == bfloat16
    assert context.fast_dtype == torch.bfloat16


def test_full_products_leave_tf32_as_they_found_it():
    set_precision("tf32", torch.device("cuda"))
    with full_products():
        assert (torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32) == ("highest", False)
    assert (torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32) == ("high", True)


@pytest.mark.parametrize(
    ("precision", "device", "able", "used"),
    [
        ("auto", "cpu", True, "bfloat16"),
        ("auto", "cpu", False, "auto"),
        ("auto", "cuda", True, "auto"),
        ("float32", "cpu", True, "float32"),
        ("float64", "cpu", True, "float64"),
        ("bfloat16", "cpu", False, "bfloat16"),
    ],
)
def test_convolutions_take_bfloat16_where_the_processor_has_it(monkeypatch, precision, device, able, used):
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: able)
    assert for_convolutions(precision, torch.device(device)) == used


@pytest.mark.parametrize(
    ("precision", "words"),
    [("auto", "float32"), ("float32", "float32"), ("float64", "float64"), ("bfloat16", "bfloat16")],
)
def test_the_precision_of_a_run_in_words(precision, words):
    device = torch.device("cpu")
    set_precision(precision, device)
    assert in_words(autocast(precision, device), device) == words

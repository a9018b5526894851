"""Where a network computes: which device is chosen, and what is refused."""

import pytest
import torch

from lcinfer import cli
from lcinfer.base import device
from lcinfer.base.device import arithmetic, choose_device
from lcinfer.base.errors import UserError


@pytest.fixture
def gpus(monkeypatch):
    """Has PyTorch see so many GPUs."""

    def see(count):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: count)

    return see


def test_the_accelerator_is_used_when_there_is_one(gpus) -> None:
    gpus(1)
    assert choose_device() == torch.device("cuda", 0)
    assert choose_device("cpu").type == "cpu"
    gpus(0)
    assert choose_device().type == "cpu"


def test_a_gpu_that_is_not_there_is_refused(gpus) -> None:
    gpus(0)
    with pytest.raises(UserError, match=r"device cuda: PyTorch .* sees no GPU here"):
        choose_device("cuda")


def test_one_of_several_gpus_may_be_named(gpus) -> None:
    gpus(2)
    assert choose_device("cuda") == torch.device("cuda", 0)
    assert choose_device("cuda:1") == torch.device("cuda", 1)
    with pytest.raises(UserError, match="device cuda:2: PyTorch sees 2 GPUs here, from cuda:0 on"):
        choose_device("cuda:2")
    gpus(0)
    with pytest.raises(UserError, match=r"device cuda:0: PyTorch .* sees no GPU here"):
        choose_device("cuda:0")


@pytest.mark.parametrize("name", ["gpu", "mps", "cudaa", "cuda:", "cuda:x", "cuda:-1", "CPU", ""])
@pytest.mark.parametrize("count", [0, 2])
def test_no_other_device_is_taken_for_one_of_these(gpus, capsys, name, count) -> None:
    gpus(count)
    with pytest.raises(UserError, match=f"device {name}: it should be cpu, cuda or cuda:N"):
        choose_device(name)
    for verb in (["simulate", "some.yaml", "demo"], ["train", "some.yaml", "all_images"]):
        with pytest.raises(SystemExit):
            cli.main(["stage", *verb, "--device", name])
        assert f"{name!r} is not cpu, cuda or cuda:N" in capsys.readouterr().err


def test_each_process_takes_a_gpu_of_its_own_and_too_few_are_refused(gpus, monkeypatch) -> None:
    gpus(2)
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "4")
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert choose_device() == torch.device("cuda", 1)
    monkeypatch.setenv("LOCAL_RANK", "2")
    with pytest.raises(UserError, match="4 processes were started here, and PyTorch sees 2 GPUs"):
        choose_device()


@pytest.mark.parametrize(
    ("where", "triton", "compiler", "compiles"),
    [
        ("cuda", True, True, True),
        ("cuda", False, True, False),
        ("cuda", True, False, False),
        ("cpu", True, True, False),
    ],
)
def test_a_gpu_fuses_what_can_be_compiled(where, triton, compiler, compiles, monkeypatch) -> None:
    monkeypatch.setattr(device, "find_spec", lambda name: triton or None)
    monkeypatch.setattr(device, "which", lambda name: "/bin/cc" if compiler else None)
    monkeypatch.setattr(torch, "compile", lambda function, dynamic: "one kernel")
    function = torch.Tensor.abs
    fused = device.fused.__wrapped__(function, torch.device(where))
    assert fused == ("one kernel" if compiles else function)


@pytest.mark.parametrize(
    ("precision", "inner"), [("single", "ieee"), ("tf32", "tf32"), ("bfloat16", "ieee")]
)
def test_a_gpu_rounds_to_tensorfloat_only_where_it_is_asked_to(precision, inner) -> None:
    cudnn, products = torch.backends.cudnn, torch.backends.cuda.matmul

    def now():
        return cudnn.conv.fp32_precision, products.fp32_precision, cudnn.benchmark

    before = now()
    assert before[0] == "tf32", "PyTorch's own default, which single precision must undo"
    with arithmetic(precision, torch.device("cuda"), tuned=True):
        assert now() == (inner, inner, True)
    assert now() == before

import pytest
import torch
from safetensors.torch import save_file

import gan_lab
from gan_lab import evaluate, import_weights, sample
from tests.weights.published import R3GANGenerator, StyleGAN2Generator, published


@pytest.fixture
def files(tmp_path):
    """A generator, its file and a file that does not fit."""
    net = published(stages=3)
    torch.save({f"module.{name}": value for name, value in net.state_dict().items()}, tmp_path / "netG.pth")
    torch.save(net.state_dict() | {"main.4.weight": torch.zeros(3)}, tmp_path / "other.pth")
    torch.save({"epoch": 3}, tmp_path / "epoch.pth")
    torch.save(net, tmp_path / "whole.pth")
    (tmp_path / "broken.safetensors").write_bytes(b"no header")
    return net


def test_the_run_makes_the_published_images_and_is_sampled(files, call):
    folder = call(import_weights.main, "file=netG.pth", "out=run")
    gan, z = gan_lab.load(folder / "run"), torch.randn(3, 5)
    with torch.no_grad():
        expected = files.main(z[..., None, None])
    assert expected.std() > 0.1
    for ema in (True, False):
        torch.testing.assert_close(gan.generate(z, ema=ema), expected, rtol=0, atol=1e-5)
    call(sample.main, "run=run", "n=4")
    assert list((folder / "run/generated").rglob("*.png"))
    call(
        evaluate.main,
        "run=run",
        "extractor=pixels",
        "metric=kernel",
        "eval.num_fake=4",
        "eval.num_reference=8",
        "eval.seeds=[0]",
    )
    assert list((folder / "run/evaluation").rglob("metrics.json"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("network", "name", "options"),
    [
        (R3GANGenerator, "r3gan", {}),
        (StyleGAN2Generator, "stylegan2", {"truncation": 0.7}),
    ],
)
def test_the_authors_generator_becomes_a_run_with_labels(call, tmp_path, network, name, options):
    theirs = network()
    save_file({key: value.contiguous() for key, value in theirs.file.items()}, tmp_path / "G_ema.safetensors")
    call(import_weights.main, f"format={name}", "file=G_ema.safetensors", "out=run")
    gan, z, y = gan_lab.load(tmp_path / "run"), torch.randn(3, 5), torch.tensor([2, 0, 1])
    assert gan.num_classes == 3
    expected = theirs(z, y, **options)
    assert (expected.abs() < 1).float().mean() > 0.5
    torch.testing.assert_close(gan.generate(z, y, **options), expected, rtol=0, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize(("network", "name"), [(R3GANGenerator, "r3gan"), (StyleGAN2Generator, "stylegan2")])
def test_the_authors_generator_is_sampled_and_judged(call, tmp_path, network, name):
    torch.save(network(classes=None).file, tmp_path / "G_ema.pt")
    call(import_weights.main, f"format={name}", "file=G_ema.pt", "out=run", "data=cifar10")
    assert gan_lab.load(tmp_path / "run").num_classes is None
    call(sample.main, "run=run", "n=4")
    assert [*(tmp_path / "run/generated").rglob("*.png")]
    call(import_weights.main, f"format={name}", "file=G_ema.pt", "out=judged")
    few = ["eval.num_fake=4", "eval.num_reference=8", "eval.seeds=[0]"]
    call(evaluate.main, "run=judged", "extractor=pixels", "metric=kernel", *few)
    assert [*(tmp_path / "judged/evaluation").rglob("metrics.json")]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["file=netG.pth", "out=run", "format=dcgan"], "format=dcgan does not exist"),
        (["out=run"], "file= is missing: give file="),
        (["file=netG.pth"], "out= is missing: give out="),
        (["file=no.pth", "out=run"], "there is no file 'no.pth'"),
        (["file=epoch.pth", "out=run"], "'epoch.pth' is no state dict of tensors"),
        (["file=whole.pth", "out=run"], "'whole.pth' is no file of tensors .* a pickle of code is not read"),
        (["file=broken.safetensors", "out=run"], "'broken.safetensors' is no file of tensors "),
        (["file=netG.pth", "out=run", "format=stylegan2"], "it has no synthesis.b4.conv1.weight of 4 dimensions, but main.0"),
        (["file=other.pth", "out=run"], "'other.pth' does not fit: layers.6.weight is 3 there and 4 in the network"),
    ],
)
def test_bad_input_is_one_sentence(files, call, arguments, sentence):
    with pytest.raises(SystemExit, match=sentence):
        call(import_weights.main, *arguments)

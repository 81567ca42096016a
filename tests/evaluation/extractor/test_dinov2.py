import sys
from pathlib import Path

import pytest
import timm
import torch
from hydra.utils import instantiate
from PIL import Image
from torch import nn
from torch.nn import functional as F
from torchvision.transforms import v2

from gan_lab.cli.compose import compose
from gan_lab.errors import InputError
from gan_lab.evaluation.extractor import dinov2
from gan_lab.evaluation.extractor.dinov2 import URL, DINOv2, find, prepared, read, resampled
from gan_lab.evaluation.extractor.weights import sha256

TINY = {"embed_dim": 16, "depth": 2, "num_heads": 2}
FILE = "dinov2_vitl14_pretrain.pth"


def levels(n, channels=3, size=20):
    return torch.randint(0, 256, (n, channels, size, size), generator=torch.Generator().manual_seed(n)).to(torch.uint8)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A file as Meta publishes them, of a tiny random network for images of 518 pixels."""
    path = tmp_path_factory.mktemp("weights") / FILE
    with torch.random.fork_rng():
        torch.manual_seed(0)
        state = timm.create_model(dinov2.NETWORK, num_classes=0, **TINY).state_dict()
        state = {name: torch.randn(tensor.shape) * 0.3 for name, tensor in state.items()}
        torch.save(state | {"mask_token": torch.zeros(1, 16)}, path)
    return path


@pytest.fixture
def extractor(weights):
    return DINOv2(str(weights), options=TINY)


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """Torch's folder of weights, empty."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    return tmp_path / "hub" / "checkpoints"


# ----- what it computes ----------------------------------------------------------------------------------------------------


def test_features_are_the_class_token_after_the_last_norm_of_the_network_written_out(extractor, weights):
    state, images = read(weights), levels(2)
    x = F.conv2d(prepared(images), state["patch_embed.proj.weight"], state["patch_embed.proj.bias"], stride=14)
    x = torch.cat([state["cls_token"].expand(2, -1, -1), x.flatten(2).transpose(1, 2)], 1) + resampled(state["pos_embed"], 16)
    norm = lambda x, name: F.layer_norm(x, (16,), state[f"{name}.weight"], state[f"{name}.bias"], 1e-6)  # noqa: E731
    linear = lambda x, name: F.linear(x, state[f"{name}.weight"], state[f"{name}.bias"])  # noqa: E731
    for block in ("blocks.0", "blocks.1"):
        heads = linear(norm(x, f"{block}.norm1"), f"{block}.attn.qkv").view(2, 257, 3, 2, 8).permute(2, 0, 3, 1, 4)
        q, k, v = heads
        seen = ((q @ k.transpose(-2, -1)) * 8**-0.5).softmax(-1) @ v
        x = x + state[f"{block}.ls1.gamma"] * linear(seen.transpose(1, 2).flatten(2), f"{block}.attn.proj")
        hidden = F.gelu(linear(norm(x, f"{block}.norm2"), f"{block}.mlp.fc1"))
        x = x + state[f"{block}.ls2.gamma"] * linear(hidden, f"{block}.mlp.fc2")
    features, logits = extractor(images)
    assert logits is None
    assert features.dtype == torch.float32
    torch.testing.assert_close(features.float(), norm(x, "norm")[:, 0], rtol=1e-4, atol=1e-4)


def test_images_are_resized_by_pils_bicubic_filter_and_normalised_as_imagenet():
    images = levels(2, size=300)
    published = v2.Compose(
        [
            v2.Resize((224, 224), v2.InterpolationMode.BICUBIC),
            v2.ToImage(),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        ]
    )
    expected = torch.stack([published(Image.fromarray(image.permute(1, 2, 0).numpy())) for image in images])
    torch.testing.assert_close(prepared(images), expected, rtol=0, atol=1e-6)


def test_positions_are_resampled_by_a_factor_a_little_above_that_of_the_sizes():
    positions = torch.randn(1, 1 + 37 * 37, 3, generator=torch.Generator().manual_seed(0))
    small = resampled(positions, 16)
    assert small.shape == (1, 1 + 16 * 16, 3)
    assert torch.equal(small[:, 0], positions[:, 0])
    grid = positions[0, 1:].view(37, 37, 3)[..., 0]
    at = (torch.arange(16) + 0.5) * 37 / 16.1 - 0.5  # where the centres of the new patches lie among the old ones
    expected = bicubic(bicubic(grid, at).T, at).T
    torch.testing.assert_close(small[0, 1:].view(16, 16, 3)[..., 0], expected, rtol=0, atol=1e-4)
    assert resampled(small, 16) is small


def bicubic(rows, at, a=-0.75):
    """Rows (n, m) at these places (k,): Keys' kernel over the four neighbours, the first and the last row going on."""
    whole = at.floor().long()
    total = torch.zeros(len(at), rows.shape[1])
    for offset in (-1, 0, 1, 2):
        t = (at - (whole + offset)).abs()[:, None]
        near, far = ((a + 2) * t - (a + 3)) * t * t + 1, ((a * t - 5 * a) * t + 8 * a) * t - 4 * a
        total += torch.where(t <= 1, near, far) * rows[(whole + offset).clamp(0, len(rows) - 1)]
    return total


def test_grey_images_are_repeated_and_many_are_taken_in_chunks(extractor, monkeypatch):
    images = levels(3, channels=1)
    features, _ = extractor(images)
    monkeypatch.setattr(dinov2, "CHUNK", 2)
    torch.testing.assert_close(extractor(images.repeat(1, 3, 1, 1))[0], features, rtol=0, atol=1e-5)
    with pytest.raises(InputError, match=r"extractor=dinov2 takes images of 1 or 3 channels, not of 2: choose another"):
        extractor(levels(1, channels=2))


def test_autocast_changes_nothing_and_it_is_frozen(extractor):
    expected = extractor(levels(1))[0]
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(extractor(levels(1))[0], expected)
    assert not extractor.network.training
    assert all(p.dtype == torch.float32 and not p.requires_grad for p in extractor.network.parameters())


def test_making_it_leaves_the_global_random_state(weights):
    torch.rand(1)
    before = torch.get_rng_state()
    DINOv2(str(weights), options=TINY)
    assert torch.equal(torch.get_rng_state(), before)


def test_it_is_known_by_the_hash_of_its_weights_whatever_the_file(extractor, weights, tmp_path):
    state = torch.load(weights, weights_only=True)
    torch.save(dict(reversed(state.items())), tmp_path / "other.pth")
    assert DINOv2(str(tmp_path / "other.pth"), options=TINY).weights_sha256 == extractor.weights_sha256 == sha256(read(weights))
    state["norm.bias"] = state["norm.bias"] + 1
    torch.save(state, tmp_path / "changed.pth")
    assert DINOv2(str(tmp_path / "changed.pth"), options=TINY).weights_sha256 != extractor.weights_sha256


# ----- where network and weights come from ---------------------------------------------------------------------------------


def test_its_yaml_takes_the_file_in_torchs_folder(weights, hub):
    hub.mkdir(parents=True)
    (hub / FILE).write_bytes(weights.read_bytes())
    made = instantiate(compose("evaluate", ["extractor=dinov2"]).extractor.dinov2, options=TINY)
    assert made.weights_sha256 == sha256(read(weights))
    assert (made.named("fd"), made.named("kd"), made.num_features) == ("fd_dinov2", "kd_dinov2", 16)


def test_missing_weights_are_fetched_under_their_name(weights, hub, monkeypatch):
    monkeypatch.setattr(dinov2, "URL", weights.as_uri())
    assert find(download=True) == hub / FILE
    assert (hub / FILE).read_bytes() == weights.read_bytes()


@pytest.mark.parametrize(
    ("download", "reason"), [(True, r"the download failed \(.+\)"), (False, "extractor.dinov2.download is false")]
)
def test_without_weights_the_sentence_names_file_folder_and_source(hub, monkeypatch, download, reason):
    monkeypatch.setattr(dinov2, "URL", (hub / "nowhere" / FILE).as_uri())
    with pytest.raises(InputError, match=rf"needs {FILE} in '{hub}', and {reason}: put it there from file:.*{FILE} \(1.2 GB\)"):
        find(download)


def test_the_published_file_is_that_of_the_large_network_without_registers():
    assert Path(URL).name == FILE
    with torch.device("meta"):
        network = timm.create_model(dinov2.NETWORK, num_classes=0)
    assert network.pos_embed.shape == (1, 1 + 37 * 37, 1024)
    assert len(network.blocks) == 24
    assert isinstance(network.head, nn.Identity)


def test_without_timm_the_sentence_says_how_to_install_it(weights, monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(InputError, match=r"extractor=dinov2 needs the package timm: pip install 'gan_lab\[dinov2\]'"):
        DINOv2(str(weights))


@pytest.mark.parametrize("options", [{"options": {"checkpoint_path": "file.pth"}}, {"network": "local-dir:folder"}])
def test_timm_reads_no_file_of_its_own(weights, options):
    with pytest.raises(InputError, match=r"reads no file by timm's (checkpoint_path|local-dir:folder): give its weights by"):
        DINOv2(str(weights), **options)


def test_weights_of_another_network_are_refused(weights):
    with pytest.raises(InputError, match=rf"{FILE}' holds the weights of another network than vit_large_patch14_dinov2"):
        DINOv2(str(weights))


@pytest.mark.parametrize("content", [b"no weights", b""])
def test_a_damaged_file_is_refused(tmp_path, content):
    (tmp_path / "file.pth").write_bytes(content)
    with pytest.raises(InputError, match=r"file\.pth' is damaged or holds more than weights: replace it by https://"):
        read(tmp_path / "file.pth")
    with pytest.raises(InputError, match=r"nothing\.pth' does not exist: give the file, or null"):
        DINOv2(str(tmp_path / "nothing.pth"))


def test_code_in_a_file_is_refused_and_not_executed(tmp_path):
    class Code:
        def __reduce__(self):
            return (tmp_path.joinpath("executed").touch, ())

    torch.save({"pos_embed": Code()}, tmp_path / "file.pth")
    with pytest.raises(InputError, match="holds more than weights"):
        read(tmp_path / "file.pth")
    assert not (tmp_path / "executed").exists()

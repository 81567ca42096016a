import pickle
import shutil
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import pytest
import torch
from filelock import FileLock, Timeout
from hydra.utils import instantiate
from lightning.pytorch.plugins.precision import DoublePrecision, HalfPrecision
from torch import nn
from torch_fidelity.feature_extractor_inceptionv3 import URL_INCEPTION_V3, FeatureExtractorInceptionV3

from gan_lab.cli.compose import compose
from gan_lab.data.pixels import to_uint8, to_unit
from gan_lab.errors import InputError
from gan_lab.evaluation.extractor import inception
from gan_lab.evaluation.extractor.inception import FILES, Inception, find, read
from gan_lab.evaluation.features import FeatureCollector
from gan_lab.evaluation.inputs import EvalInputs
from gan_lab.evaluation.metric.classifier import ClassifierScore
from gan_lab.evaluation.metric.frechet import Frechet
from gan_lab.evaluation.metric.kernel import Kernel
from gan_lab.evaluation.suite import MetricSuite
from gan_lab.train import main


def levels(n, channels=3, size=32):
    return torch.randint(0, 256, (n, channels, size, size), generator=torch.Generator().manual_seed(n)).to(torch.uint8)


def prefix(path):
    return sha256(path.read_bytes()).hexdigest()[:8]


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A file of random weights that keep the scale of what passes through them."""
    path = tmp_path_factory.mktemp("weights") / "random.pth"
    empty = BytesIO()
    torch.save({}, empty)
    empty.seek(0)
    with pytest.MonkeyPatch.context() as patch, torch.random.fork_rng():
        torch.manual_seed(0)
        patch.setattr(FeatureExtractorInceptionV3, "load_state_dict", lambda self, state: None)
        network = FeatureExtractorInceptionV3("random", ["2048"], feature_extractor_weights_path=empty)
        for module in network.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
    torch.save(network.state_dict(), path)
    return path


@pytest.fixture
def known(weights, monkeypatch):
    """The same file, as if its hash were the right one."""
    monkeypatch.setattr(inception, "SHA256_PREFIX", prefix(weights))
    return weights


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """Torch's folder of weights, empty."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    return tmp_path / "hub" / "checkpoints"


# ----- what it computes --------------------------------------------------------------------------------------------------


def test_features_and_logits_are_those_of_torch_fidelity(known):
    images = levels(2)
    features, logits = Inception(str(known))(images)
    own = FeatureExtractorInceptionV3("own", ["2048", "logits_unbiased"], feature_extractor_weights_path=str(known))
    plain, last = own(images), own.to(memory_format=torch.channels_last)(images)
    assert (features.shape, logits.shape) == ((2, 2048), (2, 1008))
    assert (features.dtype, logits.dtype) == (torch.float32, torch.float64)
    assert torch.equal(features, last[0])
    torch.testing.assert_close(features, plain[0], rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(logits, plain[1].double(), rtol=1e-4, atol=1e-6)


@pytest.mark.slow
def test_grey_images_are_repeated_and_many_are_taken_in_chunks(known, monkeypatch):
    extractor, images = Inception(str(known)), levels(3, channels=1)
    features, logits = extractor(images)
    monkeypatch.setattr(inception, "CHUNK", 2)
    again = extractor(images.repeat(1, 3, 1, 1))
    torch.testing.assert_close(again, (features, logits), rtol=1e-5, atol=1e-7)
    with pytest.raises(InputError, match="extractor=inception takes images of 1 or 3 channels, not of 2: choose another"):
        extractor(levels(1, channels=2))


@pytest.mark.slow
def test_no_precision_of_a_trainer_and_no_tf32_changes_it(known):
    extractor, images, seen = Inception(str(known)), levels(1), []
    expected = extractor(images)
    extractor.network.register_forward_pre_hook(lambda *_: seen.append(torch.backends.cudnn.allow_tf32))
    for precision in (HalfPrecision("bf16-true"), HalfPrecision("16-true"), DoublePrecision()):
        with precision.forward_context():
            torch.testing.assert_close(extractor(images), expected, rtol=0, atol=0)
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(extractor(images), expected, rtol=0, atol=0)
    assert seen == [False] * 4
    assert torch.backends.cudnn.allow_tf32


def test_it_is_frozen_no_part_of_a_module_that_holds_it_and_draws_nothing(known):
    owner, before = nn.Module(), torch.get_rng_state()
    owner.extractor = Inception(str(known))
    assert torch.equal(torch.get_rng_state(), before)
    owner.train().double()
    assert not owner.state_dict() and not list(owner.parameters())
    assert not owner.extractor.network.training
    assert all(p.dtype == torch.float32 and not p.requires_grad for p in owner.extractor.network.parameters())


@pytest.mark.slow
@pytest.mark.parametrize("clean", [False, True])
def test_its_names_are_the_published_ones(known, clean):
    suite = MetricSuite(
        {"f": Frechet(), "c": ClassifierScore(), "k": Kernel()}, {"inception": Inception(str(known), clean=clean)}
    )
    better = {"fid": "min", "is_mean": "max", "is_std": None, "kid": "min", "kid_std": None}
    expected = {("clean_" if clean else "") + name: way for name, way in better.items()}
    assert {name: quantity.better for name, quantity in suite.quantities.items()} == expected


@pytest.mark.slow
def test_the_distance_of_images_to_themselves_is_nothing_beside_that_to_others(known):
    extractor, sets = Inception(str(known)), []
    real, other = levels(12), to_uint8(0.2 * to_unit(levels(11)))
    for images in (other, real, real):
        collector = FeatureCollector(extractor, torch.device("cpu"))
        collector.add(images)
        sets.append(collector.result())
    suite = MetricSuite({"frechet": Frechet(), "classifier": ClassifierScore()}, {"inception": extractor})
    inputs = [EvalInputs(*sets, extractor, Path())]
    values, baseline = suite.values(inputs), suite.baseline(inputs)
    assert baseline["fid"] == pytest.approx(0, abs=1e-5 * values["fid"])
    assert baseline["is_mean"] >= 1
    facts = suite.protocol()["extractors"]["inception"]
    assert facts == {"weights_sha256": sha256(known.read_bytes()).hexdigest(), "resize": "bilinear to 299x299, as TensorFlow 1"}
    assert suite.notes(inputs, 11)[0].startswith("no more images than the 2048 features of inception")


# ----- where the weights come from ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [FILES[0], *(pytest.param(name, marks=pytest.mark.slow) for name in FILES[1:])])
def test_its_yaml_takes_the_file_in_torchs_folder_also_under_pytorch_fids_name(known, hub, name):
    hub.mkdir(parents=True)
    shutil.copy(known, hub / name)
    made = instantiate(compose("train", ["data=fake", "extractor=inception"]).extractor)
    assert made.inception.weights_sha256 == sha256(known.read_bytes()).hexdigest()


def test_missing_weights_are_fetched_checked_and_put_under_their_name(known, hub, monkeypatch, capfd):
    monkeypatch.setattr(inception, "URL_INCEPTION_V3", known.as_uri())
    assert find(download=True) == hub / FILES[0]
    assert (hub / FILES[0]).read_bytes() == known.read_bytes()
    assert not list(hub.glob("*.partial"))
    assert "100%" in capfd.readouterr().err


@pytest.mark.slow
def test_one_process_fetches_and_the_others_find_it(known, hub, monkeypatch):
    def download(url, path, hash_prefix):
        with pytest.raises(Timeout):
            FileLock(f"{path}.lock", timeout=0).acquire()
        calls.append(url)
        shutil.copy(known, path)

    calls = []
    monkeypatch.setattr("gan_lab.evaluation.extractor.weights.reach", lambda url: None)
    monkeypatch.setattr(torch.hub, "download_url_to_file", download)
    assert find(download=True) == find(download=True)
    assert calls == [inception.URL_INCEPTION_V3]
    assert "torch-fidelity/releases" in calls[0]


def test_a_download_with_another_hash_is_thrown_away(weights, hub, monkeypatch):
    monkeypatch.setattr(inception, "URL_INCEPTION_V3", weights.as_uri())
    with pytest.raises(InputError, match=r"the download failed \(invalid hash value \(expected \"6726825d\""):
        find(download=True)
    assert not list(hub.glob("*.pth")) and not list(hub.glob("*.partial"))


def test_a_failed_download_is_one_sentence_with_the_reason_and_the_remedies(hub, monkeypatch):
    monkeypatch.setattr(inception, "URL_INCEPTION_V3", (hub / "nowhere").as_uri())
    with pytest.raises(InputError) as error:
        find(download=True)
    sentence = str(error.value)
    assert sentence.startswith(f"extractor=inception needs {FILES[0]} in '{hub}', and the download failed (")
    assert "No such file" in sentence and "\n" not in sentence
    assert sentence.endswith(
        f"put it there from {(hub / 'nowhere').as_uri()}, or choose metric=none, or another extractor, such as pixels or, for "
        "8x8 digits, digits8"
    )


def test_the_file_is_torch_fidelity_s():
    assert inception.URL_INCEPTION_V3 == URL_INCEPTION_V3


def test_without_the_download_the_run_ends_before_it_begins(hub, call):
    judged = ["metric=[frechet,classifier]", "extractor=inception"]
    with pytest.raises(
        SystemExit, match=r"and extractor\.inception\.download is false: put it there from https://github\.com/toshas"
    ):
        call(main, "data=fake", *judged, "extractor.inception.download=false", "logger=csv", "hydra.run.dir=run")
    assert not Path("run/metrics.csv").is_file()


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match=r"extractor\.inception\.weights='.*gone\.pth' does not exist: give the file, or null"):
        Inception(str(tmp_path / "gone.pth"))


def test_other_weights_are_refused(weights):
    with pytest.raises(
        InputError, match=f"other weights, for its sha256 begins with {prefix(weights)}, not 6726825d: remove it"
    ):
        read(weights)


class Trap:
    """Executes code when it is unpickled."""

    def __reduce__(self):
        return exec, ("raise SystemExit('executed')",)


def test_code_in_a_file_is_refused_and_not_executed(tmp_path, monkeypatch):
    path = tmp_path / "trap.pth"
    torch.save({"fc.weight": Trap()}, path, pickle_module=pickle)
    monkeypatch.setattr(inception, "SHA256_PREFIX", prefix(path))
    with pytest.raises(InputError, match=r"trap\.pth' holds more than weights: replace it by https://"):
        Inception(str(path))

import math

import pytest
import torch
from torch.distributions import Categorical, Normal

from gan_lab.cli.compose import compose
from gan_lab.errors import InputError
from gan_lab.model.infogan import Codes
from gan_lab.training.build import build
from tests.tiny import context, fit, tiny

MLP = ["network=mlp", "network.generator.width=[8]", "network.discriminator.width=[8]"]
CODES = Codes([3, 4], 2)


def test_the_last_latents_are_codes_in_training_and_in_sampling():
    gan = fit(tiny("model=infogan", "model.categories=[3,4]", images=4))
    for z in (gan.latents(400, context(gan)), gan.latent_rows(range(400), seed=0)):
        assert z.shape == (400, gan.generator.latent_dim)
        begin, first, second, values = z.split([z.shape[1] - 9, 3, 4, 2], 1)
        for one_hot in (first, second):
            assert set(one_hot.flatten().tolist()) == {0.0, 1.0}
            assert (one_hot.sum(1) == 1).all()
            assert (one_hot.mean(0) - 1 / one_hot.shape[1]).abs().max() < 0.1
        assert not torch.equal(first, second[:, :3])
        for uniform in (begin, values):
            assert -1 <= uniform.min() < -0.9
            assert 0.9 < uniform.max() < 1


def test_the_head_starts_as_asked():
    torch_s, normal = (build(tiny("model=infogan", f"model.head_init={init}")).q_head for init in ("null", "normal"))
    for layer in (normal[0], normal[2]):
        assert layer.weight.std().item() == pytest.approx(0.02, rel=0.1)
        assert not layer.bias.any()
    assert torch_s[2].weight.abs().max().item() == pytest.approx(128**-0.5, rel=0.01)


def test_the_rest_is_drawn_as_chosen():
    gan = build(tiny("model=infogan", "model/latent=normal"))
    begin = gan.latent_rows(range(50), seed=0)[:, :-12]
    assert begin.abs().max() > 2
    assert begin.std().item() == pytest.approx(1, abs=0.05)


def test_a_sample_has_its_latent_on_any_batch_size():
    gan = build(tiny("model=infogan"))
    assert torch.equal(gan.latent_rows(range(8), 0)[5:6], gan.latent_rows([5], 0))


def codes_and_reading(n=50):
    """Random codes of 3 and 4 values and two numbers, and what a head that knows nothing might say of them."""
    torch.manual_seed(0)
    chosen = [torch.nn.functional.one_hot(torch.randint(k, (n,)), k) for k in (3, 4)]
    return torch.cat([*chosen, torch.rand(n, 2) * 2 - 1], 1), torch.randn(n, 9)


def test_the_bound_is_the_mean_log_likelihood_of_the_codes_and_their_entropy():
    codes, reading = codes_and_reading()
    likelihood = (
        Categorical(logits=reading[:, :3]).log_prob(codes[:, :3].argmax(1))
        + Categorical(logits=reading[:, 3:7]).log_prob(codes[:, 3:7].argmax(1))
        + Normal(reading[:, 7:], 1).log_prob(codes[:, 7:]).sum(1)
    )
    entropy = Categorical(torch.ones(3)).entropy() + Categorical(torch.ones(4)).entropy() + 2 * math.log(2)
    torch.testing.assert_close(CODES.information(reading, codes), likelihood.mean() + entropy)


def test_who_reads_categories_without_fail_knows_their_entropy_and_who_guesses_knows_nothing():
    codes, _ = codes_and_reading()
    bound, best = Codes([3, 4], 0).information, math.log(3) + math.log(4)
    assert bound(1000 * codes[:, :7], codes[:, :7]).item() == pytest.approx(best)
    assert bound(torch.zeros(50, 7), codes[:, :7]).item() == pytest.approx(0, abs=1e-6)


def test_both_players_raise_the_bound_of_the_fakes_codes_by_their_weight():
    gan = fit(tiny("model=infogan", *MLP, "model.information_weight=0.5", images=8))
    batch = gan.generator_batch(torch.randn(6, 1, 8, 8), None, context(gan, "g"))
    reading = gan.q_head(gan.discriminator.features(batch.fake))
    expected = -0.5 * gan.codes.information(reading, batch.z[:, -12:])
    torch.testing.assert_close(gan.discriminator_terms(batch), {"d_code_loss": expected})
    torch.testing.assert_close(gan.generator_terms(batch), {"g_code_loss": expected})


def test_one_pass_through_d_serves_both_heads():
    gan, passes = build(tiny("model=infogan", *MLP)), []
    gan.discriminator.hidden.register_forward_hook(lambda *_: passes.append(1))
    fit(tiny("model=infogan", *MLP, images=4), gan=gan)
    assert len(passes) == 3  # reals and fakes in D's step, fakes in G's


def test_codes_become_readable():
    fast = ["optimizer.g.lr=5e-3", "optimizer.d.lr=5e-3", "data.batch_size=64"]
    gan = fit(tiny("data=gaussians", "model=infogan", "model.continuous=0", *fast, images=64 * 60))
    assert -gan.tracked["g_code_loss"].item() > math.log(10) / 2  # 0 is to know nothing


def test_each_row_of_a_preview_sweeps_one_code_and_nothing_else():
    gan, seen = build(tiny("model=infogan", "model.categories=[5,3]", "model.continuous=1")), []
    gan.generate = lambda z: seen.append(z) or z
    gan.preview(22)
    rows = seen[0].view(4, 5, -1)
    assert gan.columns == 5
    for row, (first, last) in zip(rows, [(-9, -4), (-4, -1), (-1, None), (-9, -4)], strict=True):
        swept, rest = row[:, first:last], row.clone()
        rest[:, first:last] = 0
        assert (rest == rest[0]).all()
        assert (swept != swept[0]).any(1).sum() in (3, 4)  # 3: the code of 3 values has the first two twice
    assert torch.equal(rows[0][:, -9:-4], torch.eye(5))
    assert rows[2][:, -1].tolist() == [-1, -0.5, 0, 0.5, 1]
    assert not torch.equal(rows[0][0, :-9], rows[3][0, :-9])


def test_a_preview_is_a_grid_of_images_and_without_categories_ten_wide():
    gan = build(tiny("model=infogan"))
    assert (gan.columns, gan.preview(64).shape) == (10, (60, 1, 8, 8))
    gan = build(tiny("model=infogan", "model.categories=[]"))
    assert (gan.columns, gan.preview(9).shape) == (10, (10, 1, 8, 8))


def test_latents_too_few_for_the_codes_are_refused():
    with pytest.raises(InputError, match=r"latent_dim=12 leaves no room .* 12 numbers of the codes: use 24"):
        build(tiny("model=infogan", "network.generator.latent_dim=12"))


def test_defaults_are_the_authors_mnist_script():
    cfg = compose("train", ["model=infogan"])
    assert (cfg.model.categories, cfg.model.continuous, cfg.model.information_weight) == ([10], 2, 1)
    assert (cfg.optimizer.g.lr, cfg.optimizer.d.lr, cfg.optimizer.d.betas) == (1e-3, 2e-4, [0.5, 0.999])
    assert cfg.model.latent.path == "gan_lab.latents.uniform"

"""Semantic directions in closed form: SeFa (Shen & Zhou 2021, https://arxiv.org/abs/2007.06600)."""

from typing import Any

import torch
from torch import Tensor, nn

from gan_lab.errors import InputError
from gan_lab.ranges import Positive, Size
from gan_lab.sampling.mode import USUAL, Sheet, SheetMode
from gan_lab.sampling.request import SampleRequest
from gan_lab.sampling.space import Space, StyleSpace


class SemanticDirections(SheetMode):
    """A strip of ``steps`` samples for each of the ``top`` directions of each of n latents, from -reach to +reach.

    Directions are the eigenvectors of A^T A of the first layer A, which change its output most: of styles the affine layers of
    all layers, of latents the first layer of G.

    Args:
        top: number of directions.
        reach: distance to either end, in standard deviations of a number of the latents or styles.
    """

    moves = True
    reads = (*USUAL, "steps")

    def __init__(self, top: Size = 8, reach: Positive = 3.0) -> None:
        self.top, self.reach = top, reach

    def count(self, n: int, steps: int) -> int:
        """Return ``steps`` for each direction of each latent."""
        return n * self.top * steps

    def __call__(self, request: SampleRequest) -> Sheet:
        """Make the strips."""
        space = request.space()
        found, strengths = leading_directions(request, space, self.top)
        with torch.no_grad():
            start = space.points(request.latents(range(request.n)), request.labels(range(request.n)))
        t = torch.linspace(-1, 1, request.steps, device=start.device)
        moves = self.reach * request.spread(space) * t[:, None] * found[:, None]  # (top, steps, d)
        points = (start[:, None, None] + moves).flatten(0, 2)
        y = request.labels([row for row in range(request.n) for _ in range(len(found) * request.steps)])
        facts = {"space": space.name, "singular_values": strengths.tolist(), "directions": found.tolist()}
        return Sheet(request.images(space, points, y), request.steps, y, facts)


def leading_directions(request: SampleRequest, space: Space, top: int) -> tuple[Tensor, Tensor]:
    """Return unit vectors (k, d) of a space and the gain of the first layer along each (k,), the largest first.

    Raises:
        InputError: there are fewer than ``top``.
    """
    weight = style_weight(request) if isinstance(space, StyleSpace) else latent_weight(request)
    gains, vectors = torch.linalg.eigh(weight.T.double() @ weight.double())
    if top > len(gains):
        raise InputError(f"mode.top={top} is more than the {len(gains)} dimensions of {space.name}: give at most {len(gains)}")
    order = gains.argsort(descending=True)[:top]
    found = vectors.T[order]
    signs = found.gather(1, found.abs().argmax(1, keepdim=True)).sign()  # an eigenvector has none of its own
    return (found * signs).to(weight), gains[order].clamp_min(0).sqrt().to(weight)


@torch.no_grad()
def style_weight(request: SampleRequest) -> Tensor:
    """Return the affine layers that read the styles, stacked: (features, style_dim)."""
    w = torch.zeros(1, *_style_shape(request), device=request.gan.device)
    with request.gan.evaluating(w, request.ema) as generator:
        d = w.shape[-1]
        layers = [
            module
            for module in generator.synthesis.modules()
            if isinstance(weight := getattr(module, "weight", None), Tensor) and weight.ndim == 2 and weight.shape[1] == d
        ]
        probes = torch.cat([w.new_zeros(1, d), torch.eye(d, device=w.device)])
        return torch.cat([_responses(layer(probes)) for layer in layers])


def _style_shape(request: SampleRequest) -> tuple[int]:
    """Return (style_dim,)."""
    return tuple(request.gan.generator.mapping.mean.shape)


class _Found(Exception):
    """The matrix of the first layer that depends on the latents; ends the pass through G there."""


@torch.no_grad()
def latent_weight(request: SampleRequest) -> Tensor:
    """Return the first layer of G that reads the latents as a matrix (features, latent_dim).

    It is probed: by the difference of its outputs at each unit vector and at 0, so that a layer may be of any kind, and may see
    the latents beside a label, a part of them, or in another shape.
    """
    gan, d = request.gan, request.gan.generator.latent_dim
    z = torch.cat([torch.zeros(1, d), torch.eye(d)]).to(gan.device)
    y = request.labels([0] * len(z))

    def stop(module: nn.Module, inputs: Any, output: Any) -> None:
        if isinstance(output, Tensor) and len(output) == len(z) and (weight := _responses(output)).any():
            raise _Found(weight)

    with gan.evaluating(z, request.ema) as generator:
        layers = [module for module in generator.modules() if _is_layer(module)]
        hooks = [layer.register_forward_hook(stop) for layer in layers]
        try:
            generator(z, y)
        except _Found as found:
            weight: Tensor = found.args[0]
            return weight
        finally:
            for hook in hooks:
                hook.remove()
    raise InputError("mode=directions found no layer of this generator that reads its latents: use mode=interpolate")


def _is_layer(module: nn.Module) -> bool:
    """Return whether a module multiplies by a matrix or a kernel of its own."""
    weight = getattr(module, "weight", None)
    return isinstance(weight, Tensor) and weight.ndim >= 2 and not isinstance(module, nn.Embedding)


def _responses(output: Tensor) -> Tensor:
    """Return the matrix (features, d) of outputs (1 + d, ...) at 0 and at the unit vectors."""
    flat = output.flatten(1)
    return (flat[1:] - flat[:1]).T

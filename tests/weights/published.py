"""Generators of public code, stated anew by their layers' names and shapes."""

import torch
from torch import nn
from torch.nn.functional import conv2d, leaky_relu, one_hot, pad


def published(nz=5, ngf=4, nc=3, stages=5):
    """The generator of pytorch/examples by its layers' names and shapes, with statistics of some training."""
    widths = [ngf << i for i in range(stages - 2, -1, -1)]
    layers = [nn.ConvTranspose2d(nz, widths[0], 4, bias=False)]
    for c_in, c_out in zip(widths, [*widths[1:], nc], strict=True):
        layers += [nn.BatchNorm2d(c_in), nn.ReLU(), nn.ConvTranspose2d(c_in, c_out, 4, 2, 1, bias=False)]
    net = nn.Module()
    net.main = nn.Sequential(*layers, nn.Tanh())
    with torch.random.fork_rng():
        torch.manual_seed(0)
        for value in net.state_dict().values():
            value.copy_(torch.rand(value.shape) if value.ndim == 1 else torch.randn(value.shape) * 0.3)
    return net.eval()


class Published:
    """A network as its authors' code has it: named tensors, drawn once, and the forward pass by their names."""

    def __init__(self, shapes, seed=0):
        draw = torch.Generator().manual_seed(seed)
        self.state = {name: torch.randn(shape, generator=draw) for name, shape in shapes.items()}

    def __getitem__(self, name):
        return self.state[name]


FILTER = torch.outer(*[torch.tensor([1.0, 3.0, 3.0, 1.0])] * 2) / 64


def spread(x, before, after):
    """Zeros between the pixels and around them, then the filter: with padding (2, 1) upsampling of maps or images."""
    n, c, h, w = x.shape
    zeros = x.new_zeros(n, c, 2 * h, 2 * w)
    zeros[..., ::2, ::2] = x
    return conv2d(pad(zeros, (before, after) * 2), 4 * FILTER.expand(c, 1, 4, 4), groups=c)


class R3GANGenerator(Published):
    """G of R3GAN with two blocks per map and groups of two channels."""

    def __init__(self, widths=(8, 8, 4), latent_dim=5, classes=3):
        self.widths, self.classes = widths, classes
        shapes = {"MainLayers.0.Layers.0.Basis": (widths[0], 4, 4)}
        shapes["MainLayers.0.Layers.0.LinearLayer.weight"] = (widths[0], latent_dim * (2 if classes else 1))
        for k, width in enumerate(widths):
            if k and width != widths[k - 1]:
                shapes[f"MainLayers.{k}.Layers.0.LinearLayer.Layer.weight"] = (width, widths[k - 1], 1, 1)
            for j in (1, 2):
                block = f"MainLayers.{k}.Layers.{j}."
                shapes |= {f"{block}NonLinearity{i}.Bias": (2 * width,) for i in (1, 2)}
                shapes |= {f"{block}LinearLayer1.Layer.weight": (2 * width, width, 1, 1)}
                shapes |= {f"{block}LinearLayer2.Layer.weight": (2 * width, 2, 3, 3)}
                shapes |= {f"{block}LinearLayer3.Layer.weight": (width, 2 * width, 1, 1)}
        shapes["AggregationLayer.Layer.weight"] = (3, widths[-1], 1, 1)
        if classes:
            shapes["EmbeddingLayer.weight"] = (latent_dim, classes)
        super().__init__(shapes)
        self.state = {name: value / max(value[0].numel(), 1) ** 0.5 for name, value in self.state.items()}
        self.state["AggregationLayer.Layer.weight"] /= 4  # most pixels lie within [-1, 1]
        self.file = {f"Model.{name}": value for name, value in self.state.items()}
        self.file |= {f"Model.MainLayers.{k}.Layers.0.Resampler.Kernel": FILTER.clone() for k in range(1, len(widths))}

    def __call__(self, z, y=None):
        if y is not None:
            z = torch.cat([z, one_hot(y, self.classes).float() @ self["EmbeddingLayer.weight"].T], 1)
        x = self["MainLayers.0.Layers.0.Basis"] * (z @ self["MainLayers.0.Layers.0.LinearLayer.weight"].T)[..., None, None]
        for k, width in enumerate(self.widths):
            if (change := f"MainLayers.{k}.Layers.0.LinearLayer.Layer.weight") in self.state:
                x = conv2d(x, self[change])
            x = spread(x, 2, 1) if k else x
            for block in (f"MainLayers.{k}.Layers.{j}." for j in (1, 2)):
                h = x
                for i in (1, 2, 3):
                    groups, padding = (width, 1) if i == 2 else (1, 0)
                    h = conv2d(h, self[f"{block}LinearLayer{i}.Layer.weight"], padding=padding, groups=groups)
                    if i < 3:
                        h = leaky_relu(h + self[f"{block}NonLinearity{i}.Bias"][:, None, None], 0.2)
                x = x + h
        return conv2d(x, self["AggregationLayer.Layer.weight"]).clamp(-1, 1)


class StyleGAN2Generator(Published):
    """G of StyleGAN2-ADA with skip connections, two mapping layers and constant noise."""

    def __init__(self, widths=(6, 6, 4), latent_dim=5, style_dim=7, classes=3):
        self.classes, self.sizes = classes, [4 << k for k in range(len(widths))]
        inputs = latent_dim + (style_dim if classes else 0)
        shapes = {"mapping.fc0.weight": (style_dim, inputs), "mapping.fc1.weight": (style_dim, style_dim)}
        shapes |= {"mapping.fc0.bias": (style_dim,), "mapping.fc1.bias": (style_dim,), "mapping.w_avg": (style_dim,)}
        if classes:
            shapes |= {"mapping.embed.weight": (style_dim, classes), "mapping.embed.bias": (style_dim,)}
        shapes["synthesis.b4.const"] = (widths[0], 4, 4)
        for size, c_in, c_out in zip(self.sizes, (widths[0], *widths), widths, strict=False):
            layers = {"conv0": (c_out, c_in, 3, 3), "conv1": (c_out, c_out, 3, 3), "torgb": (3, c_out, 1, 1)}
            for name, shape in list(layers.items())[size == 4 :]:
                layer = f"synthesis.b{size}.{name}."
                shapes |= {f"{layer}weight": shape, f"{layer}bias": shape[:1]}
                shapes |= {f"{layer}affine.weight": (shape[1], style_dim), f"{layer}affine.bias": shape[1:2]}
                if name != "torgb":
                    shapes |= {f"{layer}noise_const": (size, size), f"{layer}noise_strength": ()}
        super().__init__(shapes)
        for name in self.state:
            if name.startswith("mapping.fc"):
                self.state[name] *= 100  # a learning rate of 0.01 divides it
            if "torgb" in name:
                self.state[name] /= 4  # most pixels lie within [-1, 1]
        self.file = dict(self.state)
        for name in ["synthesis.b4.", *(name.removesuffix("weight") for name in shapes if name.endswith("v0.weight"))]:
            self.file[f"{name}resample_filter"] = FILTER.clone()

    def dense(self, name, x, rate=1.0):
        weight = self[f"{name}.weight"]
        return x @ weight.T * rate / weight.shape[1] ** 0.5 + self[f"{name}.bias"] * rate

    def mapped(self, z, y, truncation):
        x = z / z.square().mean(1, keepdim=True).sqrt()
        if y is not None:
            label = self.dense("mapping.embed", one_hot(y, self.classes).float())
            x = torch.cat([x, label / label.square().mean(1, keepdim=True).sqrt()], 1)
        for name in ("mapping.fc0", "mapping.fc1"):
            x = leaky_relu(self.dense(name, x, 0.01), 0.2) * 2**0.5
        return self["mapping.w_avg"] + truncation * (x - self["mapping.w_avg"])

    def layer(self, name, x, w):
        """Modulate and demodulate the weights of each image, upsample by the filter before conv0, add noise and bias."""
        weight = self[f"{name}.weight"] * self.dense(f"{name}.affine", w)[:, None, :, None, None]
        weight = weight / weight.square().sum((2, 3, 4), keepdim=True).sqrt()
        if name.endswith("conv0"):
            x, weight = spread(x, 3, 2), weight.flip(3, 4)
        else:
            x = pad(x, (1, 1, 1, 1))
        x = torch.cat([conv2d(image[None], own) for image, own in zip(x, weight, strict=True)])
        x = x + self[f"{name}.noise_const"] * self[f"{name}.noise_strength"] + self[f"{name}.bias"][:, None, None]
        return leaky_relu(x, 0.2) * 2**0.5

    def __call__(self, z, y=None, truncation=1.0):
        w, image = self.mapped(z, y, truncation), torch.zeros(len(z), 3, 2, 2)
        x = self["synthesis.b4.const"].expand(len(z), -1, -1, -1)
        for size in self.sizes:
            for name in [f"synthesis.b{size}.conv{i}" for i in (0, 1)][size == 4 :]:
                x = self.layer(name, x, w)
            styles = self.dense(f"synthesis.b{size}.torgb.affine", w) / x.shape[1] ** 0.5
            added = conv2d(x * styles[..., None, None], self[f"synthesis.b{size}.torgb.weight"])
            image = spread(image, 2, 1) + added + self[f"synthesis.b{size}.torgb.bias"][:, None, None]
        return image.clamp(-1, 1)

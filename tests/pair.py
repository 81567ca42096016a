"""Two processes that train together: ``pair(folder, runs)`` starts them, and each keeps its weights after every step."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import lightning as L
import torch
from hydra.utils import instantiate

from tests.tiny import fit, tiny

ROOT = Path(__file__).parent.parent
IMAGES = ["data=fake", "data.image_size=8", "data.channels=1"]
MLP = ["network=mlp", "network.generator.norm=none", "network.generator.width=[8]", "network.discriminator.width=[8]"]
FLOAT64 = ["trainer.precision=64-true"]


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def launch(module: str, folder: Path, *arguments: str) -> None:
    """Run a module on two processes that find each other."""
    common = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), "WORLD_SIZE": "2", "NODE_RANK": "0"}
    command = [sys.executable, "-m", module, str(folder), *arguments]
    ranks = [
        subprocess.Popen(
            command, cwd=ROOT, env=os.environ | common | {"LOCAL_RANK": str(rank)}, stderr=subprocess.PIPE, text=True
        )
        for rank in (0, 1)
    ]
    errors = [rank.communicate(timeout=300)[1] for rank in ranks]
    assert [rank.returncode for rank in ranks] == [0, 0], "\n".join(errors)


def pair(folder: Path, runs: dict[str, list[str]]) -> dict[str, list[dict]]:
    """What each run came to on both ranks: see `train`."""
    launch("tests.pair", folder, json.dumps(runs))
    return {name: [torch.load(folder / f"{name}-{rank}.pt") for rank in (0, 1)] for name in runs}


class Steps(L.Callback):
    """Keeps the sum of all weights, and of all buffers, after each step."""

    def __init__(self):
        self.weights, self.buffers = [], []

    def on_train_batch_end(self, trainer, gan, *args):
        self.weights.append(total(gan.parameters()))
        self.buffers.append(total(gan.buffers()))


def total(tensors) -> float:
    return sum((tensor.double() * torch.arange(1, tensor.numel() + 1).view(tensor.shape)).sum().item() for tensor in tensors)


def train(overrides: list[str], **options) -> dict:
    """The final weights, the sums after each step and, with data that choose a metric, the values of the end."""
    cfg = tiny(*overrides, images=160)
    steps, validation = Steps(), instantiate(cfg.callback.validation)
    judged = {"limit_val_batches": 1.0, "val_check_interval": 20} if validation.suite else {}
    gan = fit(cfg, steps, validation, **judged, **options)
    weights = {name: value for name, value in gan.state_dict().items() if torch.is_tensor(value)}
    values = validation.values | {f"real {name}": value for name, value in validation.baseline.items()}
    judged = {"values": values, "protocol": validation.protocol}
    return {"weights": weights, "steps": steps.weights, "buffers": steps.buffers, **judged}


if __name__ == "__main__":
    for name, overrides in json.loads(sys.argv[2]).items():
        outcome = train([*overrides, "trainer=ddp", "trainer.devices=2"])
        torch.save(outcome, f"{sys.argv[1]}/{name}-{os.environ['LOCAL_RANK']}.pt")

"""Make the weights of the digits8 extractor: `python -m gan_lab.evaluation.extractor.train_digits8`.

From the 1,200 training digits alone. The same machine makes the same bits, another may not: so the weights are committed.
"""

import hashlib
import math

import numpy as np
import torch
from torch import nn

from gan_lab.data.arrays import Arrays
from gan_lab.data.digits import digits
from gan_lab.data.pixels import to_unit
from gan_lab.evaluation.extractor.digits8 import WEIGHTS, network

SEED = 0
EPOCHS = 30
BATCH_SIZE = 50


def train(data: Arrays) -> nn.Sequential:
    """Train a classifier of uint8 images (N, 1, 8, 8); label smoothing 0.1 keeps its logits small."""
    model, loss = network(), nn.CrossEntropyLoss(label_smoothing=0.1)
    optimizer = torch.optim.AdamW(model.parameters())
    steps = EPOCHS * math.ceil(len(data) / BATCH_SIZE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=4e-3, total_steps=steps)
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(data)).split(BATCH_SIZE):
            images, labels = data[rows.tolist()]
            optimizer.zero_grad()
            loss(model(to_unit(images)), labels).backward()
            optimizer.step()
            schedule.step()
    return model.requires_grad_(False)


def main() -> None:
    """Train, write the weights and print the new `digits8.SHA256`."""
    torch.set_num_threads(1)  # another number of threads makes other bits
    torch.manual_seed(SEED)
    model, held_out = train(digits("train")), digits("held_out")
    np.savez(WEIGHTS, **{name: weight.numpy() for name, weight in model.state_dict().items()})
    accuracy = (model(to_unit(held_out.images)).argmax(1) == held_out.labels).double().mean()
    print(f"{WEIGHTS}\nsha256 {hashlib.sha256(WEIGHTS.read_bytes()).hexdigest()}\naccuracy on held-out digits {accuracy:.4f}")


if __name__ == "__main__":
    main()

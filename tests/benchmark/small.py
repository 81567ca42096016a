"""Options that make a benchmark of data small, and the names of its ways."""

SMALL = ["data.image_size=8", "data.batch_size=4", "benchmark.workers=1", "benchmark.seconds=0", "benchmark.rounds=2"]
WAYS = ["torchvision", "gan_lab, files", "gan_lab, prepared", "gan_lab, memory"]

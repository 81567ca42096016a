"""Run ``python -m gan_lab.benchmark``, the benchmark of the training step."""

from gan_lab.benchmark.step import main

main()

"""Loggers of rows and pictures: metrics.csv always, and by default Weights & Biases, or TensorBoard."""

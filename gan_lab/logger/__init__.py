"""Where rows and pictures go: metrics.csv always, Weights & Biases by default, or TensorBoard."""

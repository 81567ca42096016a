"""Pictures of numbers and samples, drawn from plain values: nothing here knows a GAN."""

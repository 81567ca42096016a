"""A page in the browser with sliders over what a trained generator has learned."""

"""The tests: the same names as in gan_lab, with test_ before them."""

"""``python -m gan_lab.report``."""

from gan_lab.report import main

main()

import subprocess
import sys

import pytest


@pytest.mark.slow
def test_the_room_is_the_command_of_the_step():
    done = subprocess.run([sys.executable, "-m", "gan_lab.benchmark", "--help"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Usage: python -m gan_lab.benchmark [model=dcgan]" in done.stdout

import subprocess
import sys

import pytest


@pytest.mark.slow
def test_help_answers_without_torch():
    code = "import sys; sys.argv = ['import_weights', '--help']\n"
    code += "from gan_lab import import_weights\ntry:\n    import_weights.main()\n"
    code += "finally:\n    assert 'torch' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert not done.returncode, done.stderr
    assert "format=pytorch_dcgan file=netG_epoch_24.pth" in done.stdout

import subprocess
import sys

import pytest


@pytest.mark.slow
def test_help_answers_without_torch(tmp_path):
    code = "import sys; sys.argv = ['export', '--help']\nfrom gan_lab.export import __main__\ntry:\n    __main__.main()\n"
    code += "finally:\n    assert 'torch' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert not done.returncode, done.stderr
    assert "python -m gan_lab.export run=best.ckpt format=onnx" in done.stdout

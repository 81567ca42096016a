from types import SimpleNamespace

from gan_lab.logger.clocks import Clocked
from gan_lab.logger.sections import CLOCKS


def clocked(gan):
    logger = Clocked()
    logger.log_graph(gan)
    return logger


def test_a_row_without_clocks_gets_those_of_the_gan():
    gan = SimpleNamespace(images_seen=12, g_steps_done=1, d_steps_done=3)
    logger = clocked(gan)
    assert list(logger.clocked({"mine": 0.5})) == [*CLOCKS, "mine"]
    gan.images_seen = 16
    assert logger.clocked({"mine": 0.5})["images_seen"] == 16


def test_a_row_keeps_its_own_clocks():
    gan = SimpleNamespace(images_seen=12, g_steps_done=1, d_steps_done=3)
    assert clocked(gan).clocked({"images_seen": 4, "mine": 0.5})["images_seen"] == 4


def test_the_row_of_a_module_without_clocks_stays_as_it_is():
    assert Clocked().clocked({"mine": 0.5}) == clocked(object()).clocked({"mine": 0.5}) == {"mine": 0.5}

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


def test_clocks_never_fall():
    logger = Clocked()
    rows = [{"images_seen": images, "g_steps_done": steps, "mine": 0.5} for images, steps in ((8, 1), (4, 2), (12, 2))]
    assert [tuple(logger.clocked(row).values()) for row in rows] == [(8, 1, 0.5), (8, 2, 0.5), (12, 2, 0.5)]


def test_the_row_of_a_module_without_clocks_stays_as_it_is():
    assert Clocked().clocked({"mine": 0.5}) == clocked(object()).clocked({"mine": 0.5}) == {"mine": 0.5}

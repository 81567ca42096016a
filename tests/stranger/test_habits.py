"""The habits of a Lightning user: a callback of his own, and ``self.log`` wherever he likes."""

import pytest

from tests.stranger.lab import OWN, SMALL, TINY

CALLBACK = """
    import lightning as L

    from gan_lab.callback.loss_logger import log_row


    class Saturation(L.Callback):
        '''Logs the share of G's pixels at the ends of their range.'''

        def __init__(self, level):
            self.level = level

        def on_validation_end(self, trainer, gan):
            log_row(trainer, gan, {"val/saturation": (gan.sample(8).abs() > self.level).float().mean().item()})
"""


def test_a_callback_stands_beside_the_default_ones(lab):
    lab.write(my_callback=CALLBACK, conf__callback__mine="mine: {_target_: my_callback.Saturation, level: 0.99}")
    run = lab.train(*TINY, *SMALL, "model=gan", "callback=[default,mine]", "callback.mine.level=0.0", *OWN)
    rows = [row for row in run.read_rows() if "val/saturation" in row]
    assert [(row["images_seen"], row["val/saturation"]) for row in rows] == [(16, 1), (32, 1)]
    assert run.read_summary()["scores"]["val/saturation"] == {"first": 1, "final": 1}


STEP = """
    from gan_lab.model.gan import GAN


    class OwnStep(GAN):
        def discriminator_gradient(self, real, y, step):
            batch = self.discriminator_batch(real, y, step)
            self.manual_backward(self.discriminator_loss(batch))
"""


@pytest.mark.slow
def test_a_step_of_his_own_that_tracks_nothing_is_recorded_as_far_as_it_goes(lab):
    lab.write(my_step=STEP)
    run = lab.train(*TINY, *SMALL, "model=gan", "model._target_=my_step.OwnStep")
    row = run.read_rows()[0]
    assert {"g_loss", "d_gradient_norm", "d_lr"} <= row.keys()
    assert not {"d_loss", "d_real"} & row.keys()
    assert run.read_summary()["status"] == "finished"


LOGS = """
    from gan_lab.model.gan import GAN


    class Logging(GAN):
        def training_step(self, batch, batch_idx):
            super().training_step(batch, batch_idx)
            self.log("step/brightness", batch[0].mean(), on_step=True, prog_bar=True)
            self.log("clipped", 1.0, on_step=False, on_epoch=True)

        def validation_step(self, batch, batch_idx, dataloader_idx=0):
            judged = super().validation_step(batch, batch_idx, dataloader_idx)
            self.log("val/two", judged["real"].mean())
            self.log_dict({"val/three": 3.0}, sync_dist=True)
            return judged

        def on_validation_epoch_end(self):
            self.log("val/four", 4.0)
"""


def test_what_he_logs_is_a_row_with_clocks(lab):
    lab.write(my_logs=LOGS)
    run = lab.train(*TINY, *SMALL, "model=gan", "model._target_=my_logs.Logging", "+trainer.log_every_n_steps=2")
    rows = run.read_rows()
    assert all({"images_seen", "g_steps_done", "d_steps_done"} <= row.keys() for row in rows)
    for name in ("val/two/dataloader_idx_1", "val/three/dataloader_idx_0", "val/four"):
        assert [row["images_seen"] for row in rows if name in row] == [16, 32], name
    assert [row["images_seen"] for row in rows if "step/brightness" in row] == [8, 16, 24, 32]
    assert run.read_summary()["status"] == "finished"

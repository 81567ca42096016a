"""Jobs of sweeps, as they leave themselves behind, without running any."""

import json
from dataclasses import replace
from pathlib import Path

from omegaconf import OmegaConf

from gan_lab.sweep.ranking import Job

JOB = Job(Path("0"), {}, "finished", "fd", "min", best=2.0, chosen=3.0, others={}, images_seen=10, seconds=1.5, error=None)


def leave(sweep, name, overrides, **summary):
    """Leave a job's folder: its options, and its summary unless it was killed."""
    folder = sweep / str(name)
    (folder / ".hydra").mkdir(parents=True)
    OmegaConf.save(overrides, folder / ".hydra" / "overrides.yaml")
    OmegaConf.save({"primary": "fd", "primary_mode": "min"}, folder / ".hydra" / "config.yaml")
    if summary:
        (folder / "summary.json").write_text(json.dumps(summary))
    return sweep


def finished(value, primary="fd", mode="min", best=0.0):
    scores = {f"val/{primary}": {"first": 9.0, "final": 9.0, "best": best}}
    judgement = {"images_seen": 5, "scores": {primary: value}}
    return {"status": "finished", "primary": primary, "mode": mode, "scores": scores, "final_judgement": judgement}


def jobs(*values, mode="min", **options):
    """A job per value; None fails."""
    done = [
        replace(JOB, mode=mode, chosen=v, status="failed" if v is None else "finished", folder=Path(str(n)))
        for n, v in enumerate(values)
    ]
    return [replace(job, overrides={key: str(given[n]) for key, given in options.items()}) for n, job in enumerate(done)]

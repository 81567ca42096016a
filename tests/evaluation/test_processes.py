from datetime import timedelta

import pytest
import torch

from gan_lab.errors import InputError
from gan_lab.evaluation.processes import everyone, gathered, on_first, process, processes


def alone():
    raise InputError("too few")


def one_of_two(rank, folder):
    torch.set_num_threads(1)
    store, minute = f"file://{folder}/store", timedelta(minutes=1)
    torch.distributed.init_process_group("gloo", init_method=store, rank=rank, world_size=2, timeout=minute)
    rows = torch.arange(7.0)[rank::2, None]  # 4 and 3
    found = {"process": process(), "rows": gathered(rows, 7), "some": gathered(rows, 5), "everyone": everyone(10 + rank)}
    found["first"] = on_first(lambda: f"by {rank}")
    try:
        on_first(alone if rank == 0 else lambda: None)
    except InputError as error:
        found["error"] = str(error)
    torch.save(found, f"{folder}/{rank}")
    torch.distributed.destroy_process_group()


def test_two_processes_share_rows_answers_results_and_errors(tmp_path):
    torch.multiprocessing.start_processes(one_of_two, (tmp_path,), nprocs=2, start_method="fork")
    for rank in (0, 1):
        found = torch.load(tmp_path / str(rank), weights_only=True)
        assert found["process"] == (rank, 2)
        assert torch.equal(found["rows"], torch.arange(7.0)[:, None])
        assert torch.equal(found["some"], torch.arange(5.0)[:, None])
        assert (found["everyone"], found["first"], found["error"]) == ([10, 11], "by 0", "too few")


def test_one_process_asks_nobody():
    with processes("cpu"):
        assert process() == (0, 1)
        assert everyone(3) == [3]
        assert on_first(lambda: 4) == 4
        assert torch.equal(gathered(torch.arange(4), 3), torch.arange(3))
    with pytest.raises(InputError, match="too few"):
        on_first(alone)

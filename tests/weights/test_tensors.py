import pytest
import torch

from gan_lab.errors import InputError
from gan_lab.weights.tensors import shape_of, without_filters

ROW = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8


def test_the_shape_of_a_tensor_by_name_and_number_of_dimensions():
    assert shape_of({"a": torch.zeros(2, 3)}, "a", 2) == (2, 3)
    for name, ndim in (("b", 2), ("a", 1)):
        with pytest.raises(InputError, match=rf"it has no {name} of {ndim} dimensions, but a, \.\.\."):
            shape_of({"a": torch.zeros(2, 3)}, name, ndim)


def test_the_binomial_filter_is_left_out_and_no_other():
    state = {"a.weight": torch.zeros(3), "a.filter": torch.outer(ROW, ROW)}
    assert [*without_filters(state, ".filter")] == ["a.weight"]
    for other in (torch.outer(ROW, ROW.flip(0) ** 2), torch.ones(3, 3)):
        with pytest.raises(InputError, match=r"its a.filter is not the filter \[1, 3, 3, 1\]"):
            without_filters({"a.filter": other}, ".filter")

import torch
from hypothesis import given
from hypothesis import strategies as st

from untrim.nn.pooling import masked_softmax, split_blocks, topk_mean, unpack


def ragged(lengths: list[int], classes: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(sum(lengths))
    mask = torch.arange(max(lengths)) < torch.tensor(lengths).unsqueeze(1)
    return torch.randn(len(lengths), max(lengths), classes), mask


@given(st.lists(st.integers(1, 20), min_size=1, max_size=4), st.integers(1, 30))
def test_topk_mean_against_a_loop(lengths: list[int], k: int) -> None:
    scores, mask = ragged(lengths)
    found = topk_mean(scores, mask, torch.full((len(lengths),), k))
    for row, n, values in zip(found, lengths, scores, strict=True):
        torch.testing.assert_close(row, values[:n].sort(dim=0, descending=True).values[: min(k, n)].mean(dim=0))


@given(st.lists(st.integers(1, 40), min_size=1, max_size=4), st.integers(1, 12), st.booleans())
def test_split_blocks_against_a_loop(lengths: list[int], size: int, remainder_in_last: bool) -> None:
    scores, mask = ragged(lengths)
    blocks, real = split_blocks(scores, mask, size, remainder_in_last)
    for video, n in enumerate(lengths):
        count = max(1, n // size)
        assert real[video].any(dim=-1).tolist() == [True] * count + [False] * (blocks.shape[1] - count)
        for block in range(count):
            last = block == count - 1 and (remainder_in_last or n < size)
            wanted = scores[video, block * size : n if last else (block + 1) * size]
            torch.testing.assert_close(blocks[video, block][real[video, block]], wanted)


def test_masked_softmax_sums_to_one_over_real_snippets() -> None:
    scores, mask = ragged([4, 9])
    weights = masked_softmax(scores, mask)
    torch.testing.assert_close(weights.sum(dim=1), torch.ones(2, 3))
    assert (weights[0, 4:] == 0).all()


def test_what_is_taken_out_of_videos_is_put_back_where_it_was() -> None:
    scores, mask = ragged([4, 9, 1])
    found = unpack(scores[mask], mask)
    assert torch.equal(found, scores * mask.unsqueeze(-1))
    assert torch.equal(unpack(scores[mask][:, 0], mask), found[..., 0])

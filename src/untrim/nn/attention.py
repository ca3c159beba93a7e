"""Class-agnostic attention over snippets, pooling with it, and its guidance by class activations."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from untrim.nn.pooling import masked_mean

# A Gaussian is cut off here, in standard deviations: 6e-5 of its mass is beyond.
_GAUSSIAN_REACH = 4.0


class AttentionModule(nn.Module):
    """Bottom-up attention (STPN; WSBM, Sec. 3.1), as its logit.

        lambda_t = sigmoid(w_2 relu(W_1 x_t + b_1) + b_2)

    Args:
        dim: Width of the features.
        hidden: Width of the hidden layer.
    """

    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(dim, hidden)
        self.output = nn.Linear(hidden, 1)
        for layer in (self.hidden, self.output):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, features: Tensor) -> Tensor:
        """Logits of the attention, (B, T), of (B, T, D) features."""
        logits: Tensor = self.output(F.relu(self.hidden(features))).squeeze(-1)
        return logits


def attention_pooling(logits: Tensor, mask: Tensor, values: Tensor, *, normalized: bool) -> tuple[Tensor, Tensor]:
    """Foreground and background of each video: values pooled with lambda_t and with 1 - lambda_t (WSBM).

        (1) foreground = 1/T sum_t lambda_t v_t
        (4) background = 1/T sum_t (1 - lambda_t) v_t

    With `normalized`, both are divided by the sum of their weights instead of T. Pooling is linear: pooled class scores
    are the class scores of pooled features.

    Args:
        logits: Of the attention, (..., B, T).
        mask: (B, T), True where there is a snippet.
        values: (..., B, T, C).
        normalized: Whether to divide by the sum of the weights; otherwise by T.

    Returns:
        Foreground and background, each (..., B, C).
    """

    def pool(log_weights: Tensor) -> Tensor:
        # From their logarithms, weights can be divided by their sum however small all of them are.
        log_weights = log_weights.masked_fill(~mask, -torch.inf)
        weights = log_weights.softmax(dim=-1) if normalized else log_weights.exp() / mask.sum(dim=-1, keepdim=True)
        return (weights.unsqueeze(-2) @ values).squeeze(-2)

    return pool(F.logsigmoid(logits)), pool(F.logsigmoid(-logits))


def gaussian_smooth(values: Tensor, mask: Tensor, sigma: float) -> Tensor:
    """Sequences averaged over time with Gaussian weights, which sum to 1 over the snippets inside the video.

    A constant sequence thus stays constant up to the first and the last snippet, and padding has no influence.

    Args:
        values: (..., B, T, C).
        mask: (B, T), True where there is a snippet.
        sigma: Standard deviation in snippets; 0 leaves the values as they are.

    Returns:
        Of the same shape, 0 where there is no snippet.
    """
    real = mask.unsqueeze(-1).to(values.dtype)  # (B, T, 1)
    values = values.masked_fill(~mask.unsqueeze(-1), 0.0)
    if sigma == 0:
        return values
    radius = math.ceil(_GAUSSIAN_REACH * sigma)
    offset = torch.arange(-radius, radius + 1, dtype=values.dtype, device=values.device)
    kernel = (-0.5 * (offset / sigma) ** 2).exp().view(1, 1, -1)

    def weigh(sequences: Tensor) -> Tensor:
        rows = sequences.transpose(-1, -2)  # (..., C, T)
        smooth = F.conv1d(rows.reshape(-1, 1, rows.shape[-1]), kernel, padding=radius)
        return smooth.view(rows.shape).transpose(-1, -2)

    # Each snippet counts for itself with weight 1, so only padding far from any snippet has less.
    return weigh(values) / weigh(real).clamp(min=1) * real


def guidance_targets(
    cas: Tensor, background: Tensor, labels: Tensor, mask: Tensor, sigma: float
) -> tuple[Tensor, Tensor]:
    """Where the foreground is by the classes (WSBM, Eq. 6, Eq. 7, footnote 1); constants for the gradient.

        (6) target_fg = G(sigma) * softmax(w x_t)[y]
        (7) target_bg = G(sigma) * (1 - softmax(w x_t)[0])

    Args:
        cas: Logits of the classes, (..., B, T, C).
        background: Logits of the background, (..., B, T).
        labels: (B, C) in {0, 1}.
        mask: (B, T), True where there is a snippet.
        sigma: Standard deviation of the smoothing Gaussian in snippets.

    Returns:
        target_fg, the smoothed probability of the video's class (the largest where it has several), and target_bg, that
        of anything but the background; each (..., B, T) in [0, 1].
    """
    with torch.no_grad():
        p = torch.cat([background.unsqueeze(-1), cas], dim=-1).softmax(dim=-1)
        p = gaussian_smooth(p, mask, sigma)  # (..., B, T, 1 + C)
        return (p[..., 1:] * labels.unsqueeze(-2)).amax(dim=-1), 1 - p[..., 0]


def guidance_loss(
    attention: Tensor, cas: Tensor, background: Tensor, labels: Tensor, mask: Tensor, sigma: float = 1.0
) -> Tensor:
    """WSBM's self-guided attention loss: the attention should agree with the classes.

        L_guide = 1/T sum_t |lambda_t - target_fg| + |lambda_t - target_bg|

    The mean over videos, with both `guidance_targets`.

    Args:
        attention: lambda in [0, 1], (..., B, T).
        cas: Logits of the classes, (..., B, T, C).
        background: Logits of the background, (..., B, T).
        labels: (B, C) in {0, 1}.
        mask: (B, T), True where there is a snippet.
        sigma: Standard deviation of the smoothing Gaussian in snippets.
    """
    target_fg, target_bg = guidance_targets(cas, background, labels, mask, sigma)
    return masked_mean((attention - target_fg).abs() + (attention - target_bg).abs(), mask).mean()

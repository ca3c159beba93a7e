"""I3D: Inception-v1 whose filters are inflated from squares to cubes; RGB or optical flow in, 1024 features out.

Carreira, Zisserman: Quo vadis, action recognition? A new model and the Kinetics dataset, CVPR 2017 (Fig. 3).
Szegedy et al.: Going deeper with convolutions, CVPR 2015 (the widths).

    part               stride (t, h, w)   (B, C, 16, 224, 224) becomes
    Conv3d_1a_7x7      2, 2, 2            64,    8, 112, 112
    max pool 1x3x3     1, 2, 2            64,    8,  56,  56
    Conv3d_2b, 2c      1                  192,   8,  56,  56
    max pool 1x3x3     1, 2, 2            192,   8,  28,  28
    Mixed_3b, 3c       1                  480,   8,  28,  28
    max pool 3x3x3     2, 2, 2            480,   4,  14,  14
    Mixed_4b … 4f      1                  832,   4,  14,  14
    max pool 2x2x2     2, 2, 2            832,   2,   7,   7
    Mixed_5b, 5c       1                  1024,  2,   7,   7
    mean over 2x7x7    1                  1024,  1,   1,   1    the features
    logits             1                  classes of the data set it was trained on

Modules and parameters carry the names of the PyTorch checkpoints in circulation (``rgb_imagenet.pt`` and its kin),
which are those of the authors' TensorFlow release shortened. Padding is TensorFlow's "SAME"; batch norm has epsilon
1e-3.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from untrim.errors import UntrimError
from untrim.support.tensors import lay_over

FEATURES = 1024

Size3 = tuple[int, int, int]

_FIRST, _LAST = "Conv3d_1a_7x7.conv3d.weight", "logits.conv3d.weight"


def pad_same(x: Tensor, kernel: Size3, stride: Size3) -> Tensor:
    """Pad `x` (B, C, T, H, W) with zeros so that ``ceil(size / stride)`` places come out; an odd one goes behind.

    Max pools may be padded with zeros too: what they see has passed a ReLU, so that zero never wins over a value.
    """
    sides: list[int] = []
    for size, width, step in list(zip(x.shape[2:], kernel, stride, strict=True))[::-1]:
        total = max((math.ceil(size / step) - 1) * step + width - size, 0)
        sides += [total // 2, total - total // 2]
    return F.pad(x, sides)


def max_pool_same(x: Tensor, kernel: Size3, stride: Size3) -> Tensor:
    """Largest values of `x` (B, C, T, H, W), not negative, in windows padded as `pad_same` does."""
    return F.max_pool3d(pad_same(x, kernel, stride), kernel, stride)


class Unit3D(nn.Module):
    """Convolution without bias, batch norm, ReLU. With a stride, the input must be padded before."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 1, stride: int = 1) -> None:
        super().__init__()
        self.conv3d = nn.Conv3d(inputs, outputs, kernel, stride, padding=kernel // 2 if stride == 1 else 0, bias=False)
        self.bn: nn.Module = nn.BatchNorm3d(outputs, eps=1e-3)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, T, H, W) to (B, outputs, T', H', W'), not negative."""
        return F.relu(self.bn(self.conv3d(x)))

    def fuse(self) -> None:
        """Let the convolution do the batch norm's work too: the same values in fewer steps."""
        if isinstance(self.bn, nn.BatchNorm3d):
            self.conv3d, self.bn = fuse_conv_bn_eval(self.conv3d, self.bn), nn.Identity()


class InceptionModule(nn.Module):
    """Four branches side by side: 1x1x1; 1x1x1 then 3x3x3, twice; max pool then 1x1x1.

    Args:
        inputs: Channels that come in.
        widths: Channels of the convolutions, in the order 0, 1a, 1b, 2a, 2b, 3b.
    """

    def __init__(self, inputs: int, *widths: int) -> None:
        super().__init__()
        b0, b1a, b1b, b2a, b2b, b3b = widths
        self.b0 = Unit3D(inputs, b0)
        self.b1a, self.b1b = Unit3D(inputs, b1a), Unit3D(b1a, b1b, 3)
        self.b2a, self.b2b = Unit3D(inputs, b2a), Unit3D(b2a, b2b, 3)
        self.b3b = Unit3D(inputs, b3b)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, T, H, W) to (B, b0 + b1b + b2b + b3b, T, H, W)."""
        pooled = F.max_pool3d(x, 3, stride=1, padding=1)
        return torch.cat([self.b0(x), self.b1b(self.b1a(x)), self.b2b(self.b2a(x)), self.b3b(pooled)], dim=1)


class InceptionI3D(nn.Module):
    """One stream of the network.

    Args:
        channels: 3 for RGB in [-1, 1], 2 for flow (right, down) in [-1, 1].
        classes: Of the data set that it was or will be trained on.
    """

    def __init__(self, channels: int = 3, classes: int = 400) -> None:
        super().__init__()
        self.Conv3d_1a_7x7 = Unit3D(channels, 64, 7, stride=2)
        self.Conv3d_2b_1x1 = Unit3D(64, 64)
        self.Conv3d_2c_3x3 = Unit3D(64, 192, 3)
        self.Mixed_3b = InceptionModule(192, 64, 96, 128, 16, 32, 32)
        self.Mixed_3c = InceptionModule(256, 128, 128, 192, 32, 96, 64)
        self.Mixed_4b = InceptionModule(480, 192, 96, 208, 16, 48, 64)
        self.Mixed_4c = InceptionModule(512, 160, 112, 224, 24, 64, 64)
        self.Mixed_4d = InceptionModule(512, 128, 128, 256, 24, 64, 64)
        self.Mixed_4e = InceptionModule(512, 112, 144, 288, 32, 64, 64)
        self.Mixed_4f = InceptionModule(528, 256, 160, 320, 32, 128, 128)
        self.Mixed_5b = InceptionModule(832, 256, 160, 320, 32, 128, 128)
        self.Mixed_5c = InceptionModule(832, 384, 192, 384, 48, 128, 128)
        self.logits = nn.Sequential(OrderedDict(conv3d=nn.Conv3d(FEATURES, classes, 1)))

    def forward(self, x: Tensor) -> Tensor:
        """Features (B, 1024) of clips (B, channels, T, H, W), the longer clips' averaged over time.

        The mean over windows of 2 x 7 x 7 and then over their places is what the authors' network classifies.
        """
        x = self.Conv3d_1a_7x7(pad_same(x, (7, 7, 7), (2, 2, 2)))
        x = max_pool_same(x, (1, 3, 3), (1, 2, 2))
        x = self.Conv3d_2c_3x3(self.Conv3d_2b_1x1(x))
        x = max_pool_same(x, (1, 3, 3), (1, 2, 2))
        x = self.Mixed_3c(self.Mixed_3b(x))
        x = max_pool_same(x, (3, 3, 3), (2, 2, 2))
        x = self.Mixed_4f(self.Mixed_4e(self.Mixed_4d(self.Mixed_4c(self.Mixed_4b(x)))))
        x = max_pool_same(x, (2, 2, 2), (2, 2, 2))
        x = self.Mixed_5c(self.Mixed_5b(x))  # (B, 1024, T / 8, H / 32, W / 32)
        window = min(2, x.shape[2]), min(7, x.shape[3]), min(7, x.shape[4])
        return F.avg_pool3d(x, window, stride=1).mean((2, 3, 4))

    def classify(self, features: Tensor) -> Tensor:
        """Logits (B, classes) of features (B, 1024)."""
        logits: Tensor = self.logits(features[..., None, None, None])
        return logits.flatten(1)

    def fuse(self) -> InceptionI3D:
        """Fuse all convolutions with their batch norms, for inference; gives the network itself."""
        for module in self.eval().modules():
            if isinstance(module, Unit3D):
                module.fuse()
        return self

    @classmethod
    def from_state(cls, state: Mapping[str, Tensor], channels: int, where: object) -> InceptionI3D:
        """The network with the weights `state`, ready for inference, of as many classes as the weights have.

        Raises:
            UntrimError: The weights are of another network or another stream, or parts are missing.
        """
        if not all(name in state and state[name].ndim == 5 for name in (_FIRST, _LAST)):
            raise UntrimError(
                f"holds no I3D weights: no kernels '{_FIRST}' and '{_LAST}'",
                where=where,
                fix="use the rgb_imagenet.pt layout",
            )
        if state[_FIRST].shape[1] != channels:
            raise UntrimError(
                f"'{_FIRST}' has shape {tuple(state[_FIRST].shape)}, wanted (64, {channels}, 7, 7, 7)",
                where=where,
                fix="RGB networks take 3 channels, flow networks 2",
            )
        network = cls(channels, len(state[_LAST]))
        counts = {name: count for name, count in network.state_dict().items() if name.endswith("num_batches_tracked")}
        lay_over(network, {**counts, **state}, where, "I3D")  # Older PyTorch did not count; nothing depends on it.
        return network.eval()

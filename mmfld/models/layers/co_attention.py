"""Co-attention between features over the x and over the y axis (attentive paper: Yin et al., 2020, Eq. 9 and 10)."""

import torch
from torch import Tensor, nn

LAYOUTS = ('position', 'literal')


class CoAttention(nn.Module):
    """Adds to the features of each axis what they attend to on the other one.

    For channel k with D^x (a, b) and D^y (b, a), and d = b, with W the weights of attention, softmax over rows:

    - W^xy = softmax((D^y)^T P (D^x)^T / sqrt(d)),  W^yx = softmax(D^x Q D^y / sqrt(d))
    - D^x' = D^x + gamma W^yx (D^y)^T,  D^y' = D^y + gamma (W^xy D^x)^T

    P and Q, (b, b), are learned and the same for all channels.

    Args:
        positions (int): Number of positions on an axis.
        rows (int): Number of rows the features keep across the axis.
        gamma (float): Weight of the attended features. Defaults to 0.4.
        layout (str): What a and b are. ``'position'``: a positions and b rows, so that every position of one axis
            attends to all positions of the other. ``'literal'``: a rows and b positions, the matrices of an image as
            the paper draws them; rows then attend to rows. Defaults to ``'position'``.
    """

    def __init__(self, positions: int, rows: int, gamma: float = 0.4, layout: str = 'position'):
        super().__init__()
        if layout not in LAYOUTS:
            raise ValueError(f'unknown layout {layout!r} of co-attention, expected one of {LAYOUTS}')
        self.gamma = gamma
        self.layout = layout
        side = rows if layout == 'position' else positions
        self.P = nn.Parameter(nn.init.xavier_uniform_(torch.empty(side, side)))
        self.Q = nn.Parameter(nn.init.xavier_uniform_(torch.empty(side, side)))

    def forward(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Features over both axes, (B, C, rows, positions) each, to the same."""
        if self.layout == 'position':
            x, y = self.attend(x.mT, y)
            return x.mT, y
        x, y = self.attend(x, y.mT)
        return x, y.mT

    def attend(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Eq. 9 and 10: D^x (..., a, b) and D^y (..., b, a) to the same."""
        scale = self.P.shape[1] ** -0.5
        xy = torch.softmax(y.mT @ self.P @ x.mT * scale, dim=-1)
        yx = torch.softmax(x @ self.Q @ y * scale, dim=-1)
        return x + self.gamma * yx @ y.mT, y + self.gamma * (xy @ x).mT

    def extra_repr(self) -> str:
        return f'gamma={self.gamma}, layout={self.layout!r}'

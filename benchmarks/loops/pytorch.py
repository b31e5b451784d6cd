"""A hand-written PyTorch loop with fused Adam, data resident."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from benchmarks.cases import CHANNELS, LEARNING_RATE, Case, arrays

_ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh}


class _Mean(nn.Module):  # type: ignore[misc]  # torch is optional, and untyped here
    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return inputs.mean(dim=2)


def _network(case: Case) -> nn.Sequential:
    stack: list[nn.Module] = []
    before = CHANNELS
    if case.window == 1:
        stack += [nn.Linear(before, before), nn.ReLU()]
    for layer in case.layers:
        width = int(layer[0])
        linear = case.window == 1
        stack.append(
            nn.Linear(before, width) if linear else nn.Conv1d(before, width, int(layer[1]), padding="same")
        )
        stack.append(_ACTIVATIONS[str(layer[-1])]())
        before = width
    if case.window > 1:
        stack.append(_Mean())
    return nn.Sequential(*stack, nn.Linear(before, case.outputs))


def pytorch(case: Case, steps: int) -> Callable[[], None]:
    """Metrics (mse, mae, sums for rmse and r2) are summed on the device and read once."""
    torch.manual_seed(1)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    data, network = arrays(case), _network(case).to(device)
    signals, starts, targets = (
        torch.from_numpy(each).to(device) for each in (data.signals, data.starts, data.targets)
    )
    optimizer = torch.optim.Adam(network.parameters(), LEARNING_RATE, fused=True)
    offsets = torch.arange(case.window, device=device)
    sums = torch.zeros(3, device=device)

    def step(chosen: torch.Tensor) -> None:
        first = starts[chosen]
        inputs = signals[first] if case.window == 1 else signals[first[:, None] + offsets].transpose(1, 2)
        true = targets[chosen]
        predicted = network(inputs)
        loss = nn.functional.mse_loss(predicted, true)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            error = predicted - true
            sums.add_(torch.stack([loss.detach(), error.abs().mean(), (error**2).sum()]))

    def run() -> None:
        for chosen in torch.randint(len(starts), (steps, case.batch_size), device=device):
            step(chosen)
        sums.cpu()

    return run


LOOPS = {"pytorch, hand-written": pytorch}

"""Time an epoch of `mds_mlp`, `mds_conv` and `vu_imagenette` against a course's loop over a DataLoader.

    python -m benchmarks.vae_images

The images are random: the time does not depend on what they show.
"""

from __future__ import annotations

import tempfile
from itertools import pairwise
from pathlib import Path

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import ToTensor

from benchmarks.timing import HEADING, Timing, compare
from regen.data.catalog import DATASETS
from regen.params import VaeRun, read_params
from regen.training.checkpoint import Checkpoint
from regen.training.device import autocast, place, select_device
from regen.training.loop import fit
from regen.training.schedule import Passes, Schedule
from regen.vae.networks import build_vae
from regen.vae.training import VaeLearner

DIGITS, PHOTOGRAPHS = 55_000, 9_469
"""Images of an epoch; a part of them is timed, and the times are scaled, as each step costs the same."""


def random_images(count: int, shape: tuple[int, ...]) -> Tensor:
    """Return random images (N, C, H, W) uint8."""
    generator = torch.Generator().manual_seed(0)
    return torch.randint(256, (count, *shape), dtype=torch.uint8, generator=generator)


class PlainImages(Dataset[Tensor]):
    """Images as torchvision's data sets hand them on: through PIL and a transform, one by one."""

    def __init__(self, images: Tensor) -> None:
        self.images = images
        self.transform = ToTensor()

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> Tensor:
        array = self.images[index].permute(1, 2, 0).squeeze(2).numpy()
        image: Tensor = self.transform(Image.fromarray(array))
        return image


class PlainMlp(nn.Module):
    """The course's MLP, 784-350-(2 x 20) and 20-350-784."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(784, 350), nn.ReLU(), nn.Linear(350, 40))
        self.decoder = nn.Sequential(
            nn.Linear(20, 350), nn.ReLU(), nn.Linear(350, 784), nn.Unflatten(1, (1, 28, 28))
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return logits, mean and log-variance."""
        mu, logvar = self.encoder(x).chunk(2, dim=1)
        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
        return self.decoder(z), mu, logvar


class PlainConv(PlainMlp):
    """The same with convolutions down to 40x1x1 and transposed ones up from 20x1x1."""

    def __init__(self) -> None:
        super().__init__()
        down = [1, 16, 32, 64, 40]
        blocks = [
            layer
            for inputs, outputs in pairwise(down)
            for layer in (
                nn.Conv2d(inputs, outputs, 3, padding=1),
                nn.BatchNorm2d(outputs),
                nn.ReLU(),
                nn.MaxPool2d(3 if outputs == 40 else 2),
            )
        ]
        self.encoder = nn.Sequential(*blocks, nn.Flatten(), nn.Linear(40, 40))
        self.decoder = nn.Sequential(
            nn.Unflatten(1, (20, 1, 1)),
            *(nn.ConvTranspose2d(20, 64, 4), nn.BatchNorm2d(64), nn.ReLU()),
            *(nn.ConvTranspose2d(64, 32, 4), nn.BatchNorm2d(32), nn.ReLU()),
            *(nn.ConvTranspose2d(32, 16, 4, 2, 1), nn.BatchNorm2d(16), nn.ReLU()),
            nn.ConvTranspose2d(16, 1, 4, 2, 1),
        )


class PlainPhotographs(PlainMlp):
    """Convolutions of photographs down to 256x2x2, and transposed ones up from 1024x1x1."""

    def __init__(self) -> None:
        super().__init__()
        down = [
            layer for i, o in pairwise([3, 32, 64, 128, 256]) for layer in (nn.Conv2d(i, o, 4, 2), nn.ReLU())
        ]
        self.encoder = nn.Sequential(*down, nn.Flatten(), nn.Linear(1024, 64))
        self.decoder = nn.Sequential(
            *(nn.Linear(32, 1024), nn.ReLU(), nn.Unflatten(1, (1024, 1, 1))),
            *(nn.ConvTranspose2d(1024, 128, 5, 2), nn.ReLU()),
            *(nn.ConvTranspose2d(128, 64, 5, 2), nn.ReLU()),
            *(nn.ConvTranspose2d(64, 32, 6, 2), nn.ReLU()),
            nn.ConvTranspose2d(32, 3, 6, 2),
        )


def train_plainly(model: PlainMlp, images: Tensor, run: VaeRun) -> None:
    """Pass once through `images`: a DataLoader, Adam as it comes, the loss read at every step."""
    optimizer = torch.optim.Adam(model.parameters(), lr=run.learning_rate)
    loader = DataLoader(PlainImages(images), batch_size=run.batch_size, shuffle=True)
    total = 0.0
    for x in loader:
        optimizer.zero_grad()
        logits, mu, logvar = model(x)
        reconstruction = F.binary_cross_entropy(torch.sigmoid(logits), x, reduction="sum")
        kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
        loss = (reconstruction + kl) / len(x)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(x)


def time_epoch(name: str, run: VaeRun, plain: PlainMlp, measured: int, target: str) -> Timing:
    """Time an epoch of `run`: shuffling, all steps, the bookkeeping, and a checkpoint."""
    shape = DATASETS[run.data].shape
    epoch = PHOTOGRAPHS if run.data == "imagenette" else DIGITS
    device = select_device("auto", "auto")
    torch.manual_seed(1)
    vae = place(build_vae(run, shape), device)
    sizes = [sum(p.numel() for p in model.parameters()) for model in (vae, plain)]
    assert sizes[0] == sizes[1], f"{name}: not the same networks: {sizes}"
    images = random_images(measured, shape)
    train, valid = images.flatten(1).to(device), images[:10].flatten(1).to(device)
    passes = Passes(train, run.batch_size)
    schedule = Schedule.by_epochs(name, 1, 1, passes.sizes, save_every=1)

    def ours() -> None:
        learner = VaeLearner(vae, run, valid, autocast("auto", device))
        with tempfile.TemporaryDirectory() as folder:
            fit(learner, passes, schedule, Checkpoint(Path(folder)))

    return compare(
        f"`{name}`, one epoch on {epoch:,} images (timed on {measured:,})",
        ours,
        lambda: train_plainly(plain, images, run),
        target=target,
        part=measured / epoch,
        plain_part=measured / epoch,
    )


def measure() -> list[Timing]:
    """Return all timings, with the runs as the paper profile has them."""
    paper = read_params(Path(__file__).parent.parent / "profiles" / "paper.yaml")
    return [
        time_epoch("mds_mlp", paper.vae_run("mds_mlp"), PlainMlp(), 27_500, "ratio 2"),
        time_epoch("mds_conv", paper.vae_run("mds_conv"), PlainConv(), 6_400, "ratio 1.4"),
        time_epoch("vu_imagenette", paper.vae_run("vu_imagenette"), PlainPhotographs(), 640, ""),
    ]


if __name__ == "__main__":
    print("\n".join([HEADING, *(timing.row() for timing in measure())]))

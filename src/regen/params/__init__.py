"""What `params.yaml` may say: typed, validated, one clear line for each mistake.

The values themselves live in `params.yaml` and `profiles/`; nothing here or elsewhere has a second set of
defaults. `params.schema.json` is the schema, exported for editors by `make schema`.
"""

from regen.params.base import TAKEN, DatasetName, RunName, Section, Seed
from regen.params.data import Data
from regen.params.dirac import Dirac
from regen.params.figures import FigureFiles, Figures, Interpolation
from regen.params.gan import DcganRun, GanRun, MlpRun, ResidualRun
from regen.params.layers import Conv
from regen.params.likelihood import Likelihood
from regen.params.mistakes import suggest
from regen.params.planar import Flow
from regen.params.realnvp import RealNvpRun
from regen.params.score import Classifier, Score
from regen.params.theory import Theory
from regen.params.training import Training
from regen.params.vae import VaeRun
from regen.params.whole import COPY, FAMILIES, Params, read_params

__all__ = [
    "COPY",
    "FAMILIES",
    "TAKEN",
    "Classifier",
    "Conv",
    "Data",
    "DatasetName",
    "DcganRun",
    "Dirac",
    "FigureFiles",
    "Figures",
    "Flow",
    "GanRun",
    "Interpolation",
    "Likelihood",
    "MlpRun",
    "Params",
    "RealNvpRun",
    "ResidualRun",
    "RunName",
    "Score",
    "Section",
    "Seed",
    "Theory",
    "Training",
    "VaeRun",
    "read_params",
    "suggest",
]

"""Schema of `params.yaml`: typed, validated, with a one-line message for each mistake.

The values are in `params.yaml` and `profiles/`; there is no second set of defaults in the code.
`params.schema.json` is the schema for editors, exported by `make schema`.
"""

from regen.params.attention import Translation, TranslatorRun
from regen.params.base import TAKEN, DatasetName, RunName, Section, Seed
from regen.params.corruptions import Corruptions
from regen.params.data import Data
from regen.params.depth import Depth
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
from regen.params.whole import COPY, FAMILIES, IMAGE_FAMILIES, Params, read_params

__all__ = [
    "COPY",
    "FAMILIES",
    "IMAGE_FAMILIES",
    "TAKEN",
    "Classifier",
    "Conv",
    "Corruptions",
    "Data",
    "DatasetName",
    "DcganRun",
    "Depth",
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
    "Translation",
    "TranslatorRun",
    "VaeRun",
    "read_params",
    "suggest",
]

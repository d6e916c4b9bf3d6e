"""The sections of `params.yaml`: what each key may hold, and what it is for."""

from regen.sections.base import TAKEN, Data, DatasetName, Figures, RunName, Section, Seed, Training
from regen.sections.dirac import Dirac
from regen.sections.flow import Flow, RealNvpRun
from regen.sections.gan import GanRun
from regen.sections.layers import Conv
from regen.sections.score import Classifier, Score
from regen.sections.vae import Likelihood, Theory, VaeRun

__all__ = [
    "TAKEN",
    "Classifier",
    "Conv",
    "Data",
    "DatasetName",
    "Dirac",
    "Figures",
    "Flow",
    "GanRun",
    "Likelihood",
    "RealNvpRun",
    "RunName",
    "Score",
    "Section",
    "Seed",
    "Theory",
    "Training",
    "VaeRun",
]

"""The sections of `params.yaml`: what each key may hold, and what it is for."""

from regen.sections.base import TAKEN, Data, Figures, RunName, Section, Seed, Training
from regen.sections.dirac import Dirac
from regen.sections.flow import Flow, RealNvpRun
from regen.sections.layers import Conv
from regen.sections.vae import Likelihood, Theory, VaeRun

__all__ = [
    "TAKEN",
    "Conv",
    "Data",
    "Dirac",
    "Figures",
    "Flow",
    "Likelihood",
    "RealNvpRun",
    "RunName",
    "Section",
    "Seed",
    "Theory",
    "Training",
    "VaeRun",
]

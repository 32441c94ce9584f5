"""Three patients whose events and amounts were computed by hand."""

from __future__ import annotations

from typing import Final

from sim.analyses.verify.by_hand.crs import PATIENT as CRS
from sim.analyses.verify.by_hand.refractory import PATIENT as REFRACTORY
from sim.analyses.verify.by_hand.scripted import HandPatient
from sim.analyses.verify.by_hand.transplanted import PATIENT as TRANSPLANTED

PATIENTS: Final[tuple[HandPatient, ...]] = (TRANSPLANTED, REFRACTORY, CRS)

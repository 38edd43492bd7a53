"""The golden file of each family: its case with the rows of this family only, as an LP file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from optimizer.model.build import Model
from optimizer.model.constraints import FAMILIES
from optimizer.model.export import write_lp
from optimizer.model.formulation import Formulation
from optimizer.model.linear_model import assemble
from optimizer.model.objective import objective
from tests.model.every_case import CASES

GOLDEN = Path(__file__).parent.parent / "golden" / "model"


def family_model(family: str) -> Model:
    model = CASES[family].model()
    formulation = Formulation.of(model.tables, model.scenario, 0, model.stages)
    linear = assemble(formulation.variables.blocks, [FAMILIES[family](formulation)], objective(formulation))
    return replace(model, linear=linear)


def family_lp(family: str, folder: Path) -> str:
    path = folder / f"{family}.lp"
    write_lp(family_model(family), path)
    return path.read_text(encoding="utf-8")

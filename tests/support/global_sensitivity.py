"""Sobol indices and elementary effects of a function over the unit cube."""

from sim.analyses.morris.result import morris_effects, morris_points
from sim.analyses.sobol.analysis import sobol_indices, sobol_points


def sobol_of(model, coordinates, groups=None, *, draws, seed):
    points = sobol_points(coordinates, groups, draws=draws, seed=seed)
    return sobol_indices(coordinates, groups, model(points), seed=seed)


def morris_of(model, coordinates, groups=None, *, trajectories, seed):
    points = morris_points(coordinates, groups, trajectories=trajectories, seed=seed)
    return morris_effects(coordinates, groups, points, model(points), seed=seed)

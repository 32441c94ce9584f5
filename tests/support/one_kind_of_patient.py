"""A population without variety, for models that follow a group of like patients."""

AGE_YEARS = 45.0
ONE_KIND = {
    "population.age_minimum_years": AGE_YEARS,
    "population.age_median_years": AGE_YEARS,
    "population.age_maximum_years": AGE_YEARS,
    "population.male_probability": 1.0,
    "population.prior_hct_probability": 0.0,
    "population.kmt2a_probability": 0.0,
    "population.high_blasts_probability": 0.0,
    "population.cns_probability": 0.0,
    "population.extramedullary_probability": 0.0,
    "population.primary_refractory_probability": 0.0,
    # A first remission of two years, give or take a millionth: nobody relapsed early.
    "population.first_remission_median_months": 24.0,
    "population.first_remission_sigma": 1e-6,
}
HORIZON_DAYS = 3640.0
SURVIVOR_DAYS = 728.0
SIMPLE = {
    "horizon_years": HORIZON_DAYS / 365.25,
    "parameters": ONE_KIND | {"survivor.threshold_years": SURVIVOR_DAYS / 365.25},
    "switches": {
        "toxicity": False,
        "transplant": False,
        "background_mortality": False,
        "utility_age_cap": False,
    },
    "strategies": [
        {"name": name, "sequence": [name], "then": "supportive_care"}
        for name in ("salvage_chemotherapy", "blinatumomab")
    ],
}
"""One line and nothing after it; horizon and survivorship in whole cycles of 28 days."""

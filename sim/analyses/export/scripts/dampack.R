# Cost-effectiveness plane, acceptability curves, EVPI and EVPPI with the package dampack.
# install.packages("dampack"), then in this folder: Rscript dampack.R

source("draws.R")
library(dampack)

# The package changes names by make.names; this keeps both sides the same.
names(parameters) <- make.names(names(parameters), unique = TRUE)
psa <- make_psa_obj(
  cost = as.data.frame(costs), effectiveness = as.data.frame(effects),
  parameters = parameters, strategies = make.names(strategies, unique = TRUE), currency = currency
)

means <- summary(psa)
print(calculate_icers(means$meanCost, means$meanEffect, means$Strategy))
plot(psa)
plot(ceac(wtp = k, psa))
evpi <- calc_evpi(psa, wtp = k)
plot(evpi, effect_units = "QALY")

evppi_of <- function(name) {
  found <- calc_evppi(psa,
    wtp = evppi_at, params = name, outcome = "nmb", type = "gam", k = 5, progress = FALSE
  )
  found[[1]][1, 2]
}
values <- sort(sapply(names(parameters), evppi_of), decreasing = TRUE)
cat("\nEVPPI per patient at", round(evppi_at), "per QALY, the first 20 parameters\n")
print(head(data.frame(evppi = values), 20))

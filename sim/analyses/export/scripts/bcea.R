# Cost-effectiveness plane, acceptability curves, EVPI and EVPPI with the package BCEA.
# install.packages("BCEA"), then in this folder: Rscript bcea.R

source("draws.R")
library(BCEA)

# Matrices, and a grid of thresholds: that of the package ends at 50,000.
outcome <- bcea(effects, costs, ref = comparator, interventions = strategies, k = k)
summary(outcome, wtp = k[which.min(abs(k - evppi_at))])

ceplane.plot(outcome, wtp = evppi_at)
# Of several strategies, the probability that each is the best of all.
curves <- if (length(strategies) > 2) multi.ce(outcome) else outcome
ceac.plot(curves)
evi.plot(outcome)

evppi_of <- function(name) {
  found <- evppi(outcome, param_idx = name, input = parameters)
  found$evppi[match(evppi_at, outcome$k)]
}
values <- sort(sapply(names(parameters), evppi_of), decreasing = TRUE)
cat("\nEVPPI per patient at", round(evppi_at), "per QALY, the first 20 parameters\n")
print(head(data.frame(evppi = values), 20))

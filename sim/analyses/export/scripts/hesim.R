# Cost-effectiveness plane, acceptability curves and EVPI with the package hesim, from long tables.
# install.packages("hesim"), then in this folder: Rscript hesim.R
# The package has no EVPPI: here it is a regression with mgcv, which comes with R.

source("draws.R")
library(hesim)

long <- read.csv("hesim.csv", colClasses = c(strategy = "character"))
# The order of the scenario, not that of the alphabet.
long$strategy <- factor(long$strategy, levels = strategies)

all <- cea(long, k = k, sample = "sample", strategy = "strategy", grp = "grp", e = "qalys", c = "costs")
pairs <- cea_pw(long,
  k = k, comparator = strategies[comparator],
  sample = "sample", strategy = "strategy", grp = "grp", e = "qalys", c = "costs"
)
print(all$summary)
print(pairs$summary)
print(plot_ceplane(pairs))
print(plot_ceac(all))
print(plot_evpi(all))

information <- function(benefits) mean(apply(benefits, 1, max)) - max(colMeans(benefits))
evppi_of <- function(x) {
  benefits <- evppi_at * effects - costs
  gains <- benefits[, -comparator, drop = FALSE] - benefits[, comparator]
  information(cbind(0, apply(gains, 2, function(y) fitted(mgcv::gam(y ~ s(x, k = 5))))))
}
values <- sort(sapply(parameters, evppi_of), decreasing = TRUE)
cat("\nEVPPI per patient at", round(evppi_at), "per QALY, the first 20 parameters\n")
print(head(data.frame(evppi = values), 20))

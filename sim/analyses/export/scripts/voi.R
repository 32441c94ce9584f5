# EVPI and EVPPI with the package voi; it draws no plane and no acceptability curves, so these are
# in base R. install.packages("voi"), then in this folder: Rscript voi.R

source("draws.R")
library(voi)

colours <- hcl.colors(length(strategies), "Dark 3")
more_effects <- effects - effects[, comparator]
more_costs <- costs - costs[, comparator]
matplot(more_effects[, -comparator], more_costs[, -comparator],
  pch = 20, cex = 0.4, col = colours[-comparator],
  main = paste("Difference from", strategies[comparator]),
  xlab = "QALYs", ylab = paste("Cost,", currency)
)
abline(h = 0, v = 0, col = "grey")

acceptability <- t(sapply(k, function(threshold) {
  benefits <- threshold * effects - costs
  best <- benefits == apply(benefits, 1, max)
  colMeans(best / rowSums(best))
}))
matplot(k, acceptability,
  type = "l", lty = 1, lwd = 2, col = colours, ylim = c(0, 1), main = "Acceptability",
  xlab = paste("Threshold,", currency, "per QALY"), ylab = "Probability of the most net benefit"
)
legend("right", strategies, lty = 1, lwd = 2, col = colours, bty = "n")

outputs <- list(e = as.data.frame(effects), c = as.data.frame(costs), k = k)
known <- evpi(outputs)
plot(known$k, known$evpi,
  type = "l", lwd = 2, main = "EVPI, with the Monte Carlo noise of the draws",
  xlab = paste("Threshold,", currency, "per QALY"), ylab = paste(currency, "per patient")
)

outputs$k <- evppi_at
values <- evppi(outputs, parameters, pars = as.list(names(parameters)))
cat("\nEVPPI per patient at", round(evppi_at), "per QALY, the first 20 parameters\n")
print(head(values[order(-values$evppi), ], 20))

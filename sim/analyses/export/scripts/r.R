# Cost-effectiveness plane, acceptability curves, EVPI and EVPPI in base R, with the regression of
# mgcv, which comes with R. Run it in this folder: Rscript r.R

source("draws.R")
library(mgcv)

net_benefits <- function(threshold) threshold * effects - costs
information <- function(benefits) mean(apply(benefits, 1, max)) - max(colMeans(benefits))
colours <- hcl.colors(length(strategies), "Dark 3")

# Cost-effectiveness plane: every strategy minus the comparator.
more_effects <- effects - effects[, comparator]
more_costs <- costs - costs[, comparator]
shown <- seq_along(strategies)[-comparator]
plot(range(0, more_effects), range(0, more_costs),
  type = "n", main = paste("Difference from", strategies[comparator]),
  xlab = "QALYs", ylab = paste("Cost,", currency)
)
abline(h = 0, v = 0, col = "grey")
for (s in shown) points(more_effects[, s], more_costs[, s], pch = 20, cex = 0.4, col = colours[s])
legend("topleft", strategies[shown], pch = 20, col = colours[shown], bty = "n")

# Acceptability: a draw in which several strategies have the most net benefit is shared equally.
acceptability <- t(sapply(k, function(threshold) {
  benefits <- net_benefits(threshold)
  best <- benefits == apply(benefits, 1, max)
  colMeans(best / rowSums(best))
}))
matplot(k, acceptability,
  type = "l", lty = 1, lwd = 2, col = colours, ylim = c(0, 1), main = "Acceptability",
  xlab = paste("Threshold,", currency, "per QALY"), ylab = "Probability of the most net benefit"
)
legend("right", strategies, lty = 1, lwd = 2, col = colours, bty = "n")

evpi <- sapply(k, function(threshold) information(net_benefits(threshold)))
plot(k, evpi,
  type = "l", lwd = 2, main = "EVPI, with the Monte Carlo noise of the draws",
  xlab = paste("Threshold,", currency, "per QALY"), ylab = paste(currency, "per patient")
)

# EVPPI of each parameter where information is worth most: what a smooth regression on it tells of net benefit.
evppi_of <- function(x, threshold) {
  benefits <- net_benefits(threshold)
  gains <- benefits[, -comparator, drop = FALSE] - benefits[, comparator]
  information(cbind(0, apply(gains, 2, function(y) fitted(gam(y ~ s(x, k = 5))))))
}
evppi <- sapply(parameters, evppi_of, threshold = evppi_at)
evppi <- sort(evppi, decreasing = TRUE)

shown <- unique(c(thresholds, evppi_at))
at <- match(shown, k)
cat("\nProbability of the most net benefit, by threshold\n")
print(data.frame(threshold = shown, acceptability[at, , drop = FALSE], check.names = FALSE))
cat("\nEVPI per patient, by threshold\n")
print(data.frame(threshold = shown, evpi = evpi[at]))
cat("\nEVPPI per patient at", round(evppi_at), "per QALY, the first 20 parameters\n")
print(head(data.frame(evppi), 20))

# Reads the draws of the probabilistic analysis. The other script of this folder sources it.
#
# parameters.csv, costs.csv and effects.csv hold one row a draw in the same order; costs and effects
# one column a strategy, absolute and discounted. columns.csv explains the columns.

read_draws <- function(file) {
  read.csv(file, check.names = FALSE, colClasses = "numeric", quote = "\"")
}

parameters <- read_draws("parameters.csv")
costs <- as.matrix(read_draws("costs.csv"))
effects <- as.matrix(read_draws("effects.csv"))
stopifnot(
  nrow(costs) == nrow(effects),
  nrow(costs) == nrow(parameters),
  identical(colnames(costs), colnames(effects)),
  !anyNA(parameters), !anyNA(costs), !anyNA(effects)
)

settings <- read.csv("settings.csv", colClasses = "character")
setting <- function(name) settings$value[settings$setting == name]

strategies <- colnames(costs)
# A double: BCEA takes no integer.
comparator <- as.numeric(match(setting("comparator"), strategies))
currency <- setting("currency")
thresholds <- as.numeric(setting("threshold"))
# EVPPI is given where information is worth most.
evppi_at <- as.numeric(setting("evppi_threshold"))
# Curves go on to where the choice changes, not only to the customary thresholds.
k <- sort(unique(c(
  seq(0, as.numeric(setting("highest_threshold")), length.out = 101), thresholds, evppi_at
)))

if (!interactive()) pdf("figures.pdf", width = 8, height = 6)

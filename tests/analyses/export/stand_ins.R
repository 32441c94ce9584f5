# Stand-ins for BCEA, dampack, voi and hesim, with the names and arguments of their references: a script
# that runs with them calls functions that there are, with arguments that they have. Values are those
# that a reader of the references expects in the same place, from sums over the draws.

library <- function(package, ...) invisible(NULL)
informed <- function(nb) mean(apply(nb, 1, max)) - max(colMeans(nb))
told <- function(text) cat("called", text, "\n")

# BCEA: bcea needs matrices, and stops at 50,000 without a grid.
bcea <- function(eff, cost, ref = 1, interventions = NULL, .comparison = NULL, Kmax = 50000, k = NULL,
                 plot = FALSE, ...) {
  stopifnot(is.matrix(eff), is.matrix(cost), ref %in% seq_len(ncol(eff)), length(k) > 1, is.double(ref))
  told("bcea")
  structure(list(e = eff, c = cost, k = k, ref = ref, names = interventions), class = "bcea")
}
summary.bcea <- function(object, wtp = 25000, ...) {
  stopifnot(wtp %in% object$k)
  told("summary.bcea")
}
multi.ce <- function(he) {
  told("multi.ce")
  he
}
ceplane.plot <- function(he, comparison = NULL, wtp = 25000, ...) told("ceplane.plot")
ceac.plot <- function(he, comparison = NULL, ...) told("ceac.plot")
evi.plot <- function(he, ...) told("evi.plot")

# dampack: names go through make.names, whether asked or not.
make_psa_obj <- function(cost, effectiveness, parameters = NULL, strategies = NULL, currency = "$",
                         other_outcome = NULL) {
  stopifnot(is.data.frame(cost), is.data.frame(effectiveness), is.data.frame(parameters))
  told("make_psa_obj")
  names(cost) <- names(effectiveness) <- make.names(strategies)
  structure(list(cost = cost, effectiveness = effectiveness, parameters = parameters,
    strategies = make.names(strategies)), class = "psa")
}
summary.psa <- function(object, calc_sds = FALSE, ...) {
  data.frame(Strategy = object$strategies, meanCost = colMeans(object$cost),
    meanEffect = colMeans(object$effectiveness))
}
plot.psa <- function(x, ...) told("plot.psa")
calculate_icers <- function(cost, effect, strategies) data.frame(strategies, cost, effect)
ceac <- function(wtp, psa) structure(list(wtp), class = "ceac")
plot.ceac <- function(x, ...) told("plot.ceac")
calc_evpi <- function(psa, wtp, pop = 1) structure(list(wtp), class = "evpi")
plot.evpi <- function(x, txtsize = 12, currency = "$", effect_units = "QALY", ...) told("plot.evpi")
calc_evppi <- function(psa, wtp, params = NULL, outcome = c("nmb", "nhb"), type = c("gam", "poly"),
                       poly.order = 2, k = -1, pop = 1, progress = TRUE) {
  stopifnot(params %in% names(psa$parameters))
  list(data.frame(WTP = wtp, EVPPI = informed(wtp * as.matrix(psa$effectiveness) - as.matrix(psa$cost))))
}

# voi, and the evppi of BCEA, which has the same name.
evpi <- function(outputs, nsim = NULL) {
  stopifnot(is.data.frame(outputs$e), is.data.frame(outputs$c))
  told("evpi")
  value <- sapply(outputs$k, function(k) informed(as.matrix(k * outputs$e - outputs$c)))
  data.frame(k = outputs$k, evpi = value)
}
evppi <- function(outputs, inputs, pars = NULL, method = NULL, nsim = NULL, ..., he, param_idx, input) {
  UseMethod("evppi")
}
evppi.bcea <- function(he, param_idx, input, N = NULL, plot = FALSE, residual = TRUE, ...) {
  stopifnot(param_idx %in% names(input))
  list(evppi = sapply(he$k, function(k) informed(k * he$e - he$c)), k = he$k)
}
evppi.default <- function(outputs, inputs, pars = NULL, method = NULL, nsim = NULL, ...) {
  stopifnot(is.list(pars), unlist(pars) %in% names(inputs), length(outputs$k) == 1)
  told("evppi")
  value <- informed(as.matrix(outputs$k * outputs$e - outputs$c))
  data.frame(pars = unlist(pars), k = outputs$k, evppi = value)
}

# hesim: long tables.
cea <- function(x, k = seq(0, 2e5, 500), sample, strategy, grp = NULL, e, c, ...) {
  stopifnot(c(sample, strategy, grp, e, c) %in% names(x))
  told("cea")
  list(summary = aggregate(x[c(e, c)], x[strategy], mean))
}
cea_pw <- function(x, k = seq(0, 2e5, 500), comparator, sample, strategy, grp = NULL, e, c, ...) {
  stopifnot(comparator %in% x[[strategy]])
  told("cea_pw")
  list(summary = comparator)
}
plot_ceplane <- function(x, k = 50000, labels = NULL) "plot_ceplane"
plot_ceac <- function(x, labels = NULL) "plot_ceac"
plot_evpi <- function(x, labels = NULL) "plot_evpi"

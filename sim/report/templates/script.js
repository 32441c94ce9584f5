"use strict";
(() => {
  // Discounted or not: without a script both are shown.
  for (const group of document.querySelectorAll("[data-choice]")) {
    const panels = [...group.parentElement.querySelectorAll("[data-kind]")];
    const buttons = [...group.querySelectorAll("button")];
    const show = (kind) => {
      for (const panel of panels) panel.classList.toggle("unchosen", panel.dataset.kind !== kind);
      for (const button of buttons) button.setAttribute("aria-pressed", String(button.dataset.show === kind));
    };
    group.classList.add("ready");
    for (const button of buttons) button.addEventListener("click", () => show(button.dataset.show));
    show(buttons[0].dataset.show);
  }

  const table = document.getElementById("inputs-table");
  const body = table.tBodies[0];
  const rows = [...body.rows];
  const find = document.getElementById("find-input");
  const found = document.getElementById("found-inputs");
  const all = document.getElementById("all-inputs");
  const few = 25;
  const boxes = [...document.querySelectorAll(".filter input[type=checkbox]")];
  const texts = new Map(rows.map((row) => [row, row.textContent.toLowerCase()]));

  const filter = () => {
    const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
    const statuses = new Set(boxes.filter((box) => box.checked).map((box) => box.value));
    let shown = 0;
    for (const row of rows) {
      const fits = statuses.has(row.dataset.status) && words.every((word) => texts.get(row).includes(word));
      row.hidden = !fits;
      shown += fits ? 1 : 0;
    }
    found.textContent = `${shown} of ${rows.length} fit`;
    shorten();
  };
  // A long table at first shows its beginning only; on paper it is whole.
  let isWhole = false;
  const shorten = () => {
    const fitting = [...body.rows].filter((row) => !row.hidden);
    fitting.forEach((row, place) => row.classList.toggle("beyond", !isWhole && place >= few));
    all.hidden = isWhole || fitting.length <= few;
    all.textContent = `Show all ${fitting.length}`;
  };
  all.addEventListener("click", () => { isWhole = true; shorten(); });
  find.form.addEventListener("submit", (event) => event.preventDefault());
  find.addEventListener("input", filter);
  for (const box of boxes) box.addEventListener("change", filter);
  filter();

  const cellText = (row, column) => {
    const summary = row.cells[column].querySelector("summary");
    return (summary || row.cells[column]).textContent.trim();
  };
  const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });
  for (const button of table.querySelectorAll("thead button")) {
    button.addEventListener("click", () => {
      const heading = button.closest("th");
      const column = heading.cellIndex;
      const rising = heading.getAttribute("aria-sort") !== "ascending";
      for (const other of table.querySelectorAll("thead [aria-sort]")) other.setAttribute("aria-sort", "none");
      heading.setAttribute("aria-sort", rising ? "ascending" : "descending");
      const value = (row) => Number(row.cells[column].dataset.value);
      const order = button.dataset.sort === "number"
        ? (a, b) => value(a) - value(b)
        : (a, b) => collator.compare(cellText(a, column), cellText(b, column));
      rows.sort((a, b) => (rising ? order(a, b) : order(b, a)));
      body.append(...rows);
      shorten();
    });
  }

  // Other prices and thresholds: lines through the numbers of the base case.
  const sliders = document.getElementById("slider-data");
  if (sliders) {
    const data = JSON.parse(sliders.textContent);
    const at = (id) => document.getElementById(id);
    const fields = [...document.querySelectorAll("#sliders .slider")];
    const sign = (value) => (value < 0 ? "\u2212" : "");
    const digits = (value, places) => value.toLocaleString("en", { minimumFractionDigits: places, maximumFractionDigits: places });
    const money = (value) => `${sign(Math.round(value))}${data.symbol}${digits(Math.abs(Math.round(value)), 0)}`;
    const through = ([a, b, c], t) => (1 - t) * (2 - t) / 2 * a + t * (2 - t) * b + t * (t - 1) / 2 * c;
    const between = (xs, ys, x) => {
      const i = xs.findIndex((each) => each >= x);
      if (i <= 0) return i < 0 ? null : ys[0];
      return ys[i - 1] + (ys[i] - ys[i - 1]) * (x - xs[i - 1]) / (xs[i] - xs[i - 1]);
    };
    const show = () => {
      const values = fields.map((each) => each.querySelector("input[type=number]").valueAsNumber);
      if (values.some(Number.isNaN)) return;
      const [price, threshold, ...costs] = values;
      const line = data.strategies[at("slider-strategy") ? at("slider-strategy").selectedIndex : 0];
      const t = price / line.price[1];
      let cost = line.cost[0] + t * (line.cost[1] - line.cost[0]);
      let variance = Math.max(through(line.cost_se.map((each) => each * each), t), 0);
      const covariance = line.covariance[0] + t * (line.covariance[1] - line.covariance[0]);
      let same = true;
      data.slopes.forEach((slope, i) => {
        const moved = costs[i] - slope.base;
        if (moved === 0) return;
        same = false;
        cost += slope.per * moved;
        variance += (slope.se * moved) ** 2;
      });
      const { qalys, qalys_se } = line;
      const benefit = threshold * qalys - cost;
      const error = Math.sqrt(Math.max((threshold * qalys_se) ** 2 + variance - 2 * threshold * covariance, 0));
      const ratio = cost / qalys;
      const ratioError = Math.sqrt(Math.max(variance - 2 * ratio * covariance + (ratio * qalys_se) ** 2, 0)) / Math.abs(qalys);
      at("slider-cost").textContent = `${money(cost)} (${digits(Math.sqrt(variance), 0)})`;
      at("slider-qalys").textContent = `${sign(qalys)}${digits(Math.abs(qalys), 3)} (${digits(qalys_se, 3)})`;
      at("slider-ratio").textContent = qalys > 0 && cost > 0 ? `${money(ratio)} (${digits(ratioError, 0)})` : cost <= 0 && qalys >= 0 ? "better and cheaper" : "no cost of a gain";
      at("slider-benefit").textContent = `${money(benefit)} (${digits(error, 0)})`;
      at("slider-worth").textContent = money(threshold);
      at("slider-verdict").textContent = Math.abs(benefit) <= data.z * error ? "within the noise of the simulation" : benefit > 0 ? "worth it" : "not worth it";
      data.thresholds.forEach((_, i) => {
        const share = same ? between(line.prices, line.probability[i], price) : null;
        at(`slider-chance-${i}`).textContent = share === null ? "\u2013" : `${digits(100 * share, 1)} %`;
      });
    };
    for (const each of fields) {
      const [range, field] = each.querySelectorAll("input");
      range.addEventListener("input", () => { field.value = range.value; show(); });
      field.addEventListener("input", () => { range.value = field.value; show(); });
    }
    if (at("slider-strategy")) at("slider-strategy").addEventListener("change", show);
    at("slider-reset").addEventListener("click", () => {
      for (const each of fields) for (const input of each.querySelectorAll("input")) input.value = input.defaultValue;
      show();
    });
    at("slider-panel").hidden = false;
    show();
  }

  // A long list of contents would fill a phone's first screen.
  if (window.matchMedia("(max-width: 60rem)").matches) document.getElementById("contents").open = false;
  // On paper nothing can be opened: everything is.
  const closed = () => [...document.querySelectorAll("details:not([open])")];
  let opened = [];
  window.addEventListener("beforeprint", () => {
    opened = closed();
    for (const each of opened) each.open = true;
  });
  window.addEventListener("afterprint", () => { for (const each of opened) each.open = false; });
})();

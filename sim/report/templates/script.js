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

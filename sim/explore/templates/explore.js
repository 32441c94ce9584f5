"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const at = (id) => document.getElementById(id);
  const controls = [...document.querySelectorAll("[data-control]")];
  const lists = [...document.querySelectorAll("[data-choice-of]")];
  const PAUSE = 350, JOBS = 500, SUPERSEDED = 204;
  const PAGE = crypto.getRandomValues(new Uint32Array(1))[0];
  let state = {}, number = 0, busy = false, again = false, timer = 0;

  // Requests --------------------------------------------------------------------------------------

  async function request(path, content) {
    const answer = await fetch(path, {
      method: "POST",
      headers: { "content-type": "application/json", "x-token": data.token },
      body: JSON.stringify({ ...content, page: PAGE }),
    });
    if (answer.status === SUPERSEDED) throw Object.assign(new Error(), { status: SUPERSEDED });
    if (!answer.ok) {
      const text = await answer.json().then((found) => found.problem, () => answer.statusText);
      throw Object.assign(new Error(text), { status: answer.status });
    }
    return answer;
  }

  // What was moved --------------------------------------------------------------------------------

  function clone(value) { return JSON.parse(JSON.stringify(value)); }

  function merge(into, changes) {
    for (const [key, value] of Object.entries(changes)) {
      if (value !== null && typeof value === "object" && !Array.isArray(value)) {
        into[key] = merge({ ...(into[key] ?? {}) }, value);
      } else into[key] = value;
    }
    return into;
  }

  function read() {
    const found = {}, parameters = {};
    for (const control of controls) {
      const field = control.querySelector("input[type=number]");
      const name = control.dataset.control, base = data.sliders[name].base;
      const moved = field.value !== "" && field.valueAsNumber !== base;
      control.classList.toggle("moved", moved);
      control.querySelector(".reset").hidden = !moved;
      if (!moved) continue;
      if (name === "threshold") found.thresholds = [field.valueAsNumber];
      else parameters[name] = field.valueAsNumber;
    }
    if (Object.keys(parameters).length) found.parameters = parameters;
    for (const list of lists) merge(found, data.choices[list.dataset.choiceOf][Number(list.value)]);
    return found;
  }

  function put(found) {
    for (const control of controls) {
      const name = control.dataset.control;
      const value = name === "threshold" ? found.thresholds?.[0] : found.parameters?.[name];
      set(control, value ?? data.sliders[name].base);
    }
    for (const list of lists) {
      const options = data.choices[list.dataset.choiceOf];
      const made = options.findIndex((changes, i) => i > 0 && holds(found, changes));
      list.value = String(Math.max(made, 0));
    }
  }

  function holds(found, changes) {
    return Object.entries(changes).every(([key, value]) =>
      value !== null && typeof value === "object"
        ? found[key] !== undefined && holds(found[key], value)
        : found[key] === value);
  }

  function set(control, value) {
    for (const field of control.querySelectorAll("input")) field.value = String(value);
  }

  function rounded(field) {
    const step = Number(field.dataset.step), least = Number(field.min), most = Number(field.max);
    const value = Math.round(field.valueAsNumber / step) * step;
    return Math.min(Math.max(Number(value.toPrecision(10)), least), most);
  }

  // The answer ------------------------------------------------------------------------------------

  function say(text, kind) {
    at("state").textContent = text;
    at("state").className = `state ${kind}`;
  }

  function move() {
    state = read();
    at("reset").disabled = Object.keys(state).length === 0;
    const hash = Object.keys(state).length ? `#${encodeURIComponent(JSON.stringify(state))}` : "";
    history.replaceState(null, "", location.pathname + location.search + hash);
    want();
    for (const id of ["answer", "strip"]) at(id).classList.add("old");
    for (const figure of document.querySelectorAll(".figures figure")) figure.classList.add("stale");
    at("lives").classList.add("old");
    if (busy) again = true; else quick();
  }

  function want() {
    number += 1;
    document.body.dataset.exact = "false";
    document.body.dataset.wanted = String(number);
  }

  async function quick() {
    busy = true;
    clearTimeout(timer);
    do {
      again = false;
      await show(false);
    } while (again);
    busy = false;
    timer = setTimeout(rest, PAUSE);
  }

  async function show(exact) {
    const of = number, shown = clone(state);
    try {
      const answer = await request("/answer", { state: shown, number: of, exact });
      const found = await answer.json();
      // Never an older answer than what was moved last.
      if (of !== number) return false;
      const open = at("answer").querySelector("details")?.open;
      at("answer").innerHTML = found.html;
      if (open) at("answer").querySelector("details").open = true;
      at("answer").classList.remove("old");
      document.body.dataset.shown = String(of);
      document.body.dataset.exact = String(found.exact);
      listChanges(found.changes);
      strip();
      say(found.exact ? `All ${data.patients.toLocaleString("en")} patients.`
        : `Quick answer of few patients; the exact one of ${data.patients.toLocaleString("en")} follows.`,
        found.exact ? "" : "quick");
      return true;
    } catch (problem) {
      if (of === number && problem.status !== SUPERSEDED) say(problem.message, "problem");
      return false;
    }
  }

  async function rest() {
    const of = number;
    await draw(of);
    if (of !== number || document.body.dataset.exact === "true") return;
    if (await show(true) && of === number) {
      for (const figure of document.querySelectorAll(".figures figure")) figure.classList.add("stale");
      await draw(of);
    }
  }

  function frames(figures) {
    const place = at("figures");
    const names = figures.map((each) => each.name);
    for (const old of [...place.children]) if (!names.includes(old.dataset.name)) old.remove();
    for (const [i, { name, title }] of figures.entries()) {
      let figure = place.querySelector(`[data-name="${CSS.escape(name)}"]`);
      if (!figure) {
        figure = document.createElement("figure");
        figure.dataset.name = name;
        figure.className = "stale";
        const caption = document.createElement("figcaption"), button = document.createElement("button");
        caption.append(document.createElement("span"));
        button.type = "button";
        button.className = "save-figure";
        button.textContent = "SVG";
        button.setAttribute("aria-label", `Download the figure: ${title}`);
        button.addEventListener("click", () => {
          const svg = figure.querySelector("svg").outerHTML
            .replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ');
          download(new Blob([svg], { type: "image/svg+xml" }), `${name}.svg`);
        });
        caption.append(button);
        figure.append(document.createElement("div"), caption);
      }
      figure.querySelector("figcaption span").textContent = title;
      if (place.children[i] !== figure) place.insertBefore(figure, place.children[i] ?? null);
    }
  }

  async function draw(of) {
    try {
      const answer = await request("/figures", { state, number: of });
      const found = await answer.json();
      if (of !== number) return;
      frames(found);
    } catch (problem) {
      if (problem.status !== SUPERSEDED) say(problem.message, "problem");
      return;
    }
    for (const figure of [...at("figures").children]) {
      if (of !== number) return;
      try {
        const answer = await request("/figure", { state, name: figure.dataset.name, number: of });
        const text = await answer.text();
        if (of !== number) return;
        figure.firstChild.innerHTML = text;
        figure.classList.remove("stale");
      } catch (problem) {
        if (problem.status !== SUPERSEDED) say(problem.message, "problem");
      }
    }
    document.body.dataset.drawn = String(of);
  }

  // The three numbers where the answer is scrolled out of sight.
  function strip() {
    at("strip").classList.remove("old");
    at("strip").replaceChildren(...[...at("answer").querySelectorAll(".numbers > div")].map((each) => {
      const place = document.createElement("span"), value = document.createElement("b");
      value.textContent = each.querySelector("strong").textContent;
      place.append(each.querySelector("dt").textContent, value);
      return place;
    }));
  }

  function listChanges(lines) {
    at("changes").replaceChildren(...lines.map((line) => {
      const item = document.createElement("li");
      item.textContent = line;
      return item;
    }));
  }

  // Controls --------------------------------------------------------------------------------------

  for (const control of controls) {
    const [range, field] = control.querySelectorAll("input");
    range.addEventListener("input", () => { field.value = String(rounded(range)); move(); });
    field.addEventListener("input", () => {
      if (field.value === "") return;
      if (!field.checkValidity()) {
        say(`${control.querySelector("label").textContent}: from ${Number(field.min).toLocaleString("en")} to ${Number(field.max).toLocaleString("en")}.`, "problem");
        return;
      }
      range.value = field.value;
      move();
    });
    control.querySelector(".reset").addEventListener("click", () => {
      set(control, data.sliders[control.dataset.control].base);
      move();
      range.focus();
    });
  }
  for (const list of lists) list.addEventListener("change", move);
  at("reset").addEventListener("click", () => { put({}); move(); });
  at("search").addEventListener("input", () => {
    const words = at("search").value.toLowerCase().split(/\s+/);
    for (const control of at("more").querySelectorAll("[data-control]")) {
      const text = `${control.dataset.text} ${control.dataset.control}`;
      control.hidden = !words.every((word) => text.includes(word));
    }
  });
  addEventListener("hashchange", () => { put(fromAddress()); move(); });

  function fromAddress() {
    try {
      const found = JSON.parse(decodeURIComponent(location.hash.slice(1)) || "{}");
      return found !== null && typeof found === "object" ? found : {};
    } catch { return {}; }
  }

  // Compare, files, links -------------------------------------------------------------------------

  at("keep").addEventListener("click", () => {
    const copy = at("answer").cloneNode(true), changes = at("changes").cloneNode(true);
    copy.removeAttribute("id");
    changes.removeAttribute("id");
    at("kept-answer").replaceChildren(...copy.childNodes, changes);
    if (!changes.children.length) changes.append(Object.assign(document.createElement("li"), { textContent: "As in the scenario" }));
    at("kept").hidden = false;
    document.querySelector(".answers").classList.add("two");
  });
  at("drop").addEventListener("click", () => {
    at("kept").hidden = true;
    document.querySelector(".answers").classList.remove("two");
  });
  at("link").addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(location.href);
      at("file-text").textContent = "The link is on the clipboard; it opens this state on this machine while the explorer runs.";
    } catch { at("file-text").textContent = location.href; }
  });
  at("files").addEventListener("submit", async (event) => {
    event.preventDefault();
    await file("/save", (found) => `${found.text}. Run it: ${found.command}`);
  });
  at("report").addEventListener("click", async () => {
    await file("/report", () => "The report is being made …");
    follow();
  });
  at("download").addEventListener("click", async () => {
    try {
      const answer = await request("/table", { state, name: at("table").value, number });
      download(await answer.blob(), `${at("table").value}.csv`);
    } catch (problem) { at("file-text").textContent = problem.message; }
  });

  async function file(path, text) {
    try {
      const answer = await request(path, { state, name: at("name").value });
      at("file-text").textContent = text(await answer.json());
    } catch (problem) { at("file-text").textContent = problem.message; }
  }

  function download(blob, name) {
    const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), PAUSE);
  }

  // Draws in the background, and one patient ------------------------------------------------------

  let following = false;
  at("run-psa").addEventListener("click", async () => {
    try {
      await request("/psa", { state });
      at("psa-text").textContent = "Drawing …";
      follow();
    } catch (problem) { at("psa-text").textContent = problem.message; }
  });
  at("cancel-psa").addEventListener("click", () => request("/cancel", { name: "psa" }));

  async function follow() {
    if (following) return;
    following = true;
    for (;;) {
      const jobs = await request("/jobs", {}).then((answer) => answer.json(), () => []);
      for (const job of jobs) tell(job);
      if (!jobs.some((job) => job.state === "running")) break;
      await new Promise((done) => setTimeout(done, JOBS));
    }
    following = false;
  }

  function tell(job) {
    if (job.name === "report") {
      if (job.state !== "running") at("file-text").textContent = job.text;
      return;
    }
    const running = job.state === "running", bar = at("psa-progress");
    at("run-psa").disabled = running;
    at("cancel-psa").hidden = !running;
    bar.hidden = !running;
    if (job.share === null) bar.removeAttribute("value"); else bar.value = job.share;
    at("psa-text").textContent = running ? "Drawing …" : job.text;
    if (job.state === "done") { want(); quick(); }
  }

  at("show-patient").addEventListener("click", async () => {
    const of = number;
    at("patient-text").textContent = "…";
    try {
      const answer = await request("/patient", { state, patient: at("patient").valueAsNumber });
      const text = await answer.text();
      at("lives").innerHTML = text;
      at("lives").classList.toggle("old", of !== number);
      at("patient-text").textContent = "";
    } catch (problem) { at("patient-text").textContent = problem.message; }
  });

  put(fromAddress());
  move();
})();

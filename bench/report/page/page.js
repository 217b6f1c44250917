"use strict";

// Everything that suites, plugins and commits say arrives as text: textContent and attributes alone, never markup.

const PAGE = 50;
const SHORTEST = 4; // of an id that is looked for
const MOST_PRINTED = 1000;
const PAUSE = 120;
const SVG = "http://www.w3.org/2000/svg";
const SAID = { ok: "good", crashed: "bad", timeout: "bad", out_of_memory: "bad", diverged: "warn", interrupted: "warn" };
const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

function later(action) {
  let waiting = 0;
  return () => {
    clearTimeout(waiting);
    waiting = setTimeout(action, PAUSE);
  };
}

/* Theme: what the reader chose, else what the system prefers. */

const THEMES = ["auto", "light", "dark"];

function storedTheme() {
  try {
    const stored = localStorage.getItem("bench-theme");
    return THEMES.includes(stored) ? stored : "auto";
  } catch {
    return "auto";
  }
}

function setTheme(theme) {
  if (theme === "auto") document.documentElement.removeAttribute("data-theme");
  else document.documentElement.setAttribute("data-theme", theme);
  try {
    localStorage.setItem("bench-theme", theme);
  } catch {
    // A page from a file may be denied its storage; the choice then lasts as long as the page.
  }
  return theme;
}

function startTheme() {
  const button = document.getElementById("theme");
  let theme = storedTheme();
  const say = () => {
    button.textContent = `Theme: ${theme}`;
  };
  button.addEventListener("click", () => {
    theme = setTheme(THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length]);
    say();
  });
  button.hidden = false;
  say();
}

/* A table that sorts, filters and shows a page of its rows.
   source: count, node(row), key(row, column), text(row), allows(row). Missing values come last in either direction. */

class Grid {
  constructor(box, table, source) {
    this.box = box;
    this.body = table.tBodies[0];
    this.source = source;
    this.size = Math.max(PAGE, this.body.rows.length);
    this.page = 0;
    this.sorted = { column: -1, descending: false };
    this.texts = new Map();
    this.heads = [...table.tHead.rows[table.tHead.rows.length - 1].cells];
    if (source.count > 1) this.heads.forEach((head, column) => this.addButton(head, column));
    this.tools = make("div", { class: "tools" });
    this.said = make("span", { role: "status", class: "count" });
    this.addFilter(table.caption.textContent);
    this.pager = make("div", { class: "pager" });
    box.querySelector(".scroll").after(this.pager);
    this.order = Array.from({ length: source.count }, (_, row) => row);
    this.pageChanged();
  }

  addButton(head, column) {
    const button = make("button", { type: "button" }, ...head.childNodes);
    head.setAttribute("aria-sort", "none");
    head.replaceChildren(button);
    button.addEventListener("click", () => this.sort(column));
  }

  addFilter(name) {
    this.field = make("input", { type: "search", "aria-label": `Filter ${name}`, placeholder: "Filter", autocomplete: "off", spellcheck: "false" });
    this.field.addEventListener("input", later(() => this.update()));
    this.tools.append(this.field);
    const long = this.source.count > 5;
    if (long) this.box.prepend(this.tools);
    this.tools.append(this.said);
  }

  text(row) {
    if (!this.texts.has(row)) this.texts.set(row, this.source.text(row).toLowerCase());
    return this.texts.get(row);
  }

  sort(column) {
    const again = this.sorted.column === column;
    if (again && this.sorted.descending) this.sorted = { column: -1, descending: false };
    else this.sorted = { column, descending: again };
    this.heads.forEach((head, place) => {
      head.setAttribute("aria-sort", place !== this.sorted.column ? "none" : this.sorted.descending ? "descending" : "ascending");
    });
    this.update();
  }

  update() {
    const words = this.field.value.toLowerCase().split(/\s+/).filter(Boolean);
    const order = [];
    for (let row = 0; row < this.source.count; row += 1) {
      if (this.source.allows(row) && (!words.length || words.every((word) => this.text(row).includes(word)))) order.push(row);
    }
    const { column, descending } = this.sorted;
    if (column >= 0) {
      const keys = new Map(order.map((row) => [row, this.source.key(row, column)]));
      order.sort((one, other) => compareKeys(keys.get(one), keys.get(other), descending) || one - other);
    }
    this.order = order;
    this.page = 0;
    this.render();
  }

  render() {
    const start = this.page * this.size;
    this.body.replaceChildren(...this.order.slice(start, start + this.size).map((row) => this.source.node(row)));
    this.pageChanged();
  }

  pageChanged() {
    const { count } = this.source;
    const shown = this.order.length;
    this.said.textContent = shown === count ? `${count} rows` : `${shown} of ${count} rows`;
    const pages = Math.ceil(shown / this.size);
    if (pages < 2) return void this.pager.replaceChildren();
    const focused = this.pager.contains(document.activeElement) ? document.activeElement.textContent : "";
    const turn = (name, by) => {
      const button = make("button", { type: "button" }, name);
      button.disabled = this.page + by < 0 || this.page + by >= pages;
      button.addEventListener("click", () => {
        this.page += by;
        this.render();
      });
      return button;
    };
    const place = make("span", {}, `Page ${this.page + 1} of ${pages}`);
    this.pager.replaceChildren(turn("Previous", -1), place, turn("Next", 1));
    const same = [...this.pager.querySelectorAll("button")].find((button) => button.textContent === focused && !button.disabled);
    if (focused) (same ?? this.pager.querySelector("button:not(:disabled)")).focus();
  }

  print() {
    if (this.source.count <= MOST_PRINTED && this.source.printed) this.body.replaceChildren(...this.order.map((row) => this.source.node(row)));
  }
}

function compareKeys(one, other, descending) {
  if (one === null || other === null) return (one === null) - (other === null);
  const both = typeof one === "number" && typeof other === "number";
  const mixed = typeof one === typeof other ? collator.compare(one, other) : typeof one === "number" ? -1 : 1;
  return (both ? one - other : mixed) * (descending ? -1 : 1);
}

/* The key of a cell: the number behind it, else its text, as a number where it is one. */
function keyOf(cell) {
  const given = cell.dataset.sort;
  const text = given === undefined ? cell.textContent.trim() : given;
  if (text === "") return null;
  const number = Number(text);
  return Number.isNaN(number) ? text : number;
}

function startTables() {
  return [...document.querySelectorAll(".table[data-rows]")].map((box) => {
    const table = box.querySelector("table");
    const rows = [...table.tBodies[0].rows, ...(box.querySelector("template")?.content.children ?? [])];
    return new Grid(box, table, {
      count: rows.length,
      node: (row) => rows[row],
      key: (row, column) => keyOf(rows[row].cells[column]),
      text: (row) => rows[row].textContent,
      allows: () => true,
      printed: true,
    });
  });
}

/* Runs: rows are made when their page is shown. */

class Runs {
  constructor(data) {
    this.data = data;
    this.count = data.ids.row.length;
    this.printed = false;
    this.chosen = { experiment: "", status: "", cell: "" };
    this.columns = data.list.map((column) => column.name);
  }

  value(column, row) {
    const index = column.index[row];
    return index < 0 ? "" : column.values[index];
  }

  listed(name, row) {
    return this.value(this.data.list[this.columns.indexOf(name)], row);
  }

  allows(row) {
    const { experiment, status, cell } = this.chosen;
    if (experiment && this.listed("experiment", row) !== experiment) return false;
    if (status && this.listed("status", row) !== status) return false;
    return !cell || this.value(this.data.cell_ids, row) === cell;
  }

  key(row, column) {
    if (column >= this.columns.length) return this.data.metrics[column - this.columns.length].exact[row];
    const text = this.value(this.data.list[column], row);
    return text === "" ? null : Number.isNaN(Number(text)) ? text : Number(text);
  }

  text(row) {
    return [this.data.ids.run_id[row], ...this.data.list.map((column) => this.value(column, row))].join(" ");
  }

  node(row) {
    const cells = this.columns.map((name) => {
      const text = this.listed(name, row);
      if (name === "cell") return make("td", { class: "long" }, make("a", { href: `#run=${this.id(row)}` }, text));
      if (name === "status") return make("td", {}, badge(text));
      return make("td", name === "seed" ? { class: "number" } : {}, text);
    });
    const numbers = this.data.metrics.map((metric) => make("td", { class: metric.shown[row] ? "number" : "nothing number" }, metric.shown[row] || "—"));
    const line = make("tr", { class: "run" }, ...cells, ...numbers);
    line.addEventListener("click", (event) => {
      if (!event.target.closest("a") && !getSelection().toString()) location.hash = `run=${this.id(row)}`;
    });
    return line;
  }

  /* A run's id, or its row's where several experiments share the run. */
  id(row) {
    this.shared ??= this.data.ids.run_id.reduce((seen, id) => seen.set(id, (seen.get(id) ?? 0) + 1), new Map());
    const run = this.data.ids.run_id[row];
    return this.shared.get(run) === 1 ? run.slice(0, 16) : this.data.ids.row[row];
  }

  find(id) {
    if (id.length < SHORTEST) return -1;
    const begins = (name) => name.startsWith(id);
    const row = this.data.ids.row.findIndex(begins);
    return row >= 0 ? row : this.data.ids.run_id.findIndex(begins);
  }
}

function badge(text) {
  return make("span", { class: `badge ${SAID[text] ?? "open"}` }, text);
}

function startRuns(data) {
  const box = document.getElementById("all-runs");
  const runs = new Runs(data);
  const head = make("tr");
  for (const name of runs.columns) head.append(make("th", { scope: "col", ...(name === "seed" && { class: "number" }) }, name));
  for (const metric of data.metrics) head.append(make("th", { scope: "col", class: "number", title: metric.meaning }, metric.title));
  const table = make("table", {}, make("caption", { class: "unseen" }, "Runs"), make("thead", {}, head), make("tbody"));
  box.append(make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Runs" }, table));
  const grid = new Grid(box, table, runs);
  for (const name of ["experiment", "status"]) grid.said.before(chooser(runs, name, grid));
  runs.cellNote = make("button", { type: "button", hidden: "" }, "One cell only: show all cells");
  runs.cellNote.addEventListener("click", () => showCell(runs, grid, ""));
  grid.said.before(runs.cellNote);
  if (!box.contains(grid.tools)) box.prepend(grid.tools);
  grid.update();
  return [runs, grid];
}

function chooser(runs, name, grid) {
  const { values } = runs.data.list[runs.columns.indexOf(name)];
  const select = make("select", { "aria-label": `Show runs by ${name}` }, make("option", { value: "" }, `every ${name}`));
  select.append(...values.map((value) => make("option", { value }, value)));
  select.addEventListener("change", () => {
    runs.chosen[name] = select.value;
    grid.update();
  });
  return select;
}

/* A link may be older than the page: the list says that it has no such run. */
function searchRun(grid, id) {
  grid.field.value = id;
  grid.update();
}

function showCell(runs, grid, cell) {
  runs.chosen.cell = cell;
  runs.cellNote.hidden = !cell;
  grid.update();
}

/* One run in full. */

function pairs(title, entries, explained = new Map()) {
  if (!entries.length) return [];
  const rows = entries.map(([name, value]) => {
    const head = make("th", { scope: "row" }, ...name.split(/(?<=[._])/).flatMap((part) => [part, make("wbr")]));
    if (explained.has(name)) head.title = explained.get(name);
    return make("tr", {}, head, make("td", {}, value));
  });
  return [make("section", {}, make("h3", {}, title), make("table", { class: "pairs" }, make("tbody", {}, ...rows)))];
}

function showRun(runs, row) {
  const dialog = document.getElementById("run");
  const { data } = runs;
  const numbers = data.metrics.filter((metric) => metric.exact[row] !== null).map((metric) => [metric.name, String(metric.exact[row])]);
  const told = data.provenance.map((column) => [column.name, runs.value(column, row)]).filter(([, value]) => value !== "");
  const ids = [["run_id", data.ids.run_id[row]], ["row", data.ids.row[row]]];
  const close = make("button", { type: "button", class: "close" }, "Close");
  close.addEventListener("click", () => dialog.close());
  const title = `${runs.listed("experiment", row)}, seed ${runs.listed("seed", row)}`;
  dialog.replaceChildren(
    make("div", { class: "bar" }, make("h2", { id: "run-title" }, title), badge(runs.listed("status", row)), close),
    make("p", {}, runs.listed("cell", row)),
    make("div", { class: "parts" },
      ...pairs("Numbers", numbers, new Map(data.metrics.map((metric) => [metric.name, metric.meaning]))),
      ...pairs("Configuration", data.configuration.values[data.configuration.index[row]]),
      ...pairs("Provenance", [...ids, ...told])),
  );
  if (!dialog.open) dialog.showModal();
  dialog.scrollTop = 0;
}

function startLinks(runs, grid) {
  const dialog = document.getElementById("run");
  const follow = () => {
    const [kind, id] = location.hash.slice(1).split("=");
    const row = kind === "run" && id ? runs.find(id) : -1;
    if (row >= 0) return showRun(runs, row);
    if (dialog.open) dialog.close();
    if (kind === "cell" && id) showCell(runs, grid, id);
    else if (kind === "run" && id?.length >= SHORTEST) searchRun(grid, id);
    else return;
    document.getElementById("runs").scrollIntoView();
    grid.field.focus({ preventScroll: true });
  };
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });
  dialog.addEventListener("close", () => {
    if (location.hash.startsWith("#run=")) history.replaceState(null, "", "#runs");
  });
  addEventListener("hashchange", follow);
  follow();
}

/* Values of a figure: the point that is nearest to the pointer, or the one that the arrow keys chose. */

class Reader {
  constructor(drawing, panels, note) {
    Object.assign(this, { drawing, note });
    this.lines = panels.flatMap((panel) => panel.lines.map((line) => ({ ...line, panel })));
    this.chosen = { line: 0, point: -1 };
    this.mark = document.createElementNS(SVG, "circle");
    this.mark.setAttribute("r", "3");
    this.mark.setAttribute("class", "mark");
    drawing.addEventListener("pointermove", (event) => this.point(event));
    drawing.addEventListener("pointerleave", () => this.hide());
    drawing.addEventListener("blur", () => this.hide());
    drawing.addEventListener("keydown", (event) => this.press(event));
  }

  inside(line, [x, y]) {
    const [left, top, right, bottom] = line.panel.box;
    return x >= left - 1 && x <= right + 1 && y >= top - 1 && y <= bottom + 1;
  }

  point(event) {
    const matrix = this.drawing.getScreenCTM();
    const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(matrix.inverse());
    let best = { distance: 18, line: -1, point: -1 };
    this.lines.forEach((line, place) => {
      if (!this.inside(line, [at.x, at.y])) return;
      line.at.forEach((dot, index) => {
        const distance = Math.hypot(dot[0] - at.x, dot[1] - at.y);
        if (distance < best.distance && this.inside(line, dot)) best = { distance, line: place, point: index };
      });
    });
    if (best.line < 0) return this.hide();
    this.show(best.line, best.point, false);
  }

  press(event) {
    const steps = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] };
    if (event.key === "Escape") return this.hide();
    const step = steps[event.key];
    if (!step || !this.lines.length) return;
    event.preventDefault();
    const line = Math.min(this.lines.length - 1, Math.max(0, this.chosen.line + step[0]));
    const point = Math.min(this.lines[line].at.length - 1, Math.max(0, this.chosen.point + step[1]));
    this.show(line, point, true);
  }

  show(place, point, byKey) {
    const line = this.lines[place];
    this.chosen = { line: place, point };
    this.byKey = byKey;
    const [x, y] = line.at[point];
    this.mark.setAttribute("cx", x);
    this.mark.setAttribute("cy", y);
    if (!this.mark.isConnected) this.drawing.append(this.mark);
    const [along, value] = line.says[point];
    const words = [line.name, `${line.panel.x}: ${along}`, `${line.panel.y}: ${value}`].filter(Boolean);
    this.note.replaceChildren(...words.map((word) => make("div", {}, word)));
    this.note.hidden = false;
    this.moveNote();
  }

  moveNote() {
    const [x, y] = this.lines[this.chosen.line].at[this.chosen.point];
    const dot = new DOMPoint(x, y).matrixTransform(this.drawing.getScreenCTM());
    const width = this.note.offsetWidth;
    this.note.style.left = `${Math.max(4, Math.min(innerWidth - width - 8, dot.x + 12))}px`;
    this.note.style.top = `${Math.max(4, dot.y - this.note.offsetHeight - 10)}px`;
  }

  /* A pointer has left its point; a point that keys chose takes its note along. */
  scrolled() {
    if (!this.mark.isConnected) return;
    if (this.byKey) this.moveNote();
    else this.hide();
  }

  hide() {
    this.mark.remove();
    this.note.hidden = true;
  }
}

function startFigures(figures) {
  const note = make("div", { id: "value", role: "status" });
  note.hidden = true;
  document.body.append(note);
  const readers = [...document.querySelectorAll("[data-figure]")].map((drawing) => new Reader(drawing, figures[drawing.dataset.figure], note));
  addEventListener("scroll", () => readers.forEach((reader) => reader.scrolled()), { passive: true, capture: true });
}

function start() {
  startTheme();
  const data = JSON.parse(document.getElementById("data").textContent);
  const grids = startTables();
  if (data.runs) {
    const [runs, grid] = startRuns(data.runs);
    grids.push(grid);
    startLinks(runs, grid);
    startFigures(data.figures);
  }
  addEventListener("beforeprint", () => grids.forEach((grid) => grid.print()));
  addEventListener("afterprint", () => grids.forEach((grid) => grid.render()));
}

setTheme(storedTheme());
document.addEventListener("DOMContentLoaded", start);

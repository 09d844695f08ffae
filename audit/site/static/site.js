"use strict";
// The theme is set before the first paint; everything else waits for the document.
const root = document.documentElement;
function remembered() {
  try { return localStorage.getItem("theme"); } catch (error) { return null; }
}
function remember(theme) {
  try { localStorage.setItem("theme", theme); } catch (error) { /* a reader's choice, not ours */ }
}
if (remembered()) root.dataset.theme = remembered();

function themes() {
  const button = document.getElementById("theme");
  if (!button) return;
  button.hidden = false;
  const dark = () => (root.dataset.theme ||
    (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
  const tell = () => button.setAttribute("aria-pressed", String(dark()));
  button.addEventListener("click", () => {
    root.dataset.theme = dark() ? "light" : "dark";
    remember(root.dataset.theme);
    tell();
  });
  tell();
}

function scrollable() {
  for (const box of document.querySelectorAll(".long, .wide")) {
    if (box.scrollWidth > box.clientWidth + 1) {
      box.tabIndex = 0;
      box.setAttribute("role", "group");
      box.setAttribute("aria-label", "formula");
    } else box.removeAttribute("tabindex");
  }
}

// One stop for the tab key; arrows move along the lines.
function strip() {
  const cells = [...document.querySelectorAll(".strip a")];
  cells.forEach((cell, i) => { cell.tabIndex = i ? -1 : 0; });
  const go = (from, to) => {
    if (!cells[to]) return;
    cells[from].tabIndex = -1;
    cells[to].tabIndex = 0;
    cells[to].focus();
  };
  cells.forEach((cell, i) => cell.addEventListener("keydown", (event) => {
    const row = cells.filter((c) => c.offsetTop === cells[0].offsetTop).length;
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: row, ArrowUp: -row }[event.key];
    if (step) { event.preventDefault(); go(i, i + step); }
    if (event.key === "Home") { event.preventDefault(); go(i, 0); }
    if (event.key === "End") { event.preventDefault(); go(i, cells.length - 1); }
  }));
}

function filter() {
  const form = document.getElementById("filter");
  if (!form) return;
  const asked = new URLSearchParams(location.search);
  for (const control of form.elements) if (control.name && asked.has(control.name))
    control.value = asked.get(control.name);
  const rows = [...document.querySelectorAll("#claims tr[data-id]")];
  const text = (row) => (row.textContent + " " + ((window.SEARCH || {})[row.dataset.id] || ""))
    .toLowerCase();
  const texts = new Map(rows.map((row) => [row, text(row)]));
  const covers = (row, number) => row.cells[1].textContent.split(",").some((range) => {
    const [first, last] = range.split("-").map(Number);
    return number >= first && number <= (last || first);
  });
  const apply = () => {
    const words = form.q.value.toLowerCase().split(/\s+/).filter(Boolean);
    const wanted = (row, section) =>
      words.every((word) => /^\d+$/.test(word) ? covers(row, Number(word)) || texts.get(row).includes(word)
        : texts.get(row).includes(word)) &&
      (!form.verdict.value || row.dataset.v === form.verdict.value) &&
      (!form.severity.value || row.dataset.s === form.severity.value) &&
      (!form.grade.value || row.cells[3].textContent === form.grade.value) &&
      (!form.status.value || (row.dataset.f ? "failed" : "confirmed") === form.status.value) &&
      (!form.section.value || section === form.section.value);
    let shown = 0;
    for (const body of document.querySelectorAll("#claims tbody")) {
      let here = 0;
      for (const row of body.querySelectorAll("tr[data-id]")) {
        row.hidden = !wanted(row, body.dataset.section);
        here += !row.hidden;
      }
      body.hidden = !here;
      shown += here;
    }
    document.getElementById("count").textContent =
      shown === rows.length ? `${shown} claims` : `${shown} of ${rows.length} claims`;
  };
  form.addEventListener("input", apply);
  form.addEventListener("submit", (event) => { event.preventDefault(); apply(); });
  form.addEventListener("reset", () => setTimeout(() => {
    for (const control of form.elements) if (control.name) control.value = "";
    apply();
  }));
  apply();
}

function graph() {
  for (const box of document.querySelectorAll("svg.graph a")) {
    const mark = (on) => {
      for (const edge of box.ownerSVGElement.querySelectorAll("path"))
        if (edge.dataset.a === box.dataset.id || edge.dataset.b === box.dataset.id)
          edge.classList.toggle("on", on);
    };
    for (const name of ["mouseenter", "focus"]) box.addEventListener(name, () => mark(true));
    for (const name of ["mouseleave", "blur"]) box.addEventListener(name, () => mark(false));
  }
}

function copies() {
  if (!navigator.clipboard) return;
  for (const pre of document.querySelectorAll("pre.copy")) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = pre.lang === "zh" ? "复制" : "Copy";
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(pre.textContent);
      button.textContent = pre.lang === "zh" ? "已复制" : "Copied";
    });
    pre.after(button);
  }
}

document.addEventListener("DOMContentLoaded", () => {
  themes(); strip(); filter(); graph(); copies(); scrollable();
  addEventListener("resize", scrollable);
  document.addEventListener("toggle", scrollable, true);
  addEventListener("beforeprint", () => {
    for (const part of document.querySelectorAll("main details")) part.open = true;
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey ||
        /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName)) return;
    event.preventDefault();
    (document.querySelector("#filter [name=q]") || document.querySelector(".top [name=q]")).focus();
  });
});

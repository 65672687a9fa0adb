"use strict";

/* The index: rows chosen by the controls, sorted by the headings; the address keeps both. */
(() => {
  const form = document.getElementById("filters");
  const status = document.getElementById("status");
  const element = document.getElementById("ranking");
  const headings = [...element.tHead.rows[0].cells];
  const rows = [...element.tBodies[0].rows];
  const selects = [...form.querySelectorAll("select")];
  const find = form.elements.find;
  const BY_RANK = { column: headings.findIndex((cell) => cell.dataset.key === "rank"), direction: "asc" };
  const allColumns = form.elements.columns;
  const SWITCHED = [...headings.keys()].filter((place) => "switched" in headings[place].dataset);
  const ZOO = headings.findIndex((cell) => cell.dataset.key === "zoo");
  let order = BY_RANK;

  function compare(one, other, sign) {
    if (one === "" || other === "") return (one === "") - (other === "");
    const difference = Number(one) - Number(other);
    return sign * (Number.isNaN(difference) ? one.localeCompare(other, "en") : difference);
  }

  DataTable.type("known-first", {
    order: {
      asc: (one, other) => compare(one, other, 1),
      desc: (one, other) => compare(one, other, -1),
    },
  });

  for (const row of rows) row.hidden = false;
  for (const heading of headings) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    heading.append(button);
    button.addEventListener("click", () => sort(heading));
  }

  const table = new DataTable(element, {
    autoWidth: false,
    columnDefs: [{ targets: "_all", type: "known-first" }],
    info: false,
    language: { zeroRecords: "No predictor has all of this. Choose less, or reset." },
    layout: { topStart: null, topEnd: null, bottomStart: null, bottomEnd: null },
    order: [],
    ordering: { handler: false, indicators: false },
    paging: false,
  });
  table.search.fixed("controls", (_text, _data, index) => chosen(table.row(index).node().dataset));

  function chosen(row) {
    const words = find.value.toLocaleLowerCase("en").split(/\s+/);
    return (
      selects.every(({ name, value }) => value === "" || value.slice(1) === row[name]) &&
      words.every((word) => row.find.includes(word))
    );
  }

  function sort(heading) {
    const column = headings.indexOf(heading);
    const first = heading.dataset.first;
    const second = first === "asc" ? "desc" : "asc";
    const sortedSo = order.column === column && order.direction === first;
    order = { column, direction: sortedSo ? second : first };
    draw();
  }

  function draw() {
    const mixed = ["zoo", "target"].some((name) => form.elements[name].value === "");
    // Only on a change: it lays the headings anew, and the one with the focus would lose it.
    if (table.column(ZOO).visible() !== mixed) table.column(ZOO).visible(mixed);
    if (table.column(SWITCHED[0]).visible() !== allColumns.checked) table.columns(SWITCHED).visible(allColumns.checked);
    table.order([[order.column, order.direction]]).draw();
    for (const [place, heading] of headings.entries()) {
      if (place !== order.column) heading.removeAttribute("aria-sort");
      else heading.setAttribute("aria-sort", order.direction === "asc" ? "ascending" : "descending");
    }
    const count = table.rows({ search: "applied" }).count();
    const split = form.elements.split.value.slice(1);
    const scope = split ? `Every score on ${split} alone` : "Each column from the split that its explanation names";
    status.textContent = `${count} row${count === 1 ? "" : "s"}. ${scope}.`;
    remember();
  }

  function remember() {
    const state = new URLSearchParams();
    for (const { name, value, options } of selects) {
      if (![...options].some((option) => option.defaultSelected && option.value === value)) state.set(name, value);
    }
    if (find.value) state.set("find", find.value);
    if (allColumns.checked) state.set("columns", "all");
    if (order.column !== BY_RANK.column || order.direction !== BY_RANK.direction) {
      state.set("sort", headings[order.column].dataset.key);
      state.set("direction", order.direction);
    }
    history.replaceState(null, "", `#${state}`);
  }

  function recall() {
    const state = new URLSearchParams(location.hash.slice(1));
    for (const select of selects) {
      const options = [...select.options];
      const remembered = options.find((option) => option.value === state.get(select.name));
      (remembered || options.find((option) => option.defaultSelected) || options[0]).selected = true;
    }
    find.value = state.get("find") || "";
    const column = headings.findIndex((cell) => cell.dataset.key === state.get("sort"));
    allColumns.checked = state.get("columns") === "all" || SWITCHED.includes(column);
    const direction = state.get("direction") === "desc" ? "desc" : "asc";
    order = column < 0 ? BY_RANK : { column, direction };
    draw();
  }

  form.addEventListener("input", ({ target }) => {
    // Of one split alone, most of the first columns have no number.
    if (target === form.elements.split && !target.options[target.selectedIndex].defaultSelected) allColumns.checked = true;
    draw();
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => {
    // The controls have their first values only after this event.
    setTimeout(() => {
      order = BY_RANK;
      draw();
    });
  });
  window.addEventListener("hashchange", recall);
  form.hidden = false;
  recall();
})();

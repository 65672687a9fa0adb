"use strict";

/* A predictor's pictures, drawn from the data block of its page. Nothing of it is run as code. */
(() => {
  const { tables } = JSON.parse(document.getElementById("data").textContent);
  const form = document.getElementById("controls");
  const status = document.getElementById("status");
  const { table: tableSelect, split: splitSelect, color: colorSelect } = form.elements;
  const dark = window.matchMedia("(prefers-color-scheme: dark)");

  // Okabe and Ito's palette without its black and its yellow; markers differ, too.
  const COLORS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00"];
  const MARKERS = ["circle", "triangle-up", "square", "diamond", "triangle-down", "cross"];
  const SAME = "nothing";
  const BINS = 25;
  const MOST_TERMS = 24;
  const single = () => (dark.matches ? COLORS[4] : COLORS[0]);
  const CONFIG = {
    displaylogo: false,
    modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"],
    responsive: true,
    toImageButtonOptions: { format: "svg" },
  };

  function color(name) {
    return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  }

  /* Plotly reads tags in its texts; names are to stay as they are. */
  function plain(text) {
    return String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
  }

  function digits(value) {
    return rounded(value, 4);
  }

  function rounded(value, count) {
    return Number(value.toPrecision(count)).toString();
  }

  function fill(select, names, chosen) {
    select.replaceChildren(
      ...names.map((name, place) => new Option(name, String(place), false, place === Math.max(0, chosen))),
    );
  }

  function layout(x, y) {
    const axis = {
      automargin: true, exponentformat: "e", gridcolor: color("line"), linecolor: color("strong"), zeroline: false,
      title: { font: { size: 13 } },
    };
    return {
      font: { color: color("text"), family: "system-ui, sans-serif", size: 12 },
      hoverlabel: { align: "left", font: { family: "system-ui, sans-serif" } },
      legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0, title: { font: { size: 12 } } },
      margin: { l: 55, r: 10, t: 10, b: 45 },
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      xaxis: { ...axis, title: { ...axis.title, text: x } },
      yaxis: { ...axis, title: { ...axis.title, text: y } },
    };
  }

  function line(ends) {
    return { type: "line", layer: "below", line: { color: color("strong"), width: 1, dash: "dash" }, ...ends };
  }

  function draw(name, traces, how, caption) {
    const figure = document.getElementById(name);
    Plotly.react(figure.querySelector(".plot"), traces, how, CONFIG);
    figure.querySelector("figcaption").textContent = caption;
  }

  /* Points as one trace a level, so that each has its own color, marker and legend entry. */
  function levels(points, coloring) {
    const text = (point) => {
      const level = coloring ? `<br>${plain(coloring.factor)} ${plain(coloring.levels[point.code])}` : "";
      return `${plain(point.id)}<br>true ${rounded(point.true, point.digits)}<br>predicted ${rounded(point.predicted, point.digits)}${level}`;
    };
    const trace = (some, marker, more) => ({
      type: "scatter", mode: "markers", x: some.map((point) => point.x), y: some.map((point) => point.y),
      text: some.map(text), hovertemplate: "%{text}<extra></extra>",
      marker: { size: 7, line: { width: 0.5, color: color("ground") }, ...marker }, ...more,
    });
    if (!coloring) return [trace(points, { color: single() }, { showlegend: false })];
    if (coloring.levels.length <= COLORS.length) {
      return coloring.levels.map((level, code) =>
        trace(
          points.filter((point) => point.code === code),
          { color: COLORS[code], symbol: MARKERS[code] },
          { name: plain(level), showlegend: true, legendgroup: String(code) },
        ),
      );
    }
    const values = points.map((point) => (coloring.numbers || [...coloring.levels.keys()])[point.code]);
    const bar = { title: { text: plain(coloring.factor), side: "right" }, thickness: 10, outlinewidth: 0 };
    if (!coloring.numbers) {
      const shown = coloring.levels.map((_, code) => code);
      Object.assign(bar, { tickvals: shown, ticktext: coloring.levels.map(plain) });
    }
    return [trace(points, { color: values, colorscale: "Cividis", colorbar: bar }, { showlegend: false })];
  }

  /* The truth's range and half as much on either side: one wild prediction must not hide the rest. */
  function inView(values, truth) {
    const [low, high] = [Math.min(...truth), Math.max(...truth)];
    const room = (high - low || Math.abs(high) || 1) / 2;
    const from = Math.max(Math.min(low, ...values), low - room);
    const to = Math.min(Math.max(high, ...values), high + room);
    const margin = 0.04 * (to - from || 1);
    return [from - margin, to + margin];
  }

  function outside(values, [from, to]) {
    const count = values.filter((value) => value < from || value > to).length;
    return count ? ` ${count} outside the axes; double-click to see all.` : "";
  }

  function drawPoints(table, split, coloring) {
    const points = [];
    split.predicted.forEach((predicted, place) => {
      if (predicted === null) return;
      points.push({
        id: table.ids[place], true: table.true[place], predicted, digits: table.digits, code: coloring ? coloring.codes[place] : 0,
      });
    });
    const [predictions, truth] = [points.map((point) => point.predicted), points.map((point) => point.true)];
    const residuals = points.map((point) => point.true - point.predicted);
    const target = table.target.replace(/_/g, " ");
    const range = points.length ? inView(predictions, truth) : [0, 1];
    const title = coloring ? { title: { text: `${plain(coloring.factor)}: ` } } : {};

    const scatter = layout(`true ${target}`, `predicted ${target}`);
    scatter.xaxis.range = points.length ? inView(truth, truth) : range;
    scatter.yaxis.range = range;
    scatter.shapes = [line({ x0: range[0], y0: range[0], x1: range[1], y1: range[1] })];
    scatter.legend = { ...scatter.legend, title: title.title };
    const about = split.kind === "fit" ? "Fitted on these very networks" : "Each predicted by a regressor that did not see it";
    const mean = split.kind === "holdout" ? " (mean over the divisions that hold it out)" : "";
    draw(
      "scatter",
      levels(points.map((point) => ({ ...point, x: point.true, y: point.predicted })), coloring),
      scatter,
      `${points.length} networks. ${about}${mean}. Dashed: equal.${outside(predictions, range)}`,
    );

    const around = layout(`predicted ${target}`, "true − predicted");
    const widest = Math.max(...residuals.map(Math.abs), 0);
    const reach = 1.04 * Math.min(widest, range[1] - range[0]) || 1;
    around.xaxis.range = range;
    around.yaxis.range = [-reach, reach];
    around.shapes = [line({ xref: "paper", x0: 0, x1: 1, y0: 0, y1: 0 })];
    around.legend = scatter.legend;
    draw(
      "residuals",
      levels(points.map((point, place) => ({ ...point, x: point.predicted, y: residuals[place] })), coloring),
      around,
      `Above the line: the predictor says too little.${outside(residuals, around.yaxis.range)}`,
    );
  }

  function drawFolds(split) {
    if (split.kind === "holdout") return drawSums(split);
    const folds = split.folds;
    const defined = folds.filter((fold) => fold.r2 !== null);
    const [key, what] = defined.length ? ["r2", "held-out R²"] : ["rmse_points", "RMSE, percentage points"];
    const shown = folds.filter((fold) => fold[key] !== null);
    const how = layout("fold", what);
    how.xaxis.type = "category";
    const LOWEST = -1;
    const values = shown.map((fold) => fold[key]);
    const low = values.filter((value) => value < LOWEST).length;
    if (low && key === "r2") how.yaxis.range = [LOWEST * 1.05, 1.05];
    const mean = values.reduce((sum, value) => sum + value, 0) / (values.length || 1);
    if (values.length) how.shapes = [line({ xref: "paper", x0: 0, x1: 1, y0: mean, y1: mean })];
    const undefined_ = folds.length - shown.length;
    const caption = folds.length
      ? `Dashed: the mean, ${digits(mean)}.${low ? ` ${low} below ${LOWEST}.` : ""}` +
        (undefined_ ? ` Not defined in ${undefined_} of ${folds.length} folds.` : "")
      : "Nothing is held out.";
    draw(
      "folds",
      [{
        type: "bar", x: shown.map((fold) => String(fold.fold)), y: values, marker: { color: single() },
        text: shown.map((fold) => `fold ${fold.fold}, ${fold.networks} networks<br>${what} ${digits(fold[key])}`),
        textposition: "none", hovertemplate: "%{text}<extra></extra>",
      }],
      how,
      caption,
    );
  }

  /* Equal bins from the least to the largest value: their middles and how many values each holds. */
  function bins(values) {
    const [low, high] = [Math.min(...values), Math.max(...values)];
    const count = high > low ? BINS : 1;
    const width = (high - low) / count || Math.abs(high) || 1;
    const heights = new Array(count).fill(0);
    for (const value of values) heights[Math.min(count - 1, Math.floor((value - low) / width))] += 1;
    return { width, heights, middles: heights.map((_, bin) => low + (bin + 0.5) * width) };
  }

  function drawSums(split) {
    const sums = split.folds.map((fold) => fold.ssr).filter((sum) => sum !== null);
    const how = layout("sum of squared residuals of a division", "divisions");
    if (!sums.length) return draw("folds", [], how, "No division could be judged.");
    const mean = sums.reduce((total, sum) => total + sum, 0) / sums.length;
    const { width, heights, middles } = bins(sums);
    how.bargap = 0.06;
    how.shapes = [line({ yref: "paper", y0: 0, y1: 1, x0: mean, x1: mean, layer: "above" })];
    const ends = middles.map((middle) => [middle - width / 2, middle + width / 2].map(digits).join(" to "));
    draw(
      "folds",
      [{
        type: "bar", x: middles, y: heights, marker: { color: single() }, textposition: "none",
        text: ends.map((text, bin) => `${text}<br>${heights[bin]} divisions`), hovertemplate: "%{text}<extra></extra>",
      }],
      how,
      `${sums.length} divisions. Dashed: the mean, ${digits(mean)}; largest ${digits(Math.max(...sums))}.`,
    );
  }

  function drawCoefficients({ model }) {
    const how = layout("", "");
    const all = model ? model.names.map((name, place) => ({ name, place, value: model.coefficients[place] })) : [];
    const largest = [...all].sort((one, other) => Math.abs(other.value) - Math.abs(one.value)).slice(0, MOST_TERMS);
    const terms = largest.sort((one, other) => one.place - other.place);
    Object.assign(how.yaxis, { autorange: "reversed", dtick: 1, tickfont: { size: 11 }, type: "category" });
    Object.assign(how.xaxis, { zeroline: true, zerolinecolor: color("strong") });
    const cut = terms.length < all.length ? `The ${terms.length} largest of ${all.length}; the table below has all. ` : "";
    draw(
      "coefficients",
      [{
        type: "bar", orientation: "h", width: Math.min(0.8, 0.12 * terms.length), x: terms.map((term) => term.value), y: terms.map((term) => plain(term.name)),
        marker: { color: single() }, hovertemplate: "%{y}<br>%{x:.6g}<extra></extra>",
      }],
      how,
      model
        ? `${cut}Intercept ${digits(model.intercept)}. Of what the regressor is given after its transforms, fitted on all networks; sizes compare only where the features have one scale.`
        : "The regressor is no linear model.",
    );
  }

  function redraw() {
    const table = tables[Number(tableSelect.value)];
    const split = table.splits[Number(splitSelect.value)];
    const coloring = table.colorings[Number(colorSelect.value) - 1] || null;
    drawPoints(table, split, coloring);
    drawFolds(split);
    drawCoefficients(table);
    status.textContent = `${table.target.replace(/_/g, " ")} on ${table.zoo}, ${split.name}.`;
  }

  function chooseTable() {
    const table = tables[Number(tableSelect.value)];
    const names = table.splits.map((split) => split.name);
    fill(splitSelect, names, names.indexOf(table.ranking));
    fill(colorSelect, [SAME, ...table.colorings.map((coloring) => coloring.factor)], table.colorings.length ? 1 : 0);
    redraw();
  }

  fill(tableSelect, tables.map((table) => `${table.zoo}, ${table.target}`), 0);
  tableSelect.addEventListener("change", chooseTable);
  splitSelect.addEventListener("change", redraw);
  colorSelect.addEventListener("change", redraw);
  dark.addEventListener("change", redraw);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.hidden = false;
  chooseTable();
})();

"use strict";
/* The charts of a study: plotly.js draws, the controls above them choose what. */

report.colours = () => {
  const style = getComputedStyle(document.documentElement);
  const of = (name) => style.getPropertyValue(name).trim();
  return { ground: of("--ground"), ink: of("--ink"), soft: of("--soft"), line: of("--line") };
};

/* The control is black on white and white on black; the other colours stand on both. */
report.armColour = (arm, colours) => (arm.colour === "#000000" ? colours.ink : arm.colour);

report.faded = (colour, share) => {
  const [red, green, blue] = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
  return `rgba(${red},${green},${blue},${share})`;
};

report.bandTrace = (curve, colour, state) => {
  const points = curve.x.map((x, at) => [x, curve.low[at], curve.high[at]])
    .filter(([x, low]) => low !== null && (!state.logY || low > 0) && (!state.logX || x > 0));
  return {
    x: [...points.map((point) => point[0]), ...points.map((point) => point[0]).reverse()],
    y: [...points.map((point) => point[1]), ...points.map((point) => point[2]).reverse()],
    fill: "toself", fillcolor: report.faded(colour, 0.1), line: { width: 0 }, mode: "lines",
    hoverinfo: "skip",
  };
};

/* All seeds of an arm are one trace with gaps between them: two hundred traces would be slow. */
report.seedTrace = (curve, colour) => ({
  x: curve.seeds.flatMap((seed) => [...seed.x, null]),
  y: curve.seeds.flatMap((seed) => [...seed.y, null]),
  mode: "lines", line: { width: 0.8, color: report.faded(colour, 0.4) }, hoverinfo: "skip",
});

report.meanTrace = (metric, curve, arm, colour, isSmooth) => {
  const trace = {
    x: isSmooth ? curve.smoothX : curve.x,
    y: isSmooth ? curve.smooth : curve.mean,
    name: `${arm.name} (n=${curve.n})`,
    mode: metric.marked ? "lines+markers" : "lines",
    line: { width: 2.2, color: colour, dash: arm.dash },
    marker: { size: 8, symbol: arm.symbol, color: colour },
    hovertemplate: "%{y:.4~g}" + (isSmooth ? " smoothed" : ""),
  };
  if (!isSmooth && curve.n > 1) {
    trace.customdata = curve.x.map((_, at) => [curve.low[at], curve.high[at]]);
    trace.hovertemplate += " (%{customdata[0]:.4~g} to %{customdata[1]:.4~g})";
  }
  return trace;
};

report.traces = (study, metric, state, colours) => {
  const isSmooth = state.smooth && metric.window > 0;
  const bands = [], seeds = [], means = [];
  study.arms.forEach((arm, place) => {
    const curve = metric.arms[place];
    if (!curve || !state.arms[place]) return;
    const colour = report.armColour(arm, colours);
    if (curve.n > 1) bands.push(report.bandTrace(curve, colour, state));
    if (state.seeds && curve.n > 1) seeds.push(report.seedTrace(curve, colour));
    means.push(report.meanTrace(metric, curve, arm, colour, isSmooth));
  });
  return [...bands, ...seeds, ...means];
};

report.layout = (metric, state, colours) => {
  const axis = { gridcolor: colours.line, linecolor: colours.soft, zeroline: false, automargin: true };
  const unit = metric.unit === "1" ? "" : ` [${metric.unit}]`;
  return {
    xaxis: { ...axis, type: state.logX ? "log" : "linear", title: { text: "training step" } },
    yaxis: { ...axis, type: state.logY ? "log" : "linear", title: { text: metric.label + unit } },
    margin: { l: 50, r: 12, t: 8, b: 44 },
    font: { color: colours.ink, family: "system-ui, sans-serif", size: 13 },
    paper_bgcolor: colours.ground, plot_bgcolor: colours.ground,
    hoverlabel: { bgcolor: colours.ground, bordercolor: colours.soft, font: { color: colours.ink } },
    hovermode: "x unified", showlegend: false,
    // a finger that scrolls the page must not zoom the chart
    dragmode: matchMedia("(pointer: coarse)").matches ? false : "zoom",
  };
};

/* What must be said of a chart as it is drawn: gaps, smoothing, points that a log axis cannot show. */
report.notes = (study, metric, state) => {
  const notes = metric.gap ? [metric.gap] : [];
  const drawn = metric.arms.filter((curve, place) => curve && state.arms[place]);
  if (state.smooth && metric.window)
    notes.push(`Smoothed: mean line over ${metric.window} points, centred; band and seeds are not smoothed.`);
  else if (state.smooth) notes.push("Not smoothed: too few points.");
  if (state.seeds && !metric.hasSeeds) notes.push("Single seeds left out, to keep the page small.");
  if (state.logX && drawn.some((curve) => curve.x.some((x) => x <= 0)))
    notes.push("A logarithmic axis has no step 0: it is not drawn.");
  const below = drawn.flatMap((curve) => curve.mean).filter((y) => y !== null && y <= 0).length;
  if (state.logY && below) notes.push(`${below} points at or below 0 are not on a logarithmic axis.`);
  return notes.join(" ");
};

/* The ends of the curves in words, for those who do not see the chart. */
report.inWords = (study, metric) => {
  const ends = study.arms.flatMap((arm, place) => {
    const curve = metric.arms[place];
    if (!curve) return [];
    const last = curve.x.length - 1;
    return [`${arm.name} from ${curve.mean[0]} at step ${curve.x[0]} to ${curve.mean[last]} at step ${curve.x[last]}`];
  });
  return `${metric.label} against training step. ${ends.join("; ") || "No curve."}`;
};

report.draw = (chart, study, state) => {
  const metric = chart.metric();
  const colours = report.colours();
  const config = {
    responsive: true, displaylogo: false,
    displayModeBar: matchMedia("(pointer: coarse)").matches ? false : "hover",
    // named one by one: among plotly's own is one that sends the chart to its makers
    modeBarButtons: [["toImage", "zoom2d", "pan2d", "resetScale2d"]],
  };
  chart.note.textContent = report.notes(study, metric, state);
  chart.isDrawn = true;
  Plotly.react(chart.plot, report.traces(study, metric, state, colours), report.layout(metric, state, colours), config);
};

report.chart = (section, study, metric, grid) => {
  const name = report.headingBelow(section);
  const plot = report.element("div", { class: "plot", role: "group" });
  const note = report.element("span", { class: "state" });
  const figure = report.element("figure");
  const chart = { figure, plot, note, isDrawn: false, metric: () => metric };
  chart.describe = () => plot.setAttribute("aria-label", report.inWords(study, chart.metric()));
  if (metric) {
    const unit = metric.unit === "1" ? "" : ` [${metric.unit}]`;
    const caption = report.element("figcaption", {}, `${metric.help} `, note);
    figure.append(report.element(name, {}, metric.label + unit), plot, caption);
  } else {
    const select = report.element("select", { id: `${study.key}-metric` });
    study.metrics.forEach((one) => select.append(report.element("option", {}, one.name)));
    const help = report.element("span");
    chart.metric = () => study.metrics[select.selectedIndex];
    const label = report.element("label", { for: select.id }, "Any metric ");
    figure.className = "wide";
    figure.append(report.element(name, {}, label, select), plot, report.element("figcaption", {}, help, " ", note));
    chart.help = help;
    chart.select = select;
  }
  grid.append(figure);
  if (metric) chart.describe();
  return chart;
};

report.swatch = (arm) => {
  const space = "http://www.w3.org/2000/svg";
  const line = document.createElementNS(space, "svg");
  line.setAttribute("viewBox", "0 0 36 12");
  line.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(space, "path");
  const dashes = { solid: "", dash: "7 4", dot: "2 3", dashdot: "7 3 2 3", longdash: "12 4" };
  path.setAttribute("d", "M1 6H35");
  path.setAttribute("stroke", arm.colour === "#000000" ? "currentColor" : arm.colour);
  path.setAttribute("stroke-width", "3");
  path.setAttribute("stroke-dasharray", dashes[arm.dash]);
  line.append(path);
  return line;
};

report.tick = (text, isOn, change, ...before) => {
  const box = report.element("input", { type: "checkbox", checked: isOn });
  box.addEventListener("change", () => change(box.checked));
  return report.element("label", {}, box, ...before, text);
};

report.controls = (section, study, state, redraw) => {
  const set = (key) => (isOn) => { state[key] = isOn; redraw(); };
  const arms = report.element("fieldset", {}, report.element("legend", {}, "Arms"));
  study.arms.forEach((arm, place) => {
    const change = (isOn) => { state.arms[place] = isOn; redraw(); };
    arms.append(report.tick(arm.name, arm.shown, change, report.swatch(arm)));
  });
  const options = report.element("fieldset", { class: "options" }, report.element("legend", {}, "Show"));
  options.append(
    report.tick("single seeds", state.seeds, set("seeds")),
    report.tick("smoothed", false, set("smooth")),
    report.tick("log step", false, set("logX")),
    report.tick("log value", false, set("logY")),
  );
  section.querySelector(".controls").append(arms, options);
  const hidden = study.arms.filter((arm) => !arm.shown).length;
  if (hidden) section.querySelector(".controls").append(`${hidden} of ${study.arms.length} arms are not drawn until ticked.`);
};

report.curves = (section, study) => {
  const state = { arms: study.arms.map((arm) => arm.shown), seeds: study.seedsAtFirst, smooth: false, logX: false, logY: false };
  const grid = section.querySelector(".charts");
  const charts = study.metrics.slice(0, study.first).map((metric) => report.chart(section, study, metric, grid));
  const any = study.metrics.length ? report.chart(section, study, null, grid) : null;
  const all = any ? [...charts, any] : charts;
  const draw = (chart) => report.draw(chart, study, state);
  const redraw = () => all.filter((chart) => chart.isDrawn).forEach(draw);
  report.controls(section, study, state, redraw);
  if (any) {
    any.select.selectedIndex = Math.min(study.first, study.metrics.length - 1);
    const choose = () => {
      any.help.textContent = any.metric().help;
      any.describe();
      if (any.isDrawn) draw(any);
    };
    any.select.addEventListener("change", choose);
    choose();
  }
  // a chart is drawn when it comes near the screen, and all of them for paper
  const near = new IntersectionObserver((seen) => {
    for (const { target, isIntersecting } of seen) {
      const chart = all.find((one) => one.figure === target);
      if (isIntersecting && !chart.isDrawn) draw(chart);
    }
  }, { rootMargin: "600px" });
  all.forEach((chart) => near.observe(chart.figure));
  window.addEventListener("beforeprint", () => all.forEach(draw));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
};

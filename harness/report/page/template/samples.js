"use strict";
/* The sample browser: one question, seed and step at a time, the arms side by side. */

report.marked = (pieces, marks) => {
  const names = { [marks.reflection]: "reflection", [marks.repetition]: "repetition", [marks.reflection + marks.repetition]: "reflection in a repetition" };
  return pieces.map(([text, mark]) => (mark ? report.element("mark", { class: `m${mark}`, title: names[mark] }, text) : text));
};

report.answer = (row, study, marks, heading) => {
  const scores = study.samples.scores.map((name, at) => `${name} ${row.scores[at] || "-"}`);
  return report.element(
    "article", {},
    report.element(heading, {}, study.arms[row.arm].name),
    report.element("p", { class: "scores" }, `${row.outcome}; ${row.tokens} tokens; ended by ${row.finish}`),
    report.element("p", { class: "scores" }, scores.join(" · ")),
    report.element("p", { class: "text" }, ...report.marked(row.pieces, marks)),
    report.element("p", { class: "scores" }, report.element("code", {}, row.id)),
  );
};

report.choice = (label, values, change) => {
  const select = report.element("select");
  for (const value of ["any", ...values]) select.append(report.element("option", { value: String(value) }, String(value)));
  select.addEventListener("change", change);
  const field = report.element("label", {}, label, select);
  return { field, value: () => select.value };
};

report.samples = (section, study, marks) => {
  const browser = section.querySelector(".browser");
  if (!browser) return;
  const { groups, prompts } = study.samples;
  const heading = report.headingBelow(section);
  const distinct = (key) => [...new Set(groups.map((group) => group[key]))];
  const outcomes = [...new Set(groups.flatMap((group) => group.rows.map((row) => row.outcome)))].sort();
  let at = 0;
  const first = () => { at = 0; show(); };
  const kinds = ["reflection", "repetition", "different outcomes"];
  const fields = {
    question: report.choice("question", distinct("question"), first),
    seed: report.choice("seed", distinct("seed"), first),
    step: report.choice("step", distinct("step"), first),
    outcome: report.choice("outcome in an arm", outcomes, first),
    kind: report.choice("only those with", kinds, first),
  };
  const hasMark = (group, mark) => group.rows.some((row) => row.pieces.some((piece) => piece[1] & mark));
  const passes = {
    reflection: (group) => hasMark(group, marks.reflection),
    repetition: (group) => hasMark(group, marks.repetition),
    "different outcomes": (group) => new Set(group.rows.map((row) => row.outcome)).size > 1,
  };
  const chosen = () => groups.filter((group) =>
    ["question", "seed", "step"].every((key) => fields[key].value() === "any" || fields[key].value() === String(group[key]))
    && (fields.outcome.value() === "any" || group.rows.some((row) => row.outcome === fields.outcome.value()))
    && (fields.kind.value() === "any" || passes[fields.kind.value()](group)));
  const count = report.element("p", { class: "count", role: "status" });
  const place = report.element("div");
  const back = report.element("button", { type: "button", class: "step" }, "Previous");
  const next = report.element("button", { type: "button", class: "step" }, "Next");
  const show = () => {
    const found = chosen();
    const group = found[at];
    back.disabled = at === 0;
    next.disabled = at >= found.length - 1;
    if (!group) {
      count.textContent = "None of the samples on this page is like that.";
      place.replaceChildren();
      return;
    }
    count.textContent = `${at + 1} of ${found.length}: ${group.question}, seed ${group.seed}, step ${group.step}`;
    place.replaceChildren(
      report.element("p", { class: "text prompt" }, prompts[group.prompt] || "(no prompt is stored)"),
      report.element("div", { class: "answers" }, ...group.rows.map((row) => report.answer(row, study, marks, heading))),
    );
  };
  back.addEventListener("click", () => { at -= 1; show(); });
  next.addEventListener("click", () => { at += 1; show(); });
  browser.append(report.element("div", { class: "pick" }, ...Object.values(fields).map((field) => field.field), back, next), count, place);
  // the trained model says more than the base model: start where there is something to compare
  const last = Math.max(...groups.map((group) => group.step));
  at = Math.max(0, groups.findIndex((group) => group.step === last));
  show();
};

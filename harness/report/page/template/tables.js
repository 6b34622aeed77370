"use strict";
/* Every head of a table becomes a button that sorts by its column; what has no number comes last. */
report.sortableTables = () => {
  for (const table of document.querySelectorAll(".scroll table")) {
    table.querySelectorAll("th").forEach((head, column) => {
      const button = report.element("button", { type: "button" }, ...head.childNodes);
      head.replaceChildren(button);
      button.addEventListener("click", () => report.sortTable(table, head, column));
    });
  }
};

report.sortTable = (table, head, column) => {
  const sign = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
  const body = table.tBodies[0];
  const keyed = [...body.rows].map((row) => {
    const cell = row.cells[column];
    const text = cell.textContent.trim();
    return { row, text, number: cell.dataset.sort === "" ? NaN : Number(cell.dataset.sort) };
  });
  const isMissing = (item) => item.text === "-" || item.text === "";
  keyed.sort((one, two) => {
    if (isMissing(one) !== isMissing(two)) return isMissing(one) ? 1 : -1;
    if (Number.isNaN(one.number) !== Number.isNaN(two.number)) return Number.isNaN(one.number) ? 1 : -1;
    if (Number.isNaN(one.number)) return sign * one.text.localeCompare(two.text, "en", { numeric: true });
    return sign * (one.number - two.number);
  });
  body.append(...keyed.map((item) => item.row));
  for (const other of table.querySelectorAll("th")) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", sign === 1 ? "ascending" : "descending");
};

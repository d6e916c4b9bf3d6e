"use strict";
// Headings of sortable tables become buttons that sort the rows of each group by `data-sort`, or by the text.
(() => {
  const order = new Intl.Collator("en", { numeric: true });

  const key = (row, column) => {
    const cell = row.cells[column];
    const text = (cell.dataset.sort ?? cell.textContent).trim().replace(/^([+-]?)inf$/, "$1Infinity");
    if (text === "" || text === "nan") return { rank: 2, value: "" };
    const number = Number(text);
    return Number.isNaN(number) ? { rank: 1, value: text } : { rank: 0, value: number };
  };

  // numbers, then words, then empty cells, whatever the direction; rows that are equal keep their order
  const compare = (a, b, direction) => {
    if (a.rank !== b.rank) return a.rank - b.rank;
    if (a.rank === 0) return a.value === b.value ? 0 : a.value < b.value ? -direction : direction;
    return direction * order.compare(a.value, b.value);
  };

  const sort = (table, column, direction) => {
    for (const body of table.tBodies) {
      const rows = [...body.rows].filter((row) => !row.classList.contains("group"));
      const keyed = rows.map((row) => ({ row, key: key(row, column) }));
      keyed.sort((a, b) => compare(a.key, b.key, direction));
      body.append(...keyed.map((each) => each.row));
    }
  };

  const makeSortable = (table) => {
    const headings = [...table.tHead.rows[0].cells];
    headings.forEach((heading, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...heading.childNodes);
      const arrow = document.createElement("span");
      arrow.className = "arrow";
      button.insertBefore(arrow, button.querySelector("small"));
      heading.append(button);
      button.addEventListener("click", () => {
        const rises = heading.getAttribute("aria-sort") !== "ascending";
        headings.forEach((each) => each.removeAttribute("aria-sort"));
        heading.setAttribute("aria-sort", rises ? "ascending" : "descending");
        sort(table, column, rises ? 1 : -1);
      });
    });
  };

  for (const table of document.querySelectorAll("table.sortable")) {
    if ([...table.tBodies].some((body) => body.rows.length > 1)) makeSortable(table);
  }
})();

"use strict";
(async () => {
  const source = document.getElementById("short-lines");
  if (!source || typeof DecompressionStream === "undefined") return;
  const packed = Uint8Array.from(atob(source.textContent.trim()), (c) => c.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  const { places, columns } = JSON.parse(await new Response(stream).text());
  const text = (name, row) => columns[name].texts[columns[name].codes[row]];
  const size = columns.short_qty.length;
  const grouped = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
  const count = (value) => grouped.format(value).replace("-", "−");
  const money = (minor) => {
    const digits = String(Math.abs(minor)).padStart(places + 1, "0");
    const whole = grouped.format(digits.slice(0, digits.length - places));
    return (minor < 0 ? "−" : "") + whole + (places ? "." + digits.slice(-places) : "");
  };

  const table = document.getElementById("shorts-table");
  const body = table.tBodies[0];
  const search = document.getElementById("search");
  const status = document.getElementById("shorts-status");
  const more = document.getElementById("more");
  const STEP = 100;
  let limit = STEP, reason = null, sort = { key: null, down: true };

  const haystack = Array.from({ length: size }, (_, row) =>
    ["order_id", "line_id", "product_id", "reason", "detail", "taken_by", "least_change"]
      .map((name) => text(name, row)).join("\n").toLowerCase());
  const natural = new Intl.Collator("en", { numeric: true }).compare;
  const valueOf = {
    order: (row) => text("order_id", row), product: (row) => text("product_id", row), reason: (row) => text("reason", row),
    ordered: (row) => columns.ordered_qty[row], allocated: (row) => columns.allocated_qty[row],
    short: (row) => columns.short_qty[row], lost: (row) => columns.lost_minor[row],
  };

  const matching = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const rows = [];
    for (let row = 0; row < size; row++) {
      if (reason !== null && text("reason", row) !== reason) continue;
      if (words.every((word) => haystack[row].includes(word))) rows.push(row);
    }
    if (sort.key) {
      const value = valueOf[sort.key], sign = sort.down ? -1 : 1;
      const compare = typeof value(0) === "string" ? (a, b) => natural(value(a), value(b)) : (a, b) => value(a) - value(b);
      rows.sort((a, b) => sign * compare(a, b) || a - b);
    }
    return rows;
  };

  const cell = (tag, kind, content, label) => {
    const node = document.createElement(tag);
    if (kind) node.className = kind;
    if (label) node.dataset.label = label;
    node.append(...[].concat(content));
    return node;
  };
  const line = (row) => {
    const tr = document.createElement("tr");
    const head = cell("th", "", [text("order_id", row), cell("span", "sub", "line " + text("line_id", row))]);
    head.scope = "row";
    const why = [cell("div", "", text("detail", row))];
    if (text("taken_by", row)) why.push(cell("div", "", "Taken by " + text("taken_by", row)));
    if (text("least_change", row)) why.push(cell("div", "", text("least_change", row)));
    tr.append(
      head, cell("td", "", text("product_id", row), "product"),
      cell("td", "n", count(columns.ordered_qty[row]), "ordered"), cell("td", "n", count(columns.allocated_qty[row]), "allocated"),
      cell("td", "n", count(columns.short_qty[row]), "short"), cell("td", "n", money(columns.lost_minor[row]), "margin"),
      cell("td", "", text("reason", row).replaceAll("_", " ")), cell("td", "why wide", why));
    return tr;
  };
  const draw = () => {
    const rows = matching();
    body.replaceChildren(...rows.slice(0, limit).map(line));
    const units = rows.reduce((sum, row) => sum + columns.short_qty[row], 0);
    status.textContent = `${count(rows.length)} lines, ${count(units)} units short` +
      (rows.length > limit ? `; the first ${count(limit)} shown` : "");
    more.hidden = rows.length <= limit;
  };

  let waiting = 0;
  search.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(() => { limit = STEP; draw(); }, 120); });
  for (const chip of document.querySelectorAll(".chips button")) {
    chip.addEventListener("click", () => {
      reason = chip.getAttribute("aria-pressed") === "true" ? null : chip.value;
      for (const other of document.querySelectorAll(".chips button")) {
        other.setAttribute("aria-pressed", String(reason !== null && other.value === reason));
      }
      limit = STEP;
      draw();
    });
  }
  for (const head of table.tHead.querySelectorAll("th[data-key]")) {
    const button = document.createElement("button");
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const numeric = head.classList.contains("n");
      sort = { key: head.dataset.key, down: sort.key === head.dataset.key ? !sort.down : numeric };
      for (const other of table.tHead.querySelectorAll("th")) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", sort.down ? "descending" : "ascending");
      draw();
    });
  }
  more.querySelector("button").addEventListener("click", () => { limit += 5 * STEP; draw(); });
  for (const tool of document.querySelectorAll(".tools")) tool.hidden = false;
  draw();
})();

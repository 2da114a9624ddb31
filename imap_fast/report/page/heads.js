// The table of separation scores: layers down, heads across. It is one tab stop, and the arrow keys move inside.

const LABELLED = 5; // every fifth head has its number above it

function showHeads({ heads, inside }, view) {
  const { score, layers, scores, colours, chosen, scale } = heads;
  const place = document.getElementById("heads");
  const explanation = document.getElementById("heads-explanation");
  explanation.textContent =
    `How well the features of each head separate the frames (${score}). ` +
    `Dots mark the motion heads.${heads.have_mean ? " imap is their mean." : ""}` +
    (inside?.heads.length ? " A head in a frame has a map of its own: a click shows it on the video." : "");
  const readout = element("p", { textContent: "Layers down, heads across. Point at a head for its score." });

  const describe = (layer, head) => {
    const rank = chosen[layer].indexOf(head);
    const value = scores[layer][head] ?? "no score";
    const role = rank < 0 ? "" : ` · chosen, ${rank + 1} of ${chosen[layer].length}`;
    return `layer ${layers[layer]} · head ${head} · ${value}${role}`;
  };
  const cells = scores.map((row, layer) =>
    row.map((_, head) => {
      const cell = element("div", { role: "gridcell", tabIndex: -1, "aria-label": describe(layer, head) });
      cell.style.setProperty("--score", colours[layer][head]);
      cell.classList.toggle("chosen", chosen[layer].includes(head));
      cell.addEventListener("focus", () => (readout.textContent = describe(layer, head)));
      cell.addEventListener("pointerenter", () => (readout.textContent = describe(layer, head)));
      const at = inside?.heads.findIndex((pair) => pair[0] === layers[layer] && pair[1] === head) ?? -1;
      if (at >= 0) offerHead(cell, { kind: "heads", at, name: `head ${head} of layer ${layers[layer]}` }, view);
      return cell;
    }),
  );
  const grid = element(
    "div",
    { role: "grid", className: "grid", "aria-label": `${score} of each head` },
    element(
      "div",
      { role: "row" },
      element("div", { role: "columnheader", "aria-label": "layer" }),
      ...scores[0].map((_, head) => element("div", { role: "columnheader", textContent: head % LABELLED ? "" : head })),
    ),
    ...cells.map((row, layer) =>
      element("div", { role: "row" }, element("div", { role: "rowheader", textContent: layers[layer] }), ...row),
    ),
  );
  grid.style.setProperty("--heads", scores[0].length);
  walkable(grid, cells);

  const scroller = element("div", { className: "scroller" }, grid);
  place.append(scroller, element("div", { className: "below" }, readout, legend(scale)));
}

// A head whose map is here: a click, Enter or Space shows it, and goes back to the whole map.
function offerHead(cell, part, view) {
  const isShown = () => view.part?.kind === "heads" && view.part.at === part.at;
  const toggle = () => {
    view.show(isShown() ? null : part);
    if (isShown()) document.getElementById("stage").scrollIntoView({ block: "nearest" });
  };
  cell.classList.add("offered");
  cell.title = `Show ${part.name} on the video`;
  cell.addEventListener("click", toggle);
  cell.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    toggle();
  });
  const mark = () => cell.setAttribute("aria-selected", isShown());
  view.addEventListener("change", mark);
  mark();
}

function walkable(grid, cells) {
  let layer = 0, head = 0;
  cells[0][0].tabIndex = 0;
  grid.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    if (!step) return;
    event.preventDefault();
    cells[layer][head].tabIndex = -1;
    layer = Math.min(Math.max(layer + step[0], 0), cells.length - 1);
    head = Math.min(Math.max(head + step[1], 0), cells[0].length - 1);
    cells[layer][head].tabIndex = 0;
    cells[layer][head].focus();
  });
}

function legend({ low, high, colours }) {
  const bar = element("canvas", { width: 256, height: 1, role: "img", "aria-label": "from low to high" });
  const pen = bar.getContext("2d");
  colourTable(colours).forEach((colour, x) => {
    pen.fillStyle = `rgb(${colour.join(" ")})`;
    pen.fillRect(x, 0, 1, 1);
  });
  return element("p", { className: "legend" }, low, bar, high);
}

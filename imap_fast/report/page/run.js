// The settings of the maps, and the downloads: the displayed picture, maps, numbers and figures.

function showRun(report, player, planes, stage) {
  document.getElementById("settings").append(
    ...report.run.map(([name, value]) =>
      element("div", {}, element("dt", { textContent: name }), element("dd", { dir: "auto", textContent: value })),
    ),
  );
  const offers = [
    ["Picture", "frame.png", () => new Promise((made) => stage.panels[0].canvas.toBlob(made, "image/png"))],
    ...report.figures.map((figure) => ["Figure", figure.name, fileIn(figure)]),
    ...report.maps.flatMap((map, i) => (map.of ? [] : [["Map", `${map.name}.npy`, () => npy(report, planes, i)]])),
    ["Numbers", "timeline.csv", () => csv(timelineRows(report))],
    ["Numbers", "heads.csv", () => csv(headRows(report))],
    ...report.masks.map((masks) => ["Masks", masks.name, fileIn(masks)]),
  ];
  document.getElementById("downloads").append(
    ...offers.map(([kind, name, make]) => {
      const button = element("button", { type: "button" }, element("span", { textContent: kind }), ` ${name}`);
      button.addEventListener("click", async () => save(name, await make()));
      return element("li", {}, button);
    }),
  );
}

// Gives a file that is in the page. Its text is taken once.
function fileIn({ name, type }) {
  let file;
  return () => (file ??= new Blob([takeBytes(`file-${name}`)], { type }));
}

function save(name, blob) {
  const url = URL.createObjectURL(blob);
  element("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

// NumPy's file format 1.0: uint8 [C, F, H, W].
async function npy(report, planes, map) {
  const { labels } = report.maps[map];
  const shape = [labels.length, ...report.grid].join(", ");
  const header = `{'descr': '|u1', 'fortran_order': False, 'shape': (${shape}), }`;
  const padded = header.padEnd(Math.ceil((header.length + 11) / 64) * 64 - 11) + "\n";
  const start = new Uint8Array([0x93, 0, 0, 0, 0, 0, 1, 0, padded.length & 255, padded.length >> 8]);
  start.set(new TextEncoder().encode("NUMPY"), 1);
  const stacks = await Promise.all(labels.map((_, concept) => planes.stack(map, concept)));
  return new Blob([start, padded, ...stacks], { type: "application/octet-stream" });
}

function timelineRows({ maps, times }) {
  const rows = maps
    .filter(({ of }) => !of) // its curves are those of the others
    .flatMap(({ name, labels, saliency }) =>
      labels.flatMap((label, concept) => times.map((time, i) => [name, label, time, saliency[concept][i]])),
    );
  return [["map", "concept", "frame", "saliency"], ...rows];
}

function headRows({ heads: { layers, scores, chosen } }) {
  const rows = scores.flatMap((row, layer) =>
    row.map((score, head) => [layers[layer], head, score ?? "", chosen[layer].includes(head) ? 1 : 0]),
  );
  return [["layer", "head", "score", "chosen"], ...rows];
}

// A spreadsheet would interpret text that begins with one of these characters as a formula.
function csv(rows) {
  const text = (value) => `"${value.replace(/^[=+\-@\t\r]/, "'$&").replaceAll('"', '""')}"`;
  const field = (value) => (typeof value === "number" ? value : text(value));
  return new Blob([rows.map((row) => row.map(field).join(",")).join("\r\n") + "\r\n"], { type: "text/csv" });
}

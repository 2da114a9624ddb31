// The tables of a comparison: how much two runs agree, and what differs in their settings.

const UNKNOWN = "–"; // a number that nobody can say

function showNumbers({ maps, numbers, left_out: leftOut, threshold }) {
  document.getElementById("table-explanation").textContent =
    `Masks by the threshold ${threshold}, the same for both runs. 1 is perfect agreement. ` +
    "Two maps are not expected to correlate more than each agrees with itself.";
  const isKnown = maps.some(({ agreement }) => agreement);
  fillTable(
    "numbers",
    [
      ...["Concept", "Map", "Correlation", "IoU of masks", "IoU in time"],
      ...(isKnown ? maps.map(({ name }) => `Agreement of ${name}`) : []),
    ],
    numbers.map(({ label, map, correlation, iou, temporal_iou: inTime }, place) => [
      label,
      map,
      ...[correlation, iou, inTime].map(hundredths),
      ...(isKnown ? maps.map(({ agreement }) => hundredths(agreement?.[place])) : []),
    ]),
  );
  const told = leftOut.flatMap((labels, run) =>
    labels.length ? [`only in ${maps[run].name}: ${labels.join(", ")}`] : [],
  );
  const place = document.getElementById("left-out");
  place.hidden = told.length === 0;
  place.textContent = `Not compared, ${told.join("; ")}.`;
}

function showDifferences({ maps, differences }) {
  if (differences.length) {
    fillTable("differences", ["Setting", ...maps.map(({ name }) => name)], differences);
  } else {
    const nothing = element("p", { className: "explanation", textContent: "Nothing that is known of the two runs." });
    document.getElementById("differences").replaceWith(nothing);
  }
}

// The first cell of each row is its heading.
function fillTable(id, heads, rows) {
  const made = (name, text, properties) => element(name, { dir: "auto", textContent: text ?? UNKNOWN, ...properties });
  const row = ([name, ...values]) =>
    element("tr", {}, made("th", name, { scope: "row" }), ...values.map((value) => made("td", value)));
  document.getElementById(id).append(
    element("thead", {}, element("tr", {}, ...heads.map((head) => made("th", head, { scope: "col" })))),
    element("tbody", {}, ...rows.map(row)),
  );
}

function hundredths(number) {
  return number?.toFixed(2);
}

// Which maps are shown and what their numbers mean, or which masks.

function showMeaning(report, view) {
  const place = document.getElementById("meaning");
  const masks =
    `Shown are masks: what is above the threshold ${report.threshold} of each concept over the clip, ` +
    "as fine as the patches of the map.";
  const meanings = () => [...new Set(view.maps.map((map) => report.maps[map].meaning))].join(" ");
  const leftOut = report.inside?.left_out ? ` ${report.inside.left_out}` : "";
  const said = () => (view.part ? partMeaning(view.part) : view.drawn === "map" ? meanings() : masks);
  const say = () => (place.textContent = said() + leftOut);
  view.addEventListener("change", say);
  say();
}

const ALIKE = { layers: "layers", steps: "steps", pairs: "layers in all steps", heads: "heads with a map here" };

function partMeaning({ kind, name }) {
  return (
    `Shown is ${name}. All ${ALIKE[kind]} are on one scale of their concept, so that they can be compared; the whole ` +
    "map has another one. Curves, masks and downloads of maps are of the whole map."
  );
}

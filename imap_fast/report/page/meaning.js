// Which maps are shown and what their numbers mean, or which masks.

function showMeaning(report, view) {
  const place = document.getElementById("meaning");
  const masks =
    `Shown are masks: what is above the threshold ${report.threshold} of each concept over the clip, ` +
    "as fine as the patches of the map.";
  const meanings = () => [...new Set(view.maps.map((map) => report.maps[map].meaning))].join(" ");
  const say = () => (place.textContent = view.drawn === "map" ? meanings() : masks);
  view.addEventListener("change", say);
  say();
}

// Which maps are shown, and what their numbers mean.

function showMeaning(report, view) {
  const place = document.getElementById("meaning");
  const say = () => (place.textContent = view.maps.map((map) => report.maps[map].meaning).join(" "));
  view.addEventListener("change", say);
  say();
}

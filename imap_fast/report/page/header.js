// The head of the page: its title, and what is known of the video.

const LONG = 120; // a prompt with more characters is displayed as text, not as a heading

function showHeader(report, kind, facts) {
  const { frames, fps, width, height } = report.video;
  document.title = `${report.title.slice(0, 80)} – ${kind}`;
  const title = document.getElementById("title");
  title.textContent = report.title;
  title.classList.toggle("long", report.title.length > LONG);
  const known = [
    frames === 1 ? "1 frame" : `${frames} frames`,
    `${width} × ${height} pixels`,
    `${+fps.toFixed(2)} frames a second`,
    ...facts,
    ...(report.cuts.length ? [`${report.cuts.length + 1} shots`] : []),
    ...(report.shots[0] ? [`from ${timeText(report.shots[0])} on`] : []),
  ];
  document.getElementById("facts").append(...known.map((fact) => element("span", { textContent: fact, dir: "auto" })));
  document.getElementById("footer").textContent =
    `Written by imap-fast ${report.version}. This page is self-contained and loads nothing from the network.`;
}
